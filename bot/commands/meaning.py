"""What the words of one command mean. Pure, standard library only; where in a comment commands stand is `grammar`'s."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.commands.table import COMMANDS, Takes, Verb

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_HASH = re.compile(r"[0-9a-f]{6,64}")
_VERB = re.compile(r"(?P<word>[^\s:,]+)[:,]?\s*(?P<text>.*)", re.DOTALL)
_WORD_LIMIT = 40


@dataclass(frozen=True)
class Command:
    """What somebody told the bot. `text` is stripped; "" when the command takes none."""

    verb: Verb
    text: str = ""


@dataclass(frozen=True)
class Unknown:
    """A word after `/skill` that is no command, and the command that looks most like it."""

    word: str
    nearest: Verb | None


@dataclass(frozen=True)
class Malformed:
    """A known command whose text does not fit; `reason` is a sentence for the person."""

    verb: Verb
    text: str
    reason: str


def understand(text: str, following: Sequence[str] = ()) -> Command | Unknown | Malformed:
    """What `text`, that which stands behind `/skill` in its line, and the lines `following` it mean."""
    match = _VERB.match(text)
    if match is None:
        return Command(Verb.HELP)
    word = match["word"].lower().rstrip(".!?;")
    if word not in list(Verb):
        return Unknown(match["word"][:_WORD_LIMIT], nearest_verb(word))
    verb = Verb(word)
    said = match["text"].strip()
    match COMMANDS[verb].takes:
        case Takes.TEXT:
            return _with_text(verb, "\n".join([said, *following]).strip())
        case Takes.HASH:
            return _with_hash(verb, _bare(said))
        case Takes.NAME:
            return _with_name(verb, _bare(said))
        case Takes.NOTHING if not _bare(said):
            return Command(verb)
        case Takes.NOTHING:
            return Malformed(verb, said, f"`/skill {verb}` stands alone, without further words.")


def nearest_verb(word: str) -> Verb | None:
    """The command that `word` was probably meant to be."""
    matches = difflib.get_close_matches(word.lower()[:_WORD_LIMIT], [str(verb) for verb in Verb], n=1, cutoff=0.6)
    return Verb(matches[0]) if matches else None


def _with_text(verb: Verb, text: str) -> Command | Malformed:
    if not text:
        return Malformed(verb, "", f"`/skill {verb}` needs the text right behind it.")
    return Command(verb, text)


def _with_hash(verb: Verb, text: str) -> Command | Malformed:
    digest = text.lower()
    if digest and not _HASH.fullmatch(digest):
        return Malformed(verb, text, f"`/skill {verb}` takes nothing, or the hash shown in the preview.")
    return Command(verb, digest)


def _with_name(verb: Verb, text: str) -> Command | Malformed:
    if _NAME.fullmatch(text) and len(text) <= 64:
        return Command(verb, text)
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:64].strip("-")
    example = f", for example `/skill {verb} {slug or 'pdf-forms'}`"
    return Malformed(
        verb, text, f"A skill name has only lower-case letters, digits and single hyphens, at most 64{example}."
    )


def _bare(text: str) -> str:
    """A short argument without the code style, quotes and full stop that people put around it."""
    return text.strip().rstrip(".!").strip("`\"'<>[] ")
