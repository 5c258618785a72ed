"""Nothing runs on unseen."""

import asyncio

import pytest

from pipeline.together import all_of, three


async def test_everything_has_ended_before_the_first_error_is_raised() -> None:
    ended = []

    async def fails(name: str) -> None:
        raise ValueError(name)

    async def works() -> None:
        await asyncio.sleep(0)
        ended.append("works")

    with pytest.raises(ValueError, match="first"):
        await three(fails("first"), works(), fails("second"))
    assert ended == ["works"]
    with pytest.raises(ValueError, match="only"):
        await all_of([works(), fails("only")])
    assert ended == ["works", "works"]
