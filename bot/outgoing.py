"""The last look at what an effect writes: no credential leaves, and people are told that one was there."""

from bot.comments.credentials import NOTE
from bot.credentials import scrub_json
from bot.github.secrets import MASK, redact_known
from bot.jobs.effects import Amend, Effect, Publish, ReplyInThread, Say, UpdatePull
from pipeline.models import SkillDraft

_EXPLAINED = (Say, Amend, ReplyInThread, UpdatePull, Publish)
"""Texts that people read for themselves. The status comment only loses the value."""
_UNTOUCHED = frozenset({"kind", "key", "draft"})


def without_credentials(effect: Effect) -> Effect:
    """The effect as it may leave. What a person approved (a draft's files) is never changed here."""
    data = effect.model_dump(mode="json", exclude={"draft"})
    clean = {name: value if name in _UNTOUCHED else scrub_json(value) for name, value in data.items()}
    if isinstance(effect, _EXPLAINED) and MASK in str(clean["body"]) and NOTE not in str(clean["body"]):
        clean["body"] = f"{clean['body']}\n\n{NOTE}"
    if clean == data:
        return effect
    draft = {"draft": effect.draft} if isinstance(effect, Publish) else {}
    return type(effect).model_validate({**clean, **draft})


def files_with_our_secrets(draft: SkillDraft) -> list[str]:
    """Files that hold a value of this service itself; they are not published."""
    return [path for path, text in draft.files.items() if redact_known(text) != text]
