"""A short chaos run in every test session: real processes, seeded kills, and the same judge as `make chaos`."""

from pathlib import Path

import pytest

from tests.chaos.conversation import said_otherwise
from tests.chaos.fleet import Bot, Life
from tests.chaos.model import Ask
from tests.chaos.people import Request
from tests.chaos.run import Plan, played
from tests.chaos.verdict import Verdict, judge, judge_calls, judge_questions, judge_writes

pytestmark = pytest.mark.timeout(300)


async def test_two_requests_reach_their_merge_although_the_bot_is_killed_all_the_time(tmp_path: Path) -> None:
    plan = Plan(
        seed=7,
        requests=2,
        kills=3,
        database_url=f"sqlite:///{tmp_path / 'bot.db'}",
        uptime=(0.3, 2.0),
        asks=6,
        answer_seconds=(0.05, 0.25),
        patience=200,
        lossy=False,
    )
    async with played(plan, tmp_path) as record:
        verdict = await judge(record)
    assert verdict.is_clean, verdict.problems()
    assert record.kills == 3


def _bot(tmp_path: Path, *cuts: float) -> Bot:
    bot = Bot("bot1", {}, str, tmp_path)
    bot.lives = [Life("bot1-1", 0.0, cut=list(cuts)), Life("bot1-2", 20.0)]
    return bot


@pytest.mark.parametrize(
    ("ended", "cuts", "explained"),
    [
        (None, (10.0,), True),  # under way when the process was killed
        (9.8, (10.0,), True),  # answered, and not stored yet
        (5.0, (10.0,), False),  # answered long before the kill
        (9.8, (), False),  # nobody was killed
        (None, (3.9,), True),  # on its way to the model when the process was killed
        (None, (3.5,), False),  # that would have been long on its way
        (5.0, (3.9,), False),  # answered
    ],
)
def test_the_judge_lays_a_repeated_call_to_a_kill_or_to_the_bot(
    tmp_path: Path, ended: float | None, cuts: tuple[float, ...], explained: bool
) -> None:
    asks = [
        Ask("bot1-1", "q", "case-01", "AnalyzeIntent", 4.0, ended, 200 if ended else 0),
        Ask("bot1-2", "q", "case-01", "AnalyzeIntent", 21.0, 22.0, 200),
    ]
    verdict = Verdict()
    judge_calls(asks, [_bot(tmp_path, *cuts)], verdict)
    assert (verdict.unpaid_repeats, len(verdict.unexplained)) == ((1, 0) if explained else (0, 1))
    assert verdict.is_clean is explained


def test_a_call_that_failed_was_not_paid_and_may_be_asked_again(tmp_path: Path) -> None:
    asks = [
        Ask("bot1-1", "q", "case-01", "AnalyzeIntent", n, n + 1, status) for n, status in enumerate((429, 503, 200))
    ]
    verdict = Verdict()
    judge_calls(asks, [_bot(tmp_path)], verdict)
    assert verdict.unpaid_repeats == 0 and verdict.is_clean


def test_a_question_that_was_asked_again_in_other_words_is_a_repeat_too() -> None:
    asks = [Ask("bot1-1", words, "case-01", "AnalyzeIntent", 4.0, 5.0, 200) for words in ("one", "other", "other")]
    verdict = Verdict()
    judge_questions(asks, [Request("case-01", refinements=0, reviews=0)], verdict)
    [problem] = verdict.unexplained
    assert problem.startswith("case-01 AnalyzeIntent: 2 questions")


STATUS = "### Skill request · promoted"
START = "Thank you for the request! ..."
OLD = "This preview (`0123abcd`) has been replaced ..."
NEW = "@riley, here is the draft in `skills/a-b`"
READY = "@riley, the skill `a-b` is ready for review in #7."
MERGED = "🎉 @riley, `a-b` is now a skill"
QUESTION = "@riley, before I write this skill I have 1 question:"


@pytest.mark.parametrize(
    ("case", "said", "wrong"),
    [
        ("case-01", [STATUS, START, OLD, NEW, READY, MERGED], None),
        ("case-03", [STATUS, START, QUESTION, OLD, NEW, READY, MERGED], None),
        ("case-01", [STATUS, START, NEW, READY, MERGED], "lost"),
        ("case-01", [STATUS, START, OLD, NEW, READY], "lost"),
        ("case-01", [STATUS, START, OLD, OLD, NEW, READY, MERGED], "duplicated"),
        ("case-01", [STATUS, STATUS, START, OLD, NEW, READY, MERGED], "duplicated"),
        ("case-01", [STATUS, START, OLD, NEW, READY, MERGED, "I could not read this."], "duplicated"),
        ("case-01", [STATUS, START, OLD, READY, NEW, MERGED], "misordered"),
    ],
)
def test_the_judge_knows_what_a_request_is_told_and_when(case: str, said: list[str], wrong: str | None) -> None:
    problem = said_otherwise(Request(case, refinements=1, reviews=0), said)
    assert (problem and problem[0]) == wrong


def _write(path: str, body: dict[str, object], status: int = 201, came_to: int = 201) -> dict[str, object]:
    return {
        "actor": "skill-fleet[bot]",
        "method": "POST",
        "path": path,
        "body": body,
        "status": status,
        "came_to": came_to,
    }


SAID = {"body": "Hello\n\n<!-- skill-fleet job=1:1 effect=0123456789abcdef -->"}


@pytest.mark.parametrize(
    ("first", "again", "twice"),
    [
        (_write("/issues/1/comments", SAID), _write("/issues/1/comments", SAID), True),
        (_write("/issues/1/comments", SAID, status=502), _write("/issues/1/comments", SAID), True),
        (_write("/issues/1/comments", SAID, status=502, came_to=0), _write("/issues/1/comments", SAID), False),
        (_write("/issues/1/comments", SAID), _write("/issues/2/comments", SAID), False),
        (_write("/pulls", {"head": "skill/issue-1"}), _write("/pulls", {"head": "skill/issue-1"}), True),
        (
            _write("/check-runs", {"name": "n", "head_sha": "a"}),
            _write("/check-runs", {"name": "n", "head_sha": "b"}),
            False,
        ),
    ],
)
def test_the_judge_counts_writes_that_stand_whatever_was_answered(
    first: dict[str, object], again: dict[str, object], twice: bool
) -> None:
    verdict = Verdict()
    judge_writes([first, again], verdict)
    assert len(verdict.duplicated) == twice
