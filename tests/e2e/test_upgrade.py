"""A deploy in the middle of it: other workflow code, a migration, other prompts, and requests that live through it."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port

from bot.store.revision import latest_revision
from tests.e2e.process import ROOT, Process, environment, killed_at_call, until_labelled
from tests.e2e.town import FORM, SECRET
from tests.github_sandbox import GitHub, github_sandbox
from tests.scripted_author import Author
from tests.scripted_model import ScriptedModel

pytestmark = pytest.mark.timeout(400)

NEW_PROMPT = "Begin with the result."
NEXT = f"{int(latest_revision()) + 1:04d}"
MIGRATION = f'''"""What the next version adds."""

import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{NEXT}", "{latest_revision()}", None, None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("next_version", sa.String(20), nullable=True))
    op.create_table("next_things", sa.Column("id", sa.Integer, primary_key=True))
'''
CHANGES = [
    # What a task recorded under the same name has another shape now.
    (
        "bot/jobs/advance.py",
        "    loaded: Loaded\n    now: datetime\n",
        "    loaded: Loaded\n    now: datetime\n    round: int\n",
    ),
    ("bot/jobs/advance.py", "now=self.ports.clock())", "now=self.ports.clock(), round=2)"),
    ("pipeline/signatures/generation.py", "fewer than 300 lines.\n", f"fewer than 300 lines. {NEW_PROMPT}\n"),
]


def next_version(folder: Path) -> Path:
    """The code as it is, with what the next release might change."""
    for package in ("bot", "pipeline"):
        shutil.copytree(ROOT / package, folder / package)
    for path, before, after in CHANGES:
        text = (folder / path).read_text()
        assert text.count(before) == 1, f"{path} has changed: this test changes {before!r} in it"
        (folder / path).write_text(text.replace(before, after))
    (folder / "bot/store/migrations/versions" / f"{NEXT}_next.py").write_text(MIGRATION)
    return folder


async def test_a_deploy_with_other_code_schema_and_prompts_loses_no_request_that_waits_or_runs(tmp_path: Path) -> None:
    port = unused_port()
    hook = {"webhook_url": f"http://127.0.0.1:{port}/webhook", "webhook_secret": SECRET}
    async with github_sandbox(tmp_path / "github", **hook) as github, ScriptedModel() as server:
        author = Author(server)
        process = Process(environment(github, server.base_url, port, tmp_path), port, tmp_path / "bot.log")
        await process.start()
        try:
            waiting, running = await _at_work(github, author, process)
            assert len(author.prompts("GatherRequirements")) == 2
            process.root = next_version(tmp_path / "next")
            await process.start()
            await _go_on(github, author, waiting, running)
        finally:
            await process.end()
        database = sqlite3.connect(tmp_path / "bot.db")
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [(NEXT,)]
        assert database.execute("SELECT count(next_version) FROM jobs").fetchall() == [(0,)]
        database.close()
    log = (tmp_path / "bot.log").read_text()
    assert '"task failed"' in log and "Turn\\nround\\n" in log, "the killed task came back to code it does not fit"


async def _at_work(github: GitHub, author: Author, process: Process) -> tuple[int, int]:
    """Two requests: one waits for a person at its preview, one was cut off in the midst of a call."""
    waiting = await github.as_user("riley").submit_form(FORM, "Skill request: release notes")
    await until_labelled(github, waiting, "skill:waiting-for-start")
    await github.as_user("morgan").comment(waiting, "/skill start")
    await until_labelled(github, waiting, "skill:needs-decision")
    running = await github.as_user("riley").submit_form({**FORM, "name": "release-tables"}, "Skill request: tables")
    await until_labelled(github, running, "skill:waiting-for-start")
    start = github.as_user("morgan").comment(running, "/skill start")
    await killed_at_call(process, author, "AnalyzeIntent", start)
    assert process.child is not None
    await process.child.wait()
    return waiting, running


async def _go_on(github: GitHub, author: Author, waiting: int, running: int) -> None:
    await until_labelled(github, running, "skill:needs-decision")
    assert len(author.prompts("GatherRequirements")) == 2, "what was paid before the deploy is not paid again"
    written = [str(request.body["messages"]) for name, request in author.requests if name == "GenerateSkillContent"]
    assert [NEW_PROMPT in prompt for prompt in written] == [False, True], "one before the deploy, one after it"

    await github.as_user("morgan").comment(waiting, "/skill approve")
    await until_labelled(github, waiting, "skill:in-review")
    assert len(author.prompts("GenerateSkillContent")) == 2, "what was shown before the deploy is what is published"
    [listed] = await github.pulls()
    await github.as_user("morgan").merge(listed["number"])
    await until_labelled(github, waiting, "skill:promoted")
    for number in (waiting, running):
        words = await github.bot_comments(number)
        assert len(words) == len(set(words))
