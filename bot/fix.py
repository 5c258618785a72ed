"""`Fix`: what the rules can repair without changing the meaning, committed on our own branch, suggested elsewhere.

Works on exactly the commit that the check run judged: when the branch moved on meanwhile, nothing is done, and the
newer commit's own check run says what is left. One commit on top, never forced.
"""

import difflib
import re
from collections.abc import Mapping

from pydantic import JsonValue

from bot import repo_config
from bot.checks import MAX_FILES_READ, read_skill, touched_by
from bot.comments.report import fix_committed, fix_suggested
from bot.github.effects.context import Context
from bot.github.effects.say import say
from bot.github.errors import ConflictError, InvalidError
from bot.github.git import GitReader
from bot.github.models import GitObject, Nothing, PullRequest
from bot.jobs.effects import EffectResult, Fix, Published, Refused, Say

_OURS = re.compile(r"skill/issue-[1-9][0-9]*")
_GIT = "/repos/{owner}/{repo}/git"


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
    body = fix_suggested(_difference(repaired), by=effect.by)
    said = await say(Say(key=f"{effect.key}:suggested", number=effect.pull_number, body=body), context)
    await context.log.record(context.job_key, effect.key, effect.kind, 0, said)
    return said


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
    made = await context.publish.post(f"{_GIT}/trees", context.at(), {"base_tree": tree, "tree": entries}, GitObject)
    data: dict[str, JsonValue] = {
        "message": fix_committed(sorted(files), by=effect.by),
        "tree": made.sha,
        "parents": [effect.head_sha],
    }
    commit = await context.publish.post(f"{_GIT}/commits", context.at(), data, GitObject)
    there = context.at(ref=f"heads/{pull.head.ref}")
    moved: dict[str, JsonValue] = {"sha": commit.sha, "force": False}
    try:
        await context.insist(lambda: context.publish.patch(f"{_GIT}/refs/{{ref}}", there, moved, Nothing))
    except (InvalidError, ConflictError):
        return Refused(code="conflict", reason="Somebody pushed to the branch meanwhile.")
    result = Published(pull_number=effect.pull_number, head_sha=commit.sha, url=pull.html_url)
    await context.log.record(context.job_key, effect.key, effect.kind, effect.pull_number, result)
    return result


def _difference(repaired: Mapping[str, tuple[str, str]]) -> str:
    lines: list[str] = []
    for path, (before, after) in sorted(repaired.items()):
        lines += difflib.unified_diff(before.splitlines(), after.splitlines(), f"a/{path}", f"b/{path}", lineterm="")
    return "\n".join(lines)
