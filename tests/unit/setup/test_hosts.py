import pytest

from bot.setup.hosts import GitHubHost, HostError, checked_login, checked_url, github_host


@pytest.mark.parametrize(
    ("api", "web"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://api.github.com/", "https://github.com"),
        ("https://ghe.example.com/api/v3", "https://ghe.example.com"),
        ("https://ghe.example.com:8443/api/v3/", "https://ghe.example.com:8443"),
        ("https://example.com/github/api/v3", "https://example.com/github"),
        ("https://api.acme.ghe.com", "https://acme.ghe.com"),
        ("http://127.0.0.1:4000", "http://127.0.0.1:4000"),
        ("http://localhost:4000/api/v3", "http://localhost:4000"),
    ],
)
def test_the_web_address_follows_from_the_rest_root(api: str, web: str) -> None:
    assert github_host(api) == GitHubHost(api.rstrip("/"), web)


@pytest.mark.parametrize(
    "api",
    [
        "https://github.com",
        "https://api.github.com/api/v3",
        "https://ghe.example.com",
        "http://ghe.example.com/api/v3",
        "ftp://ghe.example.com/api/v3",
        "https://user:secret@ghe.example.com/api/v3",
        "https://ghe.example.com/api/v3?x=1",
        "https://ghe.example.com/'><script>/api/v3",
        "https://[::1/api/v3",
        "https://ghe.example.com:port/api/v3",
        "",
    ],
)
def test_an_address_that_is_no_rest_root_is_refused_with_what_is_expected(api: str) -> None:
    with pytest.raises(HostError, match=r"https|URL|plain"):
        github_host(api)


def test_manifests_go_to_the_own_account_or_to_the_organization() -> None:
    host = github_host()
    assert host.new_app("", "s1") == "https://github.com/settings/apps/new?state=s1"
    assert host.new_app("acme", "s 1") == "https://github.com/organizations/acme/settings/apps/new?state=s%201"


def test_enterprise_server_installs_apps_under_another_path() -> None:
    assert github_host().install("bot") == "https://github.com/apps/bot/installations/new"
    enterprise = github_host("https://ghe.example.com/api/v3")
    assert enterprise.install("bot") == "https://ghe.example.com/github-apps/bot/installations/new"


def test_approval_links_lead_to_the_installation_of_the_account() -> None:
    host = github_host()
    assert host.approve_permissions(7) == "https://github.com/settings/installations/7/permissions/update"
    expected = "https://github.com/organizations/acme/settings/installations/7/permissions/update"
    assert host.approve_permissions(7, "acme") == expected


@pytest.mark.parametrize("login", ["", "-a", "a/b", "a" * 40, "ä", "a b", "a\n"])
def test_account_names_that_github_does_not_know_are_refused(login: str) -> None:
    with pytest.raises(HostError):
        checked_login(login)


def test_plain_http_is_for_this_machine_alone() -> None:
    assert checked_url("http://127.0.0.1:1/x/", "it") == "http://127.0.0.1:1/x"
    with pytest.raises(HostError, match="https"):
        checked_url("http://192.168.0.1/x", "it")
