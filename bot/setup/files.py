"""What set-up leaves behind: a settings file and the private key, mode 0600, whole or not at all, never replaced."""

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.setup.exchange import NewApp
from bot.setup.hosts import GITHUB_COM_API, GitHubHost

ENVIRONMENT_FILE = "skill-fleet.env"
KEY_FILE = "skill-fleet.private-key.pem"
APP_ID_VARIABLE = "SKILL_FLEET_GITHUB_APP_ID"
_PLAIN = re.compile(r"[A-Za-z0-9._~/:+=@%-]+\Z")


class AlreadyConfiguredError(Exception):
    """Set-up would replace what is there; the text says what, and how to go on."""


class UnwritableError(Exception):
    """The files cannot be written; the text says why."""


@dataclass(frozen=True)
class Target:
    """The folder that the two files go to."""

    folder: Path

    @property
    def environment(self) -> Path:
        return self.folder / ENVIRONMENT_FILE

    @property
    def key(self) -> Path:
        return self.folder / KEY_FILE


def refuse_if_configured(target: Target, environ: Mapping[str, str]) -> None:
    """Raises AlreadyConfiguredError or UnwritableError: before an App is made, not after."""
    for path in (target.environment, target.key):
        if path.exists() or path.is_symlink():
            raise AlreadyConfiguredError(
                f"{path} is there already. To set up another App choose another folder by --folder; "
                "to start afresh delete the App on GitHub and then this file."
            )
    if environ.get(APP_ID_VARIABLE):
        raise AlreadyConfiguredError(
            f"{APP_ID_VARIABLE} is set: an App is configured. Unset it to set up another one, "
            "or run `skill-fleet doctor` to look at this one."
        )
    if not target.folder.is_dir():
        raise UnwritableError(f"{target.folder} is not a folder. Create it, or choose another by --folder.")
    if not _PLAIN.match(str(target.key.absolute())):
        raise UnwritableError(
            f"{target.key.absolute()}: the path has characters that shells and container engines read differently in "
            "settings files. Choose a folder whose path has none by --folder."
        )
    trial = target.folder / f".skill-fleet-trial-{os.getpid()}"
    _write_new(trial, "")
    trial.unlink()


def environment_text(app: NewApp, host: GitHubHost, key: Path) -> str:
    """The settings file: plain `NAME=value` lines that sh, systemd, Docker and compose read alike."""
    values = {
        APP_ID_VARIABLE: str(app.id),
        "SKILL_FLEET_GITHUB_PRIVATE_KEY_FILE": str(key.absolute()),
        "SKILL_FLEET_WEBHOOK_SECRET": app.webhook_secret.get_secret_value(),
    }
    if host.api != GITHUB_COM_API:
        values = {"SKILL_FLEET_GITHUB_API_URL": host.api, **values}
    for name, value in values.items():
        if not _PLAIN.match(value):
            raise UnwritableError(f"{name}: the value has characters that a settings file cannot hold")
    return "".join(f"{name}={value}\n" for name, value in values.items())


def write_files(target: Target, app: NewApp, host: GitHubHost) -> None:
    """Key first, then the settings that name it; no half file. Raises AlreadyConfiguredError or UnwritableError."""
    text = environment_text(app, host, target.key)
    _write_new(target.key, app.pem.get_secret_value().rstrip("\n") + "\n")
    _write_new(target.environment, text)


def _write_new(path: Path, text: str) -> None:
    """A whole new file with mode 0600, made under another name and then linked: the link fails if `path` exists."""
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".skill-fleet-")  # mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError as error:
        raise AlreadyConfiguredError(f"{path} was made by somebody else meanwhile; it was left alone") from error
    except OSError as error:
        raise UnwritableError(
            f"{path.parent} cannot take the files: {error.strerror}. Choose another folder by --folder."
        ) from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
