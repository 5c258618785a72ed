"""The preview: a draft put up for a decision, and what the comment becomes when a newer one replaces it."""

from bot.commands.table import Verb
from bot.comments.markdown import ROOM, code_block, details, fit, inline_code, safe_inline
from bot.comments.report import findings_table, quality_table, tally
from bot.comments.words import bullets, command, counted, listed, mention, percent, size, written_by
from pipeline.checkpoints import PreviewCheckpoint
from pipeline.models import Change


def render(checkpoint: PreviewCheckpoint, requester: str, drafter: str) -> str:
    """Everything needed to decide; the document itself folded, shortened visibly if the comment would grow too long."""
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
        f"**What now?** {command(Verb.APPROVE, digest)} accepts exactly this version: it is validated and becomes a "
        f"pull request. Or reply with what should change, and I write the next version. "
        f"{command(Verb.CANCEL)} stops here."
    )
    room = ROOM - len(head) - len(foot) - 200
    document = details(f"SKILL.md ({size(len(checkpoint.document.encode()))})", _document(checkpoint.document, room))
    return fit("\n\n".join([head, document, foot])).body


def superseded(checkpoint_short_digest: str) -> str:
    """What an older preview is replaced by."""
    return (
        f"This preview ({inline_code(checkpoint_short_digest)}) has been replaced by a newer one further down. "
        "It can no longer be approved."
    )


def _document(document: str, room: int) -> str:
    return code_block(document, "markdown", max(room, 500))


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
        + (f": {safe_inline(change.note)}" if change.note else "")
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
