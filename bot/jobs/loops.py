"""The circuit breaker against loops: bots that keep doing things to one request are not listened to for a while.

What GitHub itself has done to the request (merged, gone) always counts, whoever did it.
"""

from datetime import timedelta

from bot.comments.budgets import bot_loop
from bot.jobs import events as ev
from bot.jobs.decision import Turn

MOST = 10
WINDOW = timedelta(minutes=1)
DEAF = timedelta(minutes=10)
_ALWAYS = (ev.PullMerged, ev.IssueGone)


def is_loop(turn: Turn, event: ev.Event) -> bool:
    """Is this event one too many by bots? Counts it; says so once when the listening ends."""
    actor = ev.actor_of(event)
    if actor is None or actor.type != "Bot" or isinstance(event, _ALWAYS):
        return False
    job, now = turn.job, turn.facts.now
    if job.deaf_to_bots_until is not None and now < job.deaf_to_bots_until:
        return True
    recent = (*(moment for moment in job.bot_events if now - moment < WINDOW), now)[-MOST:]
    if len(recent) < MOST:
        turn.change(bot_events=recent, deaf_to_bots_until=None)
        return False
    turn.change(bot_events=(), deaf_to_bots_until=now + DEAF)
    turn.say_once("bot_loop", bot_loop(MOST, int(DEAF.total_seconds()) // 60))
    return True
