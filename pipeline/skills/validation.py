"""Validates skills: on disk, in memory, one alone or a whole tree. Never raises on bad skills; only on a root that
cannot be read.

The same rules and verdicts everywhere: the command line, the pipeline's drafts and the bot's pull requests call
these functions.
"""

from __future__ import annotations

import gc
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.skills.discovery import find_skills
from pipeline.skills.files import DiskTree, FileTree, MemoryTree, Symlink, clean_path, join
from pipeline.skills.findings import Finding, Provenance, Severity, SkillReport, Span, ValidationReport, Verdict
from pipeline.skills.frontmatter import YamlType
from pipeline.skills.repository import Repository, SkillSummary
from pipeline.skills.rules.registry import Problem, Profile, RepositoryProblem, Rule, all_rules
from pipeline.skills.subject import Subject
from pipeline.skills.suppression import apply_ignores, fingerprint

PARALLEL_FROM = 100
"""Skills; below, starting processes costs more than it saves."""

CHECKED_FIRST = 16
"""Skills checked before other processes are started, so that they inherit what is made at its first use."""

LARGEST_SHARE = 32
"""Skills that another process checks before it tells what it found."""

Progress = Callable[[int, int], None]
"""Called with skills done and skills in all."""


class NoSkillsError(Exception):
    """The path holds no skill; the message names it."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to validate: for whom, and which rules to leave out or weigh differently.

    `is_repository` says whether the tree is a whole repository; None looks for `.git`.
    """

    profile: Profile = Profile.DEFAULT
    severities: Mapping[str, Severity] = field(default_factory=dict)
    is_repository: bool | None = None


def validate(
    root: Path | str,
    *,
    paths: Sequence[str] = ("",),
    profile: Profile | str = Profile.DEFAULT,
    options: Options | None = None,
    progress: Progress | None = None,
    jobs: int = 1,
    in_context: bool = False,
) -> ValidationReport:
    """Validates the skills below `paths` (relative to `root`) on disk.

    `jobs` processes share the work, 0 for one per core when there is much to do. `in_context` compares the skills with
    all others below `root`, which are not validated themselves.
    Raises NoSkillsError when a path holds none, OSError when the root cannot be read.
    """
    folder = Path(root)
    if not folder.is_dir():
        raise NotADirectoryError(f"{root} is not a folder")
    tree = DiskTree(folder)
    directories: dict[str, None] = {}
    for path in paths:
        cleaned = clean_path(path)
        found = find_skills(tree, cleaned)
        if not found:
            raise NoSkillsError(f"no SKILL.md in {path or root}")
        directories.update(dict.fromkeys(found))
    chosen = options or Options(profile=Profile(profile))
    siblings: list[SkillSummary] = []
    if in_context:
        siblings = [summarize(Subject(tree, d)) for d in find_skills(tree) if d not in directories]
    return validate_directories(
        tree, tuple(sorted(directories)), options=chosen, siblings=siblings, progress=progress, jobs=jobs
    )


def validate_tree(
    files: Mapping[str, bytes | str | Symlink],
    *,
    profile: Profile | str = Profile.DEFAULT,
    only: Iterable[str] | None = None,
    options: Options | None = None,
) -> ValidationReport:
    """Validates every skill of an in-memory repository (or only the folders in `only`, against all others)."""
    tree = MemoryTree(files)
    directories = find_skills(tree) if only is None else tuple(sorted(clean_path(path) for path in only))
    chosen = options or Options(profile=Profile(profile), is_repository=True)
    return validate_directories(tree, directories, options=chosen)


def validate_skill(
    name: str,
    files: Mapping[str, bytes | str | Symlink],
    *,
    profile: Profile | str = Profile.DEFAULT,
    siblings: Sequence[SkillSummary] = (),
    options: Options | None = None,
) -> SkillReport:
    """Validates one skill given as files relative to its folder `name`; findings name files as `name/…`.

    `siblings` are the repository's other skills, for duplicate and overlap checks.
    """
    tree = MemoryTree({join(name, path): content for path, content in files.items()} | {f"{name}/": b""})
    chosen = options or Options(profile=Profile(profile))
    report = validate_directories(tree, (name,), options=chosen, siblings=siblings)
    return report.skills[0]


def validate_directories(
    tree: FileTree,
    directories: Sequence[str],
    *,
    options: Options,
    siblings: Sequence[SkillSummary] = (),
    progress: Progress | None = None,
    jobs: int = 1,
) -> ValidationReport:
    """Runs every rule over the given skill folders of a tree, then the repository rules over all of them."""
    started = time.perf_counter()
    options = replace(options, is_repository=_is_repository(tree, options))
    rules = tuple(all_rules().values())
    checked: list[tuple[SkillReport, SkillSummary]] = []
    for item in _checked(tree, directories, rules, options, jobs):
        checked.append(item)
        if progress is not None:
            progress(len(checked), len(directories))
    summaries = [summary for _, summary in checked]
    known = {summary.path for summary in summaries}
    others = [sibling for sibling in siblings if sibling.path not in known]
    repository = Repository(tree, (*summaries, *others), frozenset(known), _is_repository(tree, options))
    skills, rest = _with_repository_findings([report for report, _ in checked], repository, rules, options)
    return ValidationReport(skills, time.perf_counter() - started, rest)


def _checked(
    tree: FileTree, directories: Sequence[str], rules: Sequence[Rule], options: Options, jobs: int
) -> Iterator[tuple[SkillReport, SkillSummary]]:
    """Each folder's report in order; by several processes when asked for and worth it."""
    workers = jobs if jobs > 0 else (_usable_cores() if len(directories) >= PARALLEL_FROM else 1)
    alone = len(directories) if workers <= 1 or not isinstance(tree, DiskTree) else min(CHECKED_FIRST, len(directories))
    for directory in directories[:alone]:
        yield check_skill(tree, directory, rules, options)
    rest = directories[alone:]
    if not rest or not isinstance(tree, DiskTree):
        return
    import multiprocessing
    import threading

    # A forked process has the compiled patterns of those checked above. Forking is safe only while there is one thread.
    forks = "fork" in multiprocessing.get_all_start_methods() and threading.active_count() == 1
    context = multiprocessing.get_context("fork" if forks else None)
    with context.Pool(min(workers, len(rest)), _start_worker, (tree, options)) as pool:
        for chunk in pool.imap(_check_there, _shares(rest, workers)):
            yield from chunk


def _shares(directories: Sequence[str], workers: int) -> Iterator[Sequence[str]]:
    """The folders in shares that get smaller, so that all workers end at about the same time."""
    start = 0
    while start < len(directories):
        size = min(LARGEST_SHARE, max(1, (len(directories) - start) // (workers * 4)))
        yield directories[start : start + size]
        start += size


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def collect_less() -> None:
    """Makes a process of its own look for cyclic garbage rarely: checking skills leaves next to none."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


_there: tuple[DiskTree, Options, Sequence[Rule]]
"""Set in a worker: its one tree, which remembers what it has seen from skill to skill, and how to check it."""


def _start_worker(tree: DiskTree, options: Options) -> None:
    global _there
    collect_less()
    _there = (tree, options, tuple(all_rules().values()))


def _check_there(directories: Sequence[str]) -> list[tuple[SkillReport, SkillSummary]]:
    tree, options, rules = _there
    return [check_skill(tree, directory, rules, options) for directory in directories]


def without_baseline(
    report: ValidationReport, accepted: Mapping[tuple[str, str, str], int], baseline: str, *, complete: bool
) -> ValidationReport:
    """The report without the findings a baseline accepts. When the run was `complete`, stale entries are noted."""
    left = dict(accepted)

    def is_new(finding: Finding) -> bool:
        key = (finding.file, finding.rule, fingerprint(finding))
        if left.get(key, 0) > 0:
            left[key] -= 1
            return False
        return True

    skills = tuple(
        _judged(skill, [finding for finding in skill.findings if is_new(finding)]) for skill in report.skills
    )
    rest = [finding for finding in report.repository if is_new(finding)]
    if complete:
        for (file, rule, _), count in sorted(left.items()):
            if count > 0:
                message = f"{count} accepted {rule} of {file} is no longer found: write the baseline anew"
                rest.append(Finding("IGN002", Severity.INFO, message, baseline))
    return ValidationReport(skills, report.seconds, tuple(rest))


def check_skill(
    tree: FileTree, directory: str, rules: Sequence[Rule], options: Options
) -> tuple[SkillReport, SkillSummary]:
    """Runs the rules about single skills over one folder."""
    subject = Subject(tree, directory, is_repository=_is_repository(tree, options))
    found: list[tuple[Rule, Severity, Problem]] = []
    for rule in rules:
        if rule.check is None:
            continue
        for problem in rule.check(subject):
            severity = _severity(rule, problem, options)
            if severity is not Severity.OFF:
                found.append((rule, severity, problem))
    findings = [
        _finding(rule, severity, problem, join(directory, problem.file or subject.skill_path), _line(subject, problem))
        for rule, severity, problem in apply_ignores(subject, found, all_rules())
    ]
    summary = summarize(subject)
    report = SkillReport(directory or ".", summary.name or subject.folder, Verdict.PASS, ())
    return _judged(report, findings), summary


def _is_repository(tree: FileTree, options: Options) -> bool:
    return tree.exists(".git") if options.is_repository is None else options.is_repository


def summarize(subject: Subject) -> SkillSummary:
    """What the other skills of the repository are compared with."""
    document = subject.document
    if document is None:
        return SkillSummary(subject.directory, "", "", subject.skill_path)
    nowhere = Span(0, 0, 0, 0)
    name, description = document.fields.get("name"), document.fields.get("description")
    metadata = document.fields.get("metadata")
    internal = metadata.get("internal") if metadata is not None and metadata.type is YamlType.MAPPING else None
    return SkillSummary(
        path=subject.directory,
        name=document.name,
        description=document.description,
        skill_file=subject.skill_path,
        name_span=name.span if name is not None else nowhere,
        description_span=description.span if description is not None else nowhere,
        digest=hashlib.sha256(document.body.strip().encode("utf-8", "replace")).hexdigest(),
        internal=internal is not None and internal.text.lower() == "true",
    )


def _severity(rule: Rule, problem: Problem | RepositoryProblem, options: Options) -> Severity:
    chosen = options.severities.get(rule.id)
    if chosen is Severity.OFF:
        return chosen
    severity = rule.severity_in(options.profile, problem)
    return chosen if chosen is not None and problem.severity is None else severity


def _line(subject: Subject, problem: Problem) -> str:
    """The text of the line a problem is about; empty when it is about the file as a whole."""
    number = problem.span.line
    if number < 1:
        return ""
    path = problem.file or subject.skill_path
    if path == subject.skill_path and subject.document is not None:
        document = subject.document
        if number > document.lines.count:
            return ""
        return document.text[document.lines.offset(number) : document.lines.line_end(number)].strip()[:200]
    lines = (subject.text(path) or "").split("\n", number)
    return lines[number - 1].strip()[:200] if len(lines) >= number else ""


def _finding(
    rule: Rule, severity: Severity, problem: Problem | RepositoryProblem, file: str, context: str = ""
) -> Finding:
    edits = problem.edits if isinstance(problem, Problem) else ()
    span = problem.span
    return Finding(
        rule=rule.id,
        severity=severity,
        message=problem.message,
        file=file,
        line=span.line,
        column=span.column,
        end_line=span.end_line,
        end_column=span.end_column,
        fixable=bool(edits),
        edits=edits,
        evidence=problem.evidence,
        context=context,
        verdict=_consequence(rule, severity, problem),
    )


def _judged(report: SkillReport, findings: Sequence[Finding]) -> SkillReport:
    """The report with these findings in reading order, and the verdict they add up to."""
    ordered = tuple(
        sorted(findings, key=lambda f: (f.file.rpartition("/")[2] != "SKILL.md", f.file, f.line, f.column, f.rule))
    )
    verdicts = {finding.verdict for finding in ordered}
    verdict = next((v for v in (Verdict.UNLOADABLE, Verdict.FAIL) if v in verdicts), Verdict.PASS)
    return SkillReport(report.path, report.name, verdict, ordered)


def _consequence(rule: Rule, severity: Severity, problem: Problem | RepositoryProblem) -> Verdict:
    """What a finding makes of its skill: only an error by the specification's own requirements counts, and no profile
    makes a recommendation one.
    """
    required = rule.provenance is Provenance.SPEC and rule.severity is Severity.ERROR
    if not required or severity is not Severity.ERROR or problem.severity not in (None, Severity.ERROR):
        return Verdict.PASS
    return Verdict.UNLOADABLE if rule.breaks_loading else Verdict.FAIL


def _with_repository_findings(
    reports: Sequence[SkillReport], repository: Repository, rules: Sequence[Rule], options: Options
) -> tuple[tuple[SkillReport, ...], tuple[Finding, ...]]:
    by_skill: dict[str, list[Finding]] = {}
    rest: list[Finding] = []
    for rule in rules:
        if rule.repository_check is None:
            continue
        for problem in rule.repository_check(repository):
            severity = _severity(rule, problem, options)
            if severity is Severity.OFF:
                continue
            finding = _finding(rule, severity, problem, problem.file)
            if problem.skill in repository.subjects:
                by_skill.setdefault(problem.skill or ".", []).append(finding)
            elif problem.skill is None:
                rest.append(finding)
    skills = tuple(
        _judged(report, [*report.findings, *by_skill[report.path]]) if report.path in by_skill else report
        for report in reports
    )
    return skills, tuple(rest)
