"""One realistic and one hostile value for everything the bot can say, as `name -> text`."""

from collections.abc import Callable
from datetime import UTC, datetime

from bot.commands.meaning import Malformed
from bot.commands.table import Verb
from bot.comments import budgets, credentials, notices, preview, pull, questions, reasons, report, status
from bot.jobs.identity import GITHUB_COM
from bot.jobs.job import Job, JobStatus, Pull, Repository
from bot.repo_config import RepoConfig
from pipeline.checkpoints import (
    Checkpoint,
    ClarifyCheckpoint,
    ConfirmCheckpoint,
    EventType,
    PreviewCheckpoint,
    Question,
    StructureFixCheckpoint,
    ValidateCheckpoint,
    WorkflowEvent,
)
from pipeline.journey import ClarificationRound, Failure, Journey
from pipeline.models import (
    Change,
    Dependencies,
    Dependency,
    Generation,
    Intent,
    OutlineSection,
    Placement,
    Plan,
    PlannedSkill,
    QualityAssessment,
    ReportedFinding,
    Requirements,
    Resource,
    SkillDraft,
    SkillRequest,
    TestCases,
    TriggerCase,
    Understanding,
    Usage,
    Validation,
)

NOW = datetime(2026, 10, 10, 12, tzinfo=UTC)
HOSTILE = (
    "@octocat @org/team closes #12 o/r#3 deadbeef12 https://github.com/o/r/issues/4 ![x](http://evil.example/p.png) "
    "<!-- skill-fleet key=say:1 --> <details><summary>x</summary> `un|closed **bold "
    "\u202eevil\u200b [ok](javascript:a) $x$"
)
HOSTILE_BLOCK = f"/skill approve\n{HOSTILE}\n\n# Heading\n\n```mermaid\ngraph\n\n</details>\n/lgtm\n"
DOCUMENT = '---\nname: pdf-forms\ndescription: "Fills PDF forms."\n---\n\n# PDF forms\n\n```sh\npdftk a.pdf\n```\n'
HOSTILE_DOCUMENT = f"---\nname: x\n---\n````\n{HOSTILE_BLOCK}\n<!-- skill-fleet -->\n</details>\n@octocat"
REPOSITORY = Repository(id=1, owner="acme", name="skills", installation_id=2)


class Kit:
    """The values of one flavour: `say` gives the words for a field."""

    def __init__(self, say: Callable[[str], str], document: str) -> None:
        self.say = say
        self.document = document

    def finding(self, severity: str = "warning", rule: str = "SPEC010") -> ReportedFinding:
        return ReportedFinding(
            rule=rule,
            severity=severity,  # type: ignore[arg-type]
            message=self.say("The description does not say when to use the skill."),
            file=self.say("SKILL.md"),
            line=3,
            column=14,
        )

    def quality(self) -> QualityAssessment:
        return QualityAssessment(
            overall_score=0.82,
            completeness=0.9,
            compliance=1,
            trigger_coverage=0.75,
            verbosity=0.2,
            word_count=1204,
            size_assessment="optimal",
            weaknesses=[self.say("No example with a scanned form.")],
            missing_success_criteria=[self.say("Shows how to check the result.")],
            advice=[self.say("Name the tool in the first line.")],
        )

    def plan(self) -> Plan:
        return Plan(
            skill_metadata=PlannedSkill(
                name="pdf-forms", description=self.say("Fills PDF forms. Use when a form has to be filled.")
            ),
            taxonomy_path="skills/pdf-forms",
            capabilities=[self.say("Find the fields of a form"), self.say("Fill them from data")],
            content_outline=[OutlineSection(title=self.say("Find fields"), points=[self.say("List them with pdftk")])],
            resource_requirements=[Resource(path="scripts/fill.py", reason=self.say("Filling is repeated work"))],
            success_criteria=[self.say("A filled form opens without a warning")],
            assumptions=[self.say("Forms are not scanned.")],
        )

    def changes(self) -> list[Change]:
        return [
            Change(
                request=self.say("Shorten the introduction"), outcome="applied", note=self.say("Two sentences now.")
            ),
            Change(request=self.say("Call a web service"), outcome="rejected", note=self.say("Out of scope.")),
        ]

    def draft(self) -> SkillDraft:
        return SkillDraft(
            name="pdf-forms",
            path="skills/pdf-forms",
            files={"SKILL.md": self.document, "scripts/fill.py": "print(1)\n", "evals/triggers.json": "[]\n"},
        )

    def clarify(self, *, last: bool = False) -> ClarifyCheckpoint:
        asked = [
            Question(
                text=self.say("Are the forms scanned?"),
                why=self.say("Scanned forms need text recognition."),
                options=[self.say("never"), self.say("sometimes")],
                assumption=self.say("They are not."),
            ),
            Question(text=self.say("Which Python?"), why="", options=[], assumption=self.say("3.12 or newer.")),
        ]
        return ClarifyCheckpoint(
            id="c1", round=2 if last else 1, last_round=last, questions=asked[:1] if last else asked
        )

    def structure_fix(self) -> StructureFixCheckpoint:
        return StructureFixCheckpoint(
            id="s1",
            problems=[self.say("The name has capital letters.")],
            current_name=self.say("PDF Forms"),
            current_description=self.say("forms"),
            suggested_name="pdf-forms",
            suggested_description=self.say("Fills PDF forms. Use when a form has to be filled."),
        )

    def confirm(self) -> ConfirmCheckpoint:
        return ConfirmCheckpoint(
            id="p1",
            plan=self.plan(),
            near_duplicates=[self.say("skills/pdf-reader")],
            placement=self.placement(),
            dependencies=self.dependencies(),
        )

    def placement(self) -> Placement:
        return Placement(
            recommended_path="skills/pdf-forms",
            category=self.say("documents")[:64],
            new_category=True,
            rationale=self.say("No category is about files."),
        )

    def dependencies(self) -> Dependencies:
        return Dependencies(
            required=[Dependency(name="pdf-reader", reason=self.say("It reads the form."))],
            recommended=[Dependency(name="letters", reason=self.say("Forms are sent with one."))],
            missing=[Dependency(name="signatures", reason=self.say("Signed forms need it."))],
        )

    def preview(self) -> PreviewCheckpoint:
        draft = self.draft()
        return PreviewCheckpoint(
            id="v1",
            digest="1a2b3c4d" + "0" * 56,
            path=draft.path,
            highlights=[self.say("Works without a network.")],
            assumptions=[self.say("Forms are not scanned.")],
            files={path: len(text) for path, text in draft.files.items()},
            document=self.document,
            bundled={path: self.say(text) for path, text in draft.files.items() if path != "SKILL.md"},
            quality=self.quality(),
            findings=[self.finding(), self.finding("info")],
            changes=self.changes(),
            near_duplicates=[self.say("skills/pdf-reader")],
        )

    def validate(self, *, severity: str) -> ValidateCheckpoint:
        return ValidateCheckpoint(
            id="w1",
            digest="1a2b3c4d" + "0" * 56,
            passed=severity == "none",
            findings=[] if severity == "none" else [self.finding(severity), self.finding("info")],
            quality=self.quality(),
            document=self.document,
        )

    def understanding(self) -> Understanding:
        return Understanding(
            requirements=Requirements(
                domain="technical",
                category="documents",
                target_level="intermediate",
                topics=[],
                constraints=[],
                trigger_phrases=[],
                negative_triggers=[],
                examples=[],
                skill_category="document_creation",
                suggested_name="pdf-forms",
                suggested_description="Fills PDF forms.",
                ambiguities=[],
            ),
            intent=Intent(
                purpose="p",
                problem_statement="p",
                target_audience="a",
                value_proposition="v",
                skill_type="how_to",
                in_scope=[],
                out_of_scope=[],
                success_criteria=[],
            ),
            taxonomy=self.placement(),
            dependencies=self.dependencies(),
            plan=self.plan(),
        )

    def journey(self, **changes: object) -> Journey:
        draft = self.draft()
        values: dict[str, object] = {
            "request": SkillRequest(title=self.say("PDF forms"), text=self.say("Fill PDF forms"), author="ada"),
            "drafter": "openai/gpt-oss",
            "prompts": "0123456789ab",
            "usage": Usage(calls=12, prompt_tokens=30_000, completion_tokens=4_321, cost_usd=0.124),
            "usage_by_module": {
                "GatherRequirements": Usage(calls=2, prompt_tokens=9_000, completion_tokens=900, cost_usd=0.02),
                "SynthesizePlan": Usage(calls=1, prompt_tokens=4_000, completion_tokens=421, cost_usd=0.004),
                "GenerateSkillContent": Usage(calls=9, prompt_tokens=17_000, completion_tokens=3_000, cost_usd=0.1),
            },
            "clarifications": [
                ClarificationRound(questions=self.clarify().questions, answer=self.say("No."), by="ada")
            ],
            "understanding": self.understanding(),
            "generation": Generation(
                draft=draft,
                sections_generated=["a"],
                code_examples_count=1,
                estimated_reading_time=3,
                quality=self.quality(),
            ),
            "validation": Validation(
                passed=True,
                verdict="pass",
                findings=[self.finding(), self.finding(rule="SEC008")],
                checks_performed=["SPEC001", "SPEC002"],
                quality=self.quality(),
                test_cases=TestCases(
                    triggers=[
                        TriggerCase(query=self.say("fill this form"), should_trigger=True),
                        TriggerCase(query=self.say("read this invoice"), should_trigger=False),
                    ]
                ),
                trigger_losses=[self.say("pdf-reader wins “open this form”")],
                draft=draft,
            ),
            "previews_shown": 2,
            "approved_digest": "1a2b3c4d" + "0" * 56,
            "approved_by": "grace",
            "phase": "validation",
            "status": "completed",
        }
        return Journey.model_validate({**values, **changes})

    def job(self, job_status: JobStatus = JobStatus.IN_REVIEW, **changes: object) -> Job:
        values: dict[str, object] = {
            "key": "1:7",
            "repository": REPOSITORY,
            "issue_number": 7,
            "requester": "ada",
            "title": self.say("PDF forms"),
            "status": job_status,
            "journey": self.journey(),
            "pull": Pull(number=8, branch="skill/issue-7", head_sha="a" * 40, path="skills/pdf-forms", digest="d" * 64),
            "started_by": "grace",
            "expire_at": datetime(2026, 10, 24, 12, tzinfo=UTC),
            "created_at": NOW,
            "updated_at": NOW,
        }
        return Job.model_validate({**values, **changes})

    def at(self, job_status: JobStatus, phase: str, checkpoint: Checkpoint | None = None, **changes: object) -> Job:
        """A job in the middle: what comes after `phase` is not there yet."""
        later: dict[str, object] = {"phase": phase, "checkpoint": checkpoint, "status": "running", "approved_by": ""}
        order = ["understanding", "generation", "validation"]
        for name in order[order.index(phase) :]:
            later[name] = None
        if phase == "understanding":
            later |= {"previews_shown": 0, "clarifications": []}
        return self.job(job_status, journey=self.journey(**later), pull=None, **changes)


def _reasons(say: Callable[[str], str]) -> dict[str, str]:
    """Parts of the texts that show them, by which they are made safe."""
    return {
        "reasons.locked": reasons.locked(),
        "reasons.not_permitted": reasons.not_permitted(say("Resource not accessible by integration")),
        "reasons.not_there": reasons.not_there("PATCH /repos/{owner}/{repo}/issues/{number}"),
        "reasons.in_conflict": reasons.in_conflict(say("Git Repository is empty.")),
        "reasons.not_accepted": reasons.not_accepted(say("Validation Failed")),
        "reasons.too_long": reasons.too_long("comment", 70_000),
        "reasons.comment_gone": reasons.comment_gone(),
        "reasons.outside_repository": reasons.outside_repository("../x"),
        "reasons.not_a_path": reasons.not_a_path("a\x00b"),
        "reasons.a_workflow": reasons.a_workflow(),
        "reasons.no_document": reasons.no_document(),
        "reasons.shows_secret": reasons.shows_secret(["SKILL.md", "references/api.md"]),
        "reasons.merged_already": reasons.merged_already(8),
        "reasons.closed_by_somebody": reasons.closed_by_somebody(8),
        "reasons.no_commit_yet": reasons.no_commit_yet(),
        "reasons.changed_meanwhile": reasons.changed_meanwhile(),
        "reasons.pushed_meanwhile": reasons.pushed_meanwhile(),
        "reasons.nothing_to_change": reasons.nothing_to_change(),
        "reasons.branch_gone": reasons.branch_gone(),
        "reasons.no_common_history": reasons.no_common_history(),
        "reasons.both_changed": reasons.both_changed([f"{letter}.md" for letter in "abcdefg"]),
        "reasons.skill_moved": reasons.skill_moved(say("There is no SKILL.md any more."), "skills/pdf-forms"),
        "reasons.waiting_for_model": reasons.waiting_for_model(say("The model is overloaded.")),
        "reasons.kept_failing": reasons.kept_failing(),
        "reasons.cancelled_by": reasons.cancelled_by("ada"),
        "reasons.cancelled_by nobody": reasons.cancelled_by(""),
        "reasons.closed_by": reasons.closed_by("ada"),
        "reasons.nobody_answered": reasons.nobody_answered(),
        "reasons.label_removed": reasons.label_removed(),
        "reasons.issue_deleted": reasons.issue_deleted(),
        "reasons.issue_transferred": reasons.issue_transferred(),
        "reasons.app_uninstalled": reasons.app_uninstalled(),
        "reasons.app_suspended": reasons.app_suspended(),
        "reasons.app_removed": reasons.app_removed(),
        "reasons.repository_deleted": reasons.repository_deleted(),
        "reasons.repository_archived": reasons.repository_archived(),
    }


def _texts(kit: Kit) -> dict[str, str]:
    say, config = kit.say, RepoConfig()
    failure = Failure(code="rate_limited", message=say("The model is overloaded"), retryable=True)

    def shown(job: Job, activity: str = "") -> str:
        return status.render(job, activity=activity, config=config, now=NOW)

    def moment(kind: EventType, module: str = "", message: str = "") -> str:
        return status.describe(WorkflowEvent(type=kind, phase="understanding", module=module, message=message, at=NOW))

    return {
        "status.render queued": shown(kit.at(JobStatus.QUEUED, "understanding", started_by="", expire_at=None)),
        "status.render running": shown(kit.at(JobStatus.RUNNING, "generation"), say("writing the draft (step 1 of 3)")),
        "status.render outline": shown(
            kit.job(journey=kit.journey(drafter="outline", usage=Usage(calls=3), validation_waived_by="grace"))
        ),
        "status.render clarify": shown(kit.at(JobStatus.PENDING_USER_INPUT, "understanding", kit.clarify())),
        "status.render structure_fix": shown(
            kit.at(JobStatus.PENDING_USER_INPUT, "understanding", kit.structure_fix(), expire_at=NOW)
        ),
        "status.render confirm": shown(kit.at(JobStatus.PENDING_HITL, "understanding", kit.confirm())),
        "status.render preview": shown(kit.at(JobStatus.PENDING_HITL, "generation", kit.preview())),
        "status.render validate": shown(
            kit.at(JobStatus.PENDING_HITL, "validation", kit.validate(severity="warning"), expire_at=None)
        ),
        "status.render in_review": shown(kit.job()),
        "status.render conflict": shown(kit.job(conflict=True)),
        "status.render promoted": shown(kit.job(JobStatus.PROMOTED)),
        "status.render rejected": shown(kit.job(JobStatus.REJECTED, ended_reason=say("closed by grace"))),
        "status.render cancelled": shown(kit.at(JobStatus.CANCELLED, "generation", ended_reason=say("label_removed"))),
        "status.render expired": shown(kit.at(JobStatus.EXPIRED, "understanding", kit.clarify())),
        "status.render failed": shown(
            kit.at(JobStatus.FAILED, "validation", ended_reason=say("The model is overloaded."))
        ),
        "status.describe step": moment(EventType.MODULE_START, "AnalyzeIntent"),
        "status.describe other step": moment(EventType.MODULE_START, "Polish"),
        "status.describe progress": moment(EventType.PROGRESS, message="reading 3 of 5 files"),
        "status.needed": status.needed(kit.job(), config, NOW),
        "questions.clarify": questions.clarify(kit.clarify(), "ada"),
        "questions.clarify last": questions.clarify(kit.clarify(last=True), "ada"),
        "questions.structure_fix": questions.structure_fix(kit.structure_fix(), "ada"),
        "questions.confirm": questions.confirm(kit.confirm(), "ada"),
        "preview.rest": preview.rest(kit.preview(), "ada", "openai/gpt-oss"),
        "report.validate_rest": report.validate_rest(kit.validate(severity="error")),
        "preview.render": preview.render(kit.preview(), "ada", "openai/gpt-oss"),
        "preview.render outline": preview.render(
            kit.preview().model_copy(update={"changes": [], "findings": [], "near_duplicates": []}), "ada", "outline"
        ),
        "preview.superseded": preview.superseded("1a2b3c4d"),
        "preview.change_list": preview.change_list(kit.changes()),
        "report.validate_checkpoint errors": report.validate_checkpoint(kit.validate(severity="error"), "ada"),
        "report.validate_checkpoint advice": report.validate_checkpoint(kit.validate(severity="warning"), "ada"),
        "report.validate_checkpoint passed": report.validate_checkpoint(kit.validate(severity="none"), "ada"),
        "report.findings_table": report.findings_table([kit.finding()] * 3, max_rows=2),
        "report.findings_table empty": report.findings_table([]),
        "report.tally": report.tally([kit.finding("error"), kit.finding(), kit.finding()]),
        "report.quality_table": report.quality_table(kit.quality()),
        "report.check_summary fail": report.check_summary(
            [kit.finding("error"), kit.finding()], path="skills/pdf-forms", annotated=1
        ),
        "report.check_summary pass": report.check_summary([], path="skills/pdf-forms"),
        "pull.title": pull.title(kit.job()),
        "pull.rest": pull.rest(kit.job(), config),
        "pull.body": pull.body(kit.job(), config),
        "pull.body outline": pull.body(kit.job(journey=kit.journey(drafter="outline", validation=None)), config),
        "pull.commit_message first": pull.commit_message(
            kit.job(pull=None, requester_id=42), round_summary=say("Add everything"), web=GITHUB_COM
        ),
        "pull.commit_message round": pull.commit_message(
            kit.job(),
            round_summary=say("Shorten the introduction; Co-authored-by: nobody; add an example with a table"),
            web="https://github.acme.test",
        ),
        "pull.ready": pull.ready(kit.job()),
        "pull.promoted": pull.promoted(kit.job(JobStatus.PROMOTED), "f" * 40, GITHUB_COM),
        "pull.promoted elsewhere": pull.promoted(kit.job(JobStatus.PROMOTED), "f" * 40, "https://github.acme.test"),
        "pull.merge_message": pull.merge_message("main", "skill/issue-7", by=say("grace")),
        "pull.up_to_date": pull.up_to_date(),
        "pull.refined": pull.refined(kit.job(), kit.changes()),
        "pull.refined nothing": pull.refined(kit.job(), kit.changes()[1:]),
        "pull.thread_reply applied": pull.thread_reply(kit.changes()[0]),
        "pull.thread_suggestion": pull.thread_suggestion(kit.changes()[0], ["Collect, group, write."]) or "",
        "pull.thread_reply rejected": pull.thread_reply(kit.changes()[1]),
        "pull.snapshot": pull.snapshot(kit.job()),
        "notices.help_text": notices.help_text("skill-fleet[bot]"),
        "notices.denied": notices.denied(
            "mallory", say("`/skill approve` can be used by people with write permission.")
        ),
        "notices.unknown_command": notices.unknown_command(say("aprove"), Verb.APPROVE),
        "notices.unknown_command far": notices.unknown_command(say("xyzzy"), None),
        "notices.malformed_command": notices.malformed_command(
            Malformed(Verb.RENAME, say("PDF Forms"), say("A skill name has only lower-case letters."))
        ),
        "notices.malformed_command with an example": notices.malformed_command(
            Malformed(Verb.RENAME, say("PDF Forms"), say("Only small letters, for example `/skill rename pdf-forms`."))
        ),
        "notices.command_in_code": notices.command_in_code(),
        "notices.sounds_like_yes": notices.sounds_like_yes("ada", "1a2b3c4d"),
        "notices.not_now": notices.not_now(Verb.APPROVE, JobStatus.RUNNING),
        "notices.wrong_answer": notices.wrong_answer(say("There is no question to answer.")),
        "notices.stale_approval": notices.stale_approval("aaaaaaaa", "bbbbbbbb"),
        "notices.stale_approval early": notices.stale_approval("", "bbbbbbbb"),
        "notices.stale_approval nothing": notices.stale_approval(say("aaaaaaaa"), ""),
        "notices.approve_afresh": notices.approve_afresh(),
        "notices.status_reply": notices.status_reply(kit.job(), config),
        "notices.waiting_for_start": notices.waiting_for_start(say("skill-request")),
        "notices.request_changed": notices.request_changed(),
        "report.fix_suggested": report.fix_suggested(say("-name: PDF\n+name: pdf"), by="ada", suggested=0),
        "report.fix_suggested (at the lines)": report.fix_suggested("", by="ada", suggested=2),
        "report.fix_suggestion": report.fix_suggestion(["name: pdf", "", "```sh", say("ls"), "```"]) or "",
        "report.fix_committed": report.fix_committed([say("skills/pdf-forms/SKILL.md")], by="ada"),
        "notices.rebuilt": notices.rebuilt(),
        "notices.lost": notices.lost(),
        "notices.too_late": notices.too_late("ada"),
        "notices.issue_gone": notices.issue_gone(say("the issue was transferred to another repository")),
        "notices.answer_edited": notices.answer_edited("ada"),
        "notices.answer_deleted": notices.answer_deleted("ada"),
        "notices.reminder": notices.reminder(kit.at(JobStatus.PENDING_USER_INPUT, "understanding", kit.clarify())),
        "notices.reminder queued": notices.reminder(kit.job(JobStatus.QUEUED, started_by="")),
        "notices.expired": notices.expired(kit.job(JobStatus.EXPIRED), 14),
        "notices.expired queued": notices.expired(kit.job(JobStatus.EXPIRED, started_by=""), 14),
        "notices.cancelled": notices.cancelled("ada"),
        "notices.cancelled by the operator": notices.cancelled(),
        "notices.rejected": notices.rejected("grace"),
        "notices.failed retryable": notices.failed(failure),
        "notices.failed final": notices.failed(failure.model_copy(update={"retryable": False})),
        "notices.rejected with remarks": notices.rejected(say("grace"), remarks=2),
        "notices.in_full": notices.in_full("https://github.com/acme/skills/blob/skill-fleet/issue-7/a.md"),
        "notices.conflict": notices.conflict(),
        "notices.changed_on_base": notices.changed_on_base(),
        "notices.conflict_by_hand": notices.conflict_by_hand(say("Both this branch and main changed NOTES.md")),
        "notices.dependency_landed": notices.dependency_landed(say("pdf-forms"), say("skills/pdf-forms"), 8),
        "notices.kept_message": notices.kept_message(7),
        "report.no_skill": "\n\n".join(report.no_skill(say("skills/pdf-forms"))),
        "report.superseded": "\n\n".join(report.superseded()),
        "budgets.repository_used_up": budgets.repository_used_up(5_000),
        "budgets.person_used_up": budgets.person_used_up(1_000),
        "budgets.bot_loop": budgets.bot_loop(10, 10),
        "credentials.NOTE": credentials.NOTE,
        "pull.TOO_LONG": pull.TOO_LONG,
        **_reasons(say),
        "notices.review_not_heard": notices.review_not_heard(
            "ada", say("Review comments are acted on when they come from people with write permission.")
        ),
        "notices.had_stopped": notices.had_stopped("ada", "the repository was archived"),
        "notices.merged_elsewhere": notices.merged_elsewhere("ada", 8, say("develop")),
        "notices.closed_by_person": notices.closed_by_person(),
        "notices.not_published": notices.not_published(say("the branch is protected")),
    }


REALISTIC = Kit(lambda words: words, DOCUMENT)
HOSTILE_KIT = Kit(lambda words: HOSTILE[:290], HOSTILE_DOCUMENT)
realistic = _texts(REALISTIC)
hostile = _texts(HOSTILE_KIT)
