"""One list of permissions: what tokens ask for, the manifest, the sandbox's App and the page about security agree."""

import re
from pathlib import Path

from bot.github.tokens import PERMISSIONS as OF_PURPOSES
from bot.sandbox.seeding import PERMISSIONS as OF_THE_SANDBOX
from bot.setup.manifest import PERMISSIONS

PAGE = Path(__file__).parents[3] / "docs" / "security.md"
MANIFEST = {each.name: each.access.value for each in PERMISSIONS}


def test_the_page_lists_what_the_manifest_asks_for_each_with_a_reason() -> None:
    table = PAGE.read_text().partition("<!-- made: permissions -->")[2].partition("<!-- end: permissions -->")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]{20,}) \| ([^|]{10,}) \|$", table, re.MULTILINE)
    assert {name: access for name, access, _, _ in rows} == MANIFEST


def test_tokens_ask_for_exactly_what_the_manifest_has() -> None:
    asked: dict[str, str] = {}
    for permissions in OF_PURPOSES.values():
        for name, access in permissions.items():
            asked[name] = max(asked.get(name, ""), access)  # "write" sorts behind "read"
    assert asked == MANIFEST
    assert {"metadata": "read", **OF_THE_SANDBOX} == MANIFEST


def test_nothing_that_would_run_code_or_change_settings_is_asked_for() -> None:
    assert not {"workflows", "administration", "members", "secrets", "actions"} & set(MANIFEST)
