"""Every address the sandbox writes into its answers. GitHub has two hosts, web and API; here paths tell them apart."""

from dataclasses import dataclass
from urllib.parse import quote

from bot.sandbox.model import Account, Repository


@dataclass(frozen=True)
class Urls:
    """`root` is the web address without a trailing slash; `api_path` is empty, or `/api/v3` as on Enterprise Server."""

    root: str
    api_path: str = ""

    @property
    def api_root(self) -> str:
        return self.root + self.api_path

    def api(self, path: str) -> str:
        return self.api_root + path

    def web(self, path: str) -> str:
        return self.root + path

    def user(self, account: Account) -> str:
        return self.api(f"/users/{quote(account.login)}")

    def repo(self, repo: Repository, path: str = "") -> str:
        return self.api(f"/repos/{repo.full_name}{path}")

    def repo_web(self, repo: Repository, path: str = "") -> str:
        return self.web(f"/{repo.full_name}{path}")

    def issue(self, repo: Repository, number: int, path: str = "") -> str:
        return self.repo(repo, f"/issues/{number}{path}")

    def pull(self, repo: Repository, number: int, path: str = "") -> str:
        return self.repo(repo, f"/pulls/{number}{path}")

    def thread_web(self, repo: Repository, number: int, is_pull: bool) -> str:
        return self.repo_web(repo, f"/{'pull' if is_pull else 'issues'}/{number}")
