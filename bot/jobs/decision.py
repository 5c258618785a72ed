"""What a decision is made of: the facts it may use and the turn in which job and effects are put together."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.comments.notifications import Level, Occasion, addressed, wanted
from bot.jobs import effects as fx
from bot.jobs.identity import GITHUB_COM
from bot.jobs.job import WAITING, Job, JobStatus, Role
from bot.repo_config import RepoConfig


@dataclass(frozen=True)
class Facts:
    """What the outside said before deciding: who the actor is here, how the repository is set up, what time it is.

    `event_id` is the inbox row's id: it makes keys of repeatable effects unique and stable. `code_owners` are the
    people who own the skill's folder; they are looked up only for somebody whose role alone would not do.
    """

    role: Role
    config: RepoConfig
    now: datetime
    bot_login: str
    web: str = GITHUB_COM
    event_id: int = 0
    code_owners: tuple[str, ...] = ()
    actor: str = ""


@dataclass(frozen=True)
class Decision:
    """The job as it is now (None: this event concerns no job), and what to write to GitHub because of it, in order."""

    job: Job | None
    effects: tuple[fx.Effect, ...] = ()


@dataclass
class Turn:
    """One decision in the making. `job` changes only through its methods; effects only accumulate."""

    job: Job
    facts: Facts
    effects: list[fx.Effect] = field(default_factory=list)

    def do(self, *effects: fx.Effect) -> None:
        self.effects.extend(effects)

    def say(
        self,
        key: str,
        body: str,
        number: int | None = None,
        *,
        why: Occasion = Occasion.REPLY,
        rest: fx.Rest | None = None,
    ) -> None:
        """A comment, unless the repository does not want this kind of them."""
        level = Level(self.facts.config.notifications)
        if not wanted(why, level):
            return
        people = [self.job.requester, *([self.facts.actor] if self.facts.actor else [])]
        text = addressed(body, people, level)
        self.keep(rest)
        self.do(fx.Say(key=f"say:{key}", number=number or self.job.issue_number, body=text, rest=rest))

    def keep(self, rest: fx.Rest | None) -> None:
        """Remember that a text leaves something on a branch of its own."""
        if rest is not None:
            self.change(keeps_rest=True)

    def say_once(self, what: str, body: str, number: int | None = None, *, why: Occasion = Occasion.REPLY) -> None:
        """A sentence that is said once in the life of the job."""
        if what not in self.job.told:
            self.say(what, body, number, why=why)
            self.job = self.job.with_(told=self.job.told | {what})

    def is_new(self, said: str) -> bool:
        """Was nothing done about these words yet? They may come again: redelivered, or found by reconciliation."""
        return said not in self.job.acted_on

    def acted_on(self, said: str) -> None:
        self.job = self.job.with_(acted_on=(*self.job.acted_on, said)[-200:])

    def change(self, **changes: object) -> None:
        self.job = self.job.with_(**changes)

    def move(self, status: JobStatus, **changes: object) -> None:
        """To another status, with the timers that belong to it."""
        self.job = self.job.moved(status, **{"look_at": None, "looks": 0, **changes})
        if status in WAITING or status is JobStatus.QUEUED:
            config, now = self.facts.config, self.facts.now
            self.job = self.job.with_(
                waiting_since=now,
                remind_at=now + timedelta(days=config.remind_after_days),
                expire_at=now + timedelta(days=config.expire_after_days),
            )
        else:
            self.job = self.job.with_(waiting_since=None, remind_at=None, expire_at=None)
