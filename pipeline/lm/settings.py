"""Which model to use and within which limits; refused at load when the provider would refuse it later."""

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

_REASONING = re.compile(
    r"^(?:o[1345](?:-(?:mini|nano|pro))?(?:-\d{4}-\d{2}-\d{2})?|gpt-5(?:\.\d+)*(?!-chat)(?:-.*)?)$", re.IGNORECASE
)
REASONING_MIN_TOKENS = 16_000


class ModelSettingsError(ValueError):
    """The settings cannot work; the message names the field and what to set instead."""


class ModelSettings(BaseModel):
    """`model` is `provider/name`, e.g. `openai/gpt-5-mini`, `anthropic/claude-haiku-4-5`, `ollama_chat/qwen3`.

    With `api_base` set, `openai/…` means any OpenAI-compatible server at that address.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=3, max_length=200)
    api_base: str | None = Field(None, max_length=500)
    api_key: SecretStr | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int | None = Field(None, ge=64, description="of one answer; doubled once when an answer is cut")
    timeout_seconds: float = Field(120.0, gt=0, le=3_600, description="for one call, all of it")
    retries: int = Field(2, ge=0, le=10, description="after a rate limit, a server error or no answer")
    fallbacks: tuple[str, ...] = Field((), max_length=5, description="models tried in order when one stays unusable")
    allowed: tuple[str, ...] = Field((), max_length=20, description="models that a repository may choose instead")
    budget_tokens: int | None = Field(None, ge=1, description="for one job, prompts and answers together")
    budget_usd: float | None = Field(None, gt=0, description="for one job; counted where prices are known")
    concurrency: int = Field(8, ge=1, le=1_024, description="calls in flight at once per provider, over all jobs")
    max_wait_seconds: float = Field(60.0, ge=0, le=3_600, description="longest pause a provider may ask for")

    @model_validator(mode="after")
    def _usable(self) -> "ModelSettings":
        for name in (self.model, *self.fallbacks, *self.allowed):
            provider, slash, rest = name.partition("/")
            if not (provider and slash and rest):
                raise ModelSettingsError(f"model {name!r} must be written as provider/name, e.g. openai/gpt-5-mini")
            if is_reasoning(name):
                if self.temperature is not None and self.temperature != 1.0:
                    raise ModelSettingsError(f"{name} is a reasoning model: leave temperature unset or set it to 1.0")
                if self.max_tokens is not None and self.max_tokens < REASONING_MIN_TOKENS:
                    raise ModelSettingsError(
                        f"{name} is a reasoning model: leave max_tokens unset or at least {REASONING_MIN_TOKENS}"
                    )
        if self.api_base is not None and not re.match(r"https?://[^\s/]+", self.api_base):
            raise ModelSettingsError("api_base must be an http(s) address, e.g. http://127.0.0.1:8080/v1")
        return self


def is_reasoning(model: str) -> bool:
    """Whether the provider only takes temperature 1 and a large answer limit for this model."""
    return _REASONING.match(model.rpartition("/")[2]) is not None


def from_environment(environment: Mapping[str, str], prefix: str = "SKILL_FLEET_") -> ModelSettings | None:
    """Settings from `SKILL_FLEET_MODEL`, `SKILL_FLEET_MODEL_API_BASE` and so on; None when no model is named.

    The file that `SKILL_FLEET_MODEL_API_KEY_FILE` names holds the key. Raises ModelSettingsError naming the variable.
    """
    model = environment.get(f"{prefix}MODEL", "").strip()
    if not model:
        return None
    values: dict[str, object] = {"model": model}
    for name in ModelSettings.model_fields:
        text = environment.get(f"{prefix}MODEL_{name.upper()}", "").strip()
        if name != "model" and text:
            values[name] = [item.strip() for item in text.split(",")] if name in ("fallbacks", "allowed") else text
    if file := environment.get(f"{prefix}MODEL_API_KEY_FILE", "").strip():
        values["api_key"] = _key_in(Path(file), f"{prefix}MODEL_API_KEY_FILE")
    try:
        return ModelSettings.model_validate(values)
    except ValidationError as error:
        raise ModelSettingsError(explain(error, prefix)) from None


def _key_in(file: Path, variable: str) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise ModelSettingsError(f"{variable}: cannot read {file}: {reason}") from None


def explain(error: ValidationError, prefix: str = "SKILL_FLEET_") -> str:
    """The first problem as one line that names the variable to correct. Values, which may be keys, are left out."""
    problem = error.errors()[0]
    field = str(problem["loc"][0]) if problem["loc"] else ""
    variable = f"{prefix}MODEL_{field.upper()}" if field not in ("", "model") else f"{prefix}MODEL"
    return f"{variable}: {problem['msg'].removeprefix('Value error, ')}"
