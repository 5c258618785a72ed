"""The words by which a text is known not to match a pattern never hide a match."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.skills.markdown import blank_code_spans, code_span_regions, code_spans_of
from pipeline.skills.patterns import ALL_SEARCHES, ANYTHING, words_of
from pipeline.skills.rules.registry import all_rules

all_rules()
HINTED = [
    search
    for search in ALL_SEARCHES
    if search.hint is not ANYTHING and "webhook|attacker" not in search.pattern.pattern
]
"""All but one whose texts take a minute to make; the labelled attacks that send data away stand for it."""
TEXTS = st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("\n\té’")


def without_surroundings(pattern: re.Pattern[str]) -> str:
    """The pattern without what it says of the text around a match, which a generator cannot know, and gaps cut."""
    alone = re.sub(r"\(\?<?[!=][^()]*(?:\([^()]*\)[^()]*)*\)", "", pattern.pattern)
    return re.sub(r"\{0,\d\d\}", "{0,3}", alone)


@pytest.mark.parametrize("search", HINTED, ids=lambda search: search.pattern.pattern[:40])
def test_every_text_that_a_pattern_finds_holds_the_words_of_its_hint(search):
    generous = re.compile(without_surroundings(search.pattern), search.pattern.flags)

    @given(st.from_regex(generous, fullmatch=True, alphabet=TEXTS))
    @settings(
        max_examples=8,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    def holds(text: str) -> None:
        assert search.hint.allows(words_of(text)), text
        near = search.hint.near(words_of(text))
        assert any(all(any(each.decode() in text.lower() for each in texts) for texts in sets) for sets in near), text

    holds()


@given(st.text("`\\a \n", max_size=60))
def test_code_spans_are_the_same_by_the_short_way_and_the_long(text):
    spans = [text[start:end] for start, end in code_span_regions(text)]
    assert code_spans_of(text) == spans
    blanked = list(text)
    for start, end in code_span_regions(text):
        blanked[start:end] = ["\n" if c == "\n" else " " for c in text[start:end]]
    assert blank_code_spans(text) == "".join(blanked)
