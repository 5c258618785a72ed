"""`Publish`: branch, commit and pull request hold exactly the draft's files, by the Git Data API. Never forces.

Objects are invisible until the single write of the ref, and that write is a compare-and-swap: a crash leaves garbage at
most, a lost answer is settled by reading the branch. Commits by people are kept and built upon: only the skill's
directory (and its companions) changes, on top of the current tip. The requester is credited by the message's trailer;
without author and committer GitHub signs the commit itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from bot.base import onto_base
from bot.comments import reasons
from bot.github.effects import marker, pull_body
from bot.github.effects.branch import begin, default_branch, move, write_commit, write_tree
from bot.github.effects.context import ATTEMPTS, Context
from bot.github.effects.rest import with_rest
from bot.github.errors import (
    ConflictError,
    ForbiddenError,
    GitHubError,
    GoneError,
    InvalidError,
    RetryAtError,
    TransientError,
)
from bot.github.git import GitReader, blob_id
from bot.github.models import CommitListed, Issue, Nothing, PullRequest, TreeEntry
from bot.jobs.effects import EffectResult, Publish, Published, Refused
from pipeline.models import SkillDraft

REGULAR, EXECUTABLE = "100644", "100755"
_PULLS = "/repos/{owner}/{repo}/pulls"


@dataclass(frozen=True)
class Change:
    """One path to write, or (text None) to delete."""

    path: str
    text: str | None
    mode: str = REGULAR

    def entry(self) -> dict[str, JsonValue]:
        kept: dict[str, JsonValue] = {"path": self.path, "mode": self.mode, "type": "blob"}
        return {**kept, "sha": None} if self.text is None else {**kept, "content": self.text}


async def publish(effect: Publish, context: Context) -> EffectResult:
    if known := await context.log.find(context.job_key, effect.key):
        return known.result
    if problem := unsafe_path(effect.draft):
        return Refused(code="invalid", reason=problem)
    newest = await newest_pull(effect.branch, context)
    if newest is not None and newest.merged and marker.carries(newest.body, context.job_key, effect.key):
        return await _opened(newest, newest.head.sha, effect, context)  # by us, just now: we died before we noted it
    if refused := await _refusal(effect, newest, context):
        return refused
    head = await _push(effect, context)
    if isinstance(head, Refused):
        return head
    pull = await _open_pull(effect, newest, context)
    if isinstance(pull, Refused):
        return pull
    await _ask_reviewers(pull, context.reviewers, context)
    return await _opened(pull, head, effect, context)


async def _opened(pull: PullRequest, head: str, effect: Publish, context: Context) -> Published:
    result = Published(pull_number=pull.number, head_sha=head, url=pull.html_url)
    await context.log.record(context.job_key, effect.key, effect.kind, pull.number, result)
    return result


def unsafe_path(draft: SkillDraft) -> str:
    """Why the draft's paths may not be written, or nothing. They are computed by us; this is the last gate."""
    for path in (draft.path, *(f"{draft.path}/{file}" for file in draft.files)):
        segments = path.split("/")
        if any(segment in {"", ".", ".."} or segment.lower() == ".git" for segment in segments):
            return reasons.outside_repository(path)
        if any(ord(character) < 32 or character == "\\" for character in path):
            return reasons.not_a_path(path)
        if [segment.lower() for segment in segments[:2]] == [".github", "workflows"]:
            return reasons.a_workflow()
    return "" if "SKILL.md" in draft.files else reasons.no_document()


# --- the pull request ----------------------------------------------------------------------------------------------


async def newest_pull(branch: str, context: Context) -> PullRequest | None:
    """The pull request from our branch: the open one, else the one opened last."""
    head = f"{context.repository.owner}:{branch}"
    pulls = [
        pull
        async for pull in context.publish.getiter(
            f"{_PULLS}?state=all&head={{head}}&per_page=100", context.at(head=head), PullRequest
        )
        if pull.head.ref == branch
    ]
    return max(pulls, key=lambda pull: (pull.state == "open", pull.number), default=None)


async def _refusal(effect: Publish, pull: PullRequest | None, context: Context) -> Refused | None:
    if pull is None or pull.state == "open":
        return None
    if pull.merged:
        return Refused(code="merged", reason=reasons.merged_already(pull.number))
    if effect.reopen or await _closed_by_us(pull, context):
        return None
    return Refused(code="closed_by_person", reason=reasons.closed_by_somebody(pull.number))


async def _closed_by_us(pull: PullRequest, context: Context) -> bool:
    issue = await context.talk.getitem("/repos/{owner}/{repo}/issues/{number}", context.at(number=pull.number), Issue)
    return issue.closed_by is not None and context.bot.is_login(issue.closed_by.login)


async def _open_pull(effect: Publish, pull: PullRequest | None, context: Context) -> PullRequest | Refused:
    if pull is not None and pull.state == "closed":
        pull = await _reopened(pull, context)
    if pull is not None:
        return pull
    text = await with_rest(effect.body, effect.rest, context)
    body = f"{pull_body.region(text)}\n\n{marker.marker(context.job_key, effect.key)}"
    if len(body) > marker.MAX_BODY:
        return Refused(code="invalid", reason=reasons.too_long("description", len(body)))
    base = await default_branch(context)
    data: dict[str, JsonValue] = {"title": effect.title, "head": effect.branch, "base": base, "body": body}

    async def find() -> PullRequest | None:
        found = await newest_pull(effect.branch, context)
        return found if found is not None and found.state == "open" else None

    async def create() -> PullRequest:
        try:
            return await context.publish.post(_PULLS, context.at(), data, PullRequest)
        except InvalidError as error:
            if error.says("already exists") and (existing := await find()) is not None:
                return existing
            raise

    return await context.create_once(find, create)


async def _reopened(pull: PullRequest, context: Context) -> PullRequest | None:
    """Open again, or None when GitHub does not allow it (its branch was recreated meanwhile): then a new one is due."""
    there = context.at(number=pull.number)
    try:
        return await context.insist(
            lambda: context.publish.patch(f"{_PULLS}/{{number}}", there, {"state": "open"}, PullRequest)
        )
    except InvalidError:
        return None


async def _ask_reviewers(pull: PullRequest, reviewers: Iterable[str], context: Context) -> None:
    """Ask code owners and the configured people. Nobody who cannot be asked (no collaborator) costs the pull, or the
    others: GitHub refuses a list for one name, so then each is asked alone."""
    names = list(reviewers)
    if names and not await _ask(pull, names, context) and len(names) > 1:
        for name in names:
            await _ask(pull, [name], context)


async def _ask(pull: PullRequest, names: Sequence[str], context: Context) -> bool:
    people: list[JsonValue] = [login for login in names if "/" not in login]
    teams: list[JsonValue] = [team.rpartition("/")[2] for team in names if "/" in team]
    data: dict[str, JsonValue] = {"reviewers": people, "team_reviewers": teams}
    try:
        await context.insist(
            lambda: context.publish.post(
                f"{_PULLS}/{{number}}/requested_reviewers", context.at(number=pull.number), data, Nothing
            )
        )
    except (InvalidError, ForbiddenError, GoneError):
        return False
    return True


# --- the branch ----------------------------------------------------------------------------------------------------


async def _push(effect: Publish, context: Context) -> str | Refused:
    """The branch's tip once it holds the draft: its present one, or our new commit on top of it."""
    problem: GitHubError | None = None
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return await _push_once(effect, context)
        except RetryAtError:
            raise
        except (InvalidError, ConflictError, TransientError) as error:
            # the ref exists by now, is not a fast-forward, or the answer was lost: the branch itself knows; look again
            problem = error
            await context.sleep(float(attempt))
    assert problem is not None
    raise problem


async def _push_once(effect: Publish, context: Context) -> str | Refused:
    reader = context.reader()
    tip = await reader.branch_tip(effect.branch)
    parent = tip or await reader.branch_tip(await default_branch(context))
    if parent is None:
        return Refused(code="conflict", reason=reasons.no_commit_yet())
    tree = await reader.tree_of(parent)
    changes = await _changes(effect, tip, tree, reader, context)
    if changes and tip is not None and await _was_overtaken(effect, changes, tip, tree, reader):
        return Refused(code="human_edits", reason=reasons.changed_meanwhile())
    parents = [parent]
    if effect.onto_base and tip is not None and (base := await reader.branch_tip(await default_branch(context))):
        onto = await onto_base(effect.draft, tip, base, reader, context, rewrites_skill=True)
        if isinstance(onto, Refused):
            return onto
        if onto is not None:
            tree, parents = onto.tree, [tip, onto.base]
            changes = await _changes(effect, tip, tree, reader, context)
    changes += await _companion_changes(effect, tree, reader, context)
    if not changes and len(parents) == 1:
        if tip is not None:
            return tip
        return Refused(code="invalid", reason=reasons.nothing_to_change())
    new_tree = await write_tree(tree, [change.entry() for change in changes], context)
    commit = await write_commit(effect.commit_message, new_tree, parents, context)
    await (begin if tip is None else move)(effect.branch, commit, context)
    return commit


async def _was_overtaken(effect: Publish, changes: Sequence[Change], tip: str, tree: str, reader: GitReader) -> bool:
    """Would we write over what somebody pushed since the commit that the draft goes on from?"""
    if not effect.known_head or tip == effect.known_head:
        return False
    try:
        known = await reader.directory(await reader.tree_of(effect.known_head), effect.draft.path)
    except (GoneError, InvalidError, ConflictError):  # taken off the branch by force
        return True
    now = await reader.directory(tree, effect.draft.path)
    theirs = {entry.path for entry in {*known} ^ {*now}}
    return any(change.path.removeprefix(f"{effect.draft.path}/") in theirs for change in changes)


async def _changes(effect: Publish, tip: str | None, tree: str, reader: GitReader, context: Context) -> list[Change]:
    """What makes the skill's directory hold the draft. Files of others in it stay."""
    directory = effect.draft.path
    present = {entry.path: entry for entry in await reader.directory(tree, directory)}
    changes = [
        Change(f"{directory}/{path}", text, mode)
        for path, text in sorted(effect.draft.files.items())
        if (mode := _mode(path, text, present.get(path))) and not _holds(present.get(path), text, mode)
    ]
    surplus = present.keys() - effect.draft.files.keys()
    if tip is not None and surplus:
        ours = await _ours_before(effect, tip, reader, context)
        for path in sorted(surplus & ours):
            if await _is_text(present[path], reader):  # we write text alone: anything else is a person's
                changes.append(Change(f"{directory}/{path}", None))
    return changes


async def _is_text(entry: TreeEntry, reader: GitReader) -> bool:
    try:
        (await reader.blob(entry)).decode()
    except ValueError:
        return False
    return True


async def _ours_before(effect: Publish, tip: str, reader: GitReader, context: Context) -> set[str]:
    """Files that our previous commit brought into the directory: those the default branch does not have there."""
    previous = effect.known_head or await _our_last_commit(tip, context)
    if not previous:
        return set()
    try:
        then = await reader.directory(await reader.tree_of(previous), effect.draft.path)
    except (GoneError, InvalidError):
        return set()
    base = await reader.branch_tip(await default_branch(context))
    settled = await reader.directory(await reader.tree_of(base), effect.draft.path) if base else []
    return {entry.path for entry in then} - {entry.path for entry in settled}


async def _our_last_commit(tip: str, context: Context) -> str:
    """The newest commit by us among the last hundred: what `known_head` would say had the job row not been lost."""
    commits = context.publish.getiter(
        "/repos/{owner}/{repo}/commits?sha={sha}&per_page=100", context.at(sha=tip), CommitListed
    )
    seen = 0
    async for commit in commits:
        seen += 1
        if commit.author is not None and context.bot.is_login(commit.author.login):
            return commit.sha
        if seen == 100:
            break
    return ""


async def _companion_changes(effect: Publish, tree: str, reader: GitReader, context: Context) -> list[Change]:
    texts = await context.companions(effect.draft, tree, reader)
    changes: list[Change] = []
    for path, text in sorted(texts.items()):
        folder, _, name = path.rpartition("/")
        entries = await reader.directory_entries(tree, folder)
        present = next((entry for entry in entries if entry.path == name and entry.type == "blob"), None)
        mode = present.mode if present is not None and present.mode in {REGULAR, EXECUTABLE} else REGULAR
        if not _holds(present, text, mode):
            changes.append(Change(path, text, mode))
    return changes


def _mode(path: str, text: str, present: TreeEntry | None) -> str:
    """Scripts are executable; a file that is there keeps its mode unless it is something else than a file."""
    if present is not None and present.mode in {REGULAR, EXECUTABLE}:
        return present.mode
    return EXECUTABLE if path.startswith("scripts/") and text.startswith("#!") else REGULAR


def _holds(present: TreeEntry | None, text: str, mode: str) -> bool:
    return present is not None and present.sha == blob_id(text.encode()) and present.mode == mode
