"""Writes `docs/conversation.md`: a real conversation, played on the sandbox and written down as its threads read then.

`python -m tests.e2e.conversation` makes the page anew; a test compares. Commit ids and dates differ between any two
plays and are replaced by fixed ones.
"""

import asyncio
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.e2e.town import Town, town

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conversation.md"
HEAD = """# A conversation

What follows really happened, between the bot and three people on the sandbox: `riley` asks, `morgan` maintains the
repository, `sam` is a stranger. No model is configured, so the draft is an outline of the request's own words. The
threads are shown as they read at the end. `python -m tests.e2e.conversation` makes the page, and a test plays it again.
"""
REPLY = "Count the lines of both lists: the numbers must be the same."
WISH = 'Add a section "Reverts" that says: leave out a revert and what it reverts.'
REVIEW = 'Add a section "Tone" that says: write for users, not for developers.'
_EMOJI = {"eyes": "👀", "rocket": "🚀", "+1": "👍", "confused": "😕", "-1": "👎"}
_DATE = re.compile(
    r"\b\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November|December) 20\d\d\b"
)


async def play(there: Town) -> tuple[int, int]:
    """The whole road with a review; numbers of the issue and the pull request."""
    number = await there.file(start=False)
    await there.say("sam", number, "/skill start")
    await there.say("morgan", number, "/skill start")
    await there.say("riley", number, REPLY)
    await there.skip_questions(number)
    await there.say("riley", number, WISH)
    await there.say("riley", number, "/skill aprove")
    await there.say("morgan", number, f"/skill approve {await there.open_digest(number)}")
    job = await there.bot.job(number)
    assert job.pull is not None
    morgan = there.github.as_user("morgan")
    await morgan.comment_on_line(job.pull.number, f"{job.pull.path}/SKILL.md", 1, REVIEW)
    await there.bot.quiet()
    await morgan.merge(job.pull.number)
    await there.bot.quiet()
    return number, job.pull.number


def page(there: Town, number: int, pull_number: int) -> str:
    issue = there.github.sandbox.repository.issues[number]
    pull = there.github.sandbox.repository.issues[pull_number]
    assert pull.pull is not None
    parts = [HEAD.strip(), f"## The issue: {issue.title}", _said(issue.user.login, issue.body or "", issue.reactions)]
    parts += [_said(each.user.login, each.body, each.reactions) for each in issue.comments]
    parts += [f"## The pull request: {pull.title}", _said(pull.user.login, pull.body or "", pull.reactions)]
    parts += [_said(each.user.login, each.body, each.reactions) for each in pull.comments]
    parts.append("### On the first line of `SKILL.md`")
    parts += [_said(each.user.login, each.body, each.reactions) for each in pull.pull.review_comments]
    for sha in there.github.sandbox.repository.git.log(pull.pull.head_sha)[:2][::-1]:
        message = there.github.sandbox.repository.git.commit(sha).message.strip()
        parts += ["### A commit", _quoted(f"```text\n{message}\n```")]
    return _settled("\n\n".join(parts)) + "\n"


def _said(login: str, text: str, reactions: Sequence[Any]) -> str:
    seen = "".join(_EMOJI.get(each.content, "") for each in reactions)
    return f"**{login}**{f' {seen}' if seen else ''}\n\n{_quoted(text)}"


def _quoted(text: str) -> str:
    visible = re.sub(r"<!--.*?-->\n?", "", text.replace("\r\n", "\n"), flags=re.DOTALL).strip()
    return "\n".join(f"> {line}".rstrip() for line in visible.split("\n"))


def _settled(text: str) -> str:
    """What differs between two plays, made equal."""
    text = _DATE.sub("1 October 2026", text)
    text = re.sub(r"(?<=http://127\.0\.0\.1:)\d+", "4000", text)
    return re.sub(r"(merged as `)[0-9a-f]{10}", r"\g<1>0123456789", text)


async def make(folder: Path) -> str:
    async with town(folder, f"sqlite:///{folder}/conversation.db") as there:
        return page(there, *await play(there))


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        text = asyncio.run(make(Path(folder)))
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        PAGE.write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote {PAGE.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
