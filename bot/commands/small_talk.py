"""Words that answer nothing although they stand where an answer would: consent, thanks, a command shown as code. Pure.

Taken as feedback they would cost a round and replace the very preview that somebody likes.
"""

import re

_LONGEST = 80


def _phrases(text: str) -> frozenset[str]:
    return frozenset(phrase.strip() for phrase in re.split(r"[|\n]", text) if phrase.strip())


_CONSENT = _phrases("""
    lgtm | approve | approved | i approve | accept | accepted | ok | okay | k | yes | yep | sure | fine | all good
    looks good | looks good to me | looks great | sounds good | good | great | perfect | nice | good to go
    go | go ahead | go for it | ship it | merge it | do it | well done | good job | great job | great work | good work
    +1 | 1 | :+1: | :shipit: | :rocket: | :tada:
    ja | passt | sieht gut aus | gut | super | genehmigt | einverstanden | oui | parfait | d'accord
    sí | si | perfecto | de acuerdo | vale | sim | perfeito | да | 好 | 可以 | 好的 | はい
""")
_THANKS = _phrases("""
    thanks | thank you | thx | ty | many thanks | thanks a lot | thank you very much | cheers
    danke | vielen dank | merci | gracias | obrigado | obrigada | спасибо | 谢谢 | ありがとう
""")
_FRIENDLY = frozenset("👍👌👏🙌🙏🚀🎉🥳💯🔥✅✔☑❤😀😃😄🙂😊🏻🏼🏽🏾🏿\ufe0f\u200d")
_COMMAND = re.compile(r"/skill(?![\w-])", re.IGNORECASE)


def is_consent(text: str) -> bool:
    """Nothing but agreement and thanks: "LGTM!", "Looks good to me, thanks", 👍."""
    parts = _parts(text)
    return parts is not None and all(part in _CONSENT or part in _THANKS for part in parts)


def is_thanks(text: str) -> bool:
    """Nothing but thanks: no answer to any question, not even to one that "yes" answers."""
    parts = _parts(text)
    return bool(parts) and all(part in _THANKS for part in parts or [])


def only_shows_commands(text: str) -> bool:
    """Commands and nothing else, but in code, where commands are not run."""
    lines = [line.strip(" \t`") for line in text.splitlines()]
    lines = [line for line in lines if line]
    return bool(lines) and "`" in text and all(_COMMAND.match(line) for line in lines)


def _parts(text: str) -> list[str] | None:
    """Its phrases in small letters, without friendly emoji; None for a text too long to be small talk, or empty."""
    if len(text) > _LONGEST or not text.strip():
        return None
    words = "".join(character for character in text if character not in _FRIENDLY)
    phrases = re.split(r"[.,;!?\n—–-]+", words.casefold().replace("’", "'"))
    return [phrase for each in phrases if (phrase := " ".join(each.split()))]
