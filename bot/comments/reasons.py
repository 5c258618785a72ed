"""Why something could not be done or has ended, for the sentence that tells people. Pure.

Words of others in a reason (GitHub's, the pipeline's) are made safe by the text that shows the reason.
"""

from collections.abc import Sequence

from bot.comments.words import counted

_MOST_NAMED = 5


# --- what GitHub says ------------------------------------------------------------------------------------------------


def locked() -> str:
    return "The conversation is locked, so nothing can be written there."


def not_permitted(message: str) -> str:
    return f"GitHub does not permit it: {message}"


def not_there(request: str) -> str:
    return f"It is not there any more, or not visible to the App ({request})."


def in_conflict(message: str) -> str:
    return f"GitHub reports a conflict: {message}"


def not_accepted(message: str) -> str:
    return f"GitHub did not accept it: {message}"


def too_long(what: str, characters: int) -> str:
    """`what`: the comment, the description, …"""
    return f"The {what} has {characters:,} characters; GitHub takes 65,536."


def comment_gone() -> str:
    return "The comment to change is not there any more."


# --- publishing ------------------------------------------------------------------------------------------------------


def outside_repository(path: str) -> str:
    return f"The path {path!r} does not stay inside the repository."


def not_a_path(path: str) -> str:
    return f"The path {path!r} has a character that does not belong in a path."


def a_workflow() -> str:
    return "A skill is never written into .github/workflows."


def no_document() -> str:
    return "The draft has no SKILL.md."


def shows_secret(paths: Sequence[str]) -> str:
    return f"{', '.join(paths)} would show a secret of this service."


def merged_already(number: int) -> str:
    return f"Pull request #{number} from this branch was merged already."


def closed_by_somebody(number: int) -> str:
    return f"Somebody closed pull request #{number}."


def no_commit_yet() -> str:
    return "The repository has no commit yet; push a first one and try again."


def changed_meanwhile() -> str:
    return "Somebody changed the skill on the branch meanwhile."


def pushed_meanwhile() -> str:
    return "Somebody pushed to the branch meanwhile."


def nothing_to_change() -> str:
    return "The default branch holds exactly these files already."


# --- bringing a branch up to its base --------------------------------------------------------------------------------


def branch_gone() -> str:
    return "The branch is not there any more."


def no_common_history() -> str:
    return "The branch and the default branch have no common history."


def both_changed(paths: Sequence[str]) -> str:
    more = len(paths) - _MOST_NAMED
    names = ", ".join(paths[:_MOST_NAMED]) + (f" and {counted(more, 'more file')}" if more > 0 else "")
    return f"Both this branch and the default branch changed {names}."


def skill_moved(problem: str, path: str) -> str:
    return f"{problem} The folder was {path}; put it back, or finish the pull request by hand."


# --- waiting and ending ----------------------------------------------------------------------------------------------


def waiting_for_model(message: str) -> str:
    """In the status comment, while the model is away."""
    return f"waiting. {message} I try again by myself"


def kept_failing() -> str:
    return "Something on my side kept failing, although I tried many times."


def cancelled_by(who: str) -> str:
    return f"cancelled by {who or 'the operator'}"


def closed_by(who: str) -> str:
    return f"closed by {who}"


def nobody_answered() -> str:
    return "nobody answered"


def label_removed() -> str:
    return "the label was removed"


def issue_deleted() -> str:
    return "the issue was deleted"


def issue_transferred() -> str:
    return "the issue was transferred to another repository"


def app_uninstalled() -> str:
    return "the App was uninstalled"


def app_suspended() -> str:
    return "the App was suspended"


def app_removed() -> str:
    return "the App was removed from the repository"


def repository_deleted() -> str:
    return "the repository was deleted"


def repository_archived() -> str:
    return "the repository was archived"
