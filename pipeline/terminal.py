"""What `skill-fleet create` shows in the terminal, and how it asks.

Other people's words and the model's are shown as they are: without markup, and without what would steer the terminal.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
from pipeline.journey import Journey
from pipeline.skills.document import read_document
from pipeline.visible import visible

_WORDS: dict[str, AnswerKind] = {
    "a": "approve", "approve": "approve", "y": "approve", "yes": "approve", "c": "cancel", "cancel": "cancel",
    "q": "cancel", "s": "skip", "skip": "skip", "accept": "accept",
}  # fmt: skip
_PLAIN: dict[str, AnswerKind] = {
    "clarify": "answer", "structure_fix": "answer", "confirm": "revise", "preview": "refine", "validate": "refine",
}  # fmt: skip


def say(console: Console, text: str, style: str = "") -> None:
    """One piece of text, wrapped at words."""
    console.print(visible(text), style=style or None, markup=False, highlight=False)


def findings(validate: ValidateCheckpoint) -> list[str]:
    return [f"{finding.file}:{finding.line} {finding.severity}: {finding.message}" for finding in validate.findings]


class Teller:
    """Shows workflow events as they happen."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, event: WorkflowEvent) -> None:
        if event.type is EventType.PHASE_START:
            self._console.rule(event.phase, style="dim")
        elif event.message and event.type in (EventType.MODULE_START, EventType.PROGRESS, EventType.REASONING):
            say(self._console, f"  {event.message}", "dim")


class Prompt:
    """Asks the person at the terminal. `approve` takes the preview as it is."""

    def __init__(self, console: Console, *, approve: bool, ask: Callable[[str], str] | None = None) -> None:
        self._console = console
        self._approve = approve
        self._ask = ask or (lambda prompt: console.input(prompt))

    def __call__(self, journey: Journey) -> Answer | None:
        by = journey.request.author
        if journey.failure is not None:
            say(self._console, journey.failure.message, "red")
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

        def show(text: str, style: str = "") -> None:
            say(self._console, text, style)

        match journey.checkpoint:
            case ClarifyCheckpoint() as clarify:
                for number, question in enumerate(clarify.questions, start=1):
                    show(f"{number}. {question.text}", "bold")
                    for letter, option in zip("abcd", question.options, strict=False):
                        show(f"   {letter}) {option}")
                    show(f"   Otherwise: {question.assumption}", "dim")
                show("Answer in your own words (`1b 2a` works too), or skip, or cancel.")
            case StructureFixCheckpoint() as fix:
                for problem in fix.problems:
                    show(problem, "yellow")
                if fix.suggested_description:
                    show(f"Suggestion: {fix.suggested_name}: {fix.suggested_description}")
                    show("accept, another name, or cancel.")
                else:
                    show("Say in a sentence what the skill does and when it is used, or cancel.")
            case ConfirmCheckpoint() as confirm:
                show(f"{confirm.plan.skill_metadata.name} in {confirm.plan.taxonomy_path}", "bold")
                for section in confirm.plan.content_outline:
                    show(f"- {section.title}")
                show("approve, what to change about the plan, or cancel.")
            case PreviewCheckpoint() as preview:
                self._show_preview(preview)
            case ValidateCheckpoint() as validate:
                for finding in findings(validate):
                    show(finding)
                show("approve (when there is no error), what to change, or cancel.")

    def _show_preview(self, preview: PreviewCheckpoint) -> None:
        """Everything that an approval covers, and what is known about it."""
        document = read_document(preview.document.encode())
        say(self._console, preview.document[document.yaml_start : document.yaml_end].rstrip(), "dim")
        self._console.print(Markdown(visible(document.body)))
        for path, text in preview.bundled.items():
            self._console.rule(visible(path), style="dim")
            say(self._console, text)
        self._console.rule(style="dim")
        table = Table(show_header=False, box=None)
        for path, size in preview.files.items():
            table.add_row(visible(path), f"{size:,} bytes")
        table.add_row("quality", f"{preview.quality.overall_score:.2f}")
        self._console.print(table)
        for change in preview.changes:
            say(self._console, f"{change.outcome}: {change.request}\n  {change.note}", "dim")
        for assumption in preview.assumptions:
            say(self._console, f"Assumed: {assumption}", "dim")
        say(self._console, "approve, what to change, or cancel.")


@contextmanager
def _interruptible() -> Iterator[None]:
    """While a person is asked, Ctrl-C ends the asking. The event loop's own way would only mark the task as cancelled,
    and wait for the answer."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
