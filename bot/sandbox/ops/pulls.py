"""Pull requests: open, mergeability, merging for real, reopening."""

from dataclasses import dataclass

from bot.sandbox.errors import ApiError, invalid
from bot.sandbox.git_objects import Identity
from bot.sandbox.model import Account, App, Pull, Repository
from bot.sandbox.ops import forks, issues, refs
from bot.sandbox.world import World


@dataclass(frozen=True)
class Mergeability:
    mergeable: bool | None
    state: str  # unknown, clean, dirty, blocked, draft


def open_pull(
    world: World,
    repo: Repository,
    title: str,
    body: str | None,
    head: str,
    base: str,
    user: Account,
    draft: bool = False,
    via_app: App | None = None,
) -> Pull:
    """Raises ApiError 422 with GitHub's words when the branches do not allow it."""
    owner, _, branch = head.rpartition(":")
    home = forks.home_of(world, repo, owner)
    if home is None:
        raise invalid("PullRequest", "head", "invalid")
    head_sha, base_sha = home.git.branch(branch), repo.git.branch(base)
    if base_sha is None:
        raise invalid("PullRequest", "base", "invalid")
    if head_sha is None:
        raise invalid("PullRequest", "head", "invalid")
    label = f"{home.owner.login}:{branch}"
    if any((p.home, p.head_ref, p.base_ref, p.issue.state) == (home, branch, base, "open") for p in repo.pulls):
        raise invalid("PullRequest", None, "custom", f"A pull request already exists for {label}.")
    if home is not repo:
        forks.bring(repo, home, branch)
    if repo.git.is_ancestor(head_sha, base_sha):
        raise invalid("PullRequest", None, "custom", f"No commits between {base} and {branch}")
    issue = issues.new_issue(world, repo, title, body, user, via_app)
    pull = Pull(
        id=world.ids.next("pull"),
        issue=issue,
        home=home,
        head_ref=branch,
        head_sha=head_sha,
        base_ref=base,
        base_sha=base_sha,
        draft=draft,
    )
    issue.pull = pull
    repo.git.update_ref(f"refs/pull/{issue.number}/head", head_sha)
    issues.announce(world, repo, issue, "opened", user)
    return pull


def mergeability(world: World, repo: Repository, pull: Pull) -> Mergeability:
    """What GitHub says of an open pull request; right after a change it does not know yet."""
    if pull.issue.state != "open":
        return Mergeability(None, "unknown")
    if pull.mergeability_looks < world.mergeability_takes_looks:
        pull.mergeability_looks += 1
        return Mergeability(None, "unknown")
    base = repo.git.branch(pull.base_ref)
    if base is None or repo.git.merge_tree(base, pull.head_sha) is None:
        return Mergeability(False, "dirty")
    if pull.draft:
        return Mergeability(True, "draft")
    return Mergeability(True, "blocked" if missing_for_merge(repo, pull) else "clean")


def missing_for_merge(repo: Repository, pull: Pull) -> str | None:
    """Why branch protection forbids the merge, in GitHub's words."""
    protection = repo.protected.get(pull.base_ref)
    if protection is None:
        return None
    latest = {r.user.id: r.state for r in pull.reviews if r.state in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")}
    if "CHANGES_REQUESTED" in latest.values():
        return "Changes were requested by reviewers with write access."
    if list(latest.values()).count("APPROVED") < protection.approvals:
        return f"At least {protection.approvals} approving review is required by reviewers with write access."
    passed = {
        run.name
        for run in repo.runs
        if run.head_sha == pull.head_sha and run.conclusion in ("success", "neutral", "skipped")
    }
    waiting = [name for name in protection.checks if name not in passed]
    return f'Required status check "{waiting[0]}" is expected.' if waiting else None


def merge(
    world: World,
    repo: Repository,
    pull: Pull,
    by: Account,
    method: str = "merge",
    title: str | None = None,
    message: str | None = None,
    sha: str | None = None,
) -> str:
    """Merge for real and announce `push` and `closed`; the new commit's id. Raises ApiError 405 or 409."""
    base = repo.git.branch(pull.base_ref)
    if pull.issue.state != "open" or pull.draft or base is None:
        raise ApiError(405, "Pull Request is still a draft" if pull.draft else "Pull Request is not mergeable")
    if sha is not None and sha != pull.head_sha:
        raise ApiError(409, "Head branch was modified. Review and try the merge again.")
    blocked = missing_for_merge(repo, pull)
    if blocked:
        raise ApiError(405, blocked)
    tree = repo.git.merge_tree(base, pull.head_sha)
    if tree is None:
        raise ApiError(405, "Pull Request is not mergeable")
    now = world.clock.now()
    author, committer = Identity(by.name, by.email, now), Identity("GitHub", "noreply@github.com", now)
    if method == "squash":
        head_title = title or f"{pull.issue.title} (#{pull.number})"
        text = f"{head_title}\n\n{message}" if message else head_title
        commit = repo.git.write_commit(tree, [base], text, author, committer)
    elif method == "rebase":
        fork_point = repo.git.merge_base(base, pull.head_sha) or base
        replayed = repo.git.replay(base, fork_point, pull.head_sha, committer)
        if replayed is None:
            raise ApiError(405, "This branch can't be rebased")
        commit = replayed
    else:
        head_title = title or f"Merge pull request #{pull.number} from {forks.owner_of(pull).login}/{pull.head_ref}"
        text = f"{head_title}\n\n{message if message is not None else pull.issue.title}"
        commit = repo.git.write_commit(tree, [base, pull.head_sha], text, author, committer)
    repo.verified_commits.add(commit)
    name = f"refs/heads/{pull.base_ref}"
    repo.git.update_ref(name, commit, base)
    refs.finish_merge(world, repo, pull, commit, by)
    refs.moved(world, repo, name, commit, by)
    return commit


def update_branch(world: World, repo: Repository, pull: Pull, by: Account, expected: str | None) -> None:
    """Merge the base into the head, as the button *Update branch* does. Raises ApiError 422."""
    if expected is not None and expected != pull.head_sha:
        raise ApiError(422, "expected head sha didn't match current head ref.")
    if pull.home is not repo:
        raise ApiError(403, "This branch is in a fork, which only its owner updates here.")
    base = repo.git.branch(pull.base_ref) or pull.base_sha
    if repo.git.is_ancestor(base, pull.head_sha):
        raise ApiError(422, "There are no new commits on the base branch.")
    tree = repo.git.merge_tree(pull.head_sha, base)
    if tree is None:
        raise ApiError(422, "merge conflict between base and head")
    now = world.clock.now()
    author, committer = Identity(by.name, by.email, now), Identity("GitHub", "noreply@github.com", now)
    text = f"Merge branch '{pull.base_ref}' into {pull.head_ref}"
    commit = repo.git.write_commit(tree, [pull.head_sha, base], text, author, committer)
    name = f"refs/heads/{pull.head_ref}"
    repo.git.update_ref(name, commit, pull.head_sha)
    refs.moved(world, repo, name, commit, by)


def reopen(world: World, repo: Repository, pull: Pull, by: Account) -> None:
    tip = pull.home.git.branch(pull.head_ref) if pull.home is not None else None
    if pull.merged or pull.home is None or tip is None:
        raise invalid(
            "PullRequest", "state", "invalid", "state cannot be changed. The pull request cannot be reopened."
        )
    if pull.home is not repo:
        forks.bring(repo, pull.home, pull.head_ref)
    pull.head_sha = tip
    issues.set_state(world, repo, pull.issue, "open", by)
