"""A wish in a line comment whose fulfilment concerns nothing but those lines is answered by a suggestion, not a commit.

So the reviewer sees the words before they are there, and takes them over with one click. Only when every open wish is
such a one, on the very commit that the comments were made on, by people who can apply it. Pure.
"""

from collections.abc import Mapping, Sequence

from bot import suggestions
from bot.comments import pull
from bot.jobs.job import Anchor, Job
from bot.suggestions import Replacement
from pipeline.journey import Journey
from pipeline.models import FROM_VALIDATION, Change, SkillDraft

MOST_LINES = 10
"""Lines that a small edit may write; more is easier to read as a commit."""


def answers(before: Job, after: Journey) -> list[tuple[int, str]] | None:
    """(review comment, reply) for each wish when suggestions can answer all of them; None when a commit is due.

    `before` is the job as it went into the phase, `after` what the phase made of its journey.
    """
    generation = before.journey.generation
    if before.pull is None or generation is None or after.generation is None or not after.in_review:
        return None
    if generation.draft.digest != (before.pull.seen_digest or before.pull.digest):
        return None  # the draft has changes already that are not on the branch
    wished = [*before.journey.pending_feedback, *before.unpublished]
    sources = {item.source for item in wished if item.source != FROM_VALIDATION}
    anchors = {anchor.source: anchor for anchor in before.anchors if anchor.commit == before.pull.seen}
    if not sources or not sources <= anchors.keys():
        return None
    written = _written(generation.draft, after.generation.draft, [anchors[source] for source in sources])
    if written is None:
        return None
    return _replies(sources, after.generation.changes, written)


def _replies(
    sources: set[str], changes: Sequence[Change], written: Mapping[str, tuple[str, ...]]
) -> list[tuple[int, str]] | None:
    replies: list[tuple[int, str]] = []
    for source in sorted(sources):
        mine = [change for change in changes if change.source == source]
        done = [change for change in mine if change.outcome == "applied"]
        if not mine or bool(done) is not (source in written):
            return None
        text = pull.thread_suggestion(done[0], written[source]) if done else pull.thread_reply(mine[0])
        if text is None:
            return None
        replies.append((int(source.partition(":")[2]), text))
    return replies if written else None


def _written(old: SkillDraft, new: SkillDraft, anchors: Sequence[Anchor]) -> dict[str, tuple[str, ...]] | None:
    """What the lines of each comment become; None when anything else changes as well, or too much."""
    before, after = _without_tests(old), _without_tests(new)
    if before.keys() != after.keys():
        return None
    of: dict[str, list[Replacement]] = {}
    for path, text in before.items():
        found = suggestions.replacements(text, after[path])
        if found is None:
            return None
        for change in found:
            around = [anchor for anchor in anchors if anchor.path == path and suggestions.fits(change, [anchor.lines])]
            if len(around) != 1:
                return None
            of.setdefault(around[0].source, []).append(change)
    if sum(len(change.lines) for changes in of.values() for change in changes) > MOST_LINES:
        return None
    written: dict[str, tuple[str, ...]] = {}
    for anchor in anchors:
        if anchor.source in of:
            lines = suggestions.at(anchor.lines, before[anchor.path], of[anchor.source])
            assert lines is not None, "every change lies within its anchor"
            written[anchor.source] = lines
    return written


def _without_tests(draft: SkillDraft) -> dict[str, str]:
    """Trigger tests are ours: they come with the next commit."""
    return {path: text for path, text in draft.files.items() if not path.startswith("evals/")}
