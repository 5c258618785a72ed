"""What of a text's HTML reaches a page."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.pages.markdown import Place, render, without_frontmatter
from bot.sandbox.pages.sanitise import rebuild, safe_address

HERE = Place("/acme/skills", numbers={7}, logins={"riley"}, folder="skills/one")
ALLOWED = {
    *(
        "p",
        "blockquote",
        "ul",
        "ol",
        "li",
        "pre",
        "code",
        "em",
        "strong",
        "s",
        "del",
        "ins",
        "a",
        "q",
        "br",
        "hr",
        "div",
    ),
    *("table", "thead", "tbody", "tr", "th", "td", "details", "summary", "sub", "sup", "kbd", "samp", "var", "span"),
    *("h3", "h4", "h5", "h6"),
}
ATTRIBUTES = {"href", "rel", "class", "start", "tabindex", "role", "aria-label"}


class _Seen(HTMLParser):
    """Elements, attributes and balance of what was written."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED, tag
        for name, value in attrs:
            assert name in ATTRIBUTES, name
            if name == "href":
                assert safe_address(value or "") == value
        if tag not in ("br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def check(text: str) -> None:
    assert _Seen(text).open == []


@pytest.mark.parametrize(
    "raw",
    [
        "<script>alert(1)</script>",
        "<ScRiPt src=//evil.example/x.js></sCrIpT >",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<svg><style><img src=x onerror=alert(1)></style></svg>",
        "<iframe srcdoc='<script>alert(1)</script>'>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href='java\tscript:alert(1)'>x</a>",
        "<a href='&#106;avascript:alert(1)'>x</a>",
        "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
        "[x](javascript:alert(1))",
        "![x](data:text/html;base64,AAAA)",
        "<p style='position:fixed' onclick=alert(1)>x</p>",
        "<form action=/_pages/acme/skills/issues method=post><button>x</button></form>",
        "<base href=//evil.example><meta http-equiv=refresh content='0;url=//evil.example'>",
        "</article></main></body><h1>mine</h1>",
        "<details><summary>x<table><tr><td><li>",
        "<textarea><script>alert(1)</script></textarea><title><img src=x onerror=alert(1)></title>",
        "<!--><img src=x onerror=alert(1)>-->",
        "<![CDATA[<script>alert(1)</script>]]>",
        "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
        "<a href='https://a.example\"onmouseover=alert(1)'>x</a>",
        'https://a.example/"onmouseover=alert(1)',
    ],
)
def test_nothing_that_runs_or_leaves_its_box_is_written(raw: str) -> None:
    check(str(render(raw, HERE)))
    check(rebuild(raw))


@given(st.text(alphabet=st.sampled_from(list("<>/!-=\"'&;: \n`#*_[]()abdeilmnoprstuvx1")), max_size=120))
def test_no_text_at_all_writes_more_than_the_listed_elements(raw: str) -> None:
    check(str(render(raw, HERE)))


@given(
    st.lists(
        st.sampled_from(
            [f"<{slash}{tag}>" for slash in ("", "/") for tag in (*sorted(ALLOWED), "script", "svg", "form", "h1")]
            + ["words", "<!--", "-->", "<a href='x'>"]
        ),
        max_size=25,
    )
)
def test_any_order_of_tags_comes_out_balanced(parts: list[str]) -> None:
    check(rebuild("".join(parts)))


def test_hidden_comments_vanish_and_folding_stays() -> None:
    text = "<!-- skill-fleet effect=1 -->\n<details>\n<summary>More</summary>\n\n**bold**\n\n</details>"
    shown = str(render(text, HERE))
    assert "effect" not in shown
    assert re.sub(r"\s+", "", shown) == "<details><summary>More</summary><p><strong>bold</strong></p></details>"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("see #7", '<a href="/acme/skills/issues/7">#7</a>'),
        ("see #8", "see #8"),
        ("`#7`", "<code>#7</code>"),
        ("ask @riley.", '<span class="mention">@riley</span>.'),
        ("mail a@riley", "a@riley"),
        ("at https://a.example/b.", '<a href="https://a.example/b" rel="nofollow noreferrer">https://a.example/b</a>.'),
        ("[file](../two/SKILL.md)", 'href="/acme/skills/blob/main/skills/two/SKILL.md"'),
        (
            "![a picture](https://a.example/x.png)",
            '<a href="https://a.example/x.png" rel="nofollow noreferrer">🖼 a picture</a>',
        ),
        ("- [x] done\n- [ ] not", "<li>☑ done</li>\n<li>☐ not</li>"),
        ("|a|\n|-:|\n|1|", '<td class="right">1</td>'),
        ("# one\n### two\n## three", "<h3>one</h3>\n<h4>two</h4>\n<h4>three</h4>"),
        ("||b|\n|-|-|\n|1|2|", "<td></td>\n<th>b</th>"),
        ("<svg>still <script>all</script> here", "<p>still all here</p>"),
        ("1 < 2 & 3", "1 &lt; 2 &amp; 3"),
    ],
)
def test_text_is_shown_as_in_a_thread(text: str, part: str) -> None:
    assert part in str(render(text, HERE))


def test_frontmatter_is_kept_apart_from_the_text() -> None:
    assert without_frontmatter("---\nname: a\n---\n# A\n") == ("name: a\n", "# A\n")
    assert without_frontmatter("# A\n---\n") == ("", "# A\n---\n")
