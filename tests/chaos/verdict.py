"""The judge of a chaos run: what was lost, done twice, done in the wrong order, or paid twice, and for what reason.

It looks at what people can see on GitHub, at the bot's rows, and at the model's log beside the instants of the kills.
"""

import base64
import itertools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from bot.serve import EXIT_LEASE_LOST
from bot.store.database import Database, open_database
from bot.store.inbox import NO_JOB, SET_ASIDE, InboxEntry
from bot.store.stores import Stores
from bot.subjects import ACCEPTED
from tests.chaos.author import DEMAND
from tests.chaos.conversation import needed, said_otherwise
from tests.chaos.fleet import Bot
from tests.chaos.model import Ask
from tests.chaos.people import Ending, Request
from tests.chaos.run import Record, under_way

STORE_SECONDS = 1.5
"""An answer that was sent so shortly before a kill may not have been stored yet."""
TRANSIT_SECONDS = 0.25
"""A question that comes to the model so shortly after a kill, and is never answered, was on its way."""
_MARKER = re.compile(r"effect=([0-9a-f]{16}) -->")
_OURS = "skill-fleet[bot]"
_WORDS = {"issue_comment": "/issues/{number}/comments", "pull_request_review_comment": "/pulls/{number}/comments"}
"""Where people say something, by the event that tells of it."""


@dataclass
class Verdict:
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    misordered: list[str] = field(default_factory=list)
    unpaid_repeats: int = 0
    """Calls asked again because a kill (or a freeze) took their answer."""
    unexplained: list[str] = field(default_factory=list)
    """Calls asked again for any other reason."""
    left: list[str] = field(default_factory=list)
    """What is still there although all requests have come to their end."""
    longest_gap: float = 0.0
    """Seconds between the sending of an answer and the kill that took it, at most."""
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        return not self.problems()

    def problems(self) -> list[str]:
        kinds = ("lost", "duplicated", "misordered", "unexplained", "left")
        return [f"{kind}: {problem}" for kind in kinds for problem in getattr(self, kind)]

    def line(self) -> str:
        unexplained = f" unexplained_repeats={len(self.unexplained)}" if self.unexplained else ""
        unexplained += f" left={len(self.left)}" if self.left else ""
        return (
            f"lost={len(self.lost)} duplicated={len(self.duplicated)} misordered={len(self.misordered)} "
            f"unpaid_repeats={self.unpaid_repeats}{unexplained}"
        )


async def judge(record: Record) -> Verdict:
    verdict = Verdict()
    rows = await _judge_rows(record, verdict)
    for request in record.requests:
        if request.lost or not request.done:
            verdict.lost.append(request.lost or f"#{request.number}: never ended")
        elif request.done:
            await _judge_request(record, request, verdict)
            await _judge_words(record, request, rows, verdict)
    await _judge_repository(record, verdict)
    judge_writes(await record.hub.call("morgan", "GET", "/_sandbox/requests?writes"), verdict)
    judge_calls(record.model.asks, record.bots, verdict)
    judge_questions(record.model.asks, record.requests, verdict)
    if record.model.strangers:
        verdict.lost.append(f"the model was asked {len(record.model.strangers)} questions nobody wrote an answer to")
    for status in record.stopped:
        if status != 0:
            verdict.lost.append(f"a process that was asked to stop ended with {status}")
    for end in record.ended_by_themselves:
        if not (record.plan.is_postgres and end.endswith(f" {EXIT_LEASE_LOST}")):
            verdict.lost.append(f"a process ended by itself: {end}")
    return verdict


# --- the bot's rows --------------------------------------------------------------------------------------------------


async def _judge_rows(record: Record, verdict: Verdict) -> list[InboxEntry]:
    """The stored events, oldest first."""
    stores = Stores.over(open_database(record.plan.database_url))
    try:
        rows = sorted(await stores.inbox.list_entries(state="all", limit=1_000_000), key=lambda row: row.id)
        jobs = [row.job for row in await stores.jobs.list_jobs(limit=1_000_000)]
        tasks = under_way(stores.database)
        records = _records(stores.database)
    finally:
        await stores.database.close()
    verdict.notes["events stored"] = f"{len(rows)}"
    for row in rows:
        if row.done_by is None:
            verdict.lost.append(f"event {row.id} ({row.event}.{row.action} of {row.key}) is still open: {row.error}")
        elif row.done_by == SET_ASIDE:
            verdict.lost.append(f"event {row.id} ({row.event}.{row.action} of {row.key}) was set aside: {row.error}")
    verdict.misordered += list(_overtaken(rows))
    known = {row.delivery for row in rows}
    for delivery in await _deliveries(record):
        if delivery["status_code"] == 202 and _must_be_kept(delivery) and delivery["guid"] not in known:
            verdict.lost.append(f"delivery {delivery['guid']} was answered 202 and is not stored")
    numbers = Counter(job.issue_number for job in jobs)
    for request in record.requests:
        if numbers.pop(request.number, 0) != 1:
            verdict.lost.append(f"#{request.number}: no job")
    verdict.left += [f"a job for #{number}, which is no request" for number in numbers]
    endings = {request.number: request.ending for request in record.requests}
    verdict.left += [
        f"{job.key} is {job.status.value}" for job in jobs if job.status.value != endings.get(job.issue_number)
    ]
    verdict.left += [f"task {task}" for task in tasks]
    verdict.left += [f"how a phase ended: {name}" for name in records if name.startswith("phase:")]
    verdict.notes["tasks whose records are left to retention"] = str(
        sum(not name.startswith("phase:") for name in records)
    )
    return rows


def _records(database: Database) -> list[str]:
    """Whose records of steps are still there."""
    with database.direct.connect() as connection:
        return list(connection.execute(text("SELECT DISTINCT task FROM steps")).scalars())


def _overtaken(rows: Iterable[InboxEntry]) -> Iterable[str]:
    """Events of one request that were dealt with before an earlier one."""
    latest: dict[str, InboxEntry] = {}
    for row in rows:
        if row.event == "skill_fleet" or row.done_at is None or row.done_by in (NO_JOB, SET_ASIDE):
            continue
        before = latest.get(row.key)
        if before is not None and before.done_at is not None and row.done_at < before.done_at:
            yield f"event {row.id} of {row.key} was dealt with before event {before.id}"
        latest[row.key] = row


def _must_be_kept(delivery: dict[str, str]) -> bool:
    """Those kinds that are kept whatever they say."""
    return delivery["event"] == "issues" and delivery["action"] in ACCEPTED["issues"] - {"labeled", "unlabeled"}


async def _deliveries(record: Record) -> list[dict[str, str]]:
    found: list[dict[str, str]] = await record.hub.call("morgan", "GET", "/_sandbox/deliveries?payload=no")
    again = sum(1 for each in found if each["redelivery"])
    record.trouble["delivered again"] = again
    return found


# --- GitHub ----------------------------------------------------------------------------------------------------------


async def _judge_request(record: Record, request: Request, verdict: Verdict) -> None:
    hub, at = record.hub, f"#{request.number}"
    comments = [each["body"] for each in await hub.all(f"/issues/{request.number}/comments") if _is_ours(each)]
    if (problem := said_otherwise(request, comments)) is not None:
        getattr(verdict, problem[0]).append(f"{at}: {problem[1]}")
    issue = await hub.repo("morgan", "GET", f"/issues/{request.number}")
    states = [label["name"] for label in issue["labels"] if label["name"].startswith("skill:")]
    state = "closed" if request.ending is Ending.MERGED else "open"
    if issue["state"] != state or states != [f"skill:{request.ending}"]:
        verdict.left.append(f"{at} is {issue['state']}, {', '.join(states)}")
    if request.ending is not Ending.CANCELLED:
        await _judge_pull(record, request, verdict)


async def _judge_pull(record: Record, request: Request, verdict: Verdict) -> None:
    hub, at = record.hub, f"#{request.number}"
    for each in await hub.all(f"/issues/{request.pull}/comments"):
        if _is_ours(each):
            verdict.duplicated.append(f"{at}: said on the pull request: {each['body'][:60]!r}")
    pull = await hub.repo("morgan", "GET", f"/pulls/{request.pull}")
    if pull["commits"] != 1 + request.reviews:
        verdict.duplicated.append(f"{at}: {pull['commits']} commits, expected {1 + request.reviews}")
    runs = (await hub.repo("morgan", "GET", f"/commits/{pull['head']['sha']}/check-runs"))["check_runs"]
    if not runs:
        verdict.lost.append(f"{at}: no check run")
    for name, count in Counter(run["name"] for run in runs).items():
        if count > 1:
            verdict.duplicated.append(f"{at}: {count} check runs called {name}")
    verdict.left += [
        f"{at}: the check run {run['name']} is {run['status']}" for run in runs if run["status"] != "completed"
    ]
    replies = Counter(
        each.get("in_reply_to_id") for each in await hub.all(f"/pulls/{request.pull}/comments") if _is_ours(each)
    )
    if len(replies) != request.reviews or any(count > 1 for count in replies.values()):
        verdict.duplicated.append(f"{at}: {dict(replies)} replies to {request.reviews} remarks")
    if request.ending is Ending.MERGED:
        await _judge_skill(record, request, verdict)


async def _judge_words(record: Record, request: Request, rows: Sequence[InboxEntry], verdict: Verdict) -> None:
    """Everything that people said was given to the request's job."""
    heard = {
        (row.event, said["id"])
        for row in rows
        if row.event in _WORDS and row.done_by != NO_JOB and (said := json.loads(row.body).get("comment"))
    }
    for event, path in _WORDS.items():
        number = request.pull if event == "pull_request_review_comment" else request.number
        for each in await record.hub.all(path.format(number=number)) if number else ():
            if not _is_ours(each) and (event, each["id"]) not in heard:
                verdict.lost.append(f"#{request.number}: nobody heard {each['body']!r}")


async def _judge_repository(record: Record, verdict: Verdict) -> None:
    """One pull request for each request that came so far, closed, and no branch beside theirs."""
    hub = record.hub
    ours = {f"skill/issue-{request.number}" for request in record.requests if request.pull}
    pulls = Counter(pull["head"]["ref"] for pull in await hub.all("/pulls?state=all"))
    verdict.duplicated += [f"{branch}: {count} pull requests" for branch, count in pulls.items() if count > 1]
    verdict.left += [f"a pull request from {branch}" for branch in pulls if branch not in ours]
    verdict.left += [f"the open pull request #{pull['number']}" for pull in await hub.all("/pulls?state=open")]
    branches = {branch["name"] for branch in await hub.all("/branches")}
    verdict.left += [f"the branch {branch}" for branch in sorted(branches - ours - {"main"})]


async def _judge_skill(record: Record, request: Request, verdict: Verdict) -> None:
    """What was demanded is in the skill that was merged, in the order in which it was said."""
    hub = record.hub
    files = await hub.repo("morgan", "GET", f"/pulls/{request.pull}/files")
    path = next((each["filename"] for each in files if each["filename"].endswith("/SKILL.md")), None)
    if path is None:
        verdict.lost.append(f"#{request.number}: no skill in the pull request")
        return
    content = await hub.repo("morgan", "GET", f"/contents/{path}")
    found = list(dict.fromkeys(DEMAND.findall(base64.b64decode(content["content"]).decode())))
    if set(found) != set(request.demands):
        verdict.lost.append(f"#{request.number}: demanded {request.demands}, the skill has {found}")
    elif found != request.demands:
        verdict.misordered.append(f"#{request.number}: demanded {request.demands}, the skill has {found}")


def judge_writes(log: Sequence[dict[str, Any]], verdict: Verdict) -> None:
    """What was posted twice notified people twice, even if one was taken back; whatever was answered, it counts."""
    made: Counter[tuple[str, str]] = Counter()
    ended: set[str] = set()
    writes = [each for each in log if each["actor"] == _OURS and 200 <= each["came_to"] < 300]
    for exchange in writes:
        path, body = exchange["path"], exchange["body"] or {}
        if exchange["method"] == "POST" and (what := _identity(path, body)):
            made[path, what] += 1
        if exchange["method"] in ("POST", "PUT") and path.endswith("/labels"):
            issue = path.removesuffix("/labels").rpartition("/")[2]
            names = [str(name) for name in body.get("labels", []) if str(name).startswith("skill:")]
            if issue in ended and names and names != ["skill:promoted"]:
                verdict.misordered.append(f"#{issue}: {names} after it was promoted")
            if "skill:promoted" in names:
                ended.add(issue)
    verdict.notes["writes to GitHub"] = f"{len(writes)}"
    verdict.duplicated += [
        f"{path}: posted {count} times ({what})" for (path, what), count in made.items() if count > 1
    ]


def _identity(path: str, body: dict[str, Any]) -> str:
    """What may be posted once; "" for what may be posted again."""
    if path.endswith(("/comments", "/replies")):
        marker = _MARKER.search(str(body.get("body", "")))
        return marker[1] if marker else str(body)
    if path.endswith("/check-runs"):
        return f"{body.get('name')} on {body.get('head_sha')}"
    return f"from {body.get('head')}" if path.endswith("/pulls") else ""


def _is_ours(comment: dict[str, dict[str, str]]) -> bool:
    return comment["user"]["login"] == _OURS


# --- the model -------------------------------------------------------------------------------------------------------


def judge_calls(asks: Sequence[Ask], bots: Sequence[Bot], verdict: Verdict) -> None:
    """Each paid call that was asked again, and whether a kill took its first answer."""
    cuts = {life.name: life.cut for bot in bots for life in bot.lives}
    same: dict[str, list[Ask]] = defaultdict(list)
    for ask in asks:
        if ask.paid:
            same[ask.question].append(ask)
    interrupted = sum(1 for ask in asks if ask.paid and _taken_by_a_kill(ask, cuts[ask.life]) is not None)
    verdict.notes["model calls"] = f"{len(asks)}, {sum(len(each) > 0 for each in same.values())} different"
    verdict.notes["model calls under way at a kill"] = f"{interrupted}"
    verdict.notes["errors of the model"] = str(sum(not ask.paid for ask in asks))
    for group in same.values():
        for ask, again in itertools.pairwise(group):
            gap = _taken_by_a_kill(ask, cuts[ask.life])
            if gap is not None and again.life != ask.life:
                verdict.unpaid_repeats += 1
                verdict.longest_gap = max(verdict.longest_gap, gap)
            else:
                verdict.unexplained.append(_explain(ask, again, cuts[ask.life]))


def judge_questions(asks: Sequence[Ask], requests: Sequence[Request], verdict: Verdict) -> None:
    """A question that was asked again in other words is paid again, too."""
    different: dict[tuple[str, str], dict[str, Ask]] = defaultdict(dict)
    for ask in asks:
        if ask.paid:
            different[ask.case, ask.signature].setdefault(ask.question, ask)
    for request in requests:
        for signature in sorted({signature for case, signature in different if case == request.case}):
            found, most = different[request.case, signature].values(), needed(request)[signature]
            if len(found) > most:
                who = ", ".join(f"{ask.life} at {ask.began:.2f}" for ask in found)
                verdict.unexplained.append(f"{request.case} {signature}: {len(found)} questions ({who}), needs {most}")


def _taken_by_a_kill(ask: Ask, cuts: Sequence[float]) -> float | None:
    """Seconds from the sending of the answer to the kill that took it (0: it was not sent yet); None: none did."""
    for cut in cuts:
        asked_by_then = ask.began <= cut + (TRANSIT_SECONDS if ask.ended is None else 0)
        if asked_by_then and (ask.ended is None or ask.ended >= cut - STORE_SECONDS):
            return max(0.0, cut - ask.ended) if ask.ended is not None else 0.0
    return None


def _explain(ask: Ask, again: Ask, cuts: Sequence[float]) -> str:
    ended = "never answered" if ask.ended is None else f"answered after {ask.ended - ask.began:.2f} s"
    later = [f"{cut - ask.began:+.2f}" for cut in cuts]
    return (
        f"{ask.case} {ask.signature}: asked by {ask.life} ({ended}; cut at {', '.join(later) or 'never'}), "
        f"again by {again.life} {again.began - ask.began:.2f} s later"
    )
