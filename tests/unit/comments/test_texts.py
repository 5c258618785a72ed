"""Everything the bot says: as snapshots to read, and free of anything active when the words in it are hostile."""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from syrupy.assertion import SnapshotAssertion

import bot.comments
from bot.comments import preview, pull, status
from bot.comments.audit import active_in
from bot.comments.markdown import ROOM, safe_block
from bot.repo_config import RepoConfig
from tests.unit.comments.samples import DOCUMENT, HOSTILE_BLOCK, REALISTIC, hostile, realistic

REALISTIC_CONFIG = RepoConfig()
PARTS = {
    *("audit", "invisible", "markdown", "notifications", "references", "render", "words"),
    *("installers", "neighbours", "spending"),
}
"""Modules that say nothing themselves: how texts are made, and pieces of texts that other modules show."""
SPEAKERS = [
    importlib.import_module(f"bot.comments.{found.name}")
    for found in pkgutil.iter_modules(bot.comments.__path__)
    if found.name not in PARTS
]
ROOMS = (
    *("bot/jobs", "bot/github/effects", "bot/github/service.py", "bot/base.py", "bot/budgets.py", "bot/checks.py"),
    *("bot/drafting.py", "bot/fix.py", "bot/outgoing.py", "bot/presence.py", "bot/progress.py", "bot/publish.py"),
    *("bot/pull_checks.py", "bot/suggestions.py", "bot/setup/offer.py"),
)
"""Where it is decided what is said, but not how."""
NO_SENTENCES = {"bot/jobs/issue_form.py": "headings of the form", "bot/github/effects/state.py": "what labels are for"}
KNOWN = {
    "does not exist",  # GitHub's words
    "<!-- skill-fleet:begin (kept up to date by Skill Fleet; write above or below) -->",
    "Run the rules again on this commit",  # below a button of the check run
    "Repair what can be repaired by rule",
}
OURS = re.compile(r"HTML '(?:<details>\\n<summary>[^<>]*(?:<code>[^<>]*</code>[^<>]*)*|</details>)|heading")


@pytest.mark.parametrize("name", realistic)
def test_what_the_bot_says(name: str, snapshot: SnapshotAssertion) -> None:
    assert realistic[name] == snapshot


@pytest.mark.parametrize("name", hostile)
def test_what_the_bot_says_when_the_words_are_hostile(name: str, snapshot: SnapshotAssertion) -> None:
    assert hostile[name] == snapshot


def _public(module: ModuleType) -> set[str]:
    short = module.__name__.rsplit(".", 1)[-1]
    return {
        f"{short}.{name}"
        for name, value in inspect.getmembers(module)
        if not name.startswith("_")
        and (
            (inspect.isfunction(value) and value.__module__ == module.__name__)
            or (isinstance(value, str) and re.search(rf"^{name} = ", inspect.getsource(module), re.MULTILINE))
        )
    }


def test_every_public_text_is_in_the_snapshots() -> None:
    shown = {name.split(" ")[0] for name in realistic}
    assert set().union(*(_public(module) for module in SPEAKERS)) == shown


def _sentences(node: ast.AST) -> Iterator[str]:
    """Texts of three words or more, but for what only developers and operators read."""
    match node:
        case ast.Raise() | ast.Assert() | ast.Expr(value=ast.Constant()):
            return
        case ast.Call(func=ast.Attribute(value=ast.Name(id="log" | "_log"))) | ast.Call(func=ast.Name(id="Field")):
            return
        case ast.Constant(value=str(text)):
            words = [text]
        case ast.JoinedStr(values=parts):
            words = ["".join(part.value if isinstance(part, ast.Constant) else "X" for part in parts)]
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _sentences(child)
            return
    yield from (text for text in words if re.search(r"[A-Za-z]+ [A-Za-z]+ [A-Za-z]+", text))


def test_nothing_is_said_that_is_not_in_the_snapshots() -> None:
    root = Path(bot.comments.__file__).parents[2]
    files = [
        file for room in ROOMS for file in ([root / room] if room.endswith(".py") else (root / room).rglob("*.py"))
    ]
    found = {
        f"{file.relative_to(root)}: {sentence}"
        for file in files
        if file.relative_to(root).as_posix() not in NO_SENTENCES
        for sentence in _sentences(ast.parse(file.read_text()))
        if sentence not in KNOWN
    }
    assert len(files) > 30
    assert found == set(), "sentences for people belong into bot/comments, where they have a snapshot"


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in hostile
        if not name.startswith(
            (
                "reasons.",
                "notices.kept_message",
                "pull.title",
                "pull.commit",
                "pull.snapshot",
                "pull.merge_message",
                "report.fix_committed",
            )
        )
    ],
)
def test_nothing_active_gets_through_but_what_the_bot_means(name: str) -> None:
    meant = {"mention '@ada'", "mention '@mallory'", "issue '#8'"} | (
        {"issue '#7'"} if name.startswith("pull.body") else set()
    )
    if name == "notices.in_full":
        meant |= {"link 'https://github.com/acme/skills/blob/skill-fleet/issue-7/a.md'"}
    if name in {"pull.thread_suggestion", "report.fix_suggestion"}:
        meant |= {"drawing 'suggestion'"}
    found = [found for found in active_in(hostile[name]) if not OURS.match(found)]
    assert set(found) <= meant
    assert sum(found.startswith("mention") for found in found) <= 1
    assert "\u202e" not in hostile[name]


@pytest.mark.parametrize("name", [*realistic, *hostile])
def test_no_text_exceeds_the_limit(name: str) -> None:
    assert all(len(texts[name]) <= ROOM for texts in (realistic, hostile) if name in texts)


@pytest.mark.parametrize("name", realistic)
def test_commands_stand_only_in_code(name: str) -> None:
    if name.startswith("pull.commit"):
        return
    without_code = re.sub(r"```.*?```|`[^`\n]*`", "", realistic[name], flags=re.DOTALL)
    assert not re.search(r"/skill(?![\w-])", without_code)


def test_a_document_of_any_size_fits_and_the_cut_is_announced() -> None:
    long = REALISTIC.preview().model_copy(update={"document": DOCUMENT * 2_000})
    text = preview.render(long, "ada", "outline")
    assert len(text) <= ROOM
    assert "more characters are not shown" in text
    assert text.rstrip().endswith("stops here.")
    assert active_in(text)[0] == "mention '@ada'"
    rest = preview.rest(long, "ada", "outline")
    assert DOCUMENT * 2_000 in rest
    assert [found for found in active_in(rest) if not OURS.match(found)] == []


def test_every_file_that_an_approval_covers_is_in_the_preview() -> None:
    files = {"references/api.md": "# API\n", "scripts/fill.py": "print('fill')\n"}
    text = preview.render(REALISTIC.preview().model_copy(update={"bundled": files}), "ada", "outline")
    for path, content in files.items():
        assert f"<summary>{path} (" in text
        assert content.strip() in text
    assert text.index("<summary>SKILL.md") < text.index("<summary>references/api.md")


def test_files_without_room_in_the_preview_are_named_with_their_size() -> None:
    files = {f"references/part-{number}.md": f"{number}" * 30_000 for number in range(30)}
    text = preview.render(REALISTIC.preview().model_copy(update={"bundled": files}), "ada", "outline")
    assert len(text) <= ROOM
    assert "<summary>SKILL.md" in text
    assert "`references/part-5.md` (30.0 kB)" in text
    assert "more files" in text
    rest = preview.rest(REALISTIC.preview().model_copy(update={"bundled": files}), "ada", "outline")
    assert all(f"## `{path}`\n\n```markdown\n{content}\n```" in rest for path, content in files.items())


@pytest.mark.parametrize("spare", range(-4_500, 4_500, 900))
def test_whatever_the_preview_leaves_out_is_in_its_file(spare: int) -> None:
    """Around the limit, where one file more or less finds room."""
    files = {"references/a.md": "a" * (27_000 + spare), "references/b.md": "b" * 27_000, "references/c.md": "c"}
    checkpoint = REALISTIC.preview().model_copy(update={"bundled": files})
    text = preview.render(checkpoint, "ada", "outline")
    if "not shown" in text.lower():
        assert preview.rest(checkpoint, "ada", "outline")
    else:
        assert all(content in text for content in files.values())
    assert text.rstrip().endswith("stops here.")


def test_a_pull_request_body_of_any_size_fits_and_says_where_the_rest_is() -> None:
    job = REALISTIC.job()
    validation = job.journey.validation
    assert validation is not None
    findings = [REALISTIC.finding().model_copy(update={"message": "x" * 5_000, "file": "y" * 2_000})] * 70
    many = job.journey.model_copy(
        update={
            "validation": validation.model_copy(
                update={"findings": findings, "trigger_losses": ["z" * 600] * 200},
            )
        }
    )
    text = pull.body(job.with_(journey=many), REALISTIC_CONFIG)
    assert len(text) <= ROOM
    assert text.startswith("Closes #7")
    assert "in the check run" in text
    rest = pull.rest(job.with_(journey=many), REALISTIC_CONFIG)
    assert rest.count("| ⚠️ warning |") == 70
    few = job.journey.model_copy(update={"validation": validation.model_copy(update={"findings": findings[:20]})})
    assert pull.rest(job.with_(journey=few), REALISTIC_CONFIG) == "", "all of it is in the body"


def test_a_quality_below_the_target_is_seen_without_unfolding_anything() -> None:
    job = REALISTIC.job()
    validation = job.journey.validation
    assert validation is not None
    for score, said in ((0.44, True), (0.749, False), (0.75, False)):
        quality = validation.quality.model_copy(update={"overall_score": score})
        journey = job.journey.model_copy(update={"validation": validation.model_copy(update={"quality": quality})})
        above, _, _ = pull.body(job.with_(journey=journey), REALISTIC_CONFIG).partition("<details>")
        assert ("- The quality is 44%, below the target of 75%." in above) is said, score


def test_the_status_comment_does_not_change_while_nothing_happens() -> None:
    job = REALISTIC.job()
    assert status.render(job, config=REALISTIC_CONFIG, now=job.created_at) == status.render(
        job, config=REALISTIC_CONFIG, now=job.created_at.replace(day=20)
    )


def test_a_commit_message_has_only_the_trailer_we_wrote() -> None:
    message = realistic["pull.commit_message first"]
    assert message.splitlines()[-1] == "Co-authored-by: ada <42+ada@users.noreply.github.com>"
    for text in (realistic["pull.commit_message round"], hostile["pull.commit_message round"]):
        assert not re.search(r"^[A-Za-z-]+: ", text, re.MULTILINE)
        assert all(len(line) <= 72 or " " not in line for line in text.splitlines())


def test_a_request_given_as_quote_does_not_imitate_the_bot() -> None:
    shown = safe_block(HOSTILE_BLOCK)
    assert "### " not in shown
    assert not re.search(r"^/", shown, re.MULTILINE)
