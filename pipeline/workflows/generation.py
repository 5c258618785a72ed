"""Phase 2: the draft, refined until it reaches the target, changed on a person's words, and shown for approval."""

from pipeline import sections
from pipeline.checking import body_of, check, errors
from pipeline.checkpoints import EventType, PreviewCheckpoint
from pipeline.journey import Journey
from pipeline.models import FROM_VALIDATION, Change, Feedback, Generation, SkillDraft, Understanding
from pipeline.modules.generation import (
    Assessed,
    GenerateSkillContentModule,
    IncorporateFeedbackModule,
    RefinedContentModule,
    assessed,
)
from pipeline.quality import without_code
from pipeline.revision import next_version, revised, version_of
from pipeline.session import Session
from pipeline.workflows.phase import PhaseWorkflow, stop_at

WORDS_PER_MINUTE = 200


class GenerationWorkflow(PhaseWorkflow):
    """Write or change, refine, preview. An approved draft that did not change goes straight on."""

    phase = "generation"

    def __init__(self) -> None:
        self.generate = GenerateSkillContentModule()
        self.refined = RefinedContentModule()
        self.incorporate = IncorporateFeedbackModule()

    async def _run(self, journey: Journey, session: Session) -> Journey:
        understanding = journey.understanding
        assert understanding is not None, "generation starts from a plan"
        if journey.generation is None:
            generation = await self._write(journey, understanding, session)
        else:
            generation = await self._change(journey, journey.generation, understanding, session)
        generation = _under_its_version(journey, generation)
        journey = journey.model_copy(update={"generation": generation, "pending_feedback": []})
        if journey.in_review or journey.approved_digest == generation.draft.digest:
            return journey.model_copy(update={"phase": "validation"})
        return preview(journey, generation, session)

    async def _write(self, journey: Journey, understanding: Understanding, session: Session) -> Generation:
        if journey.existing is not None and journey.rebuilt:
            now = assessed(journey.existing, understanding.plan, understanding.requirements, session.runtime.taxonomy)
            start = describe(now, understanding, rounds=0, changes=[])
            return await self._change(journey, start, understanding, session)
        if journey.existing is not None:
            return await self._extend(journey.existing, journey, understanding, session)
        async with session.module("GenerateSkillContent", "Writing the draft"):
            draft = await self.generate.acall(
                plan=understanding.plan, requirements=understanding.requirements, intent=understanding.intent
            )
        first = assessed(draft, understanding.plan, understanding.requirements, session.runtime.taxonomy)
        return await self._refine(journey, first, understanding, session, [])

    async def _extend(
        self, existing: SkillDraft, journey: Journey, understanding: Understanding, session: Session
    ) -> Generation:
        """The existing skill with what the request asks for worked in; the rest stays as it is."""
        request = journey.request
        words = [request.purpose or request.text, request.constraints, request.examples]
        replies = [done.answer for done in journey.clarifications if done.answer]
        text = "\n\n".join(part.strip() for part in [*words, *replies] if part.strip()) or request.title
        feedback = Feedback(text=text[:70_000], by=request.author, source="request")
        async with session.module("IncorporateFeedback", f"Changing the skill {existing.name}"):
            done = await self.incorporate.acall(draft=existing, feedback=[feedback], plan=understanding.plan)
        taxonomy = session.runtime.taxonomy
        now = assessed(done.draft, understanding.plan, understanding.requirements, taxonomy)
        if errors(now.findings):
            return await self._refine(journey, now, understanding, session, done.changes, errors_only=True)
        return describe(now, understanding, rounds=0, changes=done.changes)

    async def _change(
        self, journey: Journey, before: Generation, understanding: Understanding, session: Session
    ) -> Generation:
        """What people asked for, then what validation found. A person's change is not polished behind their back."""
        taxonomy = session.runtime.taxonomy
        asked = [item for item in journey.pending_feedback if item.source != FROM_VALIDATION]
        found = [item for item in journey.pending_feedback if item.source == FROM_VALIDATION]
        draft, changes = before.draft, list[Change]()
        if asked:
            async with session.module("IncorporateFeedback", "Making the changes asked for"):
                incorporated = await self.incorporate.acall(draft=draft, feedback=asked, plan=understanding.plan)
            draft, changes = incorporated.draft, incorporated.changes
        now = assessed(draft, understanding.plan, understanding.requirements, taxonomy)
        if found or errors(now.findings):
            return await self._refine(journey, now, understanding, session, changes, errors_only=True)
        return describe(now, understanding, rounds=0, changes=changes)

    async def _refine(
        self,
        journey: Journey,
        first: Assessed,
        understanding: Understanding,
        session: Session,
        changes: list[Change],
        *,
        errors_only: bool = False,
    ) -> Generation:
        # With an error the score stays below 0.5: refining for errors stops as soon as they are gone.
        session.measured(first.draft, first.findings, first.quality.overall_score)
        target = min(journey.options.quality_target, 0.5) if errors_only else journey.options.quality_target
        async with session.module("RefinedContent", "Refining the draft"):
            refined = await self.refined.acall(
                first=first,
                plan=understanding.plan,
                requirements=understanding.requirements,
                taxonomy=session.runtime.taxonomy,
                target=target,
                attempts=journey.options.max_refinements,
            )
        session.tell(
            EventType.PROGRESS,
            module="RefinedContent",
            message=f"Quality {refined.best.reward:.2f} after {refined.attempts} refinements ({refined.stopped})",
        )
        return describe(refined.best.version, understanding, rounds=refined.attempts, changes=changes)


def _under_its_version(journey: Journey, generation: Generation) -> Generation:
    """A changed skill gets its next version, unless a person gave it one by hand."""
    before, after = journey.existing, generation.draft
    if before is None or journey.rebuilt:
        return generation
    by_hand = "SKILL.md" in journey.edited_by_people and version_of(after) not in {
        version_of(before),
        next_version(before, after),
    }
    if by_hand:
        return generation
    return generation.model_copy(update={"draft": revised(before, after, generation.changes)})


def describe(version: Assessed, understanding: Understanding, *, rounds: int, changes: list[Change]) -> Generation:
    """The phase's result, measured on the text that goes on."""
    body = body_of(version.draft)
    found = sections.headings(body)
    fences = sum(line.lstrip().startswith(("```", "~~~")) for line in body.splitlines()) // 2
    return Generation(
        draft=version.draft,
        sections_generated=found,
        code_examples_count=fences,
        estimated_reading_time=max(1, round(len(without_code(body).split()) / WORDS_PER_MINUTE)),
        quality=version.quality,
        rounds=rounds,
        changes=changes,
        highlights=[text for text in (*understanding.plan.capabilities, *(f"Section: {h}" for h in found)) if text][:6],
    )


def preview(journey: Journey, generation: Generation, session: Session) -> Journey:
    """The journey waiting for an approval of exactly this draft."""
    understanding = journey.understanding
    assert understanding is not None, "a preview has a plan behind it"
    draft = generation.draft
    findings, _ = check(draft, session.runtime.taxonomy)
    session.measured(draft, findings, generation.quality.overall_score)
    number = journey.previews_shown + 1
    checkpoint = PreviewCheckpoint(
        id=f"preview-{number}-{draft.short_digest}",
        digest=draft.digest,
        path=draft.path,
        highlights=generation.highlights,
        assumptions=understanding.plan.assumptions,
        files={path: len(text.encode()) for path, text in sorted(draft.files.items())},
        document=draft.skill_content,
        bundled={path: text for path, text in sorted(draft.files.items()) if path != "SKILL.md"},
        quality=generation.quality,
        findings=findings,
        changes=generation.changes,
        near_duplicates=[duplicate.name for duplicate in understanding.taxonomy.near_duplicates],
    )
    return stop_at(journey.model_copy(update={"previews_shown": number}), checkpoint)


def from_validation(messages: list[str]) -> Feedback:
    """Findings on their way back into generation."""
    return Feedback(text="\n".join(messages), by=FROM_VALIDATION, source=FROM_VALIDATION)
