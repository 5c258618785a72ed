"""Comments: commands in order, otherwise free text as an answer to the open checkpoint.

Free text counts only from a permitted person, only while a checkpoint is open, and only when it was written after the
question. An edited comment runs only commands that are new in it, and never an approval.
"""

from bot.commands import grammar, small_talk
from bot.commands.meaning import Command
from bot.commands.permissions import Allowed, Denied, check
from bot.commands.table import COMMANDS, CommandSpec, Verb
from bot.comments import notices
from bot.comments.notifications import Occasion
from bot.jobs import effects as fx
from bot.jobs import events as ev
from bot.jobs import lifecycle, review
from bot.jobs.decision import Turn
from bot.jobs.job import CANCELLABLE, ENDED, RETRYABLE, JobStatus
from pipeline.checkpoints import Answer, AnswerKind
from pipeline.journey import AnswerError, StaleApproval, answer
from pipeline.models import Feedback

_ANSWERS: dict[Verb, AnswerKind] = {
    Verb.ANSWER: "answer",
    Verb.SKIP: "skip",
    Verb.ACCEPT: "accept",
    Verb.RENAME: "rename",
    Verb.APPROVE: "approve",
    Verb.REVISE: "revise",
    Verb.REFINE: "refine",
}
_FREE_TEXT: dict[str, tuple[Verb, AnswerKind]] = {
    "clarify": (Verb.ANSWER, "answer"),
    "structure_fix": (Verb.ANSWER, "answer"),
    "confirm": (Verb.REVISE, "revise"),
    "preview": (Verb.REFINE, "refine"),
    "validate": (Verb.REFINE, "refine"),
}

_APPROVED = frozenset({"confirm", "preview", "validate"})
"""Checkpoints that wait for an approval."""


def commented(turn: Turn, event: ev.Commented) -> None:
    said = f"comment:{event.comment_id}"
    if not turn.is_new(said):
        return
    before = turn.job
    _hear(turn, event)
    if turn.effects or turn.job != before:
        turn.acted_on(said)


def _hear(turn: Turn, event: ev.Commented) -> None:
    parsed = grammar.parse(event.body, turn.facts.bot_login)
    for unknown in parsed.unknown:
        _react(turn, event.comment_id, "confused")
        turn.say(f"unknown:{event.comment_id}", notices.unknown_command(unknown.word, unknown.nearest), _where(event))
    for malformed in parsed.malformed:
        _react(turn, event.comment_id, "confused")
        turn.say(f"malformed:{event.comment_id}", notices.malformed_command(malformed), _where(event))
    for position, command in enumerate(parsed.commands):
        run_command(turn, command, event, position)
    if not (parsed.commands or parsed.unknown or parsed.malformed) and parsed.free_text:
        _free_text(turn, event, parsed.free_text)


def comment_edited(turn: Turn, event: ev.CommentEdited) -> None:
    if event.actor.id != event.author.id:
        return
    as_comment = ev.Commented(
        actor=event.actor,
        author=event.author,
        comment_id=event.comment_id,
        body=event.body,
        pull_number=event.pull_number,
    )
    commands = grammar.new_commands(event.before, event.body, turn.facts.bot_login)
    for position, command in enumerate(commands):
        if command.verb is Verb.APPROVE:
            key = f"edited_approval:{event.comment_id}:{turn.facts.event_id}"
            turn.say(key, notices.approve_afresh(), event.pull_number)
        else:
            run_command(turn, command, as_comment, position, edit=turn.facts.event_id)
    parsed = grammar.parse(event.body, turn.facts.bot_login)
    if commands or parsed.commands or not parsed.free_text:
        return
    if event.comment_id in turn.job.heard:
        turn.say_once(
            f"edited_answer:{event.comment_id}", notices.answer_edited(event.actor.login), why=Occasion.REMARK
        )
    else:
        _free_text(turn, as_comment, parsed.free_text)


def comment_deleted(turn: Turn, event: ev.CommentDeleted) -> None:
    if event.comment_id in turn.job.heard and turn.job.status not in ENDED:
        turn.say_once(
            f"deleted_answer:{event.comment_id}", notices.answer_deleted(event.author.login), why=Occasion.REMARK
        )


def run_command(turn: Turn, command: Command, event: ev.Commented, position: int, edit: int = 0) -> None:
    """One command, after the permission check of the table."""
    spec, job = COMMANDS[command.verb], turn.job
    key = f"{event.comment_id}:{position}" + (f":{edit}" if edit else "")
    verdict = _verdict(turn, spec, event)
    if not isinstance(verdict, Allowed):
        _react(turn, event.comment_id, "-1")
        reason = notices.denied(event.actor.login, verdict.reason)
        turn.say_once(f"denied:{event.actor.login}:{command.verb}", reason, _where(event))
        return
    match command.verb:
        case Verb.HELP:
            turn.say(f"help:{key}", notices.help_text(turn.facts.bot_login), _where(event))
        case Verb.STATUS:
            turn.say(f"status:{key}", notices.status_reply(job, turn.facts.config), _where(event))
        case Verb.START:
            _start(turn, event, key)
        case Verb.CANCEL:
            _cancel(turn, event, key)
        case Verb.RETRY:
            _retry(turn, event, key)
        case Verb.REGENERATE:
            _regenerate(turn, event, key)
        case _:
            _answer(turn, event, _ANSWERS[command.verb], command.text, key)


def _free_text(turn: Turn, event: ev.Commented, text: str) -> None:
    """Words without a command: an answer if a checkpoint is open, otherwise people talking to each other."""
    job = turn.job
    if small_talk.only_shows_commands(text):
        turn.say_once(f"command_in_code:{event.actor.login}", notices.command_in_code(), _where(event))
        return
    checkpoint = job.journey.checkpoint
    if event.on_pull:
        review.said_after_closing(turn, event, text)
        return
    if event.comment_id <= job.checkpoint_comment_id:
        return
    if checkpoint is None or not lifecycle.hears_answers(job):
        _too_late(turn, event)
        return
    verb, kind = _FREE_TEXT[checkpoint.kind]
    verdict = _verdict(turn, COMMANDS[verb], event)
    if small_talk.is_thanks(text) and checkpoint.kind in {"clarify", "structure_fix"}:
        return
    if isinstance(verdict, Allowed) and small_talk.is_consent(text) and checkpoint.kind in _APPROVED:
        login = event.actor.login
        turn.say_once(f"yes:{login}:{checkpoint.id}", notices.sounds_like_yes(login, _open_digest(turn)))
    elif isinstance(verdict, Allowed):
        _answer(turn, event, kind, text, str(event.comment_id))
    else:
        turn.say_once(f"denied:{event.actor.login}", notices.denied(event.actor.login, verdict.reason))


def _too_late(turn: Turn, event: ev.Commented) -> None:
    """Somebody else's answer, or an earlier one, came first and is being worked on, or the work stopped without a
    word: they could not know."""
    job = turn.job
    if (reason := lifecycle.why_stopped(job)) and isinstance(_verdict(turn, COMMANDS[Verb.ANSWER], event), Allowed):
        turn.say_once(f"stopped:{job.moves}", notices.had_stopped(event.actor.login, reason))
    if job.status is not JobStatus.RUNNING or job.journey.in_review or not job.heard or event.comment_id in job.heard:
        return
    if isinstance(_verdict(turn, COMMANDS[Verb.ANSWER], event), Allowed):
        turn.say_once(f"too_late:{job.heard[-1]}", notices.too_late(event.actor.login), why=Occasion.REMARK)


def _verdict(turn: Turn, spec: CommandSpec, event: ev.Commented) -> Allowed | Denied:
    facts = turn.facts
    return check(
        spec,
        actor=event.actor,
        role=facts.role,
        requester=turn.job.requester,
        config=facts.config,
        code_owners=facts.code_owners,
    )


def _answer(turn: Turn, event: ev.Commented, kind: AnswerKind, text: str, key: str) -> None:
    job = turn.job
    published = job.journey.in_review and job.status in {JobStatus.IN_REVIEW, JobStatus.RUNNING}
    approved = job.status is JobStatus.RUNNING and bool(job.journey.approved_digest)
    if kind in {"refine", "revise"} and text.strip() and (published or approved):
        feedback = Feedback(text=text, by=event.actor.login, source=f"comment:{event.comment_id}")
        review.take_feedback(turn, feedback)
        _react(turn, event.comment_id, "eyes")
        return
    if not lifecycle.hears_answers(job):
        _not_now(turn, event, kind, key)
        return
    if kind == "approve" and not text.strip() and event.comment_id <= job.checkpoint_comment_id:
        _react(turn, event.comment_id, "confused")
        turn.say(f"stale:{key}", notices.stale_approval("", _open_digest(turn)), _where(event))
        return
    given = Answer(
        kind=kind,
        by=event.actor.login,
        text="" if kind == "approve" else text,
        digest=text.strip().lower() if kind == "approve" else "",
        source=f"comment:{event.comment_id}",
    )
    try:
        journey = answer(job.journey, given)
    except StaleApproval:
        _react(turn, event.comment_id, "confused")
        turn.say(f"stale:{key}", notices.stale_approval(given.digest, _open_digest(turn)), _where(event))
        return
    except AnswerError as error:
        _react(turn, event.comment_id, "confused")
        turn.say(f"wrong:{key}", notices.wrong_answer(str(error)), _where(event))
        return
    _react(turn, event.comment_id, "eyes")
    _react(turn, event.comment_id, "rocket")
    turn.move(JobStatus.RUNNING, journey=journey, heard=(*job.heard, event.comment_id)[-50:], ended_reason="")


def _open_digest(turn: Turn) -> str:
    digest: str = getattr(turn.job.journey.checkpoint, "digest", "")
    return digest[:8]


def _start(turn: Turn, event: ev.Commented, key: str) -> None:
    if turn.job.status is JobStatus.QUEUED:
        _react(turn, event.comment_id, "rocket")
        lifecycle.start(turn, event.actor.login)
    elif turn.job.status in ENDED:
        _retry(turn, event, key)
    else:
        _react(turn, event.comment_id, "+1")


def _cancel(turn: Turn, event: ev.Commented, key: str) -> None:
    if turn.job.status not in CANCELLABLE:
        _not_now(turn, event, "cancel", key)
        return
    _react(turn, event.comment_id, "rocket")
    lifecycle.cancel(turn, key=key, by=event.actor.login)


def _retry(turn: Turn, event: ev.Commented, key: str) -> None:
    if turn.job.status not in RETRYABLE:
        _not_now(turn, event, "retry", key)
        return
    _react(turn, event.comment_id, "rocket")
    review.retry(turn, event.actor.login)


def _regenerate(turn: Turn, event: ev.Commented, key: str) -> None:
    job = turn.job
    if job.status is JobStatus.PROMOTED or job.journey.understanding is None or job.status is JobStatus.RUNNING:
        _not_now(turn, event, "regenerate", key)
        return
    _react(turn, event.comment_id, "rocket")
    if not review.resolve(turn, by=event.actor.login, key=key):
        turn.move(JobStatus.RUNNING, journey=review.written_anew(job), ended_reason="")


def _not_now(turn: Turn, event: ev.Commented, verb: str, key: str) -> None:
    _react(turn, event.comment_id, "confused")
    turn.say(f"not_now:{key}", notices.not_now(verb, turn.job.status), _where(event))


def _react(turn: Turn, comment_id: int, content: fx.Reaction) -> None:
    key = f"react:{comment_id}:{content}"
    if all(effect.key != key for effect in turn.effects):
        turn.do(fx.React(key=key, target="issue_comment", target_id=comment_id, content=content))


def _where(event: ev.Commented) -> int | None:
    """Answer where the person wrote: None is the issue."""
    return event.pull_number
