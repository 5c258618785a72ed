"""The request that is played, and who says what. Works with any model: what people do follows what the bot asks."""

import re
from dataclasses import dataclass, field

from bot.demo.narrator import Narrator
from bot.demo.people import Comment, DeviationError, Issue, People, until

REQUESTER, MAINTAINER = "riley", "morgan"
TITLE = "Skill request: release notes"
FORM = {
    "name": "release-notes",
    "purpose": (
        "Write release notes from merged pull requests.\n\n"
        "1. List the pull requests merged since the last tag with `git log --merges --oneline v1.0.0..HEAD`.\n"
        "2. Group them by label: breaking, feature, fix.\n"
        "3. Write one line for each, in the past tense, with the number.\n"
        "4. Put breaking changes first and name the migration step.\n\n"
        "A reverted pull request must not be listed as a feature."
    ),
    "when": (
        "When somebody prepares a release, asks for release notes, or asks what changed since the last version. "
        "Not for commit messages."
    ),
    "examples": (
        "Input: three merged pull requests, one of them breaking.\n\n"
        "```markdown\n### Breaking\n- Renamed `run` to `start`; call `start` instead (#14)\n\n"
        "### Features\n- Added a dark theme (#12)\n```"
    ),
    "constraints": "Never invent a change. Keep each line under 100 characters.",
}
ANSWER = "Count the lines of the notes and of `git log --merges --oneline`: both numbers must be the same."
REFINEMENT = 'Add a section "Common mistakes" that says: do not list a revert and the change it reverts.'
REFINED_BY = "do not list a revert"
MAX_QUESTION_ROUNDS = 5
_APPROVE = re.compile(r"`/skill approve ([0-9a-f]{8})`")


@dataclass
class Story:
    """Plays the request. `patience` is the longest wait for one step of the bot, in seconds."""

    people: People
    narrator: Narrator
    patience: float = 60.0
    steps: list[str] = field(default_factory=list)

    async def play(self) -> str:
        """The closing line's `PATH@SHA` part with the issue. Raises DeviationError at the first thing that is off."""
        people, tell = self.people, self.narrator
        tell.step("A request is filed")
        number = await people.file_request(REQUESTER, TITLE, FORM)
        tell.filed(REQUESTER, number, TITLE, FORM)
        await self._state(number, "waiting-for-start")
        await self._follow(number)
        if not any("Skill request" in comment.body for comment in await self._of_bot(number)):
            raise DeviationError("the bot posted no status comment")

        tell.step("A maintainer starts it")
        await people.comment(MAINTAINER, number, "/skill start")
        await self._answer_questions(number)

        tell.step("The preview is refined by a reply")
        first = await self._preview(number)
        await people.comment(REQUESTER, number, REFINEMENT)
        second = await self._preview(number, other_than=first)
        if REFINED_BY not in (await self._newest_preview(number)).body.lower():
            raise DeviationError("the refined preview does not hold what the reply asked for")

        tell.step("The preview is approved, validated and published")
        await people.comment(MAINTAINER, number, f"/skill approve {second}")
        await self._state(number, "in-review")
        await self._follow(number)
        pull = await people.pull_of(number)
        sha = pull["head"]["sha"]
        check = await until("the check run", lambda: people.check_of(sha), self.patience)
        tell.pull(pull, check)
        if check["conclusion"] != "success":
            raise DeviationError(f"the check run says {check['conclusion']}: {check['output']['title']}")

        tell.step("Merging promotes it")
        merge_sha = await people.merge(MAINTAINER, pull["number"])
        tell.merged(MAINTAINER, pull["number"], merge_sha)
        await self._state(number, "promoted")
        await self._follow(number)
        if (await people.issue(number)).open:
            raise DeviationError("the issue is still open")
        await self._check_comments(number)
        path = _path_in(pull["body"])
        if f"{path}/SKILL.md" not in await people.files(path, merge_sha):
            raise DeviationError(f"{path}/SKILL.md is not on the default branch")
        return f"#{number} -> {path}@{merge_sha}"

    async def _answer_questions(self, number: int) -> None:
        asked = 0
        while True:
            state = await self._state(number, "needs-answer", "needs-decision")
            await self._follow(number)
            if state == "needs-decision":
                break
            asked += 1
            if asked > MAX_QUESTION_ROUNDS:
                raise DeviationError(f"the bot asked {asked} times")
            self.narrator.step("The requester answers in plain words")
            await self.people.comment(REQUESTER, number, ANSWER if asked == 1 else "/skill skip")
            await self._leave(number, "needs-answer")
        if asked == 0 and not self.narrator.with_model:
            raise DeviationError("the bot asked no question")

    async def _preview(self, number: int, other_than: str = "") -> str:
        """The hash of the newest preview."""

        async def look() -> str | None:
            found = _APPROVE.search((await self._newest_preview(number)).body)
            return found[1] if found and found[1] != other_than else None

        digest = await until("a new preview", look, self.patience)
        await self._state(number, "needs-decision")
        await self._follow(number)
        return digest

    async def _newest_preview(self, number: int) -> Comment:
        previews = [comment for comment in await self._of_bot(number) if _APPROVE.search(comment.body)]
        return previews[-1] if previews else Comment(0, "", "")

    async def _state(self, number: int, *expected: str) -> str:
        async def look() -> str | None:
            issue = await self.people.issue(number)
            await self._follow(number)
            if issue.state in {"failed", "cancelled", "rejected", "expired"} - set(expected):
                raise DeviationError(f"the request is {issue.state}")
            return issue.state if issue.state in expected else None

        return await until(f"the state {' or '.join(expected)}", look, self.patience)

    async def _leave(self, number: int, state: str) -> None:
        comments = len(await self.people.comments(number))

        async def look() -> Issue | None:
            issue = await self.people.issue(number)
            moved_on = issue.state != state or len(await self.people.comments(number)) > comments
            return issue if moved_on else None

        await until(f"the end of {state}", look, self.patience)

    async def _follow(self, number: int) -> None:
        """Print what is new in the conversation."""
        for comment in await self.people.comments(number):
            self.narrator.comment(comment)

    async def _of_bot(self, number: int) -> list[Comment]:
        return [comment for comment in await self.people.comments(number) if comment.author.endswith("[bot]")]

    async def _check_comments(self, number: int) -> None:
        """One of everything: no comment was posted twice, and there is one status comment."""
        mine = await self._of_bot(number)
        markers = [found[0] for comment in mine if (found := re.search(r"effect=[0-9a-f]+", comment.body))]
        if len(markers) != len(set(markers)) or len(markers) != len(mine):
            raise DeviationError("the bot posted a comment twice")
        statuses = [comment for comment in mine if comment.body.startswith("### Skill request")]
        if len(statuses) != 1:
            raise DeviationError(f"there are {len(statuses)} status comments, not one")


def _path_in(pull_body: str) -> str:
    found = re.search(r"Adds the skill `[^`]+` in `([^`]+)`", pull_body)
    if found is None:
        raise DeviationError("the pull request does not say where the skill is")
    return found[1]
