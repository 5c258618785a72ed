"""`Fix`: what the rules can repair without changing the meaning, committed on our own branch, as suggestions elsewhere.

Works on exactly the commit that the check run judged: when the branch moved on meanwhile, nothing is done, and the
newer commit's own check run says what is left. One commit on top, never forced.
"""

import difflib
import re
from collections.abc import Mapping, Sequence

import structlog
from pydantic import JsonValue

from bot import repo_config, suggestions
from bot.checks import MAX_FILES_READ, read_skill, touched_by
from bot.comments import reasons
from bot.comments.report import fix_committed, fix_suggested, fix_suggestion
from bot.github.effects import marker
from bot.github.effects.branch import move, write_commit, write_tree
from bot.github.effects.context import Context
from bot.github.effects.say import say
from bot.github.errors import ConflictError, InvalidError
from bot.github.git import GitReader
from bot.github.models import PullFile, PullRequest, Review
from bot.jobs.effects import EffectResult, Fix, Published, Refused, Say

_OURS = re.compile(r"skill/issue-[1-9][0-9]*")
_REVIEWS = "/repos/{owner}/{repo}/pulls/{number}/reviews"
MOST_SUGGESTIONS = 30
"""In one review; what goes beyond stands in its body."""

log = structlog.get_logger(__name__)


async def fix(effect: Fix, context: Context) -> EffectResult:
    if known := await context.log.find(context.job_key, effect.key):
        return known.result
    at = context.at(number=effect.pull_number)
    pull = await context.publish.getitem("/repos/{owner}/{repo}/pulls/{number}", at, PullRequest)
    if pull.state != "open" or pull.head.sha != effect.head_sha:
        return await context.done(effect.key, effect.kind)
    repaired = await _repaired(effect, context)
    if not repaired:
        return await context.done(effect.key, effect.kind)
    if pull.head.repo is not None and pull.head.repo.id == context.repository.id and _OURS.fullmatch(pull.head.ref):
        return await _commit(effect, pull, {path: after for path, (_, after) in repaired.items()}, context)
    return await _suggest(effect, repaired, context)


async def _suggest(effect: Fix, repaired: Mapping[str, tuple[str, str]], context: Context) -> EffectResult:
    """One review with a suggestion at each place the pull request shows; the rest as a difference in its body."""
    comments, rest = _suggestions(repaired, await _hunks(effect, context))
    if comments:
        body = fix_suggested(rest, by=effect.by, suggested=len(comments))
        data: dict[str, JsonValue] = {
            "commit_id": effect.head_sha,
            "event": "COMMENT",
            "body": marker.marked(body, context.job_key, effect.key),
            "comments": comments,
        }
        try:
            review = await context.create_once(lambda: _found(effect, context), lambda: _post(effect, data, context))
            return await context.done(effect.key, effect.kind, review.id)
        except InvalidError:
            log.warning("suggestions_refused", job=context.job_key, pull=effect.pull_number)
    body = fix_suggested(_difference(repaired), by=effect.by, suggested=0)
    said = await say(Say(key=f"{effect.key}:suggested", number=effect.pull_number, body=body), context)
    await context.log.record(context.job_key, effect.key, effect.kind, 0, said)
    return said


async def _found(effect: Fix, context: Context) -> Review | None:
    reviews = context.talk.getiter(f"{_REVIEWS}?per_page=100", context.at(number=effect.pull_number), Review)
    async for review in reviews:
        ours = review.user is not None and context.bot.is_login(review.user.login)
        if ours and marker.carries(review.body, context.job_key, effect.key):
            return review
    return None


async def _post(effect: Fix, data: dict[str, JsonValue], context: Context) -> Review:
    return await context.talk.post(_REVIEWS, context.at(number=effect.pull_number), data, Review)


async def _hunks(effect: Fix, context: Context) -> dict[str, list[range]]:
    files = context.talk.getiter(
        "/repos/{owner}/{repo}/pulls/{number}/files?per_page=100", context.at(number=effect.pull_number), PullFile
    )
    return {file.filename: suggestions.shown(file.patch or "") async for file in files}


def _suggestions(
    repaired: Mapping[str, tuple[str, str]], hunks: Mapping[str, Sequence[range]]
) -> tuple[list[JsonValue], str]:
    """The review comments, and the difference of the files in which not everything could be suggested."""
    comments: list[JsonValue] = []
    left: dict[str, tuple[str, str]] = {}
    for path, (before, after) in sorted(repaired.items()):
        changes = suggestions.replacements(before, after)
        if changes is None:
            left[path] = (before, after)
            continue
        for change in changes:
            text = fix_suggestion(change.lines) if suggestions.fits(change, hunks.get(path, ())) else None
            if text is None or len(comments) == MOST_SUGGESTIONS:
                left[path] = (before, after)
                continue
            place: dict[str, JsonValue] = {"path": path, "line": change.last, "side": "RIGHT", "body": text}
            if change.first < change.last:
                place |= {"start_line": change.first, "start_side": "RIGHT"}
            comments.append(place)
    return comments, _difference(left)


async def _repaired(effect: Fix, context: Context) -> dict[str, tuple[str, str]]:
    """Path to text before and after, for every file that the rules can repair."""
    reader: GitReader = context.reader()
    tree = await reader.tree_of(effect.head_sha)
    touched = [effect.path] if effect.path else await touched_by(effect.pull_number, tree, reader, context)
    repaired: dict[str, tuple[str, str]] = {}
    for path in touched:
        if path != repo_config.PATH:
            files = await read_skill(path, tree, reader, MAX_FILES_READ)
            for file, after in context.repair(path, files).items():
                repaired[file] = (files[file].decode(errors="replace"), after)
    return repaired


async def _commit(effect: Fix, pull: PullRequest, files: Mapping[str, str], context: Context) -> EffectResult:
    reader: GitReader = context.reader()
    tree = await reader.tree_of(effect.head_sha)
    modes = {entry.path: entry.mode for entry in await reader.files(tree)}
    entries: list[JsonValue] = [
        {"path": path, "mode": modes[path], "type": "blob", "content": text} for path, text in sorted(files.items())
    ]
    new_tree = await write_tree(tree, entries, context)
    commit = await write_commit(fix_committed(sorted(files), by=effect.by), new_tree, [effect.head_sha], context)
    try:
        await context.insist(lambda: move(pull.head.ref, commit, context))
    except (InvalidError, ConflictError):
        return Refused(code="conflict", reason=reasons.pushed_meanwhile())
    result = Published(pull_number=effect.pull_number, head_sha=commit, url=pull.html_url)
    await context.log.record(context.job_key, effect.key, effect.kind, effect.pull_number, result)
    return result


def _difference(repaired: Mapping[str, tuple[str, str]]) -> str:
    lines: list[str] = []
    for path, (before, after) in sorted(repaired.items()):
        lines += difflib.unified_diff(before.splitlines(), after.splitlines(), f"a/{path}", f"b/{path}", lineterm="")
    return "\n".join(lines)
