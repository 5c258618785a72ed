"""`skill-fleet create`: the same journey in the terminal; ends with a branch that holds the skill.

Exit status 0: the branch is there; 1: cancelled or failed; 2: usage; 130: interrupted. Written is a branch or nothing.
"""

import argparse
import asyncio
import getpass
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console

from pipeline.checkpoints import (
    Answer,
    AnswerKind,
    ClarifyCheckpoint,
    ConfirmCheckpoint,
    PreviewCheckpoint,
    StructureFixCheckpoint,
    ValidateCheckpoint,
)
from pipeline.journey import AnswerError, Journey, answer, retry
from pipeline.lm import ModelSettings, ModelSettingsError, build
from pipeline.lm.settings import from_environment
from pipeline.local import LocalRepository, LocalRepositoryError
from pipeline.models import SkillDraft, SkillRequest
from pipeline.naming import description_problems
from pipeline.prompts import load_prompts
from pipeline.runtime import MemoryCallStore, Runtime
from pipeline.terminal import Prompt, Teller, findings, say
from pipeline.workflows.creation import advance

DONE, STOPPED, UNUSABLE = 0, 1, 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the sub-command."""
    parser.add_argument("request", help="what the skill should do, in a sentence or more; `-` reads standard input")
    parser.add_argument("--skill", default="", metavar="NAME", help="change this existing skill instead of a new one")
    parser.add_argument("--title", default="", help="a short title (default: the first line)")
    parser.add_argument(
        "--repo", type=Path, default=Path(), metavar="PATH", help="the skills repository (default: here)"
    )
    parser.add_argument("--auto-approve", action="store_true", help="skip questions and approve what passes the rules")
    parser.add_argument("--yes", action="store_true", help="approve the preview; questions are still asked")
    parser.add_argument("--model", default="", help="PROVIDER/NAME (default: SKILL_FLEET_MODEL; none: outline)")
    parser.add_argument("--api-base", default="", help="base URL of an OpenAI-compatible server")


def run(arguments: argparse.Namespace, console: Console | None = None) -> int:
    """Plays the journey."""
    shown = console or Console()
    try:
        request = request_from(arguments)
        repository = LocalRepository(arguments.repo)
        settings = model_settings(arguments)
        prompts = load_prompts(Path(named)) if (named := os.environ.get("SKILL_FLEET_PROMPTS")) else {}
    except (LocalRepositoryError, ModelSettingsError, ValueError) as error:
        Console(stderr=True, soft_wrap=True).print(f"skill-fleet create: {error}", markup=False)
        return UNUSABLE
    if unseen := repository.uncommitted_skills():
        say(shown, f"Not committed yet, so not looked at: {', '.join(unseen)}", "yellow")
    decide = automatic if arguments.auto_approve else Prompt(shown, approve=arguments.yes)
    try:
        return asyncio.run(play(request, repository, settings, shown, decide, prompts))
    except KeyboardInterrupt:
        shown.print("\nStopped; nothing was written.")
        raise


def request_from(arguments: argparse.Namespace) -> SkillRequest:
    """What is asked for, in one line or from standard input. Raises ValueError."""
    try:
        text = sys.stdin.buffer.read().decode() if arguments.request == "-" else arguments.request
        text.encode()
    except UnicodeError:
        raise ValueError("the request is not UTF-8 text") from None
    if not text.strip():
        raise ValueError("the request is empty; say in a sentence or more what the skill should do")
    title = arguments.title.strip() or text.strip().split("\n")[0][:200]
    try:
        return SkillRequest(title=title, text=text, existing_skill=arguments.skill, author=_who())
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise ValueError(f"the request cannot be used: {problem['loc'][0]}: {problem['msg']}") from None


def _who() -> str:
    try:
        return getpass.getuser()[:100]
    except (KeyError, OSError):  # a container's user without a name
        return "somebody"


def model_settings(arguments: argparse.Namespace) -> ModelSettings | None:
    """From the arguments, else the environment. Raises ModelSettingsError."""
    environment = dict(os.environ)
    if arguments.model:
        environment["SKILL_FLEET_MODEL"] = arguments.model
    if arguments.api_base:
        environment["SKILL_FLEET_MODEL_API_BASE"] = arguments.api_base
    return from_environment(environment)


Decide = Callable[[Journey], Answer | None]


async def play(
    request: SkillRequest,
    repository: LocalRepository,
    settings: ModelSettings | None,
    console: Console,
    decide: Decide,
    prompts: Mapping[str, str] | None = None,
) -> int:
    """Advance and decide until the journey ends; then commit what was validated."""
    model = build(settings) if settings else None
    tell = Teller(console)
    runtime = Runtime(
        taxonomy=repository.taxonomy(),
        model=model,
        calls=MemoryCallStore(),
        emit=tell,
        prompts=prompts or {},
        skill_files=repository.skill_files,
    )
    try:
        journey = await advance(Journey(request=request), runtime)
        while True:
            if journey.status in ("completed", "cancelled"):
                break
            decided = decide(journey)
            if decided is None:
                break
            try:
                journey = retry(journey) if journey.status == "failed" else answer(journey, decided)
            except AnswerError as error:
                say(console, str(error), "yellow")
                if decide is automatic:  # it would say the same again
                    break
                continue
            journey = await advance(journey, runtime)
    finally:
        if model is not None:
            await model.aclose()
    return finish(journey, repository, console)


def finish(journey: Journey, repository: LocalRepository, console: Console) -> int:
    """Say how it ended; the branch is made only from validated files."""
    if journey.failure is not None:
        say(console, journey.failure.message, "red")
        return STOPPED
    if journey.status != "completed" or journey.validation is None:
        for problem in _unsettled(journey):
            say(console, problem, "yellow")
        say(console, "Stopped; nothing was written.")
        return STOPPED
    draft = journey.validation.draft
    try:
        committed = repository.commit(draft, f"Add the skill {draft.name}\n\n{journey.request.title}\n")
    except LocalRepositoryError as error:
        console.print(f"{error}\nThe skill itself is in {_kept(draft)}.", style="red", markup=False, soft_wrap=True)
        return STOPPED
    how = "as an outline without a language model" if journey.drafter == "outline" else f"by {journey.drafter}"
    say(console, f"Written {how}.")
    console.print(
        f"created {draft.path}@{committed.sha[:12]} on branch {committed.branch}", markup=False, soft_wrap=True
    )
    return DONE


def _unsettled(journey: Journey) -> list[str]:
    """What a person would have had to decide."""
    match journey.checkpoint:
        case StructureFixCheckpoint() as fix:
            return list(fix.problems)
        case ValidateCheckpoint() as validate:
            return findings(validate)
        case _:
            return []


def _kept(draft: SkillDraft) -> Path:
    """A new folder with the skill's files, for one that could not be committed."""
    folder = Path(tempfile.mkdtemp(prefix="skill-fleet-")) / draft.name
    for path, text in draft.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def automatic(journey: Journey) -> Answer | None:
    """Skip questions, accept what the rules accept; stop at everything that is not theirs to accept."""
    match journey.checkpoint:
        case ClarifyCheckpoint():
            kind: AnswerKind = "skip"
        case StructureFixCheckpoint() as fix if not description_problems(fix.suggested_description):
            kind = "accept"
        case ConfirmCheckpoint() | PreviewCheckpoint():
            kind = "approve"
        case ValidateCheckpoint() as checkpoint if checkpoint.passed:
            kind = "approve"
        case _:
            return None
    return Answer(kind=kind, by=journey.request.author)
