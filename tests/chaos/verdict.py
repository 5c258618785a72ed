"""The judge of a chaos run: what was lost, done twice, done in the wrong order, or paid twice, and for what reason.

It looks at what people can see on GitHub, at the bot's rows, and at the model's log beside the instants of the kills.
"""

import base64
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bot.serve import EXIT_LEASE_LOST
from bot.store.database import open_database
from bot.store.inbox import SET_ASIDE, InboxEntry
from bot.store.stores import Stores
from bot.subjects import ACCEPTED
from tests.chaos.author import DEMAND
from tests.chaos.fleet import Bot
from tests.chaos.model import Ask
from tests.chaos.people import Request
from tests.chaos.run import Record

STORE_SECONDS = 1.5
"""An answer that was sent so shortly before a kill may not have been stored yet."""
TRANSIT_SECONDS = 0.25
"""A question that comes to the model so shortly after a kill, and is never answered, was on its way."""
_MARKER = re.compile(r"effect=([0-9a-f]{16}) -->")
_OURS = "skill-fleet[bot]"


@dataclass
class Verdict:
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    misordered: list[str] = field(default_factory=list)
    unpaid_repeats: int = 0
    """Calls asked again because a kill (or a freeze) took their answer."""
    unexplained: list[str] = field(default_factory=list)
    """Calls asked again for any other reason."""
    longest_gap: float = 0.0
    """Seconds between the sending of an answer and the kill that took it, at most."""
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.duplicated or self.misordered or self.unexplained)

    def line(self) -> str:
        unexplained = f" unexplained_repeats={len(self.unexplained)}" if self.unexplained else ""
        return (
            f"lost={len(self.lost)} duplicated={len(self.duplicated)} misordered={len(self.misordered)} "
            f"unpaid_repeats={self.unpaid_repeats}{unexplained}"
        )


async def judge(record: Record) -> Verdict:
    verdict = Verdict()
    await _judge_rows(record, verdict)
    for request in record.requests:
        if request.lost or not request.done:
            verdict.lost.append(request.lost or f"#{request.number}: never ended")
        elif request.done:
            await _judge_request(record, request, verdict)
    await _judge_writes(record, verdict)
    judge_calls(record.model.asks, record.bots, verdict)
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


async def _judge_rows(record: Record, verdict: Verdict) -> None:
    stores = Stores.over(open_database(record.plan.database_url))
    try:
        rows = sorted(await stores.inbox.list_entries(state="all", limit=1_000_000), key=lambda row: row.id)
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


def _overtaken(rows: Iterable[InboxEntry]) -> Iterable[str]:
    """Events of one request that were dealt with before an earlier one."""
    latest: dict[str, InboxEntry] = {}
    for row in rows:
        if row.event == "skill_fleet" or row.done_at is None or row.done_by in ("no job", SET_ASIDE):
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
    if sum(body.startswith("### Skill request") for body in comments) != 1:
        verdict.duplicated.append(f"{at}: not exactly one status comment")
    pulls = await hub.repo(
        "morgan", "GET", f"/pulls?state=all&head={hub.repository.partition('/')[0]}:skill/issue-{request.number}"
    )
    if len(pulls) != 1:
        verdict.duplicated.append(f"{at}: {len(pulls)} pull requests")
    pull = await hub.repo("morgan", "GET", f"/pulls/{request.pull}")
    if pull["commits"] != 1 + request.reviews:
        verdict.duplicated.append(f"{at}: {pull['commits']} commits, expected {1 + request.reviews}")
    runs = (await hub.repo("morgan", "GET", f"/commits/{pull['head']['sha']}/check-runs"))["check_runs"]
    for name, count in Counter(run["name"] for run in runs).items():
        if count > 1:
            verdict.duplicated.append(f"{at}: {count} check runs called {name}")
    replies = Counter(
        each.get("in_reply_to_id") for each in await hub.all(f"/pulls/{request.pull}/comments") if _is_ours(each)
    )
    if len(replies) != request.reviews or any(count > 1 for count in replies.values()):
        verdict.duplicated.append(f"{at}: {dict(replies)} replies to {request.reviews} remarks")
    await _judge_skill(record, request, verdict)


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


async def _judge_writes(record: Record, verdict: Verdict) -> None:
    """A comment that was posted twice notified people twice, even if one was taken back."""
    log = await record.hub.call("morgan", "GET", "/_sandbox/requests?writes")
    posted: Counter[tuple[str, str]] = Counter()
    ended: set[str] = set()
    writes = 0
    for exchange in log:
        if exchange["actor"] != _OURS or not 200 <= exchange["status"] < 300:
            continue
        writes += 1
        path, body = exchange["path"], exchange["body"] or {}
        if exchange["method"] == "POST" and path.endswith("/comments"):
            marker = _MARKER.search(str(body.get("body", "")))
            posted[path, marker[1] if marker else str(body)] += 1
        if exchange["method"] in ("POST", "PUT") and path.endswith("/labels"):
            issue = path.removesuffix("/labels").rpartition("/")[2]
            names = [str(name) for name in body.get("labels", []) if str(name).startswith("skill:")]
            if issue in ended and names and names != ["skill:promoted"]:
                verdict.misordered.append(f"#{issue}: {names} after it was promoted")
            if "skill:promoted" in names:
                ended.add(issue)
    verdict.notes["writes to GitHub"] = f"{writes}"
    verdict.duplicated += [
        f"{path}: posted {count} times ({key})" for (path, key), count in posted.items() if count > 1
    ]


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
