"""Skill names and descriptions: what is wrong with one, and the nearest that is right and free. Pure."""

import re
import unicodedata
from collections.abc import Collection, Sequence

from pipeline.visible import visible

NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
MAX_NAME = 64
MAX_DESCRIPTION = 1_024
RESERVED = ("anthropic", "claude")
VAGUE = frozenset(
    {"helper", "helpers", "utils", "util", "tools", "tool", "misc", "stuff", "skill", "skills", "new-skill"}
)

_TRANSLITERATED = str.maketrans(
    {
        "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "o", "å": "a", "œ": "oe", "ð": "d", "þ": "th",
        "ł": "l", "đ": "d", "ı": "i",
        **dict(zip("абвгдеёзийклмнопрстуфхыэ", "abvgdeezijklmnoprstufhye", strict=True)),
        "ж": "zh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sch", "ю": "yu", "я": "ya", "ь": "", "ъ": "",
        **dict(zip("αβγδεζηικλμνοπρστυφω", "avgdeziiklmnoprstyfo", strict=True)),
        "θ": "th", "ξ": "x", "χ": "ch", "ψ": "ps", "ς": "s",
    }
)  # fmt: skip


def slug(text: str) -> str:
    """Lower-case ASCII words joined by hyphens, at most 64 characters; "" when nothing is left."""
    folded = unicodedata.normalize("NFC", text).lower().translate(_TRANSLITERATED)
    ascii_only = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", ascii_only)
    while words and len("-".join(words)) > MAX_NAME:
        words.pop() if len(words) > 1 else words.__setitem__(0, words[0][:MAX_NAME])
    return "-".join(words)


def name_problems(name: str, taken: Collection[str] = ()) -> list[str]:
    """Sentences on why this cannot be the skill's name; empty when it can."""
    if not name.strip():
        return ["The name is empty."]
    problems = []
    if not NAME.fullmatch(name):
        problems.append("The name may contain only lower-case letters, digits and single hyphens between them.")
    if len(name) > MAX_NAME:
        problems.append(f"The name has {len(name)} characters; {MAX_NAME} are allowed.")
    if found := [word for word in RESERVED if word in name.lower()]:
        problems.append(f"The name contains the reserved word “{found[0]}”.")
    if name in VAGUE:
        problems.append("The name says nothing about what the skill does.")
    if name in taken:
        problems.append(f"A skill called “{name}” already exists in this repository.")
    return problems


def description_problems(description: str) -> list[str]:
    """Sentences on why this cannot be the description; empty when it can."""
    text = description.strip()
    if not text:
        return ["The description is empty."]
    problems = []
    if len(text) > MAX_DESCRIPTION:
        problems.append(f"The description has {len(text)} characters; {MAX_DESCRIPTION} are allowed.")
    if "<" in text or ">" in text:
        problems.append("The description contains angle brackets, which some clients refuse.")
    return problems


def free_name(wishes: Sequence[str], taken: Collection[str]) -> str:
    """The first wish that makes a valid and free name, else the first with words or a number added."""
    candidates = [slug(_without_reserved(wish)) for wish in wishes]
    candidates = [name for name in candidates if name and name not in VAGUE] or ["requested-skill"]
    for name in candidates:
        if not name_problems(name, taken):
            return name
    base = candidates[0]
    number = 2
    while name_problems(numbered := f"{base[: MAX_NAME - 4].rstrip('-')}-{number}", taken):
        number += 1
    return numbered


def valid_description(description: str) -> str:
    """The text as one line without angle brackets, cut at a sentence or word so that it fits."""
    text = " ".join(visible(description).replace("<", "").replace(">", "").split())
    if len(text) <= MAX_DESCRIPTION:
        return text
    kept = text[: MAX_DESCRIPTION - 1]
    end = max(kept.rfind(mark) for mark in (". ", "! ", "? ", "。"))
    return kept[: end + 1].strip() if end > MAX_DESCRIPTION // 2 else kept.rsplit(None, 1)[0] + "…"


def same_but_spelling(wish: str, name: str) -> bool:
    """Whether turning the wish into the name only lower-cased it and joined its words."""
    return re.sub(r"[\s_]+", "-", wish.strip().lower()) == name


def _without_reserved(text: str) -> str:
    for word in RESERVED:
        text = re.sub(word, " ", text, flags=re.IGNORECASE)
    return text
