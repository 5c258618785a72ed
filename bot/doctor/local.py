"""What can be looked at on this machine: the environment, the private key, the database, the model's settings."""

import difflib
import stat
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from bot.doctor.report import Line, ok, problem, warn
from bot.github.secrets import Secret
from bot.github.tokens import AppCredential, BadPrivateKeyError
from bot.model_settings import model_settings
from bot.settings import PREFIX, Settings, SettingsError, load, unknown_variables
from bot.store.database import DatabaseError, current_revision, latest_revision, open_database
from pipeline.lm import ModelSettings

KEY_FIX = (
    "Generate a private key in the App's settings on GitHub and point "
    f"{PREFIX}GITHUB_PRIVATE_KEY_FILE at the downloaded file."
)


def check_settings(environ: Mapping[str, str]) -> tuple[Settings | None, list[Line]]:
    """The settings, if they can be loaded, and what is to say about them."""
    lines = [_unknown(name) for name in unknown_variables(environ)]
    try:
        settings = load()
    except SettingsError as error:
        lines += [problem("settings", text, "See docs/configuration.md.") for text in str(error).splitlines()]
        return None, lines
    if settings.insecure_dev:
        lines.append(
            warn(
                "settings",
                f"{PREFIX}INSECURE_DEV is on: unsigned deliveries are accepted on {settings.host}",
                f"Unset it and set {PREFIX}WEBHOOK_SECRET before anything else can reach this machine.",
            )
        )
    elif not lines:
        lines.append(ok("settings", "every SKILL_FLEET_* variable is known and valid"))
    if len(settings.webhook_secrets) > 1:
        lines.append(
            warn(
                "webhook secret",
                f"{len(settings.webhook_secrets)} secrets are accepted (rotation)",
                f"Remove the old one from {PREFIX}WEBHOOK_SECRET when the App uses the new one.",
            )
        )
    return settings, lines


def _unknown(name: str) -> Line:
    known = [field.upper() for field in Settings.model_fields]
    near = difflib.get_close_matches(name.removeprefix(PREFIX), known, n=1)
    fix = f"Did you mean {PREFIX}{near[0]}?" if near else "See docs/configuration.md for all there are."
    return warn("settings", f"{name} is not a setting; it is ignored", fix)


def check_app_id(settings: Settings) -> Line:
    if settings.github_app_id:
        return ok("app id", settings.github_app_id)
    return problem(
        "app id",
        f"{PREFIX}GITHUB_APP_ID is not set",
        "Create the App by `skill-fleet setup`, then load the settings file that it wrote.",
    )


def check_key(settings: Settings) -> Line:
    """Does the private key parse, and who may read it?"""
    secret = Secret(settings.github_private_key.get_secret_value())
    if not secret:
        return problem("private key", f"neither {PREFIX}GITHUB_PRIVATE_KEY nor ..._FILE is set", KEY_FIX)
    try:
        AppCredential(settings.github_app_id or "0", secret)
    except BadPrivateKeyError as error:
        return problem("private key", str(error), KEY_FIX)
    path = settings.github_private_key_file
    if path is not None and _others_may_read(path):
        return warn("private key", f"{path} is readable for everybody on this machine", f"chmod 600 {path}")
    return ok("private key", "an RSA key")


def _others_may_read(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


async def check_database(settings: Settings) -> Line:
    """Reachable, and at which revision? A SQLite file that does not exist is not made."""
    fix = f"Check {PREFIX}DATABASE_URL."
    try:
        database = open_database(settings.database_url)
    except DatabaseError as error:
        return problem("database", str(error), fix)
    try:
        if database.is_sqlite and not database.path.exists():
            return ok("database", f"{database.path} will be made when the service starts")
        revision = await current_revision(database)
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        return problem("database", f"cannot be used: {reason}", fix)
    finally:
        await database.close()
    return _judge_revision(revision, latest_revision())


def _judge_revision(revision: str, latest: str) -> Line:
    if revision == latest:
        return ok("database", f"reachable, at revision {revision}")
    if not revision:
        return ok("database", "reachable and empty; the service fills it when it starts")
    if revision < latest:
        return warn(
            "database",
            f"at revision {revision}, this version wants {latest}",
            "Back it up, then start the service: it migrates by itself.",
        )
    return problem(
        "database",
        f"at revision {revision}, newer than this version's {latest}",
        "Run the version that made it, or a newer one; going back needs a backup.",
    )


def configured_model(settings: Settings) -> tuple[ModelSettings | None, Line]:
    """The model to use, if one is configured and can work."""
    try:
        chosen = model_settings(settings)
    except SettingsError as error:
        return None, problem("model", str(error), f"Correct {PREFIX}MODEL or the setting that does not go with it.")
    if chosen is None:
        return None, ok("model", "none: skills are outlined from the request's own words")
    return chosen, ok("model", f"{chosen.model} (not called; --model makes one tiny call)")
