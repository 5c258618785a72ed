"""A request as the outline drafter understands it: the person's own sentences, lists, code and links, sorted by cues.

Pure. Nothing is added: every text in `Notes` stands in the request or in an answer.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token

from pipeline.journey import ClarificationRound
from pipeline.models import SkillRequest
from pipeline.outline.language import detect
from pipeline.outline.phrases import KINDS, PHRASES
from pipeline.visible import visible

_MARKDOWN = MarkdownIt("commonmark")
_LONGEST_EXAMPLE = 3_800
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-ZÄÖÜÀ-ÖØ-Þ¿¡`\"“])|(?<=[。！？])")
_HEADINGS: dict[str, re.Pattern[str]] = {
    "when": re.compile(r"\b(when|trigger|use it|use case|situation|wann|verwend|quand|cu[aá]ndo)|使|いつ", re.I),
    "examples": re.compile(r"\b(example|beispiel|exemple|ejemplo|sample)|例", re.I),
    "constraints": re.compile(
        r"\b(constraint|rule|limit|regel|contrainte|restricci|must|requirement)|制約|ルール", re.I
    ),
    "references": re.compile(r"\b(reference|link|source|documentation|quelle|r[eé]f[eé]ren|referencia)|参考", re.I),
    "checks": re.compile(r"\b(check|verif|valid|test|acceptance|prüf|vérif|comprob)|確認", re.I),
    "gotchas": re.compile(r"\b(gotcha|pitfall|caveat|watch out|common mistake|stolper|pi[eè]ge)|注意", re.I),
    "name": re.compile(r"^\s*(name|skill name|titel|nom|nombre)\s*$", re.I),
}
_CUES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("not_when", re.compile(r"^\W*(not for|do not use|don't use|not when|nicht für|nicht verwenden|pas pour|no para)", re.I)),
    ("when", re.compile(
        r"^\W*((use|load|trigger)( it| this( skill)?)? (when|whenever|for|if)|when (someone|people|a user|the user|users|asked|I|we|a)|"
        r"whenever|wenn |verwenden, wenn|quand |lorsque |cuando )", re.I)),
    ("gotchas", re.compile(
        r"\b(gotcha|pitfall|careful|beware|watch out|common mistake|easy to miss|often fails|tends to|stolper|"
        r"vorsicht|attention|cuidado|注意)", re.I)),
    ("checks", re.compile(
        r"\b(verify|verified|check (that|whether|the)|double-check|must pass|make sure the (tests?|result|output)|"
        r"confirm that|überprüfe?n?|prüfe?n?\b|vérifie|comprob|確認)", re.I)),
    ("constraints", re.compile(
        r"\b(must|never|always|do not|don't|at most|at least|no more than|should not|must not|muss|müssen|darf|dürfen|"
        r"niemals|höchstens|mindestens|jamais|toujours|il ne faut|nunca|siempre)\b|^\W*(only|avoid|nur|no\b)|"
        r"(してはいけ|しないで|必ず|のみ)", re.I)),
)  # fmt: skip
_NOTHING = re.compile(
    r"^\W*(none|no|nothing|n/a|nope|not needed|no (example|check|pitfalls?|gotchas?)\b.*|nothing that i know of|keine?s?\b.*|"
    r"nichts\b.*|rien\b.*|aucune?\b.*|nada\b.*|ninguno?a?|no hace falta\b.*|_no response_|なし|特になし|不要|例は不要|確認は不要)\W*$",
    re.I,
)
_POSTPONED = re.compile(
    r"(in a reply|in einer Antwort|dans une réponse|en una respuesta|返信で)", re.I
)  # the suggested answer was taken without the reply it announces
_COMMAND = re.compile(r"^\s*/[a-z][\w-]*\b")
_POLITE = re.compile(r"^\W*(please|thanks?( you)?|hi|hello|cheers|bitte|danke|merci|gracias|よろしく.*)\W*$", re.I)
_STEPS = re.compile(r"^\W*(?:steps?|the steps are|schritte?|[ée]tapes?|pasos?)\s*:\s*", re.I)
_OPENING = re.compile(
    r"^\W*(?:(?:please )?(?:i|we) (?:want|need|would like|'d like)(?: to have)? |please (?:make|create|write|add) )?"
    r"(?:(?:a|an|the|this|der|die|ein|le|un|el) )?(?:new )?skill\s*(?:that|which|to|for|should|must|will|shall|soll|der|die|"
    r"doit|qui|pour|debe|que|para)\b\s*|^\W*(?:it|the agent|agents?) (?:should|must|will|shall) (?:be able to )?",
    re.I,
)
_CHOICE = re.compile(r"\b(?:either )?`?([A-Za-z][\w.+#-]{1,24})`? or `?([A-Za-z][\w.+#-]{1,24})`?\?")
_LINK = re.compile(r"https?://[^\s)>\]\"'`]+")


@dataclass
class Notes:
    """What the person said, by role. `settled` are kinds of question that need not be asked (again)."""

    language: str = "en"
    title: str = ""
    name: str = ""
    purpose: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    points: list[str] = field(default_factory=list)
    when: list[str] = field(default_factory=list)
    not_when: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    gotchas: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    choices: list[tuple[str, str]] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)

    def everything(self) -> str:
        lists = (self.purpose, self.steps, self.points, self.when, self.constraints, self.gotchas, self.checks)
        return "\n".join([self.title, *(text for texts in lists for text in texts), *self.examples])


@dataclass(frozen=True)
class Block:
    """A piece of Markdown in reading order."""

    kind: str  # heading, paragraph, item, step or code
    text: str


def read(request: SkillRequest, clarifications: Sequence[ClarificationRound]) -> Notes:
    """The request with all answers worked in."""
    fields = " ".join([request.title, request.text or " ".join([request.purpose, request.when, request.constraints])])
    notes = Notes(language=detect(clean(fields))[0], title=title_of(request.title))
    if any([request.purpose, request.when, request.examples, request.constraints, request.references]):
        _read_field(notes, "purpose", request.purpose)
        _read_field(notes, "when", request.when)
        _read_field(notes, "examples", request.examples)
        _read_field(notes, "constraints", request.constraints)
        _read_field(notes, "references", request.references)
    else:
        _read_free(notes, request.text)
    for done in clarifications:
        _read_answers(notes, done)
    for name in ("purpose", "steps", "points", "when", "not_when", "constraints", "gotchas", "checks", "references"):
        values: list[str] = getattr(notes, name)
        setattr(notes, name, list(dict.fromkeys(text for text in values if text)))
    notes.examples = list(dict.fromkeys(notes.examples))
    return notes


def clean(text: str) -> str:
    """Without characters nobody sees, HTML comments, control characters and lines that are commands to a bot."""
    shown = re.sub(r"<!--.*?(-->|\Z)", "", visible(unicodedata.normalize("NFC", text)), flags=re.DOTALL)
    return "\n".join(line for line in shown.split("\n") if not _COMMAND.match(line))


def title_of(title: str) -> str:
    """The title without `[Skill]`, `Skill request:` and the like."""
    text = " ".join(re.sub(r"</?[A-Za-z][^<>]*>", "", clean(title)).split())
    text = re.sub(
        r"^\s*(\[[^\]]{1,30}\]\s*:?\s*|(new )?skill([ -]request)?\s*[:\-–—]\s*|anfrage\s*:\s*)+", "", text, flags=re.I
    )
    text = re.sub(
        r"^(please )?(add|create|make|write|need|want)?\s*(a |an )?(new )?skill (that|to|for|which)\s+",
        "",
        text,
        flags=re.I,
    )
    return re.sub(r"[<>`*_#]", "", text).strip(" .")[:200]


def does(sentence: str) -> str:
    """What the skill does, without “I want a skill that …” before it."""
    bare = _OPENING.sub("", sentence, count=1).strip()
    return f"{bare[:1].upper()}{bare[1:]}" if bare else sentence


def speaks_of_the_skill(sentence: str) -> bool:
    """Whether a sentence opens by saying what the skill should do."""
    return _OPENING.match(sentence) is not None


def blocks(markdown: str) -> list[Block]:
    """The Markdown as a flat list; raw HTML and images are left out, code stays verbatim."""
    tokens = _MARKDOWN.parse(clean(markdown))
    found: list[Block] = []
    lists: list[str] = []
    awaiting = False
    for token in tokens:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            lists.append("step" if token.type.startswith("ordered") else "item")
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            lists.pop()
        elif token.type == "list_item_open":
            awaiting = True
        elif token.type == "heading_open":
            found.append(Block("heading", ""))
        elif token.type == "inline":
            text = _inline(token)
            if found and found[-1] == Block("heading", ""):
                found[-1] = Block("heading", text)
            elif text:
                kind = (lists[0] if len(lists) == 1 else "item") if lists and awaiting else "paragraph"
                found.append(Block(kind, text))
            awaiting = False
        elif token.type in ("fence", "code_block") and token.content.strip():
            found.append(Block("code", fenced(token.content, token.info.strip().split(" ")[0])))
            awaiting = False
    return [block for block in found if block.text]


def fenced(content: str, info: str = "") -> str:
    """A code block that its content cannot close, cut at a line when very long."""
    lines = content.rstrip("\n").split("\n")
    while len(lines) > 1 and sum(len(line) + 1 for line in lines) > _LONGEST_EXAMPLE:
        lines.pop()
    text = "\n".join(line[:_LONGEST_EXAMPLE] for line in lines)
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    mark = "`" * max(3, longest + 1)
    language = re.sub(r"[^\w+#.-]", "", info)[:20] or "text"
    return f"{mark}{language}\n{text}\n{mark}"


def sentences(text: str) -> list[str]:
    """The sentences of running text."""
    return [piece.strip() for piece in _SENTENCE_END.split(" ".join(text.split())) if piece.strip()]


def _inline(token: Token) -> str:
    """Inline Markdown as text: code spans stay marked, links keep their address, HTML and images go."""
    parts: list[str] = []
    target = ""
    for child in token.children or ():
        if child.type == "text":
            parts.append(child.content)
        elif child.type == "code_inline":
            parts.append(f"`{child.content}`")
        elif child.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif child.type == "link_open":
            target = str(child.attrGet("href") or "")
        elif child.type == "link_close":
            if target.startswith(("http://", "https://")) and target not in "".join(parts):
                parts.append(f" ({target})")
            target = ""
    text = re.sub(r"</?[A-Za-z][^<>\n]*>", "", "".join(parts))
    return re.sub(r"[ \t]+", " ", text).strip()


def _read_field(notes: Notes, role: str, markdown: str) -> None:
    """One form field: its role is known, only clear cues override it."""
    if not markdown.strip() or _NOTHING.match(markdown.strip()):
        if markdown.strip() and role in ("examples", "checks"):
            notes.settled.add(role)
        return
    if role == "examples":
        notes.examples.extend(_examples(blocks(markdown)))
        return
    under = ""
    for block in blocks(markdown):
        if block.kind == "heading":
            under = _role_of_heading(block.text)
            continue
        _place(notes, block, under or role)


def _read_free(notes: Notes, markdown: str) -> None:
    """A body without form fields: headings say what follows, else cues do."""
    under = ""
    example: list[Block] = []
    for block in blocks(markdown):
        if block.kind == "heading":
            notes.examples.extend(_examples(example))
            example = []
            under = _role_of_heading(block.text) or "purpose"
        elif under == "examples":
            example.append(block)
        elif under != "name":
            _place(notes, block, under or "purpose")
    notes.examples.extend(_examples(example))


def _place(notes: Notes, block: Block, role: str) -> None:
    """One block to where it belongs."""
    if block.kind == "code":
        if notes.steps and role == "purpose" and "\n" not in notes.steps[-1]:
            notes.steps[-1] += f"\n\n{block.text}"
        else:
            notes.examples.append(block.text)
        return
    if block.kind == "step" and role in ("purpose", "steps"):
        notes.steps.append(_one_line(block.text))
        return
    lines = block.text.split("\n") if role in ("references", "when") else [block.text]
    pieces = [p for line in lines for p in ([_one_line(line)] if block.kind != "paragraph" else sentences(line))]
    for piece in pieces:
        if _POLITE.match(piece):
            continue
        if choices := [(m[1], m[2]) for m in _CHOICE.finditer(piece)]:
            notes.choices.extend(choices)
            continue
        if opening := _STEPS.match(piece):
            notes.steps.extend(_listed(piece[opening.end() :]))
            continue
        target = _by_cue(piece, role, item=block.kind != "paragraph")
        if role == "purpose" and not notes.purpose and block.kind == "paragraph" and target not in ("when", "not_when"):
            target = "purpose"  # what stands first says what is wanted, whatever words it uses
        if target == "purpose" and block.kind == "item":
            target = "points"
        getattr(notes, target).append(piece)
    notes.references.extend(link for link in _LINK.findall(block.text) if role != "references")


def _listed(text: str) -> list[str]:
    """Steps given in one sentence."""
    pieces = re.split(r"\s*(?:,? (?:and )?then |, (?=\w+ )|; |→|->)\s*", text.rstrip("."))
    return [f"{piece[:1].upper()}{piece[1:]}" for piece in pieces if piece]


def _by_cue(piece: str, role: str, *, item: bool) -> str:
    if role in ("examples", "references", "checks", "gotchas"):
        return role
    for target, cue in _CUES:
        found = cue.search(piece)
        if found is None or (role == "when" and target in ("constraints", "checks")):
            continue
        if (role == "constraints" and target == "when") or (item and target == "constraints" and found.start() > 3):
            continue
        return target
    return "points" if role == "steps" else role


def _role_of_heading(heading: str) -> str:
    return next((role for role, pattern in _HEADINGS.items() if pattern.search(heading)), "")


def _examples(found: Sequence[Block]) -> list[str]:
    """Each code block with the words before it is one example; words without code are one each."""
    examples: list[str] = []
    words: list[str] = []
    for block in found:
        if block.kind == "code":
            examples.append("\n\n".join([*words, block.text]))
            words = []
        else:
            words.append(block.text if len(block.text) < _LONGEST_EXAMPLE else block.text[:_LONGEST_EXAMPLE])
    leftover = [text for text in words if not _NOTHING.match(text)]
    if leftover:
        examples.append("\n\n".join(leftover))
    return [example for example in examples if len(example) <= _LONGEST_EXAMPLE + 200]


def _one_line(text: str) -> str:
    return " ".join(text.split())


# --- answers ---------------------------------------------------------------------------------------------------------

_NUMBERED = re.compile(r"(?:^|\n)\s*(?:\*\*)?(?:Q|#)?(\d{1,2})\s*[.):\-–]?\s*(?:\*\*)?[ \t]*(?=\S)")
_COMPACT = re.compile(r"\b(\d{1,2})\s*([a-d])\b", re.I)


def _read_answers(notes: Notes, done: ClarificationRound) -> None:
    """A round's reply, question by question; what cannot be assigned is read like more of the request."""
    kinds = [_kind_of(question.text) for question in done.questions]
    notes.settled.update(kind for kind in kinds if kind)
    if not done.answer:
        notes.constraints.extend(
            question.assumption for question, kind in zip(done.questions, kinds, strict=True) if kind == "choice"
        )
        return
    assigned, rest = assign(done.answer, [list(question.options) for question in done.questions])
    for number, text in assigned.items():
        _read_answer(notes, kinds[number], done.questions[number].text, text)
    if rest.strip():
        if len(done.questions) == 1 and not assigned:
            _read_answer(notes, kinds[0], done.questions[0].text, rest)
        else:
            _read_free(notes, rest)


def assign(reply: str, options: Sequence[Sequence[str]]) -> tuple[dict[int, str], str]:
    """Answers by question (from 0), and what stands outside any. Understands `1. …`, `2b`, `1a 2b` and single letters."""
    compact = {int(n) - 1: letter for n, letter in _COMPACT.findall(reply)}
    if compact and not _COMPACT.sub("", reply).strip(" ,;.\n"):
        pairs = {n: _option(letter, options[n]) for n, letter in compact.items() if n < len(options)}
        return {n: text for n, text in pairs.items() if text}, ""
    starts = [match for match in _NUMBERED.finditer(reply) if 1 <= int(match[1]) <= len(options)]
    if not starts or [int(m[1]) for m in starts] != sorted({int(m[1]) for m in starts}):
        letter = reply.strip(" .)")
        if len(options) == 1 and len(letter) == 1 and _option(letter, options[0]):
            return {0: _option(letter, options[0])}, ""
        return {}, reply
    assigned: dict[int, str] = {}
    for match, end in zip(starts, [*(m.start() for m in starts[1:]), len(reply)], strict=True):
        number, text = int(match[1]) - 1, reply[match.end() : end].strip()
        chosen = _option(text.strip(" .)"), options[number]) if len(text.strip(" .)")) == 1 else ""
        assigned[number] = chosen or text
    return assigned, reply[: starts[0].start()]


def _option(letter: str, options: Sequence[str]) -> str:
    position = ord(letter.lower()) - ord("a")
    return options[position] if 0 <= position < len(options) else ""


def _kind_of(question: str) -> str:
    for phrases in PHRASES.values():
        for kind in KINDS:
            template = phrases.question(kind).text
            if question == template or (kind == "choice" and question.startswith(template.split("{}")[0])):
                return kind
    return ""


_ROLES = {"purpose": "purpose", "when": "when", "steps": "steps", "checks": "checks", "pitfalls": "gotchas"}


def _read_answer(notes: Notes, kind: str, question: str, text: str) -> None:
    text = clean(text).strip()
    if _NOTHING.match(text) or _POSTPONED.search(text) or _is_suggestion(kind, text):
        if kind == "checks" and text in _comparisons():
            notes.checks.append(text)
        return
    if kind == "choice":
        notes.constraints.append(f"{text.rstrip('.')}." if "\n" not in text else _one_line(text))
    elif kind == "name":
        notes.name = text.split("\n")[0].strip("`\"'“” .")[:100]
    elif kind == "examples":
        notes.examples.extend(_examples(blocks(text)) or [text])
    elif kind in _ROLES:
        _read_as(notes, _ROLES[kind], blocks(text))
    else:
        notes.points.append(_one_line(text) if len(text) < 300 else _one_line(text)[:300])


def _read_as(notes: Notes, role: str, found: Iterable[Block]) -> None:
    """An answer to a question with a role: taken as it is, without looking for cues."""
    for block in found:
        if block.kind == "code":
            notes.examples.append(block.text)
            continue
        pieces = block.text.split("\n") if block.kind == "paragraph" else [_one_line(block.text)]
        if role == "steps" and block.kind == "paragraph" and len(pieces) == 1:
            pieces = [piece for piece in re.split(r"\s*(?:,? then |; |→|->)\s*", pieces[0]) if piece]
        bare = [re.sub(r"^\s*(?:[-*+]|\d{1,2}[.)])\s+", "", _one_line(piece)) for piece in pieces]
        getattr(notes, role).extend(piece for piece in bare if piece)


def _is_suggestion(kind: str, text: str) -> bool:
    """One of our own suggested answers, which says nothing new (except the ones that do: comparing, situations)."""
    if kind not in KINDS or kind == "choice":
        return False
    return any(text.strip(" .") == option.strip(" .") for p in PHRASES.values() for option in p.question(kind).options)


def _comparisons() -> set[str]:
    return {phrases.checks.options[1] for phrases in PHRASES.values()}
