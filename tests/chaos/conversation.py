"""What the bot has said to a request that came to its end: each thing once, and in this order."""

import re
from collections import Counter
from collections.abc import Sequence

from tests.chaos.author import has_question
from tests.chaos.people import Ending, Request

_KINDS = {
    "status": r"### Skill request",
    "how to start": r"Thank you for the request!",
    "question": r"@riley, before I write this skill I have 1 question:",
    "preview": r"@riley, here is the draft in |This preview \(`[0-9a-f]{8}`\) has been replaced",
    "ready": r"@riley, the skill `[a-z-]+` is ready for review in #\d+",
    "rejected": r"The pull request was closed without merging by `morgan`",
    "cancelled": r"Cancelled by `morgan`",
    "promoted": r"🎉 @riley, ",
}


def kind_of(body: str) -> str:
    """The kind of one of the bot's comments, or its beginning where it is none that a smooth journey has."""
    return next((kind for kind, words in _KINDS.items() if re.match(words, body)), f"{body[:60]!r}")


def expected(request: Request) -> list[str]:
    question = ["question"] if has_question(request.case) else []
    seen = ["status", "how to start", *question, *["preview"] * (1 + request.refinements)]
    if request.ending is Ending.CANCELLED:
        return [*seen, Ending.CANCELLED]
    return [*seen, "ready", *([Ending.REJECTED] if request.second_thoughts else []), request.ending]


def said_otherwise(request: Request, bodies: Sequence[str]) -> tuple[str, str] | None:
    """(what is wrong of `lost`, `duplicated`, `misordered`; how), when these comments are not what was to be said."""
    found, wanted = [kind_of(body) for body in bodies], expected(request)
    if request.retries:  # it failed and said so: that may come at any place
        found = [kind for kind in found if kind in _KINDS]
    if found == wanted:
        return None
    missing, surplus = Counter(wanted) - Counter(found), Counter(found) - Counter(wanted)
    if surplus:
        return "duplicated", f"said too much: {', '.join(surplus.elements())}"
    if missing:
        return "lost", f"never said: {', '.join(missing.elements())}"
    return "misordered", f"said in this order: {', '.join(found)}"


def needed(request: Request) -> Counter[str]:
    """How many different questions to the model this request takes, by signature."""
    judged = 1 + request.reviews
    return Counter(
        {
            "GatherRequirements": 2 if has_question(request.case) else 1,
            "AnalyzeIntent": 1,
            "FindTaxonomyPath": 1,
            "AnalyzeDependencies": 1,
            "SynthesizePlan": 1,
            "GenerateSkillContent": 1,
            "IncorporateFeedback": request.refinements + request.reviews,
            "ValidateSkill": judged,
            "AssessQuality": judged,
            "GenerateTestCases": judged,
        }
    )
