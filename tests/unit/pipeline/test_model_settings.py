"""Model settings from the environment, and what is said about wrong ones."""

import pytest

from bot.compose import build_model
from bot.settings import Settings, SettingsError
from pipeline.lm.settings import ModelSettingsError, from_environment

KEY = "sk-secret"


def test_without_a_model_there_are_no_settings() -> None:
    assert from_environment({}) is None
    assert from_environment({"SKILL_FLEET_MODEL": " "}) is None


def test_every_setting_has_its_variable() -> None:
    settings = from_environment(
        {
            "SKILL_FLEET_MODEL": "openai/x",
            "SKILL_FLEET_MODEL_API_BASE": "http://127.0.0.1:1/v1",
            "SKILL_FLEET_MODEL_API_KEY": KEY,
            "SKILL_FLEET_MODEL_TEMPERATURE": "0.5",
            "SKILL_FLEET_MODEL_FALLBACKS": "openai/y, anthropic/z",
            "SKILL_FLEET_MODEL_BUDGET_USD": "1.5",
        }
    )
    assert settings is not None
    assert (settings.temperature, settings.budget_usd) == (0.5, 1.5)
    assert settings.fallbacks == ("openai/y", "anthropic/z")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SKILL_FLEET_MODEL", "gpt", "SKILL_FLEET_MODEL: "),
        ("SKILL_FLEET_MODEL_TEMPERATURE", "hot", "SKILL_FLEET_MODEL_TEMPERATURE: "),
        ("SKILL_FLEET_MODEL_BUDGET_TOKENS", "0", "SKILL_FLEET_MODEL_BUDGET_TOKENS: "),
        ("SKILL_FLEET_MODEL_API_BASE", "nowhere", "api_base"),
    ],
)
def test_a_wrong_value_is_named_by_its_variable(name: str, value: str, says: str) -> None:
    with pytest.raises(ModelSettingsError, match=says) as caught:
        from_environment({"SKILL_FLEET_MODEL": "openai/x", "SKILL_FLEET_MODEL_API_KEY": KEY, name: value})
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_bot_hands_its_settings_to_the_model() -> None:
    settings = Settings.model_construct(model="openai/x", model_fallbacks="openai/y", model_budget_tokens=7)
    model = build_model(settings)
    assert model is not None
    assert model.name == "openai/x"
    with pytest.raises(SettingsError, match=r"SKILL_FLEET_MODEL: .*temperature"):
        build_model(Settings.model_construct(model="openai/gpt-5", model_temperature=0.1))
