"""Running things at once without leaving any behind: all end before an error is raised, so nothing runs on unseen."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


async def all_of(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results in order. Started in order; raises the first error in order once everything has ended."""
    results = await asyncio.gather(*coroutines, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


async def three(
    first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B], third: Coroutine[Any, Any, C]
) -> tuple[A, B, C]:
    """The same for three of different types."""
    one, two, last = await asyncio.gather(first, second, third, return_exceptions=True)
    for result in (one, two, last):
        if isinstance(result, BaseException):
            raise result
    assert not isinstance(one, BaseException), "raised above"
    assert not isinstance(two, BaseException), "raised above"
    assert not isinstance(last, BaseException), "raised above"
    return one, two, last
