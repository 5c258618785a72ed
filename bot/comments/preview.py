"""The preview: a draft put up for a decision, and what the comment becomes when a newer one replaces it."""

from bot.commands.table import Verb
from bot.comments.markdown import ROOM, code_block, details, fit, inline_code, safe_inline
from bot.comments.report import findings_table, quality_table, tally
from bot.comments.words import APPROVER, bullets, command, counted, listed, mention, percent, size, written_by
from pipeline.checkpoints import PreviewCheckpoint
from pipeline.models import Change

_LANGUAGES = {"md": "markdown", "py": "python", "sh": "sh", "js": "js", "json": "json", "yaml": "yaml", "yml": "yaml"}
_LEAST_SHOWN = 1_000
_NOTICE_ROOM = 2_000


def render(checkpoint: PreviewCheckpoint, requester: str, drafter: str) -> str:
    """Everything needed to decide; the files folded, shortened visibly if the comment would grow too long."""
    head, foot = _around(checkpoint, requester, drafter)
    return fit("\n\n".join([head, *_documents(checkpoint, _room(head, foot)), foot])).body


def rest(checkpoint: PreviewCheckpoint, requester: str, drafter: str) -> str:
    """All files in full, as one file, when the comment cannot show them; "" when it does."""
    whole = [
        (path, text, code_block(text, _language(path)))
        for path, text in {"SKILL.md": checkpoint.document, **checkpoint.bundled}.items()
    ]
    folded = "".join(details(f"{path} ({size(len(text.encode()))})", block) for path, text, block in whole)
    spare = _LEAST_SHOWN + (_NOTICE_ROOM if checkpoint.bundled else 0)
    if len(folded) + 102 * len(whole) + spare < _room(*_around(checkpoint, requester, drafter)):
        return ""
    title = f"# The draft in {inline_code(checkpoint.path)}, version {inline_code(checkpoint.digest[:8])}"
    return "\n\n".join([title, *(f"## {inline_code(path)}\n\n{block}" for path, _, block in whole)]) + "\n"


def _room(head: str, foot: str) -> int:
    return ROOM - len(head) - len(foot) - 200


def _around(checkpoint: PreviewCheckpoint, requester: str, drafter: str) -> tuple[str, str]:
    """What stands before and after the files."""
    digest = checkpoint.digest[:8]
    head = "\n\n".join(
        part
        for part in [
            (
                f"{mention(requester)}, here is the draft in {inline_code(checkpoint.path)}, "
                f"version {inline_code(digest)} ({written_by(drafter)})."
            ),
            _changes(checkpoint.changes),
            "**What it offers**\n\n" + bullets(list(checkpoint.highlights)) if checkpoint.highlights else "",
            "**What I assumed**\n\n" + bullets(list(checkpoint.assumptions)) if checkpoint.assumptions else "",
            _near_duplicates(checkpoint.near_duplicates),
            _folded_report(checkpoint),
        ]
        if part
    )
    foot = (
        f"**What now?** {command(Verb.APPROVE, digest)} by {APPROVER} accepts exactly this version: it is "
        f"validated and becomes a pull request. Or reply with what should change, and I write the next version. "
        f"{command(Verb.CANCEL)} stops here."
    )
    return head, foot


def superseded(checkpoint_short_digest: str) -> str:
    """What an older preview is replaced by."""
    return (
        f"This preview ({inline_code(checkpoint_short_digest)}) has been replaced by a newer one further down. "
        "It can no longer be approved."
    )


def _documents(checkpoint: PreviewCheckpoint, room: int) -> list[str]:
    """Every file, folded, SKILL.md first, in at most `room` characters; what found no room is named with its size."""
    shown: list[str] = []
    left_out: list[str] = []
    # The sentence about what is left out needs room, too.
    left = room - (_NOTICE_ROOM if checkpoint.bundled else 0)
    for path, text in {"SKILL.md": checkpoint.document, **checkpoint.bundled}.items():
        summary = f"{path} ({size(len(text.encode()))})"
        if shown and left < _LEAST_SHOWN:
            left_out.append(path)
            continue
        shown.append(details(summary, code_block(text, _language(path), max(left - len(summary) - 100, 500))))
        left -= len(shown[-1]) + 2
    if left_out:
        names = [f"{inline_code(path)} ({size(len(checkpoint.bundled[path].encode()))})" for path in left_out[:10]]
        rest = f" and {counted(len(left_out) - 10, 'more file')}" if len(left_out) > 10 else ""
        shown.append(
            f"**Not shown here for lack of room:** {', '.join(names)}{rest}. "
            "They are part of this version and stand in full in the pull request, before anything is merged."
        )
    return shown


def _language(path: str) -> str:
    return _LANGUAGES.get(path.rpartition(".")[2].lower(), "")


def _changes(changes: list[Change]) -> str:
    if not changes:
        return ""
    return "**What I did with your feedback**\n\n" + change_list(changes)


def change_list(changes: list[Change]) -> str:
    """Feedback and what became of it, one line each."""
    signs = {"applied": "✅", "rejected": "➖"}
    return "\n".join(
        f"- {signs[change.outcome]} {safe_inline(change.request)}"
        + (" (not done)" if change.outcome == "rejected" else "")
        + (f" → {safe_inline(change.note)}" if change.note else "")
        for change in changes
    )


def _near_duplicates(paths: list[str]) -> str:
    if not paths:
        return ""
    return f"**Please compare:** {listed([inline_code(path) for path in paths])} may already do this."


def _folded_report(checkpoint: PreviewCheckpoint) -> str:
    files = "\n".join(
        ["| File | Size |", "| --- | --- |"]
        + [f"| {inline_code(path)} | {size(number)} |" for path, number in checkpoint.files.items()]
    )
    summary = (
        f"{counted(len(checkpoint.files), 'file')}, quality {percent(checkpoint.quality.overall_score)}, "
        f"{tally(checkpoint.findings)}"
    )
    parts = [files, quality_table(checkpoint.quality)]
    if checkpoint.findings:
        parts.append(findings_table(checkpoint.findings))
    return details(summary, "\n\n".join(parts))
