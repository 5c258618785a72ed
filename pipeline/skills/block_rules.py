"""Makes markdown-it-py's block parser faster without changing a token: the same rules, tried only where they can match.

Most of the parser's time goes into rules that look at a line's first character and decline, and into reading every
paragraph twice. The equality of the tokens is a property test; whoever changes this runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from types import FunctionType, MappingProxyType
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.common.utils import mdTrim
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token

BlockRule = Callable[[StateBlock, int, int, bool], bool]

_FIRST_CHARACTERS = {
    "fence": "`~",
    "blockquote": ">",
    "hr": "*-_",
    "list": "*+-0123456789",
    "reference": "[",
    "html_block": "<",
    "heading": "#",
}
_SPECIAL = frozenset("".join(_FIRST_CHARACTERS.values()))


def block_tokens(parser: MarkdownIt, source: str, environment: dict[str, object]) -> list[BlockToken]:
    """The block tokens of Markdown whose lines end in line feeds, by a parser that was sped up."""
    state = _State(source, parser, environment)
    parser.block.tokenize(state, 0, state.lineMax)
    return state.tokens  # type: ignore[return-value]


class BlockToken:
    """A block token. What the rules never set is shared; creating the library's own takes four times as long."""

    attrs: Mapping[str, str | int | float] = MappingProxyType({})
    map: list[int] | None = None
    level = 0
    children: list[Token] | None = None
    content = ""
    markup = ""
    info = ""
    hidden = False
    block = True

    def __init__(self, type: str, tag: str, nesting: int) -> None:  # noqa: A002 - the library's name for it
        self.type = type
        self.tag = tag
        self.nesting = nesting


class _State(StateBlock):
    """The parser's state, with the lines found and the tokens made in fewer steps."""

    def __init__(self, source: str, parser: MarkdownIt, environment: dict[str, object]) -> None:
        super().__init__("", parser, environment, [])
        self.src = source
        lines = source.split("\n")
        if not lines[-1].strip(" \t"):
            lines.pop()
        shifts = [len(line) - len(line.lstrip(" \t")) for line in lines]
        self.bMarks = [0, *accumulate(len(line) + 1 for line in lines)]
        self.eMarks = [begin + len(line) for begin, line in zip(self.bMarks, lines, strict=False)]
        self.bMarks[-1] = len(source)  # the line after the last, so that rules may look there
        self.eMarks.append(len(source))
        self.tShift = [*shifts, 0]
        self.sCount = [
            shift if "\t" not in line[:shift] else len(line[:shift].expandtabs(4))
            for line, shift in zip(lines, shifts, strict=True)
        ]
        self.sCount.append(0)
        self.bsCount = [0] * len(self.bMarks)
        self.lineMax = len(lines)

    def push(self, ttype: str, tag: str, nesting: Literal[-1, 0, 1]) -> Token:
        """Adds a token. Closing tokens carry nothing, so that one of each kind is enough."""
        if nesting < 0:
            self.level -= 1
            token = _CLOSING.get(ttype)
            if token is None:
                token = _CLOSING[ttype] = BlockToken(ttype, tag, nesting)
        else:
            token = BlockToken(ttype, tag, nesting)
            token.level = self.level
            self.level += nesting
        self.tokens.append(token)  # type: ignore[arg-type]
        return token  # type: ignore[return-value]


_CLOSING: dict[str, BlockToken] = {}


def speed_up(parser: MarkdownIt) -> None:
    """Replaces each chain of block rules by one rule that chooses among them."""
    ruler = parser.block.ruler
    lighter = {rule: _lighter(rule) for rule in ruler.getRules("")}
    rules = dict(zip(ruler.get_active_rules(), lighter.values(), strict=True))
    names = {rule: name for name, rule in rules.items()}
    alternatives = ("paragraph", "reference", "blockquote", "list")
    chains = {chain: [_chain([lighter[rule] for rule in ruler.getRules(chain)], names)] for chain in alternatives}
    interrupts = chains["paragraph"][0]
    text = _text(rules["lheading"], rules["paragraph"], interrupts)
    chains[""] = [_root([*rules.values()][:-2], names, text)]
    original = ruler.getRules

    def chosen(chainName: str = "") -> list[BlockRule]:  # noqa: N803 - the parser's own name for it
        return chains.get(chainName) or original(chainName)

    ruler.getRules = chosen  # type: ignore[method-assign]


class _Silence:
    """A logger that says nothing, at the price of a call."""

    def debug(self, *_: object) -> None:
        """Says nothing."""


def _split_row(row: str) -> list[str]:
    """A table row's cells, as the library's own function gives them; that one looks at every character."""
    from markdown_it.rules_block.table import escapedSplit

    return escapedSplit(row) if "\\" in row else row.split("|")


def _lighter(rule: BlockRule) -> BlockRule:
    """The rule's own code, without its debug messages and with a faster way to split table rows."""
    assert isinstance(rule, FunctionType)
    names = {**rule.__globals__, "LOGGER": _Silence(), "escapedSplit": _split_row}
    copy = FunctionType(rule.__code__, names, rule.__name__, rule.__defaults__, rule.__closure__)
    copy.__kwdefaults__ = rule.__kwdefaults__
    return copy


def _by_character(rules: Sequence[BlockRule], names: dict[BlockRule, str]) -> dict[str, tuple[BlockRule, ...]]:
    return {
        character: tuple(rule for rule in rules if character in _FIRST_CHARACTERS.get(names[rule], ""))
        for character in sorted(_SPECIAL)
    }


def _chain(rules: Sequence[BlockRule], names: dict[BlockRule, str]) -> BlockRule:
    """The rules that may interrupt something, as one."""
    by_character = _by_character(rules, names)
    table = next((rule for rule in rules if names[rule] == "table"), None)

    def interrupt(state: StateBlock, line: int, end: int, silent: bool) -> bool:
        if table is not None and _delimiter_below(state, line) and table(state, line, end, silent):
            return True
        start = state.bMarks[line] + state.tShift[line]
        if start < state.eMarks[line]:
            for rule in by_character.get(state.src[start], ()):
                if rule(state, line, end, silent):
                    return True
        return False

    return interrupt


def _root(rules: Sequence[BlockRule], names: dict[BlockRule, str], text: BlockRule) -> BlockRule:
    """All rules that begin a block, as one: tables, code, what the first character allows, and else text."""
    by_character = _by_character(rules, names)
    named = {names[rule]: rule for rule in rules}
    table, code = named["table"], named["code"]

    def begin(state: StateBlock, line: int, end: int, silent: bool) -> bool:
        if _delimiter_below(state, line) and table(state, line, end, silent):
            return True
        if state.sCount[line] - state.blkIndent >= 4 and code(state, line, end, silent):
            return True
        start = state.bMarks[line] + state.tShift[line]
        if start < state.eMarks[line]:
            for rule in by_character.get(state.src[start], ()):
                if rule(state, line, end, silent):
                    return True
        return text(state, line, end, silent)

    return begin


def _delimiter_below(state: StateBlock, line: int) -> bool:
    """Whether the next line can be a table's delimiter row, without which there is no table."""
    start = state.bMarks[line + 1] + state.tShift[line + 1]
    end = state.eMarks[line + 1]
    return start < end and state.src[start] in "|-:" and not state.src[start:end].strip("|-: \t")


def _text(lheading: BlockRule, paragraph: BlockRule, interrupts: BlockRule) -> BlockRule:
    """A paragraph, read once. Where a line could underline a heading, the parser's own two rules decide."""

    def text(state: StateBlock, line: int, end: int, silent: bool) -> bool:
        last = state.lineMax
        if last != end:
            return lheading(state, line, end, silent) or paragraph(state, line, end, silent)
        begins, shifts, ends, columns = state.bMarks, state.tShift, state.eMarks, state.sCount
        source, indent = state.src, state.blkIndent
        parent = state.parentType
        state.parentType = "paragraph"
        below = line + 1
        while below < last:
            start = begins[below] + shifts[below]
            if start >= ends[below]:
                break
            column = columns[below]
            if column - indent <= 3:
                character = source[start]
                if character in "-=" and column >= indent and not source[start : ends[below]].strip(f"{character} \t"):
                    state.parentType = parent
                    return lheading(state, line, end, silent) or paragraph(state, line, end, silent)
                if column >= 0 and interrupts(state, below, last, True):
                    break
            below += 1
        if below == line + 1:
            content = source[begins[line] + shifts[line] : ends[line]]
        else:
            content = state.getLines(line, below, indent, False)
        state.line = below
        token = state.push("paragraph_open", "p", 1)
        token.map = [line, below]
        token = state.push("inline", "", 0)
        token.content = mdTrim(content)
        token.map = [line, below]
        token.children = []
        state.push("paragraph_close", "p", -1)
        return True

    return text
