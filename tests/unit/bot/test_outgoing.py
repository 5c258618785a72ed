"""Effects lose what looks like a credential, say so once, and leave everything else as it is."""

import pytest

from bot.comments.credentials import NOTE
from bot.credentials import register_settings, scrub, scrub_json
from bot.github.secrets import register_secret
from bot.jobs.effects import Effect, Publish, ReplyInThread, Say, ShowStatus, UpdatePull
from bot.outgoing import files_with_our_secrets, without_credentials
from pipeline.models import SkillDraft

REAL = "ghp_" + "b7Qz9Lk2Xw4Rt8Vn3Mp6Ys1Hd5Jf0GcPaEuo"
INSTALLATION = "ghs_1234567_" + "eyJhbGciOi.x7Y9zQm2" * 27
KEY = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    + "MIIEowIBAAKCAQEAq7Zx9Lw4Rt8Vn3Mp6Ys1Hd5J\n" * 3
    + "-----END RSA PRIVATE KEY-----"
)


@pytest.mark.parametrize("value", [REAL, INSTALLATION, KEY, "AKIA" + "Q7ZL9WX4RT8VN3MP", "glpat-" + REAL[4:28]])
def test_what_looks_like_a_real_credential_goes(value: str) -> None:
    assert scrub(f"Use {value} here.") == "Use [redacted] here."
    assert scrub_json({"a": [{"b": f"x {value}"}, 3, None]}) == {"a": [{"b": "x [redacted]"}, 3, None]}


@pytest.mark.parametrize(
    "text",
    [
        "export GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "AKIAIOSFODNN7EXAMPLE",
        "commit 0123456789abcdef0123456789abcdef01234567 in v1.2.3",
        "sk-your-key-goes-here-please",
        "-----BEGIN PUBLIC KEY-----",
    ],
)
def test_an_example_stays(text: str) -> None:
    assert scrub(text) == text


def test_values_of_the_settings_and_of_secret_variables_go_and_ordinary_ones_stay() -> None:
    address = "postgresql://bot:P6Ys1Hd5Jf0G@db.example/bot"
    variables = {"SOME_API_KEY": "u7Rn2Qm8Zx4Lw6Vt", "HOME_KEY": "/home/somebody/.ssh/key", "LANG": "a value as long"}
    register_settings({"webhook_secret": "short-but-secret", "database_url": address}, variables)
    text = f"{address} u7Rn2Qm8Zx4Lw6Vt /home/somebody/.ssh/key short-but-secret a value as long"
    assert scrub(text) == (
        "postgresql://bot:[redacted]@db.example/bot [redacted] /home/somebody/.ssh/key [redacted] a value as long"
    )


def test_settings_are_never_forgotten_however_many_tokens_come() -> None:
    register_settings({"api_token": "the-lasting-one-0123"}, {})
    for number in range(5_000):
        register_secret(f"token-number-{number:06}")
    assert scrub("the-lasting-one-0123") == "[redacted]"


@pytest.mark.parametrize(
    "effect",
    [
        Say(key="k", number=1, body=f"Hello {REAL}"),
        UpdatePull(key="k", number=1, body=f"Hello {REAL}"),
        ReplyInThread(key="k", pull_number=1, comment_id=2, body=f"Hello {REAL}"),
    ],
)
def test_a_text_says_once_that_something_was_left_out(effect: Effect) -> None:
    clean = without_credentials(effect)
    assert clean.model_dump()["body"] == f"Hello [redacted]\n\n{NOTE}"
    assert without_credentials(clean) == clean


def test_the_status_comment_only_loses_the_value() -> None:
    assert without_credentials(ShowStatus(number=1, body=f"x {REAL}")) == ShowStatus(number=1, body="x [redacted]")


def test_what_has_no_credential_is_the_same() -> None:
    effect = Say(key="k", number=1, body="Set `GITHUB_TOKEN`, e.g. ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.")
    assert without_credentials(effect) is effect


def test_approved_files_are_not_changed_but_ours_among_them_are_named() -> None:
    register_secret("a-secret-of-this-service")
    draft = SkillDraft(name="a", path="skills/a", files={"SKILL.md": REAL, "b.md": "a-secret-of-this-service"})
    effect = Publish(
        key="k", issue_number=1, branch="b", draft=draft, commit_message=f"Add {REAL}", title=f"{REAL}", body="x"
    )
    clean = without_credentials(effect)
    assert isinstance(clean, Publish)
    assert (clean.draft, clean.title, clean.commit_message) == (draft, "[redacted]", "Add [redacted]")
    assert files_with_our_secrets(draft) == ["b.md"]
