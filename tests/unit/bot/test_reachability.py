"""What /readyz says of those whom the service needs: asked now and then, waited for never."""

import asyncio

import pytest

from bot import reachability
from bot.github.errors import GitHubError, Request
from bot.reachability import EVERY_SECONDS, Reachability, github_probe, model_probe


async def _settled(looked: Reachability) -> dict[str, str]:
    asking = looked._asking
    assert asking is not None
    await asking
    return looked.look()


async def test_the_first_look_waits_for_nobody_and_the_next_knows() -> None:
    async def well() -> str:
        return ""

    async def away() -> str:
        return "gone fishing"

    looked = Reachability({"github": well, "model": away}, clock=lambda: 1.0)
    assert looked.look() == {}
    assert await _settled(looked) == {"github": "ok", "model": "degraded: gone fishing"}


async def test_they_are_asked_once_a_minute_however_often_somebody_looks() -> None:
    asked, now = [], [1.0]

    async def probe() -> str:
        asked.append(now[0])
        return ""

    looked = Reachability({"github": probe}, clock=lambda: now[0])
    for _ in range(5):
        looked.look()
        await _settled(looked)
    assert asked == [1.0]
    now[0] += EVERY_SECONDS
    looked.look()
    await _settled(looked)
    assert asked == [1.0, 1.0 + EVERY_SECONDS]


async def test_one_that_never_answers_is_degraded_and_can_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    monkeypatch.setattr(reachability, "PATIENCE_SECONDS", 0.01)
    looked = Reachability({"model": never}, clock=lambda: 1.0)
    looked.look()
    assert await _settled(looked) == {"model": "degraded: no answer in time"}
    monkeypatch.setattr(reachability, "PATIENCE_SECONDS", 600)
    hanging = Reachability({"model": never})
    hanging.look()
    await asyncio.sleep(0)
    await hanging.close()


@pytest.mark.parametrize(("status", "words"), [(401, "refuses the App (401)"), (502, "does not answer as it should")])
async def test_an_app_that_github_refuses_is_told_from_a_github_that_is_away(status: int, words: str) -> None:
    async def identity() -> object:
        raise GitHubError(Request("GET", "/app"), "no", status=status)

    assert words in await github_probe(identity)()


async def test_the_model_is_reachable_where_somebody_listens() -> None:
    listening = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    assert await model_probe(f"http://127.0.0.1:{port}/v1")() == ""
    listening.close()
    await listening.wait_closed()
    assert "nobody listens at 127.0.0.1" in await model_probe(f"http://127.0.0.1:{port}/v1")()
