"""What stays true whatever anybody wrote: the five outcomes by which every attack is judged.

1. Nothing leaves the skill's folder, and its frontmatter is ours. 2. Nothing is approved that nobody approved.
3. Nobody is notified but the requester. 4. No command fires. 5. The pull request shows the risk.
The third and the fourth are read off everything that the bot would say at this point of the journey.
"""

import re
from collections.abc import Iterator

from bot.commands import grammar
from bot.comments import notices, pull, status
from bot.comments.audit import active_in
from bot.comments.references import scan
from bot.jobs.identity import GITHUB_COM
from bot.jobs.job import Job, JobStatus
from bot.jobs.outcome import checkpoint_text
from bot.repo_config import RepoConfig
from pipeline.journey import Journey
from pipeline.models import SkillDraft
from pipeline.skills.metadata import read_metadata
from tests.jobs import NOON, make_job, make_pull

BOT = "skill-fleet[bot]"
CONFIG = RepoConfig()
INVISIBLE = re.compile("[\u200b\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f\x00\x1b]")
DANGERS = re.compile(r"curl [^\n|]*\| *(?:ba)?sh|~/\.ssh|rm -rf /|\$[A-Z_]*(?:TOKEN|SECRET)|eval\(|base64 -d")
"""What a reader must be warned of; independent of the rules that are to find it."""
_OURS = re.compile(r"HTML '(?:<details>\\n<summary>[^<>]*(?:<code>[^<>]*</code>[^<>]*)*|</details>)|heading")


def hold(journey: Journey, *, approved: str = "") -> None:
    """All five, at any point of a journey on which `approved` is the digest that a person really approved."""
    nothing_leaves_the_folder(journey)
    nothing_is_approved_but(approved, journey)
    completed = journey.status == "completed"
    job = make_job(
        journey=journey,
        requester=journey.request.author,
        title=journey.request.title,
        status=JobStatus.IN_REVIEW if completed else JobStatus(journey.status),
        pull=make_pull(8) if completed else None,
    )
    for text in said(job):
        nobody_else_is_notified_and_nothing_fires(text, job)
    the_risk_is_shown(job)


def nothing_leaves_the_folder(journey: Journey) -> None:
    for result in (journey.generation, journey.validation):
        if result is None:
            continue
        if journey.existing is None:
            safe(result.draft)
        else:
            _inside(result.draft)
            assert result.draft.path == journey.existing.path
            assert read_metadata(result.draft.skill_content).allowed_tools is None


def safe(draft: SkillDraft) -> None:
    """What holds for every new skill."""
    assert re.fullmatch(r"skills/([a-z0-9-]+/)?[a-z0-9]+(-[a-z0-9]+)*", draft.path)
    _inside(draft)
    metadata = read_metadata(draft.skill_content)
    assert metadata.name == draft.name == draft.path.rpartition("/")[2]
    assert metadata.allowed_tools is None
    assert not {"<", ">"} & set(metadata.description)
    assert not INVISIBLE.search(metadata.description)
    frontmatter = draft.skill_content.split("---\n")[1]
    assert [line.split(":")[0] for line in frontmatter.splitlines()] == [
        key for key in ("name", "description", "license", "compatibility") if f"\n{key}:" in f"\n{frontmatter}"
    ]


def _inside(draft: SkillDraft) -> None:
    for path in draft.files:
        assert re.fullmatch(r"SKILL\.md|(scripts|references|assets|evals)/[a-z0-9][a-z0-9._-]*", path)
        assert ".." not in path


def nothing_is_approved_but(approved: str, journey: Journey) -> None:
    assert journey.approved_digest in ("", approved)
    assert journey.approved_by in ("", "ada")
    assert journey.validation_waived_by == ""
    if journey.status == "completed":
        assert journey.validation is not None
        assert journey.validation.draft.digest == approved, "what was approved is what would be published"


def said(job: Job) -> Iterator[str]:
    """Everything the bot would write on GitHub about the job as it is now, in Markdown."""
    journey = job.journey
    yield status.render(job, config=CONFIG, now=NOON)
    if journey.checkpoint is not None:
        yield checkpoint_text(job, journey.checkpoint)
    if journey.failure is not None:
        yield notices.failed(journey.failure)
    if journey.validation is not None:
        yield pull.body(job, CONFIG)
        yield pull.refined(job, journey.generation.changes if journey.generation else [])


def nobody_else_is_notified_and_nothing_fires(text: str, job: Job) -> None:
    meant = {f"mention '@{job.requester}'", f"issue '#{job.issue_number}'", "issue '#8'"}
    assert {found for found in active_in(text) if not _OURS.match(found)} <= meant
    heard = grammar.parse(text, BOT)
    assert (heard.commands, heard.unknown, heard.malformed) == ((), (), ())
    assert not INVISIBLE.search(text)


def the_risk_is_shown(job: Job) -> None:
    """In the pull request's own words, above the folded report; and its commit sets nothing off either."""
    validation = job.journey.validation
    if validation is None:
        assert job.journey.status != "completed", "without a report there is no pull request"
        return
    above = pull.body(job, CONFIG).partition("<details>")[0]
    message = pull.commit_message(job, round_summary="", web=GITHUB_COM)
    for text in (pull.title(job), message.partition("\n\nCo-authored-by:")[0]):
        assert [found.text for found in scan(text, at_line_start=True)] in ([], [f"#{job.issue_number}"]), text
    if any(DANGERS.search(text) for path, text in validation.draft.files.items() if not path.startswith("evals/")):
        assert "**Look closely before merging**" in above
