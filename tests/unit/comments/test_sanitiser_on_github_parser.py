"""The sanitiser judged by somebody else: GitHub's own Markdown parser renders the result, and what GitHub's filters
would act on is looked for in the HTML.
"""

import re
from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given, settings

from bot.comments.markdown import cell, code_block, inline_code, quote, safe_block, safe_inline
from bot.comments.references import is_linkable
from tests.unit.comments.samples import HOSTILE_BLOCK
from tests.unit.comments.test_sanitiser_properties import documents

_TAGS = frozenset(
    "p h1 ul ol li blockquote pre code em strong del hr br table thead tbody tr th td a".split()  # noqa: SIM905
)
_DRAWN = frozenset({"mermaid", "math", "geojson", "topojson", "stl", "suggestion"})
# As GitHub's filters look for them in the text nodes of rendered HTML, outside code and links.
_ACTED_ON = [
    re.compile(r"(?:^|\W)@[a-z0-9][a-z0-9-]*", re.IGNORECASE | re.ASCII),
    re.compile(r"#[0-9]+|\bGH-[0-9]+", re.IGNORECASE),
    re.compile(r"\b[0-9a-f]{7,40}\b"),
]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.active: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._end_of_text()
        values = {name: value or "" for name, value in attrs}
        if tag not in _TAGS:
            self.active.append(f"<{tag}>")
        if tag == "a" and not (is_linkable(values["href"]) or values["href"].startswith("mailto:")):
            self.active.append(f"link to {values['href']}")
        if values.get("lang", "").lower() in _DRAWN:
            self.active.append(f"drawing {values['lang']}")
        if tag not in ("br", "hr", "img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self._end_of_text()
        if tag in ("br", "hr", "img", "input"):
            return
        if self.open[-1:] == [tag]:
            self.open.pop()
        else:
            self.active.append(f"stray </{tag}>")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.active.append(f"comment {data}")

    def _end_of_text(self) -> None:
        text, self.text = self.text, ""
        if not {"code", "pre", "a"} & set(self.open):
            self.active += [match[0] for pattern in _ACTED_ON for match in pattern.finditer(text)]


def acted_on(markdown: str) -> list[str]:
    page = _Page()
    page.feed(cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE))
    page.close()
    return page.active + [f"unclosed <{tag}>" for tag in page.open]


@pytest.mark.parametrize(
    "text",
    ["@octocat", "o/r#3", "GH-4", "deadbeef12", "<b>x</b>", "![x](http://e.vil/a.png)", "<!-- x -->", HOSTILE_BLOCK],
)
def test_the_judge_sees_what_is_active(text: str) -> None:
    assert acted_on(f"{text}\n")


@settings(max_examples=400, deadline=None)
@given(documents)
def test_github_finds_nothing_to_act_on(text: str) -> None:
    assert acted_on(safe_block(text)) == []
    assert acted_on(safe_inline(text)) == []
    assert acted_on(quote(text)) == []
    assert acted_on(code_block(text)) == []
    assert acted_on(inline_code(text)) == []


@settings(max_examples=200, deadline=None)
@given(documents)
def test_a_cell_stays_one_cell(text: str) -> None:
    html = cmarkgfm.github_flavored_markdown_to_html(f"| a | b |\n| --- | --- |\n| {cell(text)} | end |\n")
    assert html.count("<td>") == 2
    assert "<td>end</td>" in html
