"""What is written down about a job: parameters, tags, numbers and texts, computed from plain values.

Parameters never change, tags may. Texts are masked: whatever looks like a credential stays out of the record.
"""

import json
from dataclasses import dataclass, field

from pipeline.accounting import MODULES, PHASES
from pipeline.journey import Journey
from pipeline.models import Phase, QualityAssessment, SkillDraft, Usage, Value
from pipeline.skills.rules.security_text import masked
from pipeline.tracking.port import HumanFeedback, Outcome, Progressed

_LONGEST = 500


@dataclass
class Record:
    """What one run holds."""

    outcome: Outcome
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


def options(journey: Journey) -> dict[str, str]:
    """The parameters of a job: what the repository had decided when it was asked for."""
    return {f"option.{name}": short(str(value)) for name, value in journey.options.model_dump().items()}


def job_record(progressed: Progressed) -> Record:
    """The whole job: where it stands, what it took, what it made and what was said."""
    journey = progressed.journey
    record = Record(progressed.outcome, tags={"status": progressed.status, "phase": journey.phase})
    record.tags["drafter"] = journey.drafter
    record.tags["prompts"] = journey.prompts
    record.tags["checkpoint"] = journey.checkpoint.kind if journey.checkpoint else ""
    record.tags["failure"] = journey.failure.code if journey.failure else ""
    record.metrics = _usage(journey.usage)
    record.metrics["rounds.questions"] = len(journey.clarifications)
    record.metrics["rounds.previews"] = journey.previews_shown
    record.metrics["rounds.validation"] = journey.validation_rounds
    draft, quality = _newest(journey)
    if quality is not None:
        record.metrics |= _quality(quality)
    if draft is not None:
        record.tags["skill"], record.tags["draft"] = draft.name, draft.short_digest
        record.texts |= {f"skill/{draft.short_digest}/{path}": masked(text) for path, text in draft.files.items()}
    record.texts["conversation.json"] = _conversation(journey)
    if journey.validation is not None:
        record.texts["reports/validation.json"] = _json(journey.validation, exclude={"draft"})
    return record


def phase_record(phase: Phase, progressed: Progressed) -> Record | None:
    """One phase of it; None when the job has not come so far."""
    journey = progressed.journey
    if PHASES.index(phase) > PHASES.index(journey.phase) and not _reached(phase, journey):
        return None
    record = Record(_phase_outcome(phase, progressed))
    spent = [journey.usage_by_module.get(module, Usage()) for module in MODULES[phase]]
    record.metrics = _usage(sum(spent, Usage()))
    for module, usage in zip(MODULES[phase], spent, strict=True):
        if usage.calls:
            record.metrics[f"tokens.{module}"] = usage.prompt_tokens + usage.completion_tokens
    _FILL[phase](journey, record)
    return record


def feedback_text(feedback: HumanFeedback) -> str:
    """One piece of feedback as JSON."""
    return _json(feedback.model_copy(update={"text": masked(feedback.text)}))


def short(text: str) -> str:
    """Fit for a parameter or a tag."""
    return masked(text)[:_LONGEST]


def _reached(phase: Phase, journey: Journey) -> bool:
    results = {"understanding": journey.understanding, "generation": journey.generation}
    return bool(results.get(phase, journey.validation))


def _phase_outcome(phase: Phase, progressed: Progressed) -> Outcome:
    """A phase is open while the job is in it; what the job goes on from is finished."""
    here = progressed.journey.phase == phase
    if progressed.journey.status == "failed":
        return "failed" if here else "finished"
    completed = progressed.journey.status == "completed"
    return progressed.outcome if here and not completed else "finished"


def _understanding(journey: Journey, record: Record) -> None:
    found = journey.understanding
    if found is None:
        return
    record.tags |= {
        "domain": found.requirements.domain,
        "level": found.requirements.target_level,
        "path": short(found.plan.taxonomy_path),
        "skill": found.plan.skill_metadata.name,
    }
    record.metrics["assumptions"] = len(found.plan.assumptions)
    record.metrics["near_duplicates"] = len(found.taxonomy.near_duplicates)
    record.texts["plan.json"] = _json(found.plan)


def _generation(journey: Journey, record: Record) -> None:
    if journey.generation is None:
        return
    record.tags["draft"] = journey.generation.draft.short_digest
    record.metrics |= _quality(journey.generation.quality)
    record.metrics["rounds.refinement"] = journey.generation.rounds
    record.metrics["files"] = len(journey.generation.draft.files)


def _validation(journey: Journey, record: Record) -> None:
    if journey.validation is None:
        return
    severities = [finding.severity for finding in journey.validation.findings]
    record.tags["verdict"] = journey.validation.verdict
    record.metrics |= _quality(journey.validation.quality)
    record.metrics |= {f"findings.{kind}": severities.count(kind) for kind in ("error", "warning", "info")}
    record.metrics["trigger_losses"] = len(journey.validation.trigger_losses)


_FILL = {"understanding": _understanding, "generation": _generation, "validation": _validation}


def _newest(journey: Journey) -> tuple[SkillDraft | None, QualityAssessment | None]:
    """The validated draft if it is still the current one, else the generated one."""
    generated, validated = journey.generation, journey.validation
    if validated is not None and (generated is None or validated.draft.digest == generated.draft.digest):
        return validated.draft, validated.quality
    return (generated.draft, generated.quality) if generated is not None else (None, None)


def _usage(usage: Usage) -> dict[str, float]:
    """An unknown cost is left out: it is not zero."""
    numbers: dict[str, float] = {
        "calls": usage.calls,
        "tokens.prompt": usage.prompt_tokens,
        "tokens.completion": usage.completion_tokens,
        "seconds.model": usage.seconds,
    }
    if usage.cost_usd is not None:
        numbers["cost_usd"] = usage.cost_usd
    return numbers


def _quality(quality: QualityAssessment) -> dict[str, float]:
    return {
        "quality": quality.overall_score,
        "quality.completeness": quality.completeness,
        "quality.compliance": quality.compliance,
        "quality.trigger_coverage": quality.trigger_coverage,
        "quality.verbosity": quality.verbosity,
        "words": quality.word_count,
    }


def _conversation(journey: Journey) -> str:
    said = {
        "request": journey.request.model_dump(mode="json"),
        "clarifications": [done.model_dump(mode="json") for done in journey.clarifications],
        "plan_feedback": journey.plan_feedback,
        "changes": [change.model_dump(mode="json") for change in journey.generation.changes]
        if journey.generation
        else [],
    }
    return masked(json.dumps(said, ensure_ascii=False, indent=1))


def _json(value: Value, exclude: set[str] | None = None) -> str:
    return masked(value.model_dump_json(indent=1, exclude=exclude))
