"""Changes that a person's words ask for, as far as they can be made without understanding more than the words.

Each request is either carried out on exactly the section it concerns or reported as not understood. Pure.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from pipeline.models import Plan
from pipeline.naming import description_problems
from pipeline.outline.language import detect
from pipeline.outline.phrases import PHRASES, Phrases, phrases
from pipeline.outline.reading import blocks, clean, sentences
from pipeline.outline.wording import OPENS, QUOTE, WORDINGS, asked
from pipeline.routing import terms
from pipeline.signatures.generation import Done, Edit, Revision, SectionText

_PLACE = re.compile(r"^At (?P<file>[^\s:]+)(?::(?P<line>\d+))?(?: \(“(?P<quoted>.*?)”\))?: (?P<words>.*)$", re.DOTALL)
_ASKED_WITHIN = 2_000
"""Characters at the start of a request in which it says what it asks for; long texts would take patterns minutes."""
_SUGGESTION = re.compile(r"```suggestion\s*\n(?P<text>.*?)\n?```", re.DOTALL)


@dataclass
class Draft:
    """The document while it is being changed. `parts` maps section numbers to text; None is deleted."""

    headings: dict[int, str]
    texts: dict[int, str | None]
    description: str
    added: list[tuple[str, str]] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)
    new_description: str = ""

    def find(self, name: str) -> int | None:
        """The section a name means: the same words, or most of them."""
        wanted = set(terms(name)) or {name.strip().lower()}
        best, score = None, 0.0
        for number, heading in self.headings.items():
            have = set(terms(heading)) or {heading.strip().lower()}
            if self.texts.get(number) is None or number == 0:
                continue
            likeness = len(wanted & have) / len(wanted | have)
            if likeness > score:
                best, score = number, likeness
        return best if score >= 0.34 else None


Act = Callable[[re.Match[str], str, Draft, Phrases], str]
"""Makes one change and says in a sentence what was done; "" when it cannot be done to this draft."""


def incorporate(feedback: Sequence[str], description: str, sections: Sequence[SectionText], plan: Plan) -> Revision:
    draft = Draft(
        headings={section.number: section.heading for section in sections},
        texts={section.number: section.markdown for section in sections},
        description=description,
    )
    words = phrases(detect(description + "\n" + "\n".join(section.markdown for section in sections))[0])
    done: list[Done] = []
    for item in feedback:
        place = _PLACE.match(item)
        for request in requests(place["words"] if place else item):
            done.append(_carry_out(request, place, draft, words))
    return Revision(edits=_edits(draft), file_edits=[], description=draft.new_description, done=done[:12])


def requests(text: str) -> list[str]:
    """The single requests: list items each, else the paragraphs; code stays with the words before it."""
    found: list[str] = []
    if _SUGGESTION.search(text):
        return [text]
    for block in blocks(text):
        if block.kind == "code" and found:
            found[-1] += f"\n\n{block.text}"
        elif block.kind == "code":
            found.append(block.text)
        else:
            found.extend(piece for piece in _split_requests(block.text) if piece)
    return found


def _split_requests(text: str) -> list[str]:
    """Sentences that each open with a verb of change are requests of their own."""
    return [piece.strip() for piece in OPENS.split(text)]


def _carry_out(request: str, place: re.Match[str] | None, draft: Draft, words: Phrases) -> Done:
    shown = " ".join(request.split())[:500]
    if place and (suggestion := _SUGGESTION.search(request)):
        note = _suggested(suggestion["text"], place["quoted"] or "", draft)
        outcome = "applied" if note else "rejected"
        return Done(request=shown, outcome=outcome, note=note or "The suggested line was not found in the document.")
    for pattern, act in chain(_ACTS, _foreign(request, draft)):
        match = pattern.search(request[:_ASKED_WITHIN])
        if match and (note := act(match, request, draft, words)):
            return Done(request=shown, outcome="applied", note=note)
    return Done(
        request=shown,
        outcome="rejected",
        note="Without a language model only direct changes are possible: add, remove, rename, replace or shorten "
        "something that is named, change the description, or add a rule, step, gotcha or example.",
    )


def _body(match: re.Match[str], request: str) -> str:
    """What is to be written; a long one goes on where the search for the request ended."""
    rest = request[_ASKED_WITHIN:] if match.end("body") == _ASKED_WITHIN else ""
    return match["body"] + rest


def _foreign(request: str, draft: Draft) -> Iterator[tuple[re.Pattern[str], Act]]:
    """The usual requests in the language of the words, then in that of the document, then in the others."""
    spoken = [detect(request)[0], detect(draft.description)[0], *WORDINGS]
    return ((pattern, _KINDS[kind]) for code in dict.fromkeys(spoken) for kind, pattern in asked(code))


# --- the changes -----------------------------------------------------------------------------------------------------


def _replace_text(match: re.Match[str], request: str, draft: Draft, words: Phrases) -> str:
    old, new = match["old"], match["new"]
    hits = [number for number, text in draft.texts.items() if text and old in text]
    for number in hits:
        text = draft.texts[number]
        assert text is not None, "only sections with text are hit"
        draft.texts[number] = text.replace(old, new)
        draft.touched.add(number)
    in_description = old in (draft.new_description or draft.description)
    if in_description:
        changed = (draft.new_description or draft.description).replace(old, new)
        if not description_problems(changed):
            draft.new_description = changed
    if not hits and not in_description:
        return ""
    where = [f"“{draft.headings[number] or 'the introduction'}”" for number in hits]
    return f"Replaced in {', '.join([*where, *(['the description'] if in_description else [])])}."


def _rename(match: re.Match[str], request: str, draft: Draft, words: Phrases) -> str:
    number = draft.find(match["old"])
    if number is None:
        return ""
    old, new = draft.headings[number], _title(match["new"])
    draft.headings[number] = new
    draft.touched.add(number)
    return f"Renamed “{old}” to “{new}”."


def _remove_section(match: re.Match[str], request: str, draft: Draft, words: Phrases) -> str:
    number = draft.find(match["old"])
    if number is None:
        return ""
    draft.texts[number] = None
    draft.touched.add(number)
    return f"Removed the section “{draft.headings[number]}”."


def _remove_text(match: re.Match[str], request: str, draft: Draft, words: Phrases) -> str:
    old = match["old"]
    for number, text in draft.texts.items():
        if text and old in text:
            kept = [line for line in text.split("\n") if old not in line or not re.match(r"\s*([-*+]|\d+[.)])\s", line)]
            changed = "\n".join(kept)
            draft.texts[number] = changed if changed != text else text.replace(old, "")
            draft.touched.add(number)
            return f"Removed from “{draft.headings[number] or 'the introduction'}”."
    return ""


def _shorten(match: re.Match[str], request: str, draft: Draft, words: Phrases) -> str:
    """Nothing is reworded: the first sentence of each item stays, or the first items where a number is given."""
    number = draft.find(match["old"])
    if number is None:
        return ""
    before, count = draft.texts[number] or "", match.groupdict().get("count")
    after = _first_sentences(before) if count is None else _first_items(before, int(count))
    if after == before:
        return ""
    draft.texts[number] = after
    draft.touched.add(number)
    kept = "the first sentence of each item" if count is None else f"the first {count} items"
    return f"Shortened “{draft.headings[number]}” to {kept}."


def _first_sentences(text: str) -> str:
    lines: list[str] = []
    fenced = False
    for line in text.split("\n"):
        fenced ^= line.lstrip().startswith(("```", "~~~"))
        mark = re.match(r"\s*(?:(?:[-*+]|\d+[.)])\s+)?", line)
        lead = mark[0] if mark else ""
        first = sentences(line[len(lead) :])[:1]
        lines.append(line if fenced or not first or line.lstrip().startswith(("|", "```", "~~~")) else lead + first[0])
    return "\n".join(lines)


def _first_items(text: str, count: int) -> str:
    """The list's first items with what belongs to them; all of it when there are not more."""
    starts = [match.start() for match in re.finditer(r"^(?:[-*+]|\d+[.)])\s", text, re.MULTILINE)]
    return text if count < 1 or len(starts) <= count else text[: starts[count]].rstrip() + "\n"


def _describe(match: re.Match[str], request: str, draft: Draft, words: Phrases) -> str:
    text = " ".join(match["new"].split()).strip("\"“”'` ")
    if description_problems(text):
        return ""
    draft.new_description = text
    return "Changed the description."


def _mention(match: re.Match[str], request: str, draft: Draft, words: Phrases) -> str:
    base = (draft.new_description or draft.description).rstrip(" .")
    text = f"{base}; {match['new'].strip().rstrip('.').strip(chr(34) + '“”')}."
    if description_problems(text):
        return ""
    draft.new_description = text
    return "Added to the description."


def _add_section(match: re.Match[str], request: str, draft: Draft, words: Phrases) -> str:
    title, body = _title(match["title"]), _body(match, request).strip()
    if not body:
        return ""
    if draft.find(title) is not None and set(terms(draft.headings[draft.find(title) or 0])) == set(terms(title)):
        return _append(draft, title, body)
    draft.added.append((title, _sentence(body)))
    return f"Added the section “{title}”."


def _add_to_section(match: re.Match[str], request: str, draft: Draft, words: Phrases) -> str:
    number = draft.find(match["title"])
    return _append(draft, draft.headings[number], _body(match, request)) if number is not None else ""


def _kind_of_item(title: Callable[[Phrases], str]) -> Callable[[re.Match[str], str, Draft, Phrases], str]:
    def act(match: re.Match[str], request: str, draft: Draft, words: Phrases) -> str:
        return _append(draft, _existing(draft, title), _body(match, request)) or ""

    def _existing(draft: Draft, title: Callable[[Phrases], str]) -> str:
        names = {title(known) for known in PHRASES.values()}
        return next((heading for n, heading in draft.headings.items() if heading in names and draft.texts[n]), "") or (
            title(phrases(detect(draft.description)[0]))
        )

    return act


def _add_example(match: re.Match[str], request: str, draft: Draft, words: Phrases) -> str:
    body = _body(match, request).strip()
    if not body:
        return ""
    names = {known.example for known in PHRASES.values()}
    number = next((n for n, heading in draft.headings.items() if heading in names and draft.texts[n]), None)
    if number is None:
        draft.added.append((words.example, body))
        return f"Added the section “{words.example}”."
    draft.texts[number] = f"{(draft.texts[number] or '').rstrip()}\n\n{body}\n"
    draft.touched.add(number)
    return f"Added an example to “{draft.headings[number]}”."


def _append(draft: Draft, title: str, body: str) -> str:
    """A list item at the end of a section, which is made when there is none."""
    body = _sentence(body)
    if not body:
        return ""
    number = next((n for n, heading in draft.headings.items() if heading == title and draft.texts[n] is not None), None)
    if number is None:
        for position, (name, text) in enumerate(draft.added):
            if name == title:
                draft.added[position] = (name, f"{_as_list(text)}\n- {body}")
                return f"Added to the new section “{title}”."
        draft.added.append((title, body))
        return f"Added the section “{title}”."
    text = (draft.texts[number] or "").rstrip()
    numbered = re.findall(r"^(\d+)\. ", text, re.MULTILINE)
    mark = f"{int(numbered[-1]) + 1}." if numbered else "-"
    listed = text if re.search(r"^([-*+]|\d+\.) ", text, re.MULTILINE) else _as_list(text)
    draft.texts[number] = f"{listed}\n{mark} {body}\n"
    draft.touched.add(number)
    return f"Added to “{title}”."


def _suggested(text: str, quoted: str, draft: Draft) -> str:
    """A review suggestion replaces the line it stands at."""
    for number, current in draft.texts.items():
        if not current or not quoted:
            continue
        lines = current.split("\n")
        position = next((n for n, line in enumerate(lines) if line.strip() == quoted), None)
        if position is not None:
            lines[position : position + 1] = clean(text).split("\n")
            draft.texts[number] = "\n".join(lines)
            draft.touched.add(number)
            return f"Took over the suggestion in “{draft.headings[number] or 'the introduction'}”."
    return ""


_SHORTEN = r"\b(?:shorten|condense|cut down)\b\s+(?:the )?"
_TO = r"(?:\s+(?:down )?to\s+(?:the first )?(?P<count>\d{1,3})(?:\s+\w+)?)?\W*$"
_ANY = r"(?:the |a |an |new |another |more |one |this |following )*"
_SECTION = QUOTE.format("old") + r"|(?P<bare>[\w -]{3,60}?)"
_BODY = r"(?:[:,]|\bthat\b|\bsaying\b|\bwhich says\b|\babout\b|–|—| - )\s*(?P<body>.+)"
_ACTS: tuple[tuple[re.Pattern[str], Act], ...] = (
    (re.compile(rf"{_SHORTEN}(?:section )?{QUOTE.format('old')}(?:\s+section)?{_TO}", re.I), _shorten),
    (re.compile(rf"{_SHORTEN}(?P<old>[\w /-]{{3,60}}?)\s+section{_TO}", re.I), _shorten),
    (re.compile(rf"\b(?:rename|call)\b.*?{QUOTE.format('old')}.*?(?:to|as|into)?\s*{QUOTE.format('new')}", re.I | re.S), _rename),
    (re.compile(rf"\b(?:replace|change|use)\b.*?{QUOTE.format('old')}\s*(?:with|by|to|for|into)\s*{QUOTE.format('new')}", re.I | re.S), _replace_text),
    (re.compile(r"\b(?:change|set|make|rewrite|update)\b[^:\n]{0,20}\bdescription\b[^:\n]{0,20}(?::|\bto\b)\s*(?P<new>.+)", re.I | re.S), _describe),
    (re.compile(rf"\b(?:mention|add)\b\s+{QUOTE.format('new')}\s+(?:in|to) the description", re.I | re.S), _mention),
    (re.compile(rf"\b(?:remove|delete|drop)\b\s+(?:the )?(?:section )?{QUOTE.format('old')}(?:\s+section)?\s*\.?$", re.I), _remove_section),
    (re.compile(r"\b(?:remove|delete|drop)\b\s+(?:the )?(?:section (?:on |about |called )?)?(?P<old>[\w /-]{3,60}?)\s+section\b", re.I), _remove_section),
    (re.compile(rf"\b(?:remove|delete|drop)\b.*?{QUOTE.format('old')}", re.I | re.S), _remove_text),
    (re.compile(rf"\b(?:add|include|append)\b\s+{_ANY}example\w*\b[^:\n]{{0,60}}(?::|\n)\s*(?P<body>.+)", re.I | re.S), _add_example),
    (re.compile(rf"\b(?:add|include|write)\b\s+{_ANY}section\s+(?:on |about |called |named |titled )?[\"“'`]?(?P<title>[^\"”'`:\n]{{2,80}}?)[\"”'`]?\s*(?::|\bsaying\b|\bthat says\b|\n)\s*(?P<body>.+)", re.I | re.S), _add_section),
    (re.compile(r"\b(?:add|append|include)\b\s+(?:to|under|in)\s+(?:the )?[\"“'`]?(?P<title>[\w /-]{3,60}?)[\"”'`]?(?:\s+section)?\s*:\s*(?P<body>.+)", re.I | re.S), _add_to_section),
    (re.compile(rf"\b(?:add|append|include)\b\s+{QUOTE.format('body')}\s+(?:to|under|in)\s+(?:the )?[\"“'`]?(?P<title>[\w /-]{{3,60}}?)[\"”'`]?(?:\s+section)?\s*\.?$", re.I), _add_to_section),
    (re.compile(rf"\b(?:add|include|mention|note)\b\s+{_ANY}(?:gotcha|pitfall|warning|caveat)s?\b\s*{_BODY}", re.I | re.S), _kind_of_item(lambda p: p.gotchas)),
    (re.compile(rf"\b(?:add|include)\b\s+{_ANY}(?:rule|constraint|requirement)s?\b\s*{_BODY}", re.I | re.S), _kind_of_item(lambda p: p.rules)),
    (re.compile(rf"\b(?:add|include)\b\s+{_ANY}steps?\b\s*{_BODY}", re.I | re.S), _kind_of_item(lambda p: p.workflow)),
    (re.compile(rf"\b(?:add|include)\b\s+{_ANY}(?:check|verification|validation)(?: step)?s?\b\s*{_BODY}", re.I | re.S), _kind_of_item(lambda p: p.check)),
    (re.compile(rf"\b(?:add|include)\b\s+{_ANY}(?:reference|link)s?\b\s*(?::|\bto\b)\s*(?P<body>.+)", re.I | re.S), _kind_of_item(lambda p: p.references)),
    (re.compile(r"^\W*(?:please |also |and )*(?:mention|note|state|say|warn|point out)\b(?:\s+(?:that|about))?\s+(?P<body>.{8,})", re.I | re.S), _kind_of_item(lambda p: p.gotchas)),
    (re.compile(r"^\W*(?:please |also |and )*(?P<body>(?:always|never|do not|don't|must|only|avoid|prefer|use)\b.{6,})", re.I | re.S), _kind_of_item(lambda p: p.rules)),
    (re.compile(r"^\W*(?:please |also )*(?:it|this|the skill|agents?)\s+(?P<body>(?:must|should|has to|have to)\b.{6,})", re.I | re.S), _kind_of_item(lambda p: p.rules)),
)  # fmt: skip
_KINDS: Mapping[str, Act] = {
    "rename": _rename,
    "replace": _replace_text,
    "describe": _describe,
    "mention": _mention,
    "shorten": _shorten,
    "remove_section": _remove_section,
    "remove_text": _remove_text,
    "example": _add_example,
    "section": _add_section,
    "into_section": _add_to_section,
    "gotcha": _kind_of_item(lambda p: p.gotchas),
    "rule": _kind_of_item(lambda p: p.rules),
    "step": _kind_of_item(lambda p: p.workflow),
    "check": _kind_of_item(lambda p: p.check),
    "reference": _kind_of_item(lambda p: p.references),
}


def _edits(draft: Draft) -> list[Edit]:
    """Only touched sections are edited; new ones follow the last that exists."""
    edits = []
    for number in sorted(draft.touched):
        text = draft.texts[number]
        if text is None:
            edits.append(Edit(action="delete", section=number, heading="", markdown=""))
        else:
            edits.append(Edit(action="replace", section=number, heading=draft.headings[number], markdown=text))
    last = max(draft.headings, default=0)
    edits.extend(Edit(action="insert_after", section=last, heading=title, markdown=text) for title, text in draft.added)
    return edits[:20]


def _title(text: str) -> str:
    title = " ".join(re.sub(r"[#<>\"“”]", " ", text).split()).strip(" .:")[:80]
    return title[:1].upper() + title[1:]


def _sentence(text: str) -> str:
    """A body as written, starting with a capital and ending as a sentence when it is one line.

    "that says to list them" is an instruction to list them, and the colon of "that says: …" is not part of it.
    """
    body = text.strip().lstrip(":,–—").strip().strip('"“”').strip()
    if not body or "\n" in body:
        return body
    if body.lower().startswith("to "):
        body = body[3:].replace(" and to ", " and ")
    body = body[:1].upper() + body[1:]
    return body if body[-1] in ".!?:`)。" else f"{body}."


def _as_list(text: str) -> str:
    """A paragraph as the first item of a list; anything more complicated stays as it is."""
    stripped = text.strip()
    return f"- {stripped}" if stripped and "\n" not in stripped else stripped
