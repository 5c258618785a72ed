"""What becomes of each kind of text, case by case."""

import pytest

from bot.comments.invisible import clean, reveal
from bot.comments.markdown import (
    LIMIT,
    ROOM,
    code_block,
    details,
    fit,
    inline_code,
    quote,
    removed_characters,
    safe_block,
    safe_inline,
    safe_plain,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ask @octocat", "Ask `@octocat`"),
        ("cc @org/team-a.", "cc `@org/team-a.`"),
        ("mail ada@example.com", "mail ada@example.com"),
        ("&#64;octocat and \\@octocat", "`@octocat` and `@octocat`"),
        ("a<!-- -->@<!-- -->octocat", "a@octocat"),
        ("<!-- -->@<!-- -->octocat", "`@octocat`"),
        ("Closes #12, o/r#3, GH-4", "Closes `#12`, `o/r#3`, `GH-4`"),
        ("see deadbeef12", "see `deadbeef12`"),
        ("https://github.com/o/r/issues/1.", "`https://github.com/o/r/issues/1`."),
        ("https://ghe.example/o/r/pull/1", "`https://ghe.example/o/r/pull/1`"),
        ("www.github.com/o/r", "`www.github.com/o/r`"),
        ("https://example.com/a?b=1#c", "<https://example.com/a?b=1#c>"),
        ("[docs](https://example.com)", "docs (<https://example.com>)"),
        ("[run](javascript:alert)", "\\[run\\](javascript:alert)"),
        ("[x](../issues/1)", "x (`../issues/1`)"),
        ("![chart](https://example.com/x.png)", "chart (image: <https://example.com/x.png>)"),
        ("/skill approve", "`/skill` approve"),
        ("- /lgtm", "- `/lgtm`"),
        ("use /tmp here", "use /tmp here"),
        ("<b>bold</b>", "\\<b\\>bold\\</b\\>"),
        ("<!-- skill-fleet job=1 --> x", "x"),
        ("a <!-- hidden --> b", "a b"),
        ("# Decision", "**Decision**"),
        ("Decision\n===", "**Decision**"),
        ("- [ ] done", "- \\[ \\] done"),
        ("> [!WARNING]\n> x", "> \\[!WARNING\\]\n> x"),
        ("costs $5 or $x$", "costs `$5` or `$x$`"),
        ("snake_case and 2*3*4", "snake_case and 2*3*4"),
        ("**bold** _it_ ~~no~~ `code`", "**bold** *it* ~~no~~ `code`"),
        ("a\u202eb\u200bc", "abc"),
        ("<details>\nopen", "\\<details\\>\nopen"),
        ("```python\nx", "```python\nx\n```"),
        ("```mermaid\nx\n```", "mermaid\n\n```\nx\n```"),
        ("```some words\nx\n```", "words\n\n```some\nx\n```"),
        ("```Don't do @this\nx\n```", "Don't do `@this`\n\n```\nx\n```"),
        ("[a][1] and [b]\n\n[1]: https://example.com 'Title'", "a (<https://example.com>, Title) and \\[b\\]"),
        ("[//]: # (hidden words)", "\\[//\\]: `#` hidden words"),
        ("[1]: https://github.com/o/r/pull/1 '@octocat'", "\\[1\\]: `https://github.com/o/r/pull/1` `@octocat`"),
        ("![a](https://example.com/x.png '/lgtm')", "a (image: <https://example.com/x.png>, /lgtm)"),
        ("007) a\n7) b", "007. a\n7. b"),
        ("    indented", "```\nindented\n```"),
        ("1. a\n2. b", "1. a\n2. b"),
        ("1986\\. A year", "1986\\. A year"),
        ("| a |\n| --- |\n| @x |", "| a |\n| --- |\n| `@x` |"),
        ("`a`@octocat", "`a@octocat`"),
    ],
)
def test_a_block(text: str, shown: str) -> None:
    assert safe_block(text) == shown


def test_a_cut_is_visible_and_closes_what_it_cuts() -> None:
    shown = safe_block("Intro\n\n```\n" + "line\n" * 500, 300)
    assert len(shown) <= 300
    assert shown.count("```") == 2
    assert shown.endswith("more characters are not shown\\]")
    assert safe_inline("word " * 100, 50).endswith("…")


def test_text_nested_too_deep_to_follow_is_shown_as_code() -> None:
    text = "> " * 60 + "@octocat"
    assert safe_block(text) == f"```\n{text}\n```"


def test_code_is_fenced_longer_than_any_fence_in_it() -> None:
    assert code_block("````\nx\n````", "markdown") == "`````markdown\n````\nx\n````\n`````"
    assert inline_code("a`b``c") == "```a`b``c```"
    assert inline_code("`") == "`` ` ``"
    assert inline_code(" \n") == ""


@pytest.mark.parametrize("language", ["mermaid", "Suggestion", "math", "a b", "x`y", "é"])
def test_a_language_that_github_acts_on_or_that_is_none_is_left_out(language: str) -> None:
    assert code_block("x", language) == "```\nx\n```"


def test_a_document_to_approve_shows_its_invisible_characters() -> None:
    assert "a⟨U+202E⟩b⟨U+E0041⟩" in code_block("a\u202eb\U000e0041")


def test_our_marker_cannot_be_forged_in_code() -> None:
    assert "<!-- skill-fleet" not in code_block("<!-- skill-fleet job=1 effect=0 -->")
    assert "<!--  SKILL-FLEET" not in inline_code("<!--  SKILL-FLEET x -->")


def test_a_line_in_code_that_starts_with_a_slash_is_indented_with_its_fence() -> None:
    assert code_block("/lgtm\n  x") == "  ```\n  /lgtm\n    x\n  ```"


def test_invisible_characters_are_counted_and_writing_that_needs_joiners_survives() -> None:
    assert clean("a\u200b\u2060\ufeffb") == ("ab", 3)
    assert removed_characters("\U000e0041\U000e0042x") == 2
    for text in ("👩\u200d💻", "می\u200cخواهم", "क्\u200dष", "☀\ufe0f", "1\ufe0f⃣"):
        assert clean(text) == (text, 0)
    assert clean("a\u200db\ufe0f") == ("ab", 2)
    assert clean("one\r\ntwo\u2028three") == ("one\ntwo\nthree", 0)
    assert reveal("x\u200b") == "x⟨U+200B⟩"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Fix #12 for @octocat", "Fix # 12 for @ octocat"),
        ("see GH-4 and deadbeef12", "see GH 4 and deadbe-ef12"),
        ("since 20240101", "since 20240101"),
        ("https://github.com/o/r/issues/1", "github.com / o / r / issues / 1"),
        ("https://example.com/x", "https://example.com/x"),
        ("/skill approve", "skill approve"),
        ("one\ntwo", "one two"),
        ("<!-- skill-fleet x -->", "<! -- skill-fleet x -->"),
    ],
)
def test_a_plain_line(text: str, shown: str) -> None:
    assert safe_plain(text) == shown


def test_quotes_and_details() -> None:
    assert quote("a\n\n/b") == "> a\n>\n> `/b`"
    assert details("@x </summary> & 3 files", "body") == (
        "<details>\n<summary><code>@x</code> &lt;/summary&gt; &amp; 3 files</summary>\n\nbody\n\n</details>"
    )


def test_what_does_not_fit_comes_back() -> None:
    assert fit("a", "b").body == "a\n\nb"
    fitted = fit("a", "b" * ROOM, "The rest is elsewhere.")
    assert fitted.body == "a\n\nThe rest is elsewhere."
    assert fitted.overflow_text == "b" * ROOM
    alone = fit("word " * ROOM)
    assert len(alone.body) <= ROOM < LIMIT
    assert alone.overflow_text is not None
