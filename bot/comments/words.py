"""Small words that every comment is made of: people, commands, dates, amounts. Pure; the results are safe Markdown."""

import re
from datetime import datetime

from bot.commands.table import COMMANDS, Verb
from bot.comments.markdown import inline_code, safe_inline
from pipeline.models import Usage

_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}")
OUTLINE = "outline"


def mention(login: str) -> str:
    """`@login`, which notifies: for the one person a comment is addressed to. Anything but a login becomes code."""
    return f"@{login}" if _LOGIN.fullmatch(login) else inline_code(login)


def person(login: str) -> str:
    """A person's name without notifying them."""
    return inline_code(login) or "somebody"


APPROVER = "somebody with write permission"
"""Who approves, in short: the requester reads it, too. The table of commands has the whole rule."""


def command(verb: Verb, text: str = "") -> str:
    """A command as inline code, so that a quoted copy of the comment never commands anything."""
    return inline_code(f"/skill {verb} {text}".strip())


def usage_of(verb: Verb) -> str:
    return inline_code(COMMANDS[verb].usage)


def counted(number: int, one: str, many: str = "") -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(items: list[str], word: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {word} {items[-1]}" if items else ""


def bullets(items: list[str], max_chars: int = 600) -> str:
    """Untrusted lines as a list."""
    return "\n".join(f"- {safe_inline(item, max_chars)}" for item in items)


def day(moment: datetime) -> str:
    """`24 October 2026`."""
    return f"{moment.day} {moment:%B %Y}"


def size(number: int) -> str:
    """`812 bytes`, `3.4 kB`."""
    return counted(number, "byte") if number < 1_000 else f"{number / 1_000:.1f} kB"


def percent(share: float) -> str:
    return f"{round(share * 100)}%"


def spent(usage: Usage) -> str:
    """Calls, tokens and cost of a model; "" when none was used."""
    if not usage.calls:
        return ""
    tokens = usage.prompt_tokens + usage.completion_tokens
    return f"{counted(usage.calls, 'call')}, {counted(tokens, 'token')}, {price(usage)}"


def price(usage: Usage) -> str:
    """`0.12 USD`; an unknown price is not shown as free."""
    if usage.cost_usd is None:
        return "price unknown"
    return f"{usage.cost_usd:.2f} USD" if usage.cost_usd >= 0.01 else "under 0.01 USD"


def written_by(drafter: str) -> str:
    """Who drafted: a model, or the outline drafter under its honest label."""
    if drafter == OUTLINE:
        return "outline without a language model"
    return inline_code(drafter) or "not started yet"
