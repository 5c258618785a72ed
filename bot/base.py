"""Bringing a branch of ours up to its base, by a merge commit: for a pull request that conflicts. Never forces.

File by file: what only one side changed is taken from it; the lists of skills that follow from the skill are made anew
on the base; inside the skill's folder the draft decides when there is one. What people changed on both sides is theirs
to merge, and nothing is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from bot.comments import reasons
from bot.comments.pull import merge_message
from bot.github.client import find_item
from bot.github.effects.branch import default_branch, move, write_commit, write_tree
from bot.github.effects.context import ATTEMPTS, Context
from bot.github.errors import ConflictError, GitHubError, InvalidError, RetryAtError, TransientError
from bot.github.git import GitReader, blob_id
from bot.github.models import Comparison, TreeEntry
from bot.jobs.effects import EffectResult, MergeBase, Published, Refused
from pipeline.models import SkillDraft

Files = Mapping[str, TreeEntry]


@dataclass(frozen=True)
class OntoBase:
    """The base's tree with what the branch alone changed; `base` is the commit it stands on."""

    tree: str
    base: str


async def merge_base(effect: MergeBase, context: Context) -> EffectResult:
    """One commit with two parents on the branch, or why not. Nothing to merge is a result, too: the branch as it is."""
    if known := await context.log.find(context.job_key, effect.key):
        return known.result
    problem: GitHubError | None = None
    for attempt in range(1, ATTEMPTS + 1):
        try:
            result = await _merge_once(effect, context)
        except RetryAtError:
            raise
        except (InvalidError, ConflictError, TransientError) as error:
            problem = error  # the ref moved, or the answer was lost: the branch itself knows; look again
            await context.sleep(float(attempt))
            continue
        if isinstance(result, Published):
            await context.log.record(context.job_key, effect.key, effect.kind, effect.pull_number, result)
        return result
    assert problem is not None
    raise problem


async def _merge_once(effect: MergeBase, context: Context) -> Published | Refused:
    reader = context.reader()
    name = await default_branch(context)
    tip, base = await reader.branch_tip(effect.branch), await reader.branch_tip(name)
    if tip is None or base is None:
        return Refused(code="conflict", reason=reasons.branch_gone())
    draft = await _draft(effect.path, tip, reader)
    onto = await onto_base(draft, tip, base, reader, context, rewrites_skill=False)
    if isinstance(onto, Refused):
        return onto
    if onto is None:
        return Published(pull_number=effect.pull_number, head_sha=tip, url="", parent=tip)
    entries = await _lists_anew(draft, onto.tree, reader, context)
    tree = await write_tree(onto.tree, entries, context)
    message = merge_message(name, effect.branch, by=effect.by)
    commit = await write_commit(message, tree, [tip, base], context)
    await move(effect.branch, commit, context)
    return Published(pull_number=effect.pull_number, head_sha=commit, url="", parent=tip)


async def _draft(path: str, tip: str, reader: GitReader) -> SkillDraft:
    """The skill as it is on the branch, as far as the lists need it."""
    entries = await reader.directory(await reader.tree_of(tip), path)
    document = next((entry for entry in entries if entry.path == "SKILL.md"), None)
    files = {"SKILL.md": (await reader.blob(document)).decode(errors="replace")} if document is not None else {}
    return SkillDraft(name=path.rpartition("/")[2], path=path, files=files)


async def onto_base(
    draft: SkillDraft, tip: str, base: str, reader: GitReader, context: Context, *, rewrites_skill: bool
) -> OntoBase | Refused | None:
    """What the branch becomes on its base; None when the base is in it already. `rewrites_skill`: whatever both sides
    did to the skill's folder, the draft will take its place."""
    fork = await _fork_point(base, tip, context)
    if fork is None:
        return Refused(code="conflict", reason=reasons.no_common_history())
    if fork == base:
        return None
    trees = [await reader.tree_of(commit) for commit in (fork, tip, base)]
    then, mine, theirs = [{entry.path: entry for entry in await reader.files(tree)} for tree in trees]
    lists = await context.companions(draft, trees[0], reader) if draft.files else {}
    kept: list[JsonValue] = []
    clashes: list[str] = []
    for path in sorted(then.keys() | mine.keys()):
        if _same(mine.get(path), then.get(path)) or _same(mine.get(path), theirs.get(path)):
            continue
        if _same(theirs.get(path), then.get(path)):
            kept.append(_entry(path, mine.get(path)))
        elif not _is_our_list(mine.get(path), lists.get(path)):
            clashes.append(path)
    inside = [path for path in clashes if path.startswith(f"{draft.path}/")]
    if outside := [path for path in clashes if path not in inside]:
        return Refused(code="conflict", reason=reasons.both_changed(outside))
    if inside and not rewrites_skill:
        return Refused(code="skill_changed", reason=reasons.both_changed(inside))
    return OntoBase(await write_tree(trees[2], kept, context), base)


async def _fork_point(base: str, tip: str, context: Context) -> str | None:
    at, address = context.at(basehead=f"{base}...{tip}"), "/repos/{owner}/{repo}/compare/{basehead}?per_page=1"
    compared = await find_item(context.publish, address, at, Comparison)
    return compared.merge_base_commit.sha if compared is not None else None


async def _lists_anew(draft: SkillDraft, tree: str, reader: GitReader, context: Context) -> list[JsonValue]:
    texts = await context.companions(draft, tree, reader) if draft.files else {}
    present = {entry.path: entry for entry in await reader.files(tree)} if texts else {}
    return [
        {"path": path, "mode": present[path].mode if path in present else "100644", "type": "blob", "content": text}
        for path, text in sorted(texts.items())
        if path not in present or present[path].sha != blob_id(text.encode())
    ]


def _same(one: TreeEntry | None, other: TreeEntry | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.sha, one.mode) == (other.sha, other.mode)


def _is_our_list(entry: TreeEntry | None, text: str | None) -> bool:
    """Is what the branch did to this list exactly what follows from the skill, so that it can be done again?"""
    return entry is not None and text is not None and entry.sha == blob_id(text.encode())


def _entry(path: str, entry: TreeEntry | None) -> JsonValue:
    if entry is None:
        return {"path": path, "mode": "100644", "type": "blob", "sha": None}
    return {"path": path, "mode": entry.mode, "type": "blob", "sha": entry.sha}
