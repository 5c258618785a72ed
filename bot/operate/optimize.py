"""`skill-fleet optimize`: better instructions from what people merged and rejected.

Exit status 0: written; 1: nothing better was found, nothing written; 2: not possible, or not wanted.
"""

import argparse
import logging
import os
import sys
from pathlib import Path

from bot.jobs.job import Job, JobStatus
from bot.operate.session import add_database, run_with_stores
from bot.store.stores import Stores
from pipeline.lm.settings import ModelSettings, ModelSettingsError, from_environment
from pipeline.models import FROM_VALIDATION, Change
from pipeline.optimize.examples import Example, ExamplesError, Split, read_examples, split
from pipeline.optimize.run import PREDICTORS, Budget, OptimizeError, improves, optimize, plan_budget, written_whole
from pipeline.prompts import Prompts

WRITTEN, NOT_BETTER, UNUSABLE = 0, 1, 2
_MOST = 500


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--examples", type=Path, metavar="FILE", help="JSON lines instead of the service's database")
    parser.add_argument(
        "--save-examples", type=Path, metavar="FILE", help="write the requests found as JSON lines, and end"
    )
    parser.add_argument("--predictor", choices=PREDICTORS, default=PREDICTORS[0], help="whose instructions")
    parser.add_argument("--out", type=Path, default=Path("skill-fleet-prompts.json"), metavar="FILE")
    parser.add_argument("--max-calls", type=int, default=300, help="questions to the model, all together")
    parser.add_argument("--max-usd", type=float, default=None, help="end the run at this cost, where prices are known")
    parser.add_argument("--yes", action="store_true", help="do not ask before spending")
    add_database(parser)


def run(arguments: argparse.Namespace) -> int:
    examples: list[Example] = []
    try:
        _check(arguments)
        if arguments.examples is not None:
            examples = read_examples(arguments.examples)
        elif status := run_with_stores(arguments, lambda stores: _from_database(stores, examples)):
            return status
        if arguments.save_examples is not None:
            return _save(examples, arguments.save_examples)
        settings = _model()
        parts = split([one for one in examples if written_whole(one)])
        budget = plan_budget(parts, arguments.max_calls, arguments.max_usd)
        if not _agreed(arguments, parts, settings, budget):
            return UNUSABLE
        logging.getLogger("dspy").setLevel(logging.CRITICAL)  # it logs whole requests
        found = optimize(parts, settings, budget)
    except (ExamplesError, ModelSettingsError, OptimizeError) as error:
        sys.stderr.write(f"skill-fleet optimize: {error}\n")
        return UNUSABLE
    except KeyboardInterrupt:
        sys.stderr.write("\nskill-fleet optimize: interrupted; nothing was written\n")
        raise
    return _finish(found, arguments.out)


def _check(arguments: argparse.Namespace) -> None:
    """What would otherwise show only after the model was paid. Raises OptimizeError."""
    if arguments.max_usd is not None and arguments.max_usd <= 0:
        raise OptimizeError("--max-usd must be more than 0")
    option = "--out" if arguments.save_examples is None else "--save-examples"
    out: Path = arguments.save_examples or arguments.out
    if out.is_dir() or not os.access(out if out.exists() else out.resolve().parent, os.W_OK):
        raise OptimizeError(f"cannot write {out}; name another file with {option}")


def _save(examples: list[Example], path: Path) -> int:
    """What `--examples` reads: to look through, to leave out from, to learn from together with other services'."""
    path.write_text("".join(f"{one.model_dump_json()}\n" for one in examples), encoding="utf-8")
    _say(f"Written {len(examples)} decided requests to {path}. Learn from them by --examples {path}.")
    return WRITTEN


def _model() -> ModelSettings:
    settings = from_environment(os.environ)
    if settings is None:
        raise OptimizeError("no model is configured; set SKILL_FLEET_MODEL")
    return settings


def _agreed(arguments: argparse.Namespace, parts: Split, settings: ModelSettings, budget: Budget) -> bool:
    cost = (
        f"ends with nothing at {budget.usd:.2f} USD, where prices are known"
        if budget.usd is not None
        else "no limit on cost"
    )
    _say(
        f"{arguments.predictor} with {settings.model}: learns from {len(parts.train)} requests, measures on "
        f"{len(parts.held_out)} of other repositories; at most {budget.calls} questions to the model; {cost}."
    )
    if arguments.yes:
        return True
    if not sys.stdin.isatty():
        raise OptimizeError("nobody to ask whether to spend this; say --yes")
    try:
        return input("Go on? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False


def _finish(found: Prompts, out: Path) -> int:
    _say(f"learned from: {found.train.before:.3f} -> {found.train.after:.3f}")
    _say(f"held out:     {found.held_out.before:.3f} -> {found.held_out.after:.3f}")
    if not improves(found):
        _say("Not better on requests it did not see: nothing was written.")
        return NOT_BETTER
    try:
        out.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"skill-fleet optimize: cannot write {out}: {error.strerror}\n")
        return UNUSABLE
    _say(f"Written to {out}. Use it by SKILL_FLEET_PROMPTS={out}.")
    return WRITTEN


async def _from_database(stores: Stores, examples: list[Example]) -> None:
    rows = await stores.jobs.list_jobs(statuses=[JobStatus.PROMOTED, JobStatus.REJECTED], limit=_MOST)
    examples += [example for row in rows if (example := example_of(row.job)) is not None]


def example_of(job: Job) -> Example | None:
    """What a decided job teaches; None when it never came to a plan."""
    journey = job.journey
    if journey.understanding is None:
        return None
    changes = journey.generation.changes if journey.generation else []
    return Example(
        repository=job.repository.full_name,
        verdict="merged" if job.status is JobStatus.PROMOTED else "rejected",
        plan=journey.understanding.plan,
        requirements=journey.understanding.requirements,
        intent=journey.understanding.intent,
        remarks=[*_remarks(changes), *(said.text[:600] for said in job.rejection)][:20],
    )


def _remarks(changes: list[Change]) -> list[str]:
    return [change.request for change in changes if change.source != FROM_VALIDATION]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
