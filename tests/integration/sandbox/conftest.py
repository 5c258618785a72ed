"""A sandbox for each test, held to GitHub's published description."""

from tests.github_sandbox import github

__all__ = ["github"]
