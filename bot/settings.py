"""All an operator can set, read from `SKILL_FLEET_*`. Refuses to start with the variable, the reason and the fix."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.setup.hosts import is_loopback

PREFIX = "SKILL_FLEET_"
MINIMUM_SECRET_LENGTH = 16


class SettingsError(Exception):
    """The environment does not describe a runnable service; the text says which variable, why, and what to do."""


class Settings(BaseSettings):
    """One field per variable: `SKILL_FLEET_` + its name in capitals. `docs/configuration.md` is made from it."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, env_ignore_empty=True)

    github_api_url: str = Field(
        "https://api.github.com", description="REST root; GitHub Enterprise: https://HOST/api/v3"
    )
    github_app_id: str = Field("", description="the App's numeric id (or its client id)")
    github_pacing: Literal["github", "off"] = Field(
        "github", description="space writes as github.com asks for; off for a server without such limits"
    )
    github_private_key: SecretStr = Field(SecretStr(""), description="the App's private key, PEM; or use ..._FILE")
    github_private_key_file: Path | None = Field(None, description="file that holds the private key")
    webhook_secret: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="the App's webhook secret, at least 16 characters; several (comma-separated) while rotating"
    )
    webhook_secret_file: Path | None = Field(None, description="file that holds the webhook secret(s)")
    insecure_dev: bool = Field(
        False, description="accept deliveries with no or a short secret; works only while bound to a loopback address"
    )

    database_url: str = Field(
        "sqlite:///skill-fleet.db", description="sqlite:///FILE (one process) or postgresql://... (several processes)"
    )
    database_url_file: Path | None = Field(None, description="file that holds the database URL")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on; 0 picks a free one")
    api_token: SecretStr = Field(
        SecretStr(""), description="bearer token of /api, and of /jobs off loopback; without one they answer 404"
    )

    api_token_file: Path | None = Field(None, description="file that holds the API's bearer token")

    model: str = Field("", description="PROVIDER/NAME, e.g. openai/gpt-5-mini; empty: outline without a language model")
    model_api_base: str = Field("", description="base URL of an OpenAI-compatible server")
    model_api_key: SecretStr = Field(SecretStr(""), description="key of the model's provider; or use ..._FILE")
    model_api_key_file: Path | None = Field(None, description="file that holds the provider's key")
    model_temperature: float | None = Field(None, description="unset: the provider's own; reasoning models take only 1")
    model_max_tokens: int | None = Field(None, description="of one answer; doubled once when an answer is cut")
    model_timeout_seconds: float = Field(120, description="for one call, all of it")
    model_retries: int = Field(2, description="after a rate limit, a server error or no answer")
    model_fallbacks: str = Field("", description="PROVIDER/NAME,... tried in order when the model stays unusable")
    model_allowed: str = Field("", description="PROVIDER/NAME,... that a repository may choose instead of the model")
    model_budget_tokens: int | None = Field(None, description="for one job, prompts and answers together")
    model_budget_usd: float | None = Field(None, description="for one job; counted where prices are known")
    model_daily_calls_per_repository: int = Field(
        2_000, ge=0, description="calls in 24 hours for all requests of a repository; then they wait; 0: no limit"
    )
    model_daily_calls_per_person: int = Field(
        500, ge=0, description="calls in 24 hours for the requests that one person filed in a repository; 0: no limit"
    )
    model_concurrency: int = Field(8, description="calls in flight at once per provider, over all jobs and processes")
    prompts: Path | None = Field(None, description="file of better instructions, written by `skill-fleet optimize`")
    mlflow_tracking_uri: str = Field(
        "",
        description="MLflow server (https://HOST) or database (sqlite:///FILE) that records jobs; empty: no tracking",
    )
    mlflow_traces: bool = Field(
        False, description="also record DSPy's traces there: every prompt and answer, so all that people wrote"
    )

    workers: int = Field(16, ge=1, le=500, description="jobs advanced at the same time by this process")
    jobs_per_repository: int = Field(
        0,
        ge=0,
        le=5_000,
        description="jobs of one repository advanced at the same time by all processes together; 0 means half of all",
    )
    drain_seconds: int = Field(25, ge=0, le=600, description="how long a stopping process waits for running jobs")
    retention_days: int = Field(30, ge=1, le=3650, description="how long finished events and tasks are kept")
    reconcile_minutes: int = Field(
        10, ge=0, le=1440, description="how often GitHub is asked for what was missed (also at start); 0: never"
    )
    onboarding: bool = Field(
        True,
        description="offer each repository that the App is installed on a pull request with form and settings, once",
    )
    action: str = Field(
        "",
        pattern=r"^(?:[\w.-]+/[\w./-]+@[\w./-]+)?$",
        description="the validation Action as workflows name it (OWNER/NAME@REF), shown when repositories are set up",
    )
    max_attempts: int = Field(7, ge=1, le=100, description="tries before an event that keeps failing is set aside")
    lease_seconds: int = Field(
        45, ge=4, le=3600, description="PostgreSQL: silence after which another process takes over"
    )

    log_format: Literal["auto", "json", "console"] = Field("auto", description="auto: console on a terminal, else json")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="least severity that is logged")

    @field_validator("webhook_secret", mode="before")
    @classmethod
    def _several_secrets(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [part.strip() for part in value.replace("\n", ",").split(",") if part.strip()]

    @field_validator("github_api_url", "model_api_base")
    @classmethod
    def _no_trailing_slash(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("must start with https:// (or http:// for a server on this machine)")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value.startswith("sqlite:///") and len(value) > len("sqlite:///") and ":memory:" not in value:
            return value
        if value.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")) and _is_address(value):
            return value
        raise ValueError("must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE")

    @model_validator(mode="before")
    @classmethod
    def _files_replace_values(cls, values: dict[str, object]) -> dict[str, object]:
        """Read the `..._FILE` variables: the way secrets are mounted by Docker and Kubernetes."""
        read = {
            name.removesuffix("_file"): _read(Path(str(path)), name)
            for name in cls.model_fields
            if name.endswith("_file")
            if (path := values.get(name))
        }
        return {**values, **read}

    @model_validator(mode="after")
    def _secret_is_strong_enough(self) -> "Settings":
        secrets = [secret.get_secret_value() for secret in self.webhook_secret]
        weak = not secrets or any(len(secret) < MINIMUM_SECRET_LENGTH for secret in secrets)
        if self.insecure_dev and not is_loopback(self.host):
            raise ValueError(
                f"{PREFIX}INSECURE_DEV: only allowed on a loopback address, but {PREFIX}HOST is {self.host!r}. "
                f"Unset {PREFIX}INSECURE_DEV and set {PREFIX}WEBHOOK_SECRET, or set {PREFIX}HOST=127.0.0.1."
            )
        if weak and not self.insecure_dev:
            what = "is empty" if not secrets else f"has a secret shorter than {MINIMUM_SECRET_LENGTH} characters"
            raise ValueError(
                f"{PREFIX}WEBHOOK_SECRET: {what}, so anybody could send events. "
                f'Set it to the App\'s secret; make one by: python -c "import secrets; print(secrets.token_hex(32))"'
            )
        return self

    @property
    def webhook_secrets(self) -> tuple[bytes, ...]:
        """The secrets a delivery may be signed with; empty only in explicit development mode."""
        return tuple(secret.get_secret_value().encode() for secret in self.webhook_secret)


def _is_address(url: str) -> bool:
    from sqlalchemy.engine import make_url  # not everybody who reads settings has loaded it
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(url)
    except (ValueError, ArgumentError):
        return False
    return True


def _read(path: Path, field: str) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise ValueError(
            f"{PREFIX}{field.upper()}: cannot read {path}: {reason}. Check the path and its mode."
        ) from error


def load(**overrides: object) -> Settings:
    """Settings from the environment, `overrides` first. Raises SettingsError with one line per problem."""
    try:
        return Settings.model_validate(overrides)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(problem) for problem in error.errors())) from None


def load_database_url(url: str | None = None) -> str:
    """The database alone, for programs that need neither secret nor App. Raises SettingsError."""
    file = os.environ.get(f"{PREFIX}DATABASE_URL_FILE")
    try:
        chosen = url or (_read(Path(file), "database_url_file") if file else os.environ.get(f"{PREFIX}DATABASE_URL"))
    except ValueError as error:
        raise SettingsError(str(error)) from None
    try:
        return Settings._known_database(chosen or str(Settings.model_fields["database_url"].default))
    except ValueError as error:
        raise SettingsError(f"{PREFIX}DATABASE_URL: {error}") from None


def _explain(problem: ErrorDetails) -> str:
    message = problem["msg"].removeprefix("Value error, ")
    field = str(problem["loc"][0]) if problem["loc"] else ""
    if not field:
        return message
    description = Settings.model_fields[field].description if field in Settings.model_fields else ""
    return f"{PREFIX}{field.upper()}: {message} ({description})"


def unknown_variables(environ: Mapping[str, str] | None = None) -> list[str]:
    """`SKILL_FLEET_*` variables that nothing reads: most likely misspelt."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    source = os.environ if environ is None else environ
    return sorted(name for name in source if name.startswith(PREFIX) and name not in known)


def secrets_of(settings: Settings) -> dict[str, str]:
    """Every value of the settings that must not be seen, by name; addresses with a password whole."""
    found = {f"webhook_secret {n}": secret.decode() for n, secret in enumerate(settings.webhook_secrets)}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            found[name] = value.get_secret_value()
        elif isinstance(value, str) and "://" in value and "@" in value:
            found[name] = value
    return found
