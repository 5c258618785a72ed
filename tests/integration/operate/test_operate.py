"""The operator's commands, run as the operator runs them."""

import asyncio
import gzip
import hashlib
import hmac
import json
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.cli import main
from bot.jobs.effects import Done
from bot.jobs.job import JobStatus
from bot.store.database import open_database
from bot.store.inbox import NewEvent
from bot.store.stores import Stores
from pipeline.checkpoints import EventType, WorkflowEvent
from pipeline.runtime import ModuleCall, StoredResult
from tests.jobs import NOON, make_job, make_pull

BOOM = "boom: " + "it broke in a way that takes many words to say, " * 5


async def _fill(url: str) -> None:
    stores = Stores.over(open_database(url))
    await stores.migrate()
    waiting = make_job(1, status=JobStatus.PENDING_USER_INPUT, waiting_since=NOON, title="Say [bold]hi[/bold] é\u0000")
    await stores.jobs.save(waiting, rev=0, done=[], task="t")
    await stores.jobs.save(make_job(2, status=JobStatus.FAILED, pull=make_pull(9, 2)), rev=0, done=[], task="t")
    await stores.inbox.add(
        [
            NewEvent("open", "7:1", "issue_comment", "created", b'{"x":"\xc3\xa9"}', 7, 3),
            NewEvent("poison", "7:1", "issues", "edited", b"\xff\x00 not json", 7, 3),
        ]
    )
    await stores.inbox.note_failure("7:1", BOOM, NOON)
    await stores.inbox.mark_done([1], "later", NOON)
    await stores.inbox.set_aside("7:1", 2, "too often", NOON)
    await stores.inbox.requeue([1], NOON)
    await stores.effects.record("7:1", "status", "show_status", 11, Done(remote_id=11))

    async def answer() -> StoredResult:
        return StoredResult(outputs={"a": 1.5})

    await stores.calls("7:1").once(ModuleCall(phase="generation", module="M", key="k"), answer)
    event = WorkflowEvent(type=EventType.MODULE_END, phase="generation", module="M", at=NOON, seconds=1.25)
    await stores.timeline.add([("7:1", event)])
    await stores.database.close()


@pytest.fixture
def filled(database_url: str) -> str:
    asyncio.run(_fill(database_url))
    return database_url


def _open_ids(url: str) -> list[int]:
    async def read() -> list[int]:
        stores = Stores.over(open_database(url))
        rows = await stores.inbox.list_entries()
        await stores.database.close()
        return sorted(row.id for row in rows)

    return asyncio.run(read())


def test_jobs_are_listed_and_shown(filled: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "list", "--database", filled, "--status", "failed", "--json"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["pull"] == 9
    assert main(["jobs", "list", "--database", filled]) == 0
    assert "acme/skills#1" in capsys.readouterr().out
    assert main(["jobs", "report", "acme/skills#1", "--database", filled]) == 2
    assert "nothing has been validated yet" in capsys.readouterr().err
    assert main(["jobs", "show", "acme/skills#1", "--database", filled]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["set_aside"] == [{"inbox": 2, "event": "issues", "reason": BOOM}]
    assert shown["timeline"][0]["seconds"] == 1.25


def test_a_retry_opens_what_was_set_aside_and_runs_a_failed_job_again(
    filled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["jobs", "retry", "7:1", "--database", filled]) == 0
    assert _open_ids(filled) == [1, 2]
    assert main(["jobs", "retry", "acme/skills#2", "--database", filled]) == 0
    assert _open_ids(filled) == [1, 2, 3]
    assert main(["inbox", "drop", "1", "2", "--database", filled]) == 0
    capsys.readouterr()
    assert main(["jobs", "retry", "7:1", "--database", filled]) == 2
    assert "nothing to retry" in capsys.readouterr().err


def test_a_cancel_is_stored_for_the_job_and_refused_where_nothing_runs(
    filled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["jobs", "cancel", "acme/skills#1", "--database", filled]) == 0
    assert "7:1: will be cancelled" in capsys.readouterr().out
    assert main(["inbox", "list", "--database", filled]) == 0
    assert "skill_fleet.cancel" in capsys.readouterr().out
    asyncio.run(_end(filled))
    assert main(["jobs", "cancel", "acme/skills#3", "--database", filled]) == 2
    assert "7:3 is promoted: there is nothing to cancel" in capsys.readouterr().err


async def _end(url: str) -> None:
    stores = Stores.over(open_database(url))
    await stores.jobs.save(make_job(3, status=JobStatus.PROMOTED), rev=0, done=[], task="t")
    await stores.database.close()


def test_events_are_listed_shown_requeued_and_dropped(filled: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inbox", "list", "--state", "set-aside", "--database", filled]) == 0
    assert BOOM in capsys.readouterr().out, "what is read by a program is not cut to the width of a terminal"
    assert main(["inbox", "show", "2", "--database", filled]) == 0
    assert "not json" in capsys.readouterr().out
    assert main(["inbox", "requeue", "2", "--database", filled]) == 0
    assert _open_ids(filled) == [1, 2]
    assert main(["inbox", "drop", "1", "77", "--database", filled]) == 2
    assert "no event 77; nothing was changed" in capsys.readouterr().err
    assert _open_ids(filled) == [1, 2]


def test_an_event_that_was_set_aside_can_be_dropped_and_one_that_is_done_is_said(
    filled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inbox", "drop", "2", "--database", filled]) == 0
    assert "dropped: 2; dealt with before: none" in capsys.readouterr().out
    assert main(["inbox", "list", "--state", "set-aside", "--database", filled]) == 0
    assert "boom" not in capsys.readouterr().out
    assert main(["inbox", "drop", "1", "2", "--database", filled]) == 0
    assert "dropped: 1; dealt with before: 2" in capsys.readouterr().out
    assert _open_ids(filled) == []


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["jobs", "show", "acme/skills#77"], "there is no job"),
        (["jobs", "show", "nonsense"], "there is no job"),
        (["jobs", "list", "--repository", "acme"], "takes OWNER/NAME"),
        (["inbox", "show", "77"], "no event 77"),
        (["jobs", "export", "missing/file"], "cannot write missing/file: No such file or directory"),
        (["jobs", "import", "missing"], "the database is not empty"),
    ],
)
def test_what_is_not_there_is_said(
    filled: str, capsys: pytest.CaptureFixture[str], words: list[str], reason: str
) -> None:
    assert main([*words, "--database", filled]) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["inbox", "show", str(2**63)],
        ["inbox", "requeue", "1", "9" * 5_000],
        ["inbox", "drop", "-1"],
        ["inbox", "list", "--limit", "0"],
        ["jobs", "list", "--limit", "many"],
    ],
)
def test_a_number_that_cannot_be_is_refused_by_its_argument(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert "is no number from 1 to" in capsys.readouterr().err


async def test_a_payload_is_sent_as_github_would_to_the_service_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, bytes]] = []

    async def webhook(request: web.Request) -> web.Response:
        seen.append((request.headers.get("X-Hub-Signature-256", ""), await request.read()))
        return web.Response(status=202 if seen[-1][0] else 401, text=request.headers["X-GitHub-Event"])

    monkeypatch.setenv("SKILL_FLEET_WEBHOOK_SECRET", "0123456789abcdef")
    payload = tmp_path / "payload.json"
    payload.write_bytes(b'{"action": "opened"}')
    app = web.Application()
    app.router.add_post("/webhook", webhook)
    async with TestServer(app) as server:
        words = ["replay", str(payload), "--event", "issues", "--url"]
        assert await asyncio.to_thread(main, [*words, str(server.make_url("")), "--sign"]) == 0
        assert await asyncio.to_thread(main, [*words, str(server.make_url("/webhook"))]) == 1
    assert capsys.readouterr().out == "202 issues\n401 issues\n"
    expected = hmac.new(b"0123456789abcdef", payload.read_bytes(), hashlib.sha256).hexdigest()
    assert seen == [(f"sha256={expected}", payload.read_bytes()), ("", payload.read_bytes())]


@pytest.mark.parametrize(
    ("content", "url", "reason"),
    [
        (None, "http://127.0.0.1:1", "payload.json: No such file or directory\n"),
        (b"{bad", "http://127.0.0.1:1", "payload.json is not JSON: Expecting property name"),
        (b"\xff\xfe", "http://127.0.0.1:1", "payload.json is not JSON: "),
        (b"{}", "nowhere", "nowhere is no address; it looks like http"),
        (b"{}", "ftp://here", "ftp://here is no address; it looks like http"),
        (b"{}", "http://127.0.0.1:1", "Cannot connect to host 127.0.0.1:1"),
    ],
)
def test_what_cannot_be_sent_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, url: str, reason: str
) -> None:
    payload = tmp_path / "payload.json"
    if content is not None:
        payload.write_bytes(content)
    assert main(["replay", str(payload), "--event", "issues", "--url", url]) == 2
    assert reason in capsys.readouterr().err


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "list", "--database", f"sqlite:///{tmp_path}/none.db"]) == 2
    assert "there is no database at" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["backup.jsonl", "backup.jsonl.gz"])
@pytest.mark.postgres
def test_everything_moves_from_one_database_to_the_other_and_back(
    filled: str, tmp_path: Path, sqlite_url: str, postgres_url: str, name: str
) -> None:
    other = tmp_path / "moved.db"
    target = postgres_url if filled.startswith("sqlite") else f"sqlite:///{other}"
    asyncio.run(_migrate(target))
    first, second = tmp_path / name, tmp_path / f"again-{name}"
    assert main(["jobs", "export", str(first), "--database", filled]) == 0
    assert first.stat().st_mode & 0o077 == 0
    assert main(["jobs", "import", str(first), "--database", target]) == 0
    assert main(["jobs", "export", str(second), "--database", target]) == 0
    assert _lines(first) == _lines(second)
    assert main(["jobs", "retry", "acme/skills#2", "--database", target]) == 0, "new ids follow the imported ones"
    assert _open_ids(target) == [1, 3]


NO_ROWS = (
    '["nowhere", {"a": 1}]',
    '["jobs", {"nokey": 1}]',
    '["jobs", null]',
    "[1]",
    '"x"',
    "null",
    '["inbox", {"received_at": "noon"}]',
)


def test_an_import_is_all_or_nothing(filled: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    target = f"sqlite:///{tmp_path}/target.db"
    asyncio.run(_migrate(target))
    assert main(["jobs", "export", str(whole), "--database", filled]) == 0
    assert main(["jobs", "export", str(whole), "--database", filled]) == 2, "an existing file is not replaced"
    header, row, *rest = whole.read_text().splitlines(keepends=True)
    body = whole.read_text().index('"body": "') + len('"body": "')
    for text, reason in (
        *((header + line + "\n" + row + "".join(rest), ":2: this line is no row") for line in NO_ROWS),
        (whole.read_text()[:body] + "!" + whole.read_text()[body:], "this line is no row"),
        (whole.read_text() + row, "goes on after its end"),
        (header + row + "".join(rest[:-1]), "cut off"),
        (whole.read_text()[:-30], "not JSON"),
        ("{}\n", "not an export"),
        ('{"skill_fleet_export": 1, "revision": "9999"}\n', "revision 9999"),
    ):
        cut.write_text(text)
        capsys.readouterr()
        assert main(["jobs", "import", str(cut), "--database", target]) == 2
        assert reason in capsys.readouterr().err
        assert _open_ids(target) == []
    packed = tmp_path / "packed.gz"
    for damaged in (gzip.compress(whole.read_bytes())[:-200], b"no gzip", gzip.compress(b"\xff\xfe")):
        packed.write_bytes(damaged)
        assert main(["jobs", "import", str(packed), "--database", target]) == 2
        assert "is damaged" in capsys.readouterr().err
    assert main(["jobs", "import", str(whole), "--database", target]) == 0
    assert main(["jobs", "import", str(whole), "--database", target]) == 2
    assert "not empty" in capsys.readouterr().err


async def _migrate(url: str) -> None:
    stores = Stores.over(open_database(url))
    await stores.migrate()
    await stores.database.close()


def _lines(path: Path) -> list[str]:
    return (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode().splitlines()
