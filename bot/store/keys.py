"""Keys of what stands for a job until it is known."""


def pull_key(repo_id: int, number: int) -> str:
    """Key of events that name a pull request and not the issue it came from."""
    return f"{repo_id}:pull/{number}"


def is_pull(key: str) -> bool:
    """Does this key name a pull request whose job is not known (yet)?"""
    return ":pull/" in key


def check_key(repo_id: int, number: int) -> str:
    """Key of events that only ask for the check of a pull request that no job made."""
    return f"{repo_id}:check/{number}"


def commit_key(repo_id: int, sha: str) -> str:
    """Key of events that ask for a check and name no pull request, only its commit."""
    return f"{repo_id}:check/@{sha}"


def commit_of(key: str) -> str | None:
    """The commit that a key of `commit_key` names; None for every other key."""
    _, _, sha = key.partition(":check/@")
    return sha or None


def is_check(key: str) -> bool:
    """Does this key name a pull request that is checked and nothing else?"""
    return ":check/" in key


def pull_number(key: str) -> int:
    """The pull request that a key of `pull_key` or `check_key` names."""
    return int(key.rpartition("/")[2])


def setup_key(repo_id: int) -> str:
    """Key of a repository that the App was just installed on."""
    return f"{repo_id}:setup"


def is_setup(key: str) -> bool:
    """Does this key name a repository to welcome?"""
    return key.endswith(":setup")


def is_shared(key: str) -> bool:
    """Does this key stand for every job of an installation or repository?"""
    return key.startswith(("installation:", "repository:"))


def is_job(key: str) -> bool:
    """Does this key name a job itself?"""
    return not is_pull(key) and not is_shared(key) and not is_check(key) and not is_setup(key)


def outcomes_key(job: str) -> str:
    """Under which the outcomes of a job's phases are kept among the records of tasks."""
    return f"phase:{job}"
