"""`skill-fleet create` against a real git repository."""

import argparse
import io
import shutil
import signal
from pathlib import Path
from typing import cast

import git
import pytest
from aiohttp.test_utils import unused_port
from rich.console import Console

from pipeline import create
from pipeline.checkpoints import Answer, Checkpoint
from pipeline.journey import Journey, WrongAnswer, answer
from pipeline.local import LocalRepository
from pipeline.models import Change
from pipeline.terminal import Prompt
from tests.scripted_author import Author
from tests.scripted_model import ScriptedModel
from tests.unit.comments.samples import REALISTIC, Kit
from tests.unit.pipeline.test_answers import CHECKPOINTS

REQUEST = (
    "Review SQL migrations\n\n1. Find statements that lock a large table\n2. Check that indexes are created with "
    "`CONCURRENTLY`\n3. Check that a backfill runs in batches\n"
)


@pytest.fixture
def repository(tmp_path: Path) -> git.Repo:
    repo = git.Repo.init(tmp_path / "skills-repo")
    with repo.config_writer() as config:
        config.set_value("user", "name", "Ada")
        config.set_value("user", "email", "ada@example.com")
    existing = tmp_path / "skills-repo" / "skills" / "fax" / "SKILL.md"
    existing.parent.mkdir(parents=True)
    existing.write_text("---\nname: fax\ndescription: Sends a fax. Use when a fax is due.\n---\n\n# Fax\n")
    repo.index.add(["skills/fax/SKILL.md"])
    repo.index.commit("Start")
    return repo


def arguments(repository: git.Repo, *more: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    create.configure(parser)
    return parser.parse_args([REQUEST, "--repo", str(repository.working_dir), *more])


def console() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=120), out


def test_auto_approve_leaves_a_branch_with_the_commit_and_an_untouched_working_tree(
    repository: git.Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SKILL_FLEET_MODEL", raising=False)
    shown, out = console()
    assert create.run(arguments(repository, "--auto-approve"), shown) == create.DONE
    branch = repository.heads["skill/review-sql-migrations"]
    text = branch.commit.tree["skills/review-sql-migrations/SKILL.md"].data_stream.read().decode()
    assert "CONCURRENTLY" in text
    assert "skills/fax/SKILL.md" in [item.path for item in branch.commit.tree.traverse()]
    assert branch.commit.parents[0] == repository.head.commit
    assert not repository.is_dirty(untracked_files=True)
    assert f"@{branch.commit.hexsha[:12]} on branch skill/review-sql-migrations" in out.getvalue()
    assert "without a language model" in out.getvalue()


def test_a_second_skill_of_the_name_gets_a_numbered_branch(repository: git.Repo) -> None:
    for _ in range(2):
        assert create.run(arguments(repository, "--auto-approve"), console()[0]) == create.DONE
    assert "skill/review-sql-migrations-2" in [head.name for head in repository.heads]


def test_a_person_answers_refines_and_approves(repository: git.Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    replies = iter(["skip", "Add a gotcha: SET NOT NULL scans the whole table.", "approve"])
    shown, out = console()
    monkeypatch.setattr(shown, "input", lambda prompt: next(replies))
    assert create.run(arguments(repository), shown) == create.DONE
    tree = repository.heads["skill/review-sql-migrations"].commit.tree
    text = tree["skills/review-sql-migrations/SKILL.md"].data_stream.read().decode()
    assert "SET NOT NULL scans the whole table." in text
    assert "applied:" in out.getvalue()


def test_cancelling_writes_nothing(repository: git.Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    shown, _ = console()
    monkeypatch.setattr(shown, "input", lambda prompt: "cancel")
    assert create.run(arguments(repository), shown) == create.STOPPED
    assert [head.name for head in repository.heads] == [repository.active_branch.name]


def test_a_folder_without_a_repository_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    create.configure(parser)
    assert create.run(parser.parse_args(["x", "--repo", str(tmp_path)])) == create.UNUSABLE
    assert "git init" in capsys.readouterr().err


async def test_a_model_is_used_when_one_is_named(repository: git.Repo) -> None:
    async with ScriptedModel() as server:
        author = Author(server)
        settings = create.model_settings(
            arguments(repository, "--model", "openai/scripted", "--api-base", server.base_url)
        )
        shown, out = console()
        request = create.SkillRequest(title="PDF tables", text="Extract tables.", author="ada")
        local = LocalRepository(Path(repository.working_dir))
        assert await create.play(request, local, settings, shown, create.automatic) == create.DONE
    assert "GenerateSkillContent" in author.asked
    assert "Written by openai/scripted." in out.getvalue()


def test_an_empty_repository_gets_its_first_commit_on_the_branch(tmp_path: Path) -> None:
    repo = git.Repo.init(tmp_path / "new")
    assert create.run(arguments(repo, "--auto-approve"), console()[0]) == create.DONE
    assert repo.heads["skill/review-sql-migrations"].commit.parents == ()


@pytest.mark.parametrize(
    ("request_text", "said"),
    [
        ("", "the request is empty"),
        (" \n ", "the request is empty"),
        ("word " * 20_000, "at most 70000 characters"),
        ("bad \udcff", "not UTF-8"),
    ],
    ids=["empty", "blank", "too_long", "not_text"],
)
def test_a_request_that_cannot_be_used_is_refused_in_one_line(
    repository: git.Repo, capsys: pytest.CaptureFixture[str], request_text: str, said: str
) -> None:
    given = arguments(repository, "--auto-approve")
    given.request = request_text
    assert create.run(given, console()[0]) == create.UNUSABLE
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1


def test_bytes_that_are_no_text_are_refused(
    repository: git.Repo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe")))
    given = arguments(repository)
    given.request = "-"
    assert create.run(given, console()[0]) == create.UNUSABLE
    assert "not UTF-8" in capsys.readouterr().err


def test_what_nothing_can_be_suggested_for_ends_an_automatic_run_and_says_why() -> None:
    empty = {"problems": ["The description is empty."], "current_description": "", "suggested_description": ""}
    checkpoint = CHECKPOINTS["structure_fix"].model_copy(update=empty)
    asked = create.SkillRequest(title="x", text="x", author="ada")
    open_ = Journey(request=asked, status="pending_user_input", checkpoint=checkpoint)
    assert create.automatic(open_) is None
    with pytest.raises(WrongAnswer, match="no description to suggest"):
        answer(open_, Answer(kind="accept", by="ada"))
    shown, out = console()
    assert create.finish(open_, cast(LocalRepository, None), shown) == create.STOPPED
    assert "The description is empty." in out.getvalue()


def test_ctrl_c_at_a_question_ends_it_at_once(repository: git.Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    shown, out = console()
    monkeypatch.setattr(shown, "input", lambda prompt: signal.raise_signal(signal.SIGINT) or "cancel")
    with pytest.raises(KeyboardInterrupt):
        create.run(arguments(repository), shown)
    assert out.getvalue().endswith("Stopped; nothing was written.\n")
    assert [head.name for head in repository.heads] == [repository.active_branch.name]


def test_the_end_of_the_input_ends_it_even_when_the_model_has_failed(
    repository: git.Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(prompt: str) -> str:
        raise EOFError

    shown, out = console()
    monkeypatch.setattr(shown, "input", nobody)
    monkeypatch.setenv("SKILL_FLEET_MODEL_RETRIES", "0")
    away = f"http://127.0.0.1:{unused_port()}/v1"
    given = arguments(repository, "--model", "openai/away", "--api-base", away)
    assert create.run(given, shown) == create.STOPPED
    assert "could not be reached" in out.getvalue()


def test_skills_that_are_not_committed_are_named(repository: git.Repo) -> None:
    new = Path(repository.working_dir) / "skills" / "new one" / "SKILL.md"
    new.parent.mkdir()
    new.write_text("x")
    (Path(repository.working_dir) / "notes.md").write_text("x")
    repository.git.checkout("--detach")
    shown, out = console()
    assert create.run(arguments(repository, "--auto-approve"), shown) == create.DONE
    assert "Not committed yet, so not looked at: skills/new one/SKILL.md\n" in out.getvalue()


def test_a_branch_called_skill_and_one_below_ours_are_in_nobodys_way(repository: git.Repo) -> None:
    repository.create_head("skill")
    assert create.run(arguments(repository, "--auto-approve"), console()[0]) == create.DONE
    assert "skill-review-sql-migrations" in [head.name for head in repository.heads]
    repository.delete_head("skill")
    repository.create_head("skill/review-sql-migrations/draft")
    assert create.run(arguments(repository, "--auto-approve"), console()[0]) == create.DONE
    assert "skill/review-sql-migrations-2" in [head.name for head in repository.heads]


def test_a_skill_that_cannot_be_committed_is_kept(repository: git.Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(git.Repo, "create_head", full)
    shown, out = console()
    assert create.run(arguments(repository, "--auto-approve"), shown) == create.STOPPED
    assert "No space left on device" in out.getvalue()
    kept = Path(out.getvalue().rpartition("The skill itself is in ")[2].strip().removesuffix("."))
    assert "CONCURRENTLY" in (kept / "SKILL.md").read_text()
    shutil.rmtree(kept.parent)


HOSTILE = "[red]a\x1b]0;owned\x07\x1b[2J\u202eb[/red]"


def shown_for(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> str:
    shown, out = console()
    monkeypatch.setattr(shown, "input", lambda prompt: "cancel")
    asked = create.SkillRequest(title="x", text="x", author="ada")
    Prompt(shown, approve=False)(Journey(request=asked, status="pending_hitl", checkpoint=checkpoint))
    return out.getvalue()


def test_the_preview_shows_all_that_an_approval_covers(monkeypatch: pytest.MonkeyPatch) -> None:
    document = '---\nname: x\ndescription: "Does x."\n---\n\n# X\n\nRun `scripts/run.py`.\n'
    bundled = {"scripts/run.py": "#!/usr/bin/env python3\nprint('[bold]x[/bold]')\n"}
    change = Change(request="Add [a] rule", outcome="rejected", note="It is there.", source="comment:1")
    checkpoint = REALISTIC.preview().model_copy(
        update={"document": document, "bundled": bundled, "files": {"SKILL.md": 9, "scripts/run.py": 1_234}}
        | {"changes": [change], "assumptions": ["None."]}
    )
    text = shown_for(checkpoint, monkeypatch)
    assert 'name: x\ndescription: "Does x."\n' in text
    assert "print('[bold]x[/bold]')" in text
    assert "1,234 bytes" in text
    assert "rejected: Add [a] rule\n  It is there.\n" in text


@pytest.mark.parametrize("kind", ["clarify", "structure_fix", "confirm", "preview", "validate"])
def test_other_peoples_words_cannot_steer_the_terminal(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = Kit(lambda text: HOSTILE, f"---\nname: x\n---\n\n# {HOSTILE}\n\n{HOSTILE}\n")
    checkpoint = hostile.validate(severity="warning") if kind == "validate" else getattr(hostile, kind)()
    text = shown_for(checkpoint, monkeypatch)
    assert "owned" in text, "the words are shown"
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert "[red]" in text
