"""Numbers and times as people read them. Pure."""

from datetime import UTC, datetime

from bot.comments.status import HEADLINES, describe
from bot.jobs.job import JobStatus
from pipeline.checkpoints import EventType, WorkflowEvent

_EFFECTS = {
    "react": "reaction",
    "say": "comment",
    "amend": "edited comment",
    "show_status": "status comment",
    "set_state": "label",
    "reply_in_thread": "reply in a review",
    "publish": "pull request",
    "merge_base": "merge of the base branch",
    "check": "check run",
    "fix": "repair",
    "update_pull": "text of the pull request",
    "drop_rest": "tidying up",
    "close": "closing",
}
_CHECKPOINTS = {
    "clarify": "questions",
    "structure_fix": "name and description",
    "confirm": "the plan",
    "preview": "the preview",
    "validate": "the validation",
}
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def status_words(status: JobStatus) -> str:
    return HEADLINES[status]


def effect_words(kind: str) -> str:
    return _EFFECTS.get(kind, kind.replace("_", " "))


def checkpoint_words(kind: str) -> str:
    return _CHECKPOINTS.get(kind, kind.replace("_", " "))


def duration(seconds: float | None) -> str:
    """`0.4 s`, `38 s`, `4 min 10 s`, `3 d 2 h`; an en dash for none."""
    if seconds is None:
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    left, parts = round(seconds), list[str]()
    for size, name in _UNITS:
        if left >= size and len(parts) < 2:
            parts.append(f"{left // size} {name}")
            left %= size
        elif parts:
            break
    return " ".join(parts)


def money(dollars: float | None) -> str:
    """`$0.0042`, `$1.20`; an unknown price is not shown as free."""
    if dollars is None:
        return "price unknown"
    return f"${dollars:,.2f}" if dollars >= 0.1 or dollars == 0 else f"${dollars:.4f}"


def share(part: float | None) -> str:
    return "–" if part is None else f"{round(part * 100)}%"


def moment(at: datetime) -> str:
    """In UTC, and saying so: a page without script cannot know the reader's clock."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def event_words(event: WorkflowEvent) -> str:
    """What an event of the timeline says."""
    phase = event.phase.capitalize()
    match event.type:
        case EventType.PHASE_START:
            return f"{phase} begins"
        case EventType.PHASE_END:
            return f"{phase} ends"
        case EventType.COMPLETED:
            return f"{phase} is done"
        case EventType.HITL_REQUIRED:
            return f"A person is asked: {checkpoint_words(event.checkpoint)}"
        case EventType.MEASURED if event.measured is not None:
            found = event.measured
            quality = f"quality {share(found.quality)}, " if found.quality is not None else ""
            return f"Draft {found.draft}: {quality}{found.errors} errors, {found.warnings} warnings"
        case EventType.MODULE_END:
            return f"{event.module} is done"
        case EventType.MODULE_START:
            return describe(event)
        case _:
            return event.message
