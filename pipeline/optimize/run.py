"""One optimisation: measure, let GEPA look for better instructions, measure again, keep only what is really better.

The limits are law: every question to the model is counted, whoever asks it, and none is begun beyond them (trying one
again after a rate limit or a server error does not count).
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dspy
from pydantic import Field
from tqdm import tqdm

from pipeline import sections
from pipeline.checking import assemble
from pipeline.lm.metered import MeteredLM
from pipeline.lm.model import client
from pipeline.lm.settings import ModelSettings
from pipeline.lm.wire import WireAdapter
from pipeline.models import Written
from pipeline.modules.generation import SECTIONS_WRITTEN_WHOLE, assessed, judged, with_title
from pipeline.optimize.examples import Example, Split
from pipeline.prompts import Prompts, Scores, digest
from pipeline.signatures.generation import GenerateSkillContent
from pipeline.skills.taxonomy import Taxonomy
from pipeline.templates import SECTIONS, STYLE

PREDICTORS = ("GenerateSkillContent",)
LEAST_GAIN = 0.005
_MINIBATCH = 3
_LONGEST_INSTRUCTIONS = 12_000


class OptimizeError(Exception):
    """The run cannot start or go on; the text says why and what to do."""


class LimitReached(Exception):  # noqa: N818 - named for what is the case
    """Nothing is left for another request."""


class Spending:
    """Counts requests, from several threads. `begin` raises LimitReached before one that would be too many."""

    def __init__(self, limit: int, max_usd: float | None) -> None:
        self.limit, self.max_usd = limit, max_usd
        self.calls, self.usd = 0, 0.0
        self.failures: list[str] = []
        self.refused = False
        self._lock = threading.Lock()

    def __copy__(self) -> "Spending":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Spending":
        """The optimiser copies its program; all copies count together."""
        return self

    def begin(self) -> None:
        with self._lock:
            if self.calls >= self.limit or (self.max_usd is not None and self.usd >= self.max_usd):
                self.refused = True
                raise LimitReached
            self.calls += 1

    def paid(self, usd: float | None) -> None:
        with self._lock:
            self.usd += usd or 0.0


class _PaidLM(MeteredLM):
    spending: Spending

    def update_history(self, entry: dict[str, Any]) -> None:
        self.spending.paid(entry.get("cost"))
        super().update_history(entry)


@dataclass(frozen=True)
class Budget:
    """Requests: at most `calls` in all; `search` of them while looking, the rest to measure before and after."""

    calls: int
    search: int
    usd: float | None


def plan_budget(parts: Split, max_calls: int, max_usd: float | None) -> Budget:
    """Raises OptimizeError when the limit leaves nothing to look for better instructions with."""
    measuring = 2 * (len(parts.train) + len(parts.held_out))
    least = measuring + 2 * len(parts.train) + 2 * _MINIBATCH + 1
    if max_calls < least:
        raise OptimizeError(f"--max-calls {max_calls} is too little for these requests: at least {least} are needed")
    return Budget(max_calls, max_calls - measuring, max_usd)


def written_whole(example: Example) -> bool:
    """Whether the pipeline would ask this predictor for such a plan (longer ones are written by section)."""
    plan = example.plan
    return plan.estimated_length != "long" and len(plan.content_outline) <= SECTIONS_WRITTEN_WHOLE


def optimize(parts: Split, settings: ModelSettings, budget: Budget) -> Prompts:
    """The best instructions found with their scores; nothing is decided here. Raises OptimizeError."""
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    spending = Spending(budget.calls - len(parts.train) - len(parts.held_out), budget.usd)
    lm = client(settings, _PaidLM)
    lm.spending, lm.num_retries = spending, settings.retries
    threads = min(settings.concurrency, 8)
    before = Writer(spending)
    with dspy.context(lm=lm, adapter=WireAdapter(), trace=[], callbacks=[], warn_on_type_mismatch=False):
        train_before = _mean(before, parts.train, threads)
        held_out_before = _mean(before, parts.held_out, threads)
        best = _search(before, parts.train, budget, spending, threads)
        spending.limit = budget.calls
        instructions = str(best.whole.signature.instructions)
        changed = instructions != GenerateSkillContent.instructions
        train_after = _mean(best, parts.train, threads) if changed else train_before
        held_out_after = _mean(best, parts.held_out, threads) if changed else held_out_before
    return Prompts(
        predictor=PREDICTORS[0],
        base=digest(str(GenerateSkillContent.instructions)),
        instructions=instructions,
        model=settings.model,
        train=Scores(before=train_before, after=train_after),
        held_out=Scores(before=held_out_before, after=held_out_after),
    )


def improves(found: Prompts) -> bool:
    """Whether requests that were not learned from gained, too."""
    return found.held_out.after - found.held_out.before >= LEAST_GAIN


class Writer(dspy.Module):  # type: ignore[misc]  # dspy ships no types
    """The one predictor, as the pipeline asks it."""

    def __init__(self, spending: Spending) -> None:
        super().__init__()
        self.whole = dspy.Predict(GenerateSkillContent)
        self.spending = spending

    def forward(self, **inputs: Any) -> Any:
        self.spending.begin()
        try:
            return self.whole(**inputs)
        except Exception as error:
            self.spending.failures.append(type(error).__name__)
            raise


def _mean(writer: Writer, examples: Sequence[Example], threads: int) -> float:
    """Mean score; an answer that cannot be used counts 0. Raises OptimizeError when there was none at all."""
    spending, failures = writer.spending, writer.spending.failures
    failures.clear()
    spending.refused = False
    evaluate = dspy.Evaluate(
        devset=[_dspy_example(one) for one in examples],
        metric=lambda gold, prediction, trace=None: judge(gold.example, prediction.document.body)[0],
        num_threads=threads,
        max_errors=len(examples) + 1,
        display_progress=False,
    )
    score = float(evaluate(writer).score) / 100
    if spending.refused:
        raise OptimizeError("the cost limit was reached before everything was measured; nothing was written")
    if len(failures) >= len(examples):
        raise OptimizeError(f"the model gave no usable answer ({failures[0]}); check it with `skill-fleet doctor`")
    return score


def _search(writer: Writer, train: Sequence[Example], budget: Budget, spending: Spending, threads: int) -> Any:
    def metric(gold: Any, prediction: Any, trace: Any = None, name: Any = None, step: Any = None) -> Any:
        score, feedback = judge(gold.example, prediction.document.body)
        return dspy.Prediction(score=score, feedback=feedback)

    gepa = dspy.GEPA(
        metric=metric,
        # A round may begin just below this: it is then still within what is left.
        max_metric_calls=budget.search - len(train) - 2 * _MINIBATCH,
        reflection_minibatch_size=_MINIBATCH,
        instruction_proposer=_Proposer(spending),
        use_merge=False,
        num_threads=threads,
        warn_on_score_mismatch=False,
    )
    with _bars_at_terminals_alone():
        return gepa.compile(writer, trainset=[_dspy_example(one) for one in train])


@contextmanager
def _bars_at_terminals_alone() -> Iterator[None]:
    """DSPy and GEPA draw bars within bars, into logs as well, and take no word against it; tqdm itself knows better."""
    draw = tqdm.__init__

    def look_first(bar: Any, *args: Any, **options: Any) -> None:
        draw(bar, *args, **options | {"disable": options.get("disable") or None})

    tqdm.__init__ = look_first
    try:
        yield
    finally:
        tqdm.__init__ = draw


def judge(example: Example, body: str) -> tuple[float, str]:
    """The metric: the pipeline's own quality score of the draft with this body, and what to do better."""
    plan, requirements = _asked(example), example.requirements
    text = with_title(sections.unwrapped(body), requirements.title or plan.skill_metadata.name)
    seen = judged(assessed(assemble(plan, text, {}), plan, requirements, Taxonomy()))
    remarks = [f"A reviewer of the first version asked: {remark}" for remark in example.remarks]
    return seen.reward, "\n".join([f"Score {seen.reward:.2f} of 1.", *seen.feedback, *remarks])


def _asked(example: Example) -> Any:
    return example.plan.model_copy(update={"resource_requirements": []})


def _dspy_example(example: Example) -> Any:
    inputs: dict[str, Any] = {
        "plan": _asked(example),
        "requirements": example.requirements,
        "intent": example.intent,
        "template": list(SECTIONS[example.requirements.skill_category]),
        "style": STYLE[example.plan.estimated_length],
    }
    return dspy.Example(**inputs, example=example).with_inputs(*inputs)


class Improved(Written):
    text: str = Field(max_length=_LONGEST_INSTRUCTIONS, description="the complete new instructions")


class ImproveInstructions(dspy.Signature):  # type: ignore[misc]  # dspy ships no types
    """Improve the instructions of an assistant that writes documents. `attempts` are documents it wrote with the
    current instructions, each with a score and what was wrong with it. Find what the attempts have in common, and
    write instructions that prevent it for any subject: keep what works, name no subject, file or person of the
    attempts."""

    current: str = dspy.InputField(desc="the instructions")
    attempts: list[str] = dspy.InputField()
    improved: Improved = dspy.OutputField()


class _Proposer:
    """GEPA's step from feedback to new instructions, counted like every other request."""

    def __init__(self, spending: Spending) -> None:
        self._spending = spending
        self._improve = dspy.Predict(ImproveInstructions)

    def __call__(
        self,
        candidate: Mapping[str, str],
        reflective_dataset: Mapping[str, Sequence[Mapping[str, Any]]],
        components_to_update: Sequence[str],
    ) -> dict[str, str]:
        found = {}
        for name in components_to_update:
            self._spending.begin()
            attempts = [
                f"{str(one.get('Generated Outputs'))[:6_000]}\n\n{one.get('Feedback')}"
                for one in reflective_dataset[name]
            ]
            found[name] = self._improve(current=candidate[name], attempts=attempts).improved.text.strip()
        return found
