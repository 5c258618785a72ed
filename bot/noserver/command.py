"""The action's last step: inputs and settings from the environment, one run, its outputs and summary.

Exit 0 done (what failed for a moment is tried by a later run, and said), 1 GitHub or the state could not be used,
2 the workflow or the repository is not set up right.
"""

import asyncio
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex

from bot.github.errors import GitHubError
from bot.github.secrets import Secret, redact
from bot.github.tokens import BadPrivateKeyError
from bot.logs import configure_logs
from bot.noserver.event import EventError
from bot.noserver.run import Ended, Inputs, perform
from bot.noserver.state import StateError
from bot.repo_config import InvalidConfigError
from bot.settings import Settings, SettingsError, load
from pipeline.skills.action.commands import CommandFileError, add_summary, error, notice, set_outputs, verbatim, warning

INPUTS = {
    "INPUT_APP_ID": "github_app_id",
    "INPUT_PRIVATE_KEY": "github_private_key",
    "INPUT_MODEL": "model",
    "INPUT_MODEL_API_BASE": "model_api_base",
    "INPUT_MODEL_API_KEY": "model_api_key",
}
"""The action's inputs that are settings; all others come from `SKILL_FLEET_*` variables of the job."""


def run(environ: Mapping[str, str]) -> int:
    """One run; its exit status."""
    try:
        inputs = read_inputs(environ)
        configure_logs(inputs.settings.log_level, "console")
        with tempfile.TemporaryDirectory(dir=environ.get("RUNNER_TEMP") or None) as folder:
            ended = asyncio.run(_until_signalled(environ, inputs, Path(folder)))
        _tell(environ, ended)
    except (EventError, SettingsError, InvalidConfigError, BadPrivateKeyError, CommandFileError) as problem:
        sys.stdout.write(error(redact(str(problem))))
        return 2
    except (GitHubError, StateError, OSError) as problem:
        sys.stdout.write(error(redact(str(problem))))
        return 1
    return 0


def read_inputs(environ: Mapping[str, str]) -> Inputs:
    """Raises SettingsError."""
    token = environ.get("INPUT_TOKEN", "")
    if not token:
        raise SettingsError("the input token is empty: leave it out to use the workflow's own")
    overrides = {field: value for name, field in INPUTS.items() if (value := environ.get(name, ""))}
    return Inputs(Secret(token), _settings(environ, overrides), reacted=environ.get("INPUT_REACTED") == "yes")


def _settings(environ: Mapping[str, str], overrides: Mapping[str, str]) -> Settings:
    settings = load(
        github_api_url=environ.get("GITHUB_API_URL", ""),
        webhook_secret=token_hex(32),  # nothing listens; the settings are those of a server otherwise
        **overrides,
    )
    if bool(settings.github_app_id) != bool(settings.github_private_key.get_secret_value()):
        raise SettingsError("the inputs app-id and private-key belong together: give both, or neither")
    return settings


async def _until_signalled(environ: Mapping[str, str], inputs: Inputs, folder: Path) -> Ended:
    """A cancelled workflow gets a signal first: what was done by then is written to the state."""
    task = asyncio.create_task(perform(environ, inputs, folder))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return Ended("the run was cancelled; the next one goes on from here")


def _tell(environ: Mapping[str, str], ended: Ended) -> None:
    sys.stdout.write(verbatim(ended.said))
    for key, reason in ended.failed.items():
        sys.stdout.write(warning(redact(f"{key} failed for now and is tried again by a later run: {reason[:500]}")))
    if not ended.failed:
        sys.stdout.write(notice(ended.said))
    add_summary(environ, f"### Skill Fleet\n\n```text\n{ended.said}\n```\n")
    set_outputs(environ, {"said": ended.said})
