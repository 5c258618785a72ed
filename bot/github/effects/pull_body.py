"""`UpdatePull`: our region of the pull request's body, between two markers; what people wrote around it stays."""

from bot.comments import reasons
from bot.github.effects import marker
from bot.github.effects.context import Context
from bot.github.effects.rest import with_rest
from bot.github.models import PullRequest
from bot.jobs.effects import EffectResult, Refused, UpdatePull

BEGIN = "<!-- skill-fleet:begin (kept up to date by Skill Fleet; write above or below) -->"
END = "<!-- skill-fleet:end -->"
_BEGIN_PREFIX = "<!-- skill-fleet:begin"
_PULL = "/repos/{owner}/{repo}/pulls/{number}"


async def update_pull(effect: UpdatePull, context: Context) -> EffectResult:
    there = context.at(number=effect.number)
    pull = await context.talk.getitem(_PULL, there, PullRequest)
    body = with_region(pull.body or "", await with_rest(effect.body, effect.rest, context))
    if len(body) > marker.MAX_BODY:
        return Refused(code="invalid", reason=reasons.too_long("description", len(body)))
    if not marker.same_text(pull.body, body):
        pull = await context.insist(lambda: context.talk.patch(_PULL, there, {"body": body}, PullRequest))
    return await context.done(effect.key, effect.kind, effect.number, pull.html_url)


def region(ours: str) -> str:
    """Our text between its markers; stray markers inside it are taken out."""
    inner = "\n".join(line for line in _lines(ours) if not _is_begin(line) and line.strip() != END)
    return f"{BEGIN}\n{inner.strip()}\n{END}"


def with_region(current: str, ours: str) -> str:
    """`current` with our region replaced in its place, or appended when there is none.

    Everything outside the first complete region is kept word for word (line endings become \\n). A region that lost its
    end marker is not trusted to end anywhere: its marker is dropped, its text stays, and ours is appended.
    """
    lines = _lines(current)
    begin = next((index for index, line in enumerate(lines) if _is_begin(line)), None)
    end = next((i for i, line in enumerate(lines) if begin is not None and i > begin and line.strip() == END), None)
    if begin is None or end is None:
        kept = "\n".join(line for line in lines if not _is_begin(line) and line.strip() != END).strip()
        return f"{kept}\n\n{region(ours)}" if kept else region(ours)
    return "\n".join([*lines[:begin], region(ours), *lines[end + 1 :]])


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _is_begin(line: str) -> bool:
    return line.strip().startswith(_BEGIN_PREFIX)
