"""`Check`: the rules' verdict on a commit as the check run `skill-fleet`, with annotations at the lines concerned.

Reads the skill's files at exactly `head_sha` from git, never from a branch. One run per effect (`external_id`): found
again after a lost answer, continued where its annotations stopped. Older runs of ours left open are concluded.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import JsonValue

from bot import repo_config
from bot.comments.report import check_summary, no_skill, superseded
from bot.github.effects.context import ATTEMPTS, Context
from bot.github.errors import GoneError, UnknownOutcomeError
from bot.github.git import MAX_FILE_BYTES, GitReader, TooLargeError
from bot.github.models import CheckRun, CommitListed, PullFile
from bot.jobs.effects import Check, EffectResult
from bot.jobs.identity import BotIdentity
from bot.repo_config import InvalidConfigError
from pipeline.models import ReportedFinding

NAME = "skill-fleet"
BATCH = 50
MAX_ANNOTATIONS = 250
SUPERSEDED_LOOKBACK = 5
MAX_FILES_READ = 400
MAX_SIZE_SHOWN = 9 * 1024 * 1024
Conclusion = Literal["success", "failure", "neutral"]
Level = Literal["failure", "warning", "notice"]

_RUNS = "/repos/{owner}/{repo}/check-runs"
_LEVELS: dict[str, Level] = {"error": "failure", "warning": "warning", "info": "notice"}
# GitHub: at most three actions; label and identifier up to 20 characters, description up to 40
ACTIONS: list[JsonValue] = [
    {"label": "Re-validate", "description": "Run the rules again on this commit", "identifier": "revalidate"},
]
FIX: JsonValue = {"label": "Fix", "description": "Repair what can be repaired by rule", "identifier": "fix"}


@dataclass(frozen=True)
class Conclude:
    """What a check run says."""

    conclusion: Conclusion
    title: str
    summary: str
    findings: tuple[ReportedFinding, ...] = ()
    fixable: bool = False


async def check(effect: Check, context: Context) -> EffectResult:
    if known := await context.log.find(context.job_key, effect.key):
        return known.result
    external_id = external_id_of(context.job_key, effect.key)
    run = await _find(effect.head_sha, external_id, context)
    if run is None or run.status != "completed":
        said = await _judged(effect, context)
        if said is None:
            return await context.done(effect.key, effect.kind)
        run = await _report(effect, external_id, run, said, context)
    await _conclude_superseded(effect, run, context)
    return await context.done(effect.key, effect.kind, run.id, run.html_url or "")


def external_id_of(job_key: str, key: str) -> str:
    return f"{job_key}:{hashlib.sha256(key.encode()).hexdigest()[:16]}"


async def _judged(effect: Check, context: Context) -> Conclude | None:
    """What there is to say; None when the pull request touches nothing of ours."""
    reader = context.reader()
    tree = await reader.tree_of(effect.head_sha)
    if effect.path:
        files = await read_skill(effect.path, tree, reader, MAX_FILES_READ)
        said = judge(effect.path, context.validate(effect.path, files) if files else None)
        return replace(said, fixable=bool(said.findings and context.repair(effect.path, files)))
    touched = await touched_by(effect.pull_number, tree, reader, context)
    if not touched:
        return None
    findings: list[ReportedFinding] = []
    fixable = False
    files_each = max(MAX_FILES_READ // len(touched), 1)
    for path in touched:
        if path == repo_config.PATH:
            findings += await _config_findings(tree, reader)
        else:
            files = await read_skill(path, tree, reader, files_each)
            findings += context.validate(path, files)
            fixable = fixable or bool(context.repair(path, files))
    return replace(judge(", ".join(touched), findings), fixable=fixable)


def judge(path: str, found: Sequence[ReportedFinding] | None) -> Conclude:
    """Errors fail; a folder that is not there (None) says nothing about itself, so the run is neutral."""
    if found is None:
        return Conclude("neutral", *no_skill(path))
    findings = tuple(found)
    counts = {severity: sum(finding.severity == severity for finding in findings) for severity in _LEVELS}
    title = ", ".join(_counted(number, severity) for severity, number in counts.items() if number) or "No findings"
    shown = min(len(findings), MAX_ANNOTATIONS)
    summary = check_summary(findings, path=path, annotated=shown)
    return Conclude("failure" if counts["error"] else "success", title, summary, findings)


def _counted(number: int, severity: str) -> str:
    noun = {"error": "error", "warning": "warning", "info": "note"}[severity]
    return f"{number} {noun}{'' if number == 1 else 's'}"


async def touched_by(number: int, tree: str, reader: GitReader, context: Context) -> list[str]:
    """The skills (by folder) and the configuration file that the pull request changes and that still exist."""
    files = context.publish.getiter(
        "/repos/{owner}/{repo}/pulls/{number}/files?per_page=100", context.at(number=number), PullFile
    )
    changed = {path async for file in files for path in (file.filename, file.previous_filename) if path}
    present = {entry.path for entry in await reader.files(tree)}
    skills = {path.removesuffix("/SKILL.md") for path in present if path.endswith("/SKILL.md")}
    touched = {folder for path in changed for folder in _folders_above(path) if folder in skills}
    if repo_config.PATH in changed & present:
        touched.add(repo_config.PATH)
    return sorted(touched)


def _folders_above(path: str) -> list[str]:
    """Every folder that a path lies in."""
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


async def _config_findings(tree: str, reader: GitReader) -> list[ReportedFinding]:
    folder, _, name = repo_config.PATH.rpartition("/")
    entry = next(entry for entry in await reader.directory_entries(tree, folder) if entry.path == name)
    try:
        repo_config.load((await reader.blob(entry)).decode(errors="replace"))
    except (InvalidConfigError, TooLargeError) as error:
        problems = error.problems if isinstance(error, InvalidConfigError) else (str(error),)
        return [
            ReportedFinding(
                rule="CONFIG", severity="error", message=problem, file=repo_config.PATH, line=_line(problem), column=1
            )
            for problem in problems
        ]
    return []


def _line(problem: str) -> int:
    match = re.match(r"Line (\d+):", problem)
    return int(match[1]) if match else 1


async def read_skill(path: str, tree: str, reader: GitReader, limit: int) -> dict[str, bytes]:
    """The skill's files by path from the root; empty when the folder is not there.

    A file that is too large, or comes after the first `limit`, is represented by zero bytes: that it is there and how
    large it is are judged, its content is not. So a pull request cannot spend our quota and memory.
    """
    files: dict[str, bytes] = {}
    entries = await reader.directory(tree, path)
    for count, entry in enumerate(sorted(entries, key=lambda entry: (entry.path != "SKILL.md", entry.path))):
        size = entry.size or 0
        unread = size > MAX_FILE_BYTES or count >= limit
        files[f"{path}/{entry.path}"] = bytes(min(size, MAX_SIZE_SHOWN)) if unread else await reader.blob(entry)
    return files


async def _find(head_sha: str, external_id: str, context: Context) -> CheckRun | None:
    return next((run for run in await _our_runs(head_sha, context) if run.external_id == external_id), None)


async def _our_runs(sha: str, context: Context) -> list[CheckRun]:
    runs = context.publish.getiter(
        "/repos/{owner}/{repo}/commits/{sha}/check-runs?check_name={name}&filter=all&per_page=100",
        context.at(sha=sha, name=NAME),
        CheckRun,
        key="check_runs",
    )
    return [run async for run in runs if run.app is not None and run.app.id == context.bot.app_id]


async def pulls_checked_at(sha: str, context: Context) -> list[int]:
    """The pull requests that our runs on this commit were made for."""
    key = re.compile(rf"{context.repository.id}:check/([1-9][0-9]*):.*")
    runs = await _our_runs(sha, context)
    return sorted({int(match[1]) for run in runs if (match := key.fullmatch(run.external_id or ""))})


async def _report(effect: Check, external_id: str, run: CheckRun | None, said: Conclude, context: Context) -> CheckRun:
    """Create the run, or continue the one a crash left open. Annotations are appended 50 at a time, each once."""
    annotations = [_annotation(finding) for finding in said.findings[:MAX_ANNOTATIONS]]
    sent = run.output.annotations_count if run is not None else 0
    losses = 0
    while run is None or run.status != "completed":
        batch = annotations[sent : sent + BATCH]
        is_last = sent + len(batch) >= len(annotations)
        data = _data(said, batch, "completed" if is_last else "in_progress", context.bot)
        try:
            run = await _write(effect, external_id, run, data, context)
            sent += len(batch)
        except UnknownOutcomeError:
            losses += 1
            if losses == ATTEMPTS:
                raise
            await context.sleep(float(losses))
            run = await _find(effect.head_sha, external_id, context)
            sent = run.output.annotations_count if run is not None else 0
    return run


async def _write(
    effect: Check, external_id: str, run: CheckRun | None, data: dict[str, JsonValue], context: Context
) -> CheckRun:
    if run is not None:
        return await context.publish.patch(f"{_RUNS}/{{run}}", context.at(run=run.id), data, CheckRun)
    created = {"name": NAME, "head_sha": effect.head_sha, "external_id": external_id, **data}
    return await context.publish.post(_RUNS, context.at(), created, CheckRun)


def _data(
    said: Conclude, annotations: list[JsonValue], status: Literal["completed", "in_progress"], bot: BotIdentity
) -> dict[str, JsonValue]:
    output: dict[str, JsonValue] = {"title": said.title, "summary": said.summary, "annotations": annotations}
    data: dict[str, JsonValue] = {
        "status": status,
        "output": output,
        "actions": ([*ACTIONS, FIX] if said.fixable else ACTIONS) if bot.hears_buttons else [],
    }
    return {**data, "conclusion": said.conclusion} if status == "completed" else data


def _annotation(finding: ReportedFinding) -> JsonValue:
    line = max(finding.line, 1)
    return {
        "path": finding.file,
        "start_line": line,
        "end_line": line,
        "annotation_level": _LEVELS[finding.severity],
        "title": finding.rule,
        "message": finding.message[:60_000] or finding.rule,
    }


async def _conclude_superseded(effect: Check, run: CheckRun, context: Context) -> None:
    """Runs of ours that a crash left open on this commit or shortly before it: nobody would ever finish them."""
    for sha in [effect.head_sha, *await _commits_before(effect, context)]:
        for other in await _our_runs(sha, context):
            if other.id != run.id and other.status != "completed":
                await _supersede(other, context)


async def _supersede(run: CheckRun, context: Context) -> None:
    title, summary = superseded()
    output: dict[str, JsonValue] = {"title": title, "summary": summary}
    data: dict[str, JsonValue] = {"status": "completed", "conclusion": "neutral", "output": output}
    await context.insist(lambda: context.publish.patch(f"{_RUNS}/{{run}}", context.at(run=run.id), data, CheckRun))


async def _commits_before(effect: Check, context: Context) -> list[str]:
    if not effect.pull_number:
        return []
    commits = context.publish.getiter(
        "/repos/{owner}/{repo}/pulls/{number}/commits?per_page=100", context.at(number=effect.pull_number), CommitListed
    )
    try:
        shas = [commit.sha async for commit in commits]
    except GoneError:
        return []
    end = shas.index(effect.head_sha) if effect.head_sha in shas else len(shas)
    return shas[max(end - SUPERSEDED_LOOKBACK, 0) : end]
