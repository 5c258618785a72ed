"""The App as data: what it may do and why, what it hears, and the manifest that GitHub makes an App from.

The permissions are the whole list, here and nowhere else: `doctor` compares installations with it, the documentation is
made from it. https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict

MAX_NAME = 34
DESCRIPTION = "Turns a labelled issue into a reviewed, validated Agent Skill, in conversation with you."


class Access(StrEnum):
    """GitHub's words for how much a permission allows; each includes the ones before it."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True)
class Permission:
    """One permission that the App asks for, what it does with it, and what breaks without it."""

    name: str
    access: Access
    why: str
    without: str


PERMISSIONS: tuple[Permission, ...] = (
    Permission(
        "metadata",
        Access.READ,
        "Every App has it. Finds out what role the person who speaks has in the repository.",
        "Nobody could be recognised, so nobody could decide anything.",
    ),
    Permission(
        "issues",
        Access.WRITE,
        "Reads requests and replies; posts questions, previews and the status comment; reacts; labels; closes.",
        "No conversation.",
    ),
    Permission(
        "pull_requests",
        Access.WRITE,
        "Opens the pull request, requests reviewers, reads reviews and answers in their threads.",
        "A skill could not be proposed.",
    ),
    Permission(
        "contents",
        Access.WRITE,
        "Reads the skills and `.github/skill-fleet.yml`; commits to branches of its own (`skill/…`, `skill-fleet/…`). "
        "Hears of pushes to the default branch, to see conflicts soon. "
        "Never pushes by force. Protect the default branch, and it cannot touch it.",
        "A skill could not be written.",
    ),
    Permission(
        "checks",
        Access.WRITE,
        "Reports what validation found on pull requests that touch skills, line by line.",
        "Findings would have to be comments.",
    ),
)

NOT_REQUESTED: tuple[tuple[str, str], ...] = (
    (
        "workflows",
        "Without it GitHub refuses any push to `.github/workflows/`: no generated file becomes code in your CI.",
    ),
    ("administration, members, secrets, actions", "Nothing the bot does needs them."),
    ("anything of the account", "The App never acts as you and asks for no user authorisation."),
)

EVENTS: tuple[str, ...] = (
    "issues",
    "issue_comment",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "check_run",
    "check_suite",
    "push",
)
"""What the App subscribes to. Installation events come to every App and cannot be listed."""


class HookAttributes(TypedDict):
    """Where deliveries go. Never a secret: GitHub refuses manifests with one and makes it itself."""

    url: str
    active: bool


class Manifest(TypedDict):
    """The JSON that a person's browser hands to GitHub. It holds nothing confidential."""

    name: str
    url: str
    description: str
    hook_attributes: HookAttributes
    redirect_url: str
    public: bool
    default_permissions: dict[str, str]
    default_events: list[str]


class Visibility(StrEnum):
    """Who may install the App: its owner's account only, or anybody on this GitHub."""

    PRIVATE = "private"
    PUBLIC = "public"


def required_permissions() -> dict[str, str]:
    """Permission name to access, as manifests and installations write it."""
    return {permission.name: permission.access.value for permission in PERMISSIONS}


def manifest(
    *, name: str, homepage: str, webhook_url: str, redirect_url: str, visibility: Visibility = Visibility.PRIVATE
) -> Manifest:
    """The manifest of an App. Addresses are checked by the caller; raises ValueError for a bad name."""
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise ValueError(f"{name!r}: an App's name has 1 to {MAX_NAME} printable characters")
    return Manifest(
        name=name,
        url=homepage,
        description=DESCRIPTION,
        hook_attributes=HookAttributes(url=webhook_url, active=True),
        redirect_url=redirect_url,
        public=visibility is Visibility.PUBLIC,
        default_permissions=required_permissions(),
        default_events=list(EVENTS),
    )


def missing_permissions(granted: dict[str, str]) -> dict[str, str]:
    """What is required and not granted, or granted too low."""
    order = {"": 0, "read": 1, "write": 2, "admin": 3}
    return {
        name: access
        for name, access in required_permissions().items()
        if order.get(granted.get(name, ""), 0) < order[access]
    }


def permission_table() -> str:
    """The permissions as a Markdown table."""
    rows = [f"| `{each.name}` | {each.access.value} | {each.why} | {each.without} |" for each in PERMISSIONS]
    return "\n".join(["| permission | access | what for | without it |", "| --- | --- | --- | --- |", *rows])
