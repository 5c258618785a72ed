"""The service's settings as the pipeline's model settings: one place, so that `serve` and `doctor` judge alike."""

from pydantic import ValidationError

from bot.settings import PREFIX, Settings, SettingsError
from pipeline.lm import ModelSettings, ModelSettingsError
from pipeline.lm.settings import explain


def model_settings(settings: Settings) -> ModelSettings | None:
    """None means that no model is configured. Raises SettingsError naming the variable."""
    if not settings.model:
        return None
    try:
        return ModelSettings(
            model=settings.model,
            api_base=settings.model_api_base or None,
            api_key=settings.model_api_key if settings.model_api_key.get_secret_value() else None,
            temperature=settings.model_temperature,
            max_tokens=settings.model_max_tokens,
            timeout_seconds=settings.model_timeout_seconds,
            retries=settings.model_retries,
            fallbacks=_names(settings.model_fallbacks),
            allowed=_names(settings.model_allowed),
            budget_tokens=settings.model_budget_tokens,
            budget_usd=settings.model_budget_usd,
            concurrency=settings.model_concurrency,
        )
    except ValidationError as error:
        raise SettingsError(explain(error, PREFIX)) from None
    except ModelSettingsError as error:
        raise SettingsError(f"{PREFIX}MODEL: {error}") from None


def _names(value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())
