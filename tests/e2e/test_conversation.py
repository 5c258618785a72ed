"""The conversation in the documentation is the one that the product has."""

from pathlib import Path

from tests.e2e import conversation


async def test_the_page_shows_what_the_bot_really_says(tmp_path: Path) -> None:
    made = await conversation.make(tmp_path)
    assert conversation.PAGE.read_text(encoding="utf-8") == made, "run `python -m tests.e2e.conversation`"
