"""What each page shows: a template and its values, from the world as it is now. Nothing here changes anything.

Raises ApiError 404 for what does not exist, or is not there for this person.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.sandbox.errors import not_found
from bot.sandbox.forms import list_forms
from bot.sandbox.git_objects import TreeEntry
from bot.sandbox.model import Account, Issue, Pull, Repository, Role
from bot.sandbox.ops import pulls as pull_ops
from bot.sandbox.pages import markdown, view
from bot.sandbox.reading import read
from bot.sandbox.world import World

_STATES = ("open", "closed", "all")


@dataclass(frozen=True)
class Screen:
    template: str
    title: str
    values: Mapping[str, object]
    repo: Repository | None = None


@dataclass(frozen=True)
class Look:
    """One person looking at one address. `params` come from the path, `query` from behind the question mark."""

    world: World
    person: Account
    params: Mapping[str, str]
    query: Mapping[str, str]

    def repo(self) -> Repository:
        repo = self.world.repository(self.params["owner"], self.params["repo"])
        if repo is None or self.role(repo) < Role.READ:
            raise not_found()
        return repo

    def role(self, repo: Repository) -> Role:
        return self.world.role(repo, self.person)

    def issue(self, repo: Repository) -> Issue:
        issue = repo.issues.get(int(self.params["number"]))
        if issue is None:
            raise not_found()
        return issue

    def pull(self, repo: Repository) -> Pull:
        pull = self.issue(repo).pull
        if pull is None:
            raise not_found()
        return pull


Show = Callable[[Look], Screen]


def home(look: Look) -> Screen:
    repos = [repo for repo in look.world.repositories.values() if look.role(repo) >= Role.READ]
    return Screen("home.html", "Repositories", {"repositories": repos})


def repository(look: Look) -> Screen:
    repo = look.repo()
    head = repo.git.branch(repo.default_branch)
    readme = repo.git.at(head, "README.md") if head else None
    text = view.text_of(repo, readme) if readme else None
    skills = [each for each in _folder(repo, head, "skills") if each.kind == "tree"] if head else []
    values = {"readme": text, "skills": skills, "entries": _folder(repo, head, "") if head else [], "head": head}
    return Screen("repository.html", repo.full_name, values, repo)


def issues(look: Look) -> Screen:
    return _list(look, look.repo(), pulls=False)


def pulls(look: Look) -> Screen:
    return _list(look, look.repo(), pulls=True)


def _list(look: Look, repo: Repository, pulls: bool) -> Screen:
    state = look.query.get("state", "open")
    wanted = look.query.get("label", "")
    everything = [issue for issue in repo.issues.values() if bool(issue.pull) is pulls]
    shown = [
        issue
        for issue in reversed(everything)
        if (issue.state == state or state not in ("open", "closed"))
        and (not wanted or any(label.name == wanted for label in issue.labels))
    ]
    counts = {name: sum(name in ("all", issue.state) for issue in everything) for name in _STATES}
    title = "Pull requests" if pulls else "Issues"
    values = {"issues": shown[:200], "hidden": max(0, len(shown) - 200), "counts": counts, "chosen": state}
    return Screen("list.html", title, {**values, "pulls": pulls, "label": wanted}, repo)


def choose_form(look: Look) -> Screen:
    repo = look.repo()
    return Screen("choose.html", "New issue", {"forms": list_forms(repo)}, repo)


def new_issue(look: Look) -> Screen:
    repo = look.repo()
    wanted = look.query.get("template", "")
    form = next((form for form in list_forms(repo) if form.file == wanted), None)
    if wanted and form is None:
        raise not_found()
    return Screen("new.html", form.name if form else "Blank issue", {"form": form}, repo)


def thread(look: Look) -> Screen:
    repo = look.repo()
    issue = look.issue(repo)
    return Screen("thread.html", f"{issue.title} · #{issue.number}", _thread_values(look, repo, issue), repo)


def _thread_values(look: Look, repo: Repository, issue: Issue) -> dict[str, object]:
    may_write = not issue.locked or look.role(repo) >= Role.WRITE
    return {
        "issue": issue,
        "pull": issue.pull,
        "tab": "conversation",
        "entries": view.thread(issue),
        "offers": view.offered_replies(issue) if issue.state == "open" and may_write else [],
        "may_write": may_write,
        "may_manage": look.role(repo) >= Role.TRIAGE,
        "may_close": look.role(repo) >= Role.TRIAGE or issue.user is look.person,
        "may_merge": look.role(repo) >= Role.WRITE,
        "mergeability": pull_ops.mergeability(look.world, repo, issue.pull) if issue.pull else None,
        "blocked": pull_ops.missing_for_merge(repo, issue.pull) if issue.pull else None,
        "runs": view.runs_of(repo, issue.pull) if issue.pull else [],
        "linked": [each for each in repo.pulls if issue.number in read(each.issue.body or "", repo).references],
    }


def pull_files(look: Look) -> Screen:
    repo = look.repo()
    pull = look.pull(repo)
    values = {**_thread_values(look, repo, pull.issue), "tab": "files", "files": view.files(repo, pull)}
    return Screen("pull_files.html", f"Files of #{pull.number}", values, repo)


def pull_checks(look: Look) -> Screen:
    repo = look.repo()
    pull = look.pull(repo)
    commit = repo.git.commit(pull.head_sha)
    values = {**_thread_values(look, repo, pull.issue), "tab": "checks", "commit": commit}
    return Screen("pull_checks.html", f"Checks of #{pull.number}", values, repo)


def run(look: Look) -> Screen:
    """One check run, where its web address points."""
    repo = look.repo()
    found = look.world.find_run(repo, int(look.params["run"]))
    if found is None:
        raise not_found()
    return Screen("run.html", found.name, {"run": found, "may_merge": look.role(repo) >= Role.WRITE}, repo)


def commit(look: Look) -> Screen:
    repo = look.repo()
    sha = repo.git.resolve(look.params["sha"])
    if sha is None:
        raise not_found()
    made = repo.git.commit(sha)
    files = view.file_views(repo, repo.git.diff(made.parents[0], sha), made.parents[0], sha) if made.parents else []
    return Screen("commit.html", made.message.split("\n", 1)[0], {"commit": made, "files": files}, repo)


def content(look: Look) -> Screen:
    """A file or folder at a branch, tag or commit; a branch's name may hold slashes."""
    repo = look.repo()
    parts = [part for part in look.params["rest"].split("/") if part]
    for length in range(1, len(parts) + 1):
        ref, path = "/".join(parts[:length]), "/".join(parts[length:])
        sha = repo.git.resolve(ref)
        entry = repo.git.at(sha, path) if sha else None
        if entry is not None and entry.kind in ("blob", "tree"):
            return _content(repo, ref, path, entry)
    raise not_found()


def _content(repo: Repository, ref: str, path: str, entry: TreeEntry) -> Screen:
    crumbs = [(name, "/".join(path.split("/")[: number + 1])) for number, name in enumerate(path.split("/")) if name]
    values: dict[str, object] = {"ref": ref, "path": path, "crumbs": crumbs}
    if entry.kind == "tree":
        entries = repo.git.tree(entry.sha, recursive=False)
        return Screen("folder.html", path or ref, {**values, "entries": entries}, repo)
    text = view.text_of(repo, entry)
    front, body = markdown.without_frontmatter(text or "") if path.endswith(".md") else ("", "")
    folder = path.rpartition("/")[0]
    shown = {**values, "text": text, "size": entry.size, "frontmatter": front, "body": body, "folder": folder}
    return Screen("file.html", path, {**shown, "is_markdown": path.endswith(".md")}, repo)


def _folder(repo: Repository, commit: str, path: str) -> list[TreeEntry]:
    entry = repo.git.at(commit, path)
    return repo.git.tree(entry.sha, recursive=False) if entry and entry.kind == "tree" else []
