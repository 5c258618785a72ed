"""The comments that ask: clarifying questions, a name or description to fix, a plan to confirm.

Each mentions the requester once (a notification is wanted), can be answered by a plain reply, and says what happens
when nobody answers.
"""

from bot.commands.table import Verb
from bot.comments.markdown import details, inline_code, quote, safe_inline
from bot.comments.neighbours import neighbours
from bot.comments.words import APPROVER, bullets, command, counted, listed, mention, usage_of
from pipeline.checkpoints import ClarifyCheckpoint, ConfirmCheckpoint, Question, StructureFixCheckpoint
from pipeline.models import Plan


def clarify(checkpoint: ClarifyCheckpoint, requester: str) -> str:
    number = len(checkpoint.questions)
    again = " (a second look, thank you for your patience)" if checkpoint.round > 1 else ""
    questions = "\n".join(_question(place, question) for place, question in enumerate(checkpoint.questions, start=1))
    last = " These are my last questions." if checkpoint.last_round else ""
    how = "a number before each answer helps" if number > 1 else "one line is enough"
    return "\n\n".join(
        [
            f"{mention(requester)}, before I write this skill I have {counted(number, 'question')}{again}:",
            questions,
            (f"Just reply in your own words; {how}. {command(Verb.SKIP)} goes on with the assumptions above.{last}"),
        ]
    )


def _question(number: int, question: Question) -> str:
    lines = [f"{number}. {_strong(question.text)}"]
    if question.why:
        lines.append(f"   {safe_inline(question.why)}")
    if question.options:
        options = [f"“{safe_inline(option, 300)}”" for option in question.options]
        lines.append(f"   For example: {listed(options, 'or')}.")
    lines.append(f"   If you leave it open: {safe_inline(question.assumption)}")
    return "\\\n".join(lines)


def structure_fix(checkpoint: StructureFixCheckpoint, requester: str) -> str:
    renamed = checkpoint.suggested_name != checkpoint.current_name
    reworded = checkpoint.suggested_description != checkpoint.current_description
    parts = [
        f"{mention(requester)}, one thing has to be right before anything is written:",
        bullets(list(checkpoint.problems)),
    ]
    if renamed:
        given = inline_code(checkpoint.current_name) or "no name"
        parts.append(f"**Name:** {given} → {inline_code(checkpoint.suggested_name)}")
    if not checkpoint.suggested_description:
        parts.append("I have no description to suggest. Reply with a sentence that says what the skill does and when.")
        return "\n\n".join(parts)
    if reworded:
        parts += ["**Suggested description:**", quote(checkpoint.suggested_description)]
    if renamed and reworded:
        reply = "A short plain reply is taken as the name, a longer one as the description."
    else:
        reply = f"A plain reply is taken as the {'name' if renamed else 'description'}."
    parts.append(f"{command(Verb.ACCEPT)} takes the suggestion, {usage_of(Verb.RENAME)} gives another name. {reply}")
    return "\n\n".join(parts)


def confirm(checkpoint: ConfirmCheckpoint, requester: str) -> str:
    plan = checkpoint.plan
    name, path = inline_code(plan.skill_metadata.name), inline_code(plan.taxonomy_path)
    parts = [
        f"{mention(requester)}, this is the plan for {name} in {path}:",
        quote(plan.skill_metadata.description),
    ]
    if plan.capabilities:
        parts += ["**What it will cover**", bullets(list(plan.capabilities))]
    if plan.assumptions:
        parts += ["**What I assume**", bullets(list(plan.assumptions))]
    if checkpoint.near_duplicates:
        alike = listed([inline_code(path) for path in checkpoint.near_duplicates])
        parts.append(f"**Please compare:** {alike} may already do this.")
    if around := neighbours(checkpoint.placement, checkpoint.dependencies):
        parts.append(around)
    parts += [
        details(f"Outline, {counted(len(plan.content_outline), 'section')}", _outline(plan)),
        (
            f"{command(Verb.APPROVE)} by {APPROVER} starts the writing. Reply with what should be different and I "
            f"plan again; {command(Verb.CANCEL)} stops here."
        ),
    ]
    return "\n\n".join(parts)


def _outline(plan: Plan) -> str:
    sections = [
        "\n".join([f"- {_strong(section.title)}", *(f"  - {safe_inline(point)}" for point in section.points)])
        for section in plan.content_outline
    ]
    files = [
        f"- {inline_code(resource.path)}: {safe_inline(resource.reason)}" for resource in plan.resource_requirements
    ]
    criteria = bullets(list(plan.success_criteria))
    parts = ["\n".join(sections) or "No sections yet."]
    parts += ["**Files**\n\n" + "\n".join(files)] if files else []
    parts += ["**Done when**\n\n" + criteria] if criteria else []
    return "\n\n".join(parts)


def _strong(text: str) -> str:
    """Inline text in bold; text that brings emphasis of its own stays as it is."""
    words = safe_inline(text.replace("*", ""))
    return words if "*" in words else f"**{words}**"
