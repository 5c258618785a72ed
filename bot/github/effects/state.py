"""`SetState`: exactly one `skill:*` label on the issue, made with its colour when the repository lacks it.

Labels are a view for people, never the truth: anyone with triage can change them. Other labels are not touched.
"""

from bot.github.effects.context import Context
from bot.github.errors import GoneError, InvalidError
from bot.github.models import Label, Nothing
from bot.jobs.effects import EffectResult, SetState

PREFIX = "skill:"
_DEFAULT = ("ededed", "State of a skill request, kept by Skill Fleet")
LOOKS: dict[str, tuple[str, str]] = {
    "skill:waiting-for-start": ("d4c5f9", "Waiting for somebody who may start it"),
    "skill:working": ("1d76db", "The skill is being worked on"),
    "skill:needs-answer": ("fbca04", "Questions are waiting for an answer"),
    "skill:needs-decision": ("fbca04", "Something is waiting for approval or changes"),
    "skill:in-review": ("5319e7", "The pull request is open"),
    "skill:promoted": ("0e8a16", "The skill was merged"),
    "skill:rejected": ("b60205", "The pull request was closed without merging"),
    "skill:cancelled": ("cccccc", "Cancelled"),
    "skill:expired": ("cccccc", "Nobody answered in time; any answer resumes it"),
    "skill:failed": ("b60205", "Something went wrong; see the status comment"),
}


async def set_state(effect: SetState, context: Context) -> EffectResult:
    wanted = effect.label
    on_issue = context.at(number=effect.number)
    present = [
        label.name
        async for label in context.talk.getiter(
            "/repos/{owner}/{repo}/issues/{number}/labels?per_page=100", on_issue, Label
        )
    ]
    if wanted.casefold() not in {name.casefold() for name in present}:
        await _ensure_label(wanted, context)
        await context.insist(lambda: _add(wanted, on_issue, context))
    for name in present:
        if name.startswith(PREFIX) and name.casefold() != wanted.casefold():
            await _take_off(name, effect.number, context)
    return await context.done(effect.key, effect.kind)


async def _add(name: str, on_issue: dict[str, str | int], context: Context) -> None:
    await context.talk.post("/repos/{owner}/{repo}/issues/{number}/labels", on_issue, {"labels": [name]}, Nothing)


async def _ensure_label(name: str, context: Context) -> None:
    try:
        await context.talk.getitem("/repos/{owner}/{repo}/labels/{name}", context.at(name=name), Label)
    except GoneError:
        await context.insist(lambda: _make_label(name, context))


async def _make_label(name: str, context: Context) -> None:
    color, description = LOOKS.get(name, _DEFAULT)
    data = {"name": name, "color": color, "description": description}
    try:
        await context.talk.post("/repos/{owner}/{repo}/labels", context.at(), data, Label)
    except InvalidError as error:
        if not error.says("already_exists") and not error.says("already exists"):
            raise


async def _take_off(name: str, number: int, context: Context) -> None:
    try:
        await context.insist(
            lambda: context.talk.delete(
                "/repos/{owner}/{repo}/issues/{number}/labels/{name}", context.at(number=number, name=name)
            )
        )
    except GoneError:
        return
