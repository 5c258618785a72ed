"""Issues, labels on them and comments: open, edit, close, lock, move, delete."""

from collections.abc import Sequence

from bot.sandbox.events import emit
from bot.sandbox.model import Account, App, Comment, Edit, Issue, Label, Repository, TimelineEvent
from bot.sandbox.reading import read
from bot.sandbox.render import accounts
from bot.sandbox.render import issues as render
from bot.sandbox.render import pulls as render_pulls
from bot.sandbox.render.repositories import repository
from bot.sandbox.values import JsonObject
from bot.sandbox.world import Notice, World

DEFAULT_COLOR = "ededed"


def issue_data(world: World, repo: Repository, issue: Issue) -> JsonObject:
    return {"issue": render.issue(world.urls, repo, issue)}


def announce(
    world: World, repo: Repository, issue: Issue, action: str, sender: Account, extra: JsonObject | None = None
) -> None:
    """An `issues` event, or the `pull_request` event of the same name."""
    if issue.pull:
        pull = render_pulls.pull(world.urls, repo, issue.pull)
        emit(
            world, "pull_request", action, repo, sender, {"number": issue.number, "pull_request": pull, **(extra or {})}
        )
    else:
        emit(world, "issues", action, repo, sender, {**issue_data(world, repo, issue), **(extra or {})})


def record(
    world: World,
    issue: Issue,
    event: str,
    actor: Account,
    label: Label | None = None,
    commit_id: str | None = None,
    source: Issue | None = None,
) -> None:
    """Add to the issue's event list."""
    now = world.clock.now()
    entry = TimelineEvent(
        id=world.ids.next("event"),
        event=event,
        actor=actor,
        created_at=now,
        label=label,
        commit_id=commit_id,
        source=source,
    )
    issue.timeline.append(entry)
    issue.updated_at = now


def take_notice(world: World, repo: Repository, issue: Issue, text: str, by: Account, before: str = "") -> None:
    """Notify those whom a new text mentions and leave a trace in the threads it refers to."""
    found, known = read(text, repo), read(before, repo)
    for whom in found.mentions:
        if whom not in known.mentions:
            world.notices.append(Notice(whom, by.login, repo.full_name, issue.number))
    for number in found.references:
        target = repo.issues.get(number)
        if target and target is not issue and number not in known.references:
            record(world, target, "cross-referenced", by, source=issue)


def new_issue(
    world: World, repo: Repository, title: str, body: str | None, user: Account, via_app: App | None = None
) -> Issue:
    """The bare record, numbered; nothing is announced."""
    now = world.clock.now()
    issue = Issue(
        id=world.ids.next("issue"),
        number=repo.next_number,
        title=title,
        body=body,
        user=user,
        created_at=now,
        updated_at=now,
        via_app=via_app,
    )
    repo.next_number += 1
    repo.issues[issue.number] = issue
    take_notice(world, repo, issue, f"{title}\n\n{body or ''}", user)
    return issue


def open_issue(
    world: World,
    repo: Repository,
    title: str,
    body: str | None,
    user: Account,
    labels: Sequence[str] = (),
    assignees: Sequence[Account] = (),
    via_app: App | None = None,
) -> Issue:
    """As GitHub: `opened` shows the labels already, and one `labeled` follows for each."""
    issue = new_issue(world, repo, title, body, user, via_app)
    issue.labels = [ensure_label(world, repo, name, user) for name in dict.fromkeys(labels)]
    issue.assignees = list(assignees)
    announce(world, repo, issue, "opened", user)
    for label in issue.labels:
        record(world, issue, "labeled", user, label)
        announce(world, repo, issue, "labeled", user, {"label": render.label(world.urls, repo, label)})
    for account in issue.assignees:
        announce_assignee(world, repo, issue, "assigned", account, user)
    return issue


def announce_assignee(
    world: World, repo: Repository, issue: Issue, action: str, assignee: Account, sender: Account
) -> None:
    record(world, issue, action, sender)
    announce(world, repo, issue, action, sender, {"assignee": accounts.user(world.urls, assignee)})


def edit_text(world: World, repo: Repository, issue: Issue, title: str | None, body: str | None, by: Account) -> None:
    """Change title, body or both (None keeps); `edited` says what stood there before."""
    changes: JsonObject = {}
    if title is not None and title != issue.title:
        changes["title"] = {"from": issue.title}
        issue.title = title
        record(world, issue, "renamed", by)
    if body is not None and body != (issue.body or ""):
        changes["body"] = {"from": issue.body or ""}
        take_notice(world, repo, issue, body, by, issue.body or "")
        issue.edits.append(Edit(world.clock.now(), by, issue.body or ""))
        issue.body = body
    if changes:
        issue.updated_at = world.clock.now()
        announce(world, repo, issue, "edited", by, {"changes": changes})


def set_state(
    world: World,
    repo: Repository,
    issue: Issue,
    state: str,
    by: Account,
    reason: str | None = None,
    commit_id: str | None = None,
) -> None:
    if issue.state == state:
        if state == "closed" and reason and not issue.pull:
            issue.state_reason = reason
        return
    issue.state = state
    closed = state == "closed"
    issue.closed_at = world.clock.now() if closed else None
    issue.closed_by = by if closed else None
    if not issue.pull:
        issue.state_reason = (reason or "completed") if closed else "reopened"
    record(world, issue, "closed" if closed else "reopened", by, commit_id=commit_id)
    announce(world, repo, issue, "closed" if closed else "reopened", by)


def lock(world: World, repo: Repository, issue: Issue, reason: str | None, by: Account) -> None:
    if issue.locked:
        return
    issue.locked, issue.lock_reason = True, reason
    record(world, issue, "locked", by)
    announce(world, repo, issue, "locked", by)


def unlock(world: World, repo: Repository, issue: Issue, by: Account) -> None:
    if not issue.locked:
        return
    issue.locked, issue.lock_reason = False, None
    record(world, issue, "unlocked", by)
    announce(world, repo, issue, "unlocked", by)


def delete_issue(world: World, repo: Repository, issue: Issue, by: Account) -> None:
    """Only people with admin rights can, and only on the web; afterwards the API answers 410."""
    for comment in issue.comments:
        del repo.threads[comment.id]
    del repo.issues[issue.number]
    repo.gone_issues[issue.number] = None
    announce(world, repo, issue, "deleted", by)


def transfer_issue(world: World, repo: Repository, issue: Issue, target: Repository, by: Account) -> Issue:
    """A copy with a new id and number opens in the target; here the number answers with a redirect from then on."""
    copy = new_issue(world, target, issue.title, issue.body, issue.user)
    copy.state, copy.comments, copy.reactions = issue.state, issue.comments, issue.reactions
    for comment in issue.comments:
        del repo.threads[comment.id]
        target.threads[comment.id] = copy
    del repo.issues[issue.number]
    repo.gone_issues[issue.number] = world.urls.issue(target, copy.number)
    new = {"new_issue": render.issue(world.urls, target, copy), "new_repository": repository(world.urls, target)}
    announce(world, repo, issue, "transferred", by, {"changes": new})
    old = {"old_issue": render.issue(world.urls, repo, issue), "old_repository": repository(world.urls, repo)}
    announce(world, target, copy, "opened", by, {"changes": old})
    return copy


# --- labels ----------------------------------------------------------------------------------------------------------


def find_label(repo: Repository, name: str) -> Label | None:
    return next((label for label in repo.labels if label.name.lower() == name.lower()), None)


def create_label(world: World, repo: Repository, name: str, color: str, description: str | None, by: Account) -> Label:
    label = Label(id=world.ids.next("label"), name=name, color=color, description=description)
    repo.labels.append(label)
    emit(world, "label", "created", repo, by, {"label": render.label(world.urls, repo, label)})
    return label


def ensure_label(world: World, repo: Repository, name: str, by: Account) -> Label:
    """GitHub creates a label on first use."""
    return find_label(repo, name) or create_label(world, repo, name, DEFAULT_COLOR, None, by)


def add_labels(world: World, repo: Repository, issue: Issue, names: Sequence[str], by: Account) -> None:
    for name in names:
        label = ensure_label(world, repo, name, by)
        if label not in issue.labels:
            issue.labels.append(label)
            record(world, issue, "labeled", by, label)
            announce(world, repo, issue, "labeled", by, {"label": render.label(world.urls, repo, label)})


def remove_label(world: World, repo: Repository, issue: Issue, label: Label, by: Account) -> None:
    issue.labels.remove(label)
    record(world, issue, "unlabeled", by, label)
    announce(world, repo, issue, "unlabeled", by, {"label": render.label(world.urls, repo, label)})


def set_labels(world: World, repo: Repository, issue: Issue, names: Sequence[str], by: Account) -> None:
    wanted = {name.lower() for name in names}
    for label in [label for label in issue.labels if label.name.lower() not in wanted]:
        remove_label(world, repo, issue, label, by)
    add_labels(world, repo, issue, names, by)


def delete_label(world: World, repo: Repository, label: Label, by: Account) -> None:
    repo.labels.remove(label)
    for issue in repo.issues.values():
        if label in issue.labels:
            issue.labels.remove(label)
    emit(world, "label", "deleted", repo, by, {"label": render.label(world.urls, repo, label)})


# --- comments --------------------------------------------------------------------------------------------------------


def _comment_event(
    world: World, repo: Repository, issue: Issue, comment: Comment, action: str, by: Account, extra: JsonObject
) -> None:
    shown = render.comment(world.urls, repo, issue, comment)
    emit(world, "issue_comment", action, repo, by, {**issue_data(world, repo, issue), "comment": shown, **extra})


def add_comment(
    world: World, repo: Repository, issue: Issue, body: str, user: Account, via_app: App | None = None
) -> Comment:
    now = world.clock.now()
    comment = Comment(
        id=world.ids.next("comment"), user=user, body=body, created_at=now, updated_at=now, via_app=via_app
    )
    issue.comments.append(comment)
    repo.threads[comment.id] = issue
    issue.updated_at = now
    take_notice(world, repo, issue, body, user)
    _comment_event(world, repo, issue, comment, "created", user, {})
    return comment


def edit_comment(world: World, repo: Repository, issue: Issue, comment: Comment, body: str, by: Account) -> None:
    before = comment.body
    comment.updated_at = world.clock.now()
    if body == before:
        return
    comment.edits.append(Edit(comment.updated_at, by, before))
    comment.body = body
    take_notice(world, repo, issue, body, by, before)
    _comment_event(world, repo, issue, comment, "edited", by, {"changes": {"body": {"from": before}}})


def delete_comment(world: World, repo: Repository, issue: Issue, comment: Comment, by: Account) -> None:
    issue.comments.remove(comment)
    del repo.threads[comment.id]
    issue.updated_at = world.clock.now()
    _comment_event(world, repo, issue, comment, "deleted", by, {})
