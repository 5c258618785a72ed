"""Which language a request is written in: by script, else by its small words. Pure, no data files."""

import re
from collections.abc import Mapping

_SCRIPTS: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    ("ja", "Japanese", re.compile(r"[\u3040-\u30ff]")),
    ("ko", "Korean", re.compile(r"[\uac00-\ud7af]")),
    ("zh", "Chinese", re.compile(r"[\u4e00-\u9fff]")),
    ("ru", "Russian", re.compile(r"[\u0400-\u04ff]")),
    ("el", "Greek", re.compile(r"[\u0370-\u03ff]")),
    ("ar", "Arabic", re.compile(r"[\u0600-\u06ff]")),
    ("he", "Hebrew", re.compile(r"[\u0590-\u05ff]")),
    ("hi", "Hindi", re.compile(r"[\u0900-\u097f]")),
)
_SMALL_WORDS: Mapping[str, tuple[str, frozenset[str]]] = {
    "en": ("English", frozenset(["the", "a", "an", "and", "or", "of", "to", "in", "for", "with", "when", "that", "is", "are", "should", "it", "from", "into", "by", "not"])),
    "de": ("German", frozenset(["der", "die", "das", "und", "oder", "ein", "eine", "einen", "für", "mit", "wenn", "soll", "ist", "sind", "nicht", "aus", "bei", "zu", "den", "dem"])),
    "fr": ("French", frozenset(["le", "la", "les", "un", "une", "et", "ou", "des", "du", "de", "pour", "avec", "quand", "est", "dans", "sur", "qui", "que", "ne", "pas", "doit", "il"])),
    "es": ("Spanish", frozenset(["el", "la", "los", "las", "un", "una", "y", "o", "de", "del", "para", "con", "cuando", "es", "en", "que", "no", "debe", "se", "por", "como"])),
    "pt": ("Portuguese", frozenset(["o", "a", "os", "as", "um", "uma", "e", "ou", "de", "do", "da", "para", "com", "quando", "é", "em", "que", "não", "deve", "se", "por", "como"])),
    "it": ("Italian", frozenset(["il", "lo", "la", "i", "gli", "le", "un", "una", "e", "o", "di", "del", "della", "per", "con", "quando", "è", "in", "che", "non", "deve", "si"])),
    "nl": ("Dutch", frozenset(["de", "het", "een", "en", "of", "van", "voor", "met", "wanneer", "is", "zijn", "in", "dat", "niet", "moet", "uit", "bij", "te", "op", "als"])),
}  # fmt: skip


def detect(text: str) -> tuple[str, str]:
    """(code, English name); English when nothing else is clearer."""
    letters = sum(character.isalpha() for character in text)
    for code, name, script in _SCRIPTS:
        found = len(script.findall(text))
        if found >= 3 and found * 5 >= letters:
            return code, name
    words = re.findall(r"[^\W\d_]+", text.lower())
    scores = {code: sum(word in small for word in words) for code, (_, small) in _SMALL_WORDS.items()}
    best = max(scores, key=lambda code: (scores[code], code == "en"))
    if scores[best] > scores["en"] * 1.2 and scores[best] >= 3:
        return best, _SMALL_WORDS[best][0]
    return "en", "English"
