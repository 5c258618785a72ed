"""Plain values for the state machine's tests: a job at any point of its life, people, events and facts."""

from datetime import UTC, datetime
from typing import Any

from bot.jobs.decision import Facts
from bot.jobs.events import Commented, IssueSnapshot, Labelled, PhaseEnded
from bot.jobs.job import Actor, Job, JobStatus, Pull, Repository, Role, job_key
from bot.repo_config import RepoConfig
from pipeline.checkpoints import ClarifyCheckpoint, PreviewCheckpoint, Question
from pipeline.journey import Journey
from pipeline.models import (
    Dependencies,
    Generation,
    Intent,
    OutlineSection,
    Placement,
    Plan,
    PlannedSkill,
    QualityAssessment,
    Requirements,
    SkillDraft,
    SkillRequest,
    TestCases,
    Understanding,
    Validation,
)

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
REPOSITORY = Repository(id=7, owner="acme", name="skills", installation_id=99)
RILEY = Actor(login="riley", id=11)
MORGAN = Actor(login="morgan", id=12)
SAM = Actor(login="sam", id=13)
ROLES = {"riley": Role.READ, "morgan": Role.ADMIN, "sam": Role.NONE}

REQUEST = SkillRequest(
    title="Skill request: release notes", text="Write release notes from merged pull requests.", author="riley"
)
QUALITY = QualityAssessment(
    overall_score=0.9,
    completeness=1.0,
    compliance=1.0,
    trigger_coverage=0.8,
    verbosity=0.2,
    word_count=420,
    size_assessment="optimal",
)
METADATA = PlannedSkill(name="release-notes", description="Writes release notes. Use when a release is prepared.")
PLAN = Plan(
    skill_metadata=METADATA,
    taxonomy_path="skills/release-notes",
    capabilities=["Collect merged pull requests"],
    content_outline=[OutlineSection(title="Workflow", points=["Collect", "Group", "Write"])],
    success_criteria=["Every merged pull request appears once"],
)
UNDERSTANDING = Understanding(
    requirements=Requirements(
        domain="technical",
        category="documentation",
        target_level="intermediate",
        topics=["release notes"],
        constraints=[],
        trigger_phrases=["write release notes"],
        negative_triggers=[],
        examples=[],
        skill_category="document_creation",
        suggested_name="release-notes",
        suggested_description=METADATA.description,
        ambiguities=[],
    ),
    intent=Intent(
        purpose="Write release notes",
        problem_statement="Notes are written by hand",
        target_audience="maintainers",
        value_proposition="Nothing is forgotten",
        skill_type="workflow",
        in_scope=[],
        out_of_scope=[],
        success_criteria=[],
    ),
    taxonomy=Placement(recommended_path="skills/release-notes"),
    dependencies=Dependencies(),
    plan=PLAN,
)


def draft(text: str = "# Release notes\n\nCollect, group, write.\n") -> SkillDraft:
    content = f'---\nname: release-notes\ndescription: "{METADATA.description}"\n---\n\n{text}'
    return SkillDraft(name="release-notes", path="skills/release-notes", files={"SKILL.md": content})


def generation(of: SkillDraft | None = None) -> Generation:
    return Generation(
        draft=of or draft(),
        sections_generated=["Workflow"],
        code_examples_count=0,
        estimated_reading_time=2,
        quality=QUALITY,
        highlights=["Collects merged pull requests"],
    )


def validation(of: SkillDraft | None = None) -> Validation:
    return Validation(
        passed=True,
        verdict="pass",
        findings=[],
        checks_performed=["structure", "content", "quality"],
        quality=QUALITY,
        test_cases=TestCases(),
        draft=of or draft(),
    )


def clarify(round_: int = 1) -> ClarifyCheckpoint:
    question = Question(
        text="Which repositories?", why="It decides how to collect", options=["One", "All"], assumption="One"
    )
    return ClarifyCheckpoint(id=f"clarify-{round_}", round=round_, last_round=round_ > 1, questions=[question])


def preview(number: int = 1, of: SkillDraft | None = None) -> PreviewCheckpoint:
    shown = of or draft()
    return PreviewCheckpoint(
        id=f"preview-{number}",
        digest=shown.digest,
        path=shown.path,
        highlights=["Collects merged pull requests"],
        assumptions=[],
        files={name: len(text.encode()) for name, text in shown.files.items()},
        document=shown.skill_content,
        quality=QUALITY,
    )


def at_clarify() -> Journey:
    return Journey(request=REQUEST, status="pending_user_input", checkpoint=clarify(), drafter="outline")


def at_preview(number: int = 1, of: SkillDraft | None = None) -> Journey:
    return Journey(
        request=REQUEST,
        phase="generation",
        status="pending_hitl",
        checkpoint=preview(number, of),
        understanding=UNDERSTANDING,
        generation=generation(of),
        previews_shown=number,
        drafter="outline",
    )


def completed(of: SkillDraft | None = None) -> Journey:
    result = of or draft()
    return Journey(
        request=REQUEST,
        phase="validation",
        status="completed",
        understanding=UNDERSTANDING,
        generation=generation(result),
        validation=validation(result),
        approved_digest=result.digest,
        approved_by="morgan",
        drafter="outline",
    )


def job(status: JobStatus = JobStatus.RUNNING, journey: Journey | None = None, **changes: Any) -> Job:
    return Job(
        key=job_key(7, 12),
        repository=REPOSITORY,
        issue_number=12,
        requester="riley",
        title=REQUEST.title,
        status=status,
        journey=journey or Journey(request=REQUEST),
        started_by="morgan",
        created_at=NOW,
        updated_at=NOW,
        **changes,
    )


PULL = Pull(number=13, branch="skill/issue-12", head_sha="a" * 40, path="skills/release-notes", digest=draft().digest)


def facts(actor: Actor = MORGAN, *, event_id: int = 1, config: RepoConfig | None = None, **changes: Any) -> Facts:
    return Facts(
        role=changes.pop("role", ROLES[actor.login]),
        config=config or RepoConfig(),
        now=changes.pop("now", NOW),
        bot_login="skill-fleet[bot]",
        event_id=event_id,
        actor=actor.login,
        code_owners=tuple(changes.pop("code_owners", ())),
    )


def labelled(actor: Actor = MORGAN) -> Labelled:
    issue = IssueSnapshot(
        number=12, title=REQUEST.title, author=RILEY, labels=frozenset({"skill-request"}), open=True, request=REQUEST
    )
    return Labelled(repository=REPOSITORY, issue=issue, actor=actor)


def comment(body: str, actor: Actor = RILEY, comment_id: int = 1_000, pull_number: int | None = None) -> Commented:
    return Commented(actor=actor, author=actor, comment_id=comment_id, body=body, pull_number=pull_number)


def ended(journey: Journey) -> PhaseEnded:
    return PhaseEnded(journey=journey)
