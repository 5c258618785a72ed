"""Writes to GitHub as values. Each has a semantic key, unique within its job: the same key is never written twice.

How each is made idempotent (find before create, adopt on conflict) is in `bot/github/effects`. Texts were made safe by
`bot/comments` before they got here.
"""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.models import SkillDraft, Value

Reaction = Literal["eyes", "rocket", "+1", "confused", "-1"]


class React(Value):
    kind: Literal["react"] = "react"
    key: str
    target: Literal["issue", "issue_comment", "review_comment"]
    target_id: int = Field(description="comment id, or the issue number for `issue`")
    content: Reaction


class Rest(Value):
    """What finds no room in a text: a Markdown file that the text links to."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,80}\.md$")
    text: str


class Say(Value):
    """A new comment on the issue (or pull request) `number`: only when a person must act or asked."""

    kind: Literal["say"] = "say"
    key: str
    number: int
    body: str
    rest: Rest | None = None


class Amend(Value):
    """Edit the comment that an earlier `Say` of this job posted, e.g. to mark a preview as superseded."""

    kind: Literal["amend"] = "amend"
    key: str
    said: str = Field(description="key of the `Say`")
    body: str


class ShowStatus(Value):
    """The one status comment: created once, edited in place, skipped when unchanged, healed when deleted."""

    kind: Literal["show_status"] = "show_status"
    key: Literal["status"] = "status"
    number: int
    body: str


class SetState(Value):
    """Exactly one of the `skill:*` labels on the issue; labels are created on demand."""

    kind: Literal["set_state"] = "set_state"
    key: str
    number: int
    label: str


class ReplyInThread(Value):
    """An answer below a line comment of a review."""

    kind: Literal["reply_in_thread"] = "reply_in_thread"
    key: str
    pull_number: int
    comment_id: int
    body: str


class Publish(Value):
    """Make branch and pull request hold exactly these files of the skill: create, extend or adopt; never force."""

    kind: Literal["publish"] = "publish"
    key: str
    issue_number: int
    branch: str
    draft: SkillDraft
    commit_message: str
    title: str
    body: str
    known_head: str = Field("", description="head that the draft goes on from; another one means somebody pushed")
    reopen: bool = Field(False, description="a person asked to take up a pull request that somebody had closed")
    rest: Rest | None = None
    onto_base: bool = Field(False, description="merge the default branch as well: the pull request conflicts with it")


class MergeBase(Value):
    """Merge the default branch into ours where that can be done without writing a new draft."""

    kind: Literal["merge_base"] = "merge_base"
    key: str
    branch: str
    path: str = Field(description="the skill's folder")
    pull_number: int
    by: str = Field(description="who asked for it")


class Check(Value):
    """Validate the skill at `head_sha` by the rules and conclude the check run `skill-fleet` on it.

    Without a path: every skill that the pull request touches, and the repository's configuration if it does; no run
    when it touches neither.
    """

    kind: Literal["check"] = "check"
    key: str
    head_sha: str
    path: str
    pull_number: int


class Fix(Value):
    """Commit what the rules can repair on a branch of ours; suggest it on anybody else's."""

    kind: Literal["fix"] = "fix"
    key: str
    head_sha: str
    path: str = Field(description='the skill\'s folder; "" means every skill that the pull request touches')
    pull_number: int
    by: str = Field(description="who pressed the button")


class Offer(Value):
    """The onboarding pull request, unless the repository ever had one or needs none."""

    kind: Literal["offer"] = "offer"
    key: str
    action: str = Field("", description="the validation Action as a workflow names it; shown in the description")


class UpdatePull(Value):
    """Replace the bot-owned region of the pull request's body; what people wrote stays."""

    kind: Literal["update_pull"] = "update_pull"
    key: str
    number: int
    body: str
    rest: Rest | None = None


class DropRest(Value):
    """Delete the branch with what found no room, when the request is over: what links to it names commits."""

    kind: Literal["drop_rest"] = "drop_rest"
    key: str


class Close(Value):
    """Close the issue or the pull request `number` if it is open."""

    kind: Literal["close"] = "close"
    key: str
    number: int
    what: Literal["issue", "pull"]
    reason: Literal["completed", "not_planned"] = "completed"


Effect = Annotated[
    React
    | Say
    | Amend
    | ShowStatus
    | SetState
    | ReplyInThread
    | Publish
    | MergeBase
    | Check
    | Fix
    | Offer
    | UpdatePull
    | DropRest
    | Close,
    Field(discriminator="kind"),
]


class Done(Value):
    """The write stands (made now, earlier, or by a run whose answer was lost)."""

    kind: Literal["done"] = "done"
    remote_id: int = 0
    url: str = ""


class Published(Value):
    kind: Literal["published"] = "published"
    pull_number: int
    head_sha: str
    url: str
    parent: str = Field("", description="the tip it was put on, where that matters")


class Refused(Value):
    """GitHub will not do it, now or later; `reason` is fit for a person, `code` for us."""

    kind: Literal["refused"] = "refused"
    code: Literal[
        "gone",
        "forbidden",
        "locked",
        "conflict",
        "skill_changed",
        "closed_by_person",
        "human_edits",
        "merged",
        "invalid",
    ]
    reason: str


EffectResult = Annotated[Done | Published | Refused, Field(discriminator="kind")]
