"""`skill-fleet create`: the same journey in the terminal; ends with a branch that holds the skill.

Exit status 0: the branch is there; 1: cancelled or failed; 2: usage; 130: interrupted. Written is a branch or nothing.
"""

import argparse
import asyncio
import getpass
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from pipeline.checkpoints import (
    Answer,
    AnswerKind,
    ClarifyCheckpoint,
    ConfirmCheckpoint,
    EventType,
    PreviewCheckpoint,
    StructureFixCheckpoint,
    ValidateCheckpoint,
    WorkflowEvent,
)
from pipeline.journey import AnswerError, Journey, answer, retry
from pipeline.lm import ModelSettings, ModelSettingsError, build
from pipeline.lm.settings import from_environment
from pipeline.local import LocalRepository, LocalRepositoryError
from pipeline.models import SkillDraft, SkillRequest
from pipeline.naming import description_problems
from pipeline.prompts import load_prompts
from pipeline.runtime import MemoryCallStore, Runtime
from pipeline.workflows.creation import advance

DONE, STOPPED, UNUSABLE = 0, 1, 2
_WORDS: dict[str, AnswerKind] = {
    "a": "approve", "approve": "approve", "y": "approve", "yes": "approve", "c": "cancel", "cancel": "cancel",
    "q": "cancel", "s": "skip", "skip": "skip", "accept": "accept",
}  # fmt: skip
_PLAIN: dict[str, AnswerKind] = {
    "clarify": "answer", "structure_fix": "answer", "confirm": "revise", "preview": "refine", "validate": "refine",
}  # fmt: skip


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
        shown.print(f"Not committed yet, so not looked at: {', '.join(unseen)}", style="yellow", markup=False)
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
                console.print(str(error), style="yellow", markup=False)
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
        console.print(journey.failure.message, style="red", markup=False)
        return STOPPED
    if journey.status != "completed" or journey.validation is None:
        for problem in _unsettled(journey):
            console.print(problem, style="yellow", markup=False)
        console.print("Stopped; nothing was written.")
        return STOPPED
    draft = journey.validation.draft
    try:
        committed = repository.commit(draft, f"Add the skill {draft.name}\n\n{journey.request.title}\n")
    except LocalRepositoryError as error:
        console.print(f"{error}\nThe skill itself is in {_kept(draft)}.", style="red", markup=False, soft_wrap=True)
        return STOPPED
    how = "as an outline without a language model" if journey.drafter == "outline" else f"by {journey.drafter}"
    console.print(f"Written {how}.", markup=False)
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
            return _findings(validate)
        case _:
            return []


def _findings(validate: ValidateCheckpoint) -> list[str]:
    return [f"{finding.file}:{finding.line} {finding.severity}: {finding.message}" for finding in validate.findings]


def _kept(draft: SkillDraft) -> Path:
    """A new folder with the skill's files, for one that could not be committed."""
    folder = Path(tempfile.mkdtemp(prefix="skill-fleet-")) / draft.name
    for path, text in draft.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


class Teller:
    """Shows workflow events as they happen."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, event: WorkflowEvent) -> None:
        if event.type is EventType.PHASE_START:
            self._console.rule(event.phase, style="dim")
        elif event.message and event.type in (EventType.MODULE_START, EventType.PROGRESS, EventType.REASONING):
            self._console.print(f"  {event.message}", style="dim", markup=False)


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


class Prompt:
    """Asks the person at the terminal. `approve` takes the preview as it is."""

    def __init__(self, console: Console, *, approve: bool, ask: Callable[[str], str] | None = None) -> None:
        self._console = console
        self._approve = approve
        self._ask = ask or (lambda prompt: console.input(prompt))

    def __call__(self, journey: Journey) -> Answer | None:
        by = journey.request.author
        if journey.failure is not None:
            self._console.print(journey.failure.message, style="red", markup=False)
            again = journey.failure.retryable and (self._read("Try again? (yes/no) ") or "").lower().startswith("y")
            return Answer(kind="approve", by=by) if again else None
        checkpoint = journey.checkpoint
        if checkpoint is None:
            return None
        self._show(journey)
        if isinstance(checkpoint, PreviewCheckpoint) and self._approve:
            return Answer(kind="approve", by=by, digest=checkpoint.digest)
        said = self._read("> ")
        if said is None:
            return None
        kind = _WORDS.get(said.lower(), _PLAIN[checkpoint.kind])
        return Answer(kind=kind, by=by, text=said)

    def _read(self, prompt: str) -> str | None:
        """A line; None at the end of the input. Ctrl-C raises KeyboardInterrupt."""
        try:
            with _interruptible():
                return self._ask(prompt).strip()
        except EOFError:
            return None

    def _show(self, journey: Journey) -> None:
        """The question, and how to answer it."""
        show = self._console.print
        match journey.checkpoint:
            case ClarifyCheckpoint() as clarify:
                for number, question in enumerate(clarify.questions, start=1):
                    show(f"{number}. {question.text}", style="bold", markup=False)
                    for letter, option in zip("abcd", question.options, strict=False):
                        show(f"   {letter}) {option}", markup=False)
                    show(f"   Otherwise: {question.assumption}", style="dim", markup=False)
                show("Answer in your own words (`1b 2a` works too), or skip, or cancel.", markup=False)
            case StructureFixCheckpoint() as fix:
                for problem in fix.problems:
                    show(problem, style="yellow", markup=False)
                if fix.suggested_description:
                    show(f"Suggestion: {fix.suggested_name}: {fix.suggested_description}", markup=False)
                    show("accept, another name, or cancel.")
                else:
                    show("Say in a sentence what the skill does and when it is used, or cancel.")
            case ConfirmCheckpoint() as confirm:
                show(f"{confirm.plan.skill_metadata.name} in {confirm.plan.taxonomy_path}", style="bold", markup=False)
                for section in confirm.plan.content_outline:
                    show(f"- {section.title}", markup=False)
                show("approve, what to change about the plan, or cancel.")
            case PreviewCheckpoint() as preview:
                self._show_preview(preview)
            case ValidateCheckpoint() as validate:
                for finding in _findings(validate):
                    show(finding, markup=False)
                show("approve (when there is no error), what to change, or cancel.")

    def _show_preview(self, preview: PreviewCheckpoint) -> None:
        self._console.print(Markdown(preview.document))
        table = Table(show_header=False, box=None)
        for path, size in preview.files.items():
            table.add_row(path, f"{size:,} bytes")
        table.add_row("quality", f"{preview.quality.overall_score:.2f}")
        self._console.print(table)
        for change in preview.changes:
            self._console.print(f"{change.outcome}: {change.request} {change.note}", style="dim", markup=False)
        for assumption in preview.assumptions:
            self._console.print(f"Assumed: {assumption}", style="dim", markup=False)
        self._console.print("approve, what to change, or cancel.")


@contextmanager
def _interruptible() -> Iterator[None]:
    """While a person is asked, Ctrl-C ends the asking. The event loop's own way would only mark the task as cancelled,
    and wait for the answer."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
