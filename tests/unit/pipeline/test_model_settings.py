"""Model settings from the environment, and what is said about wrong ones."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.model_settings import model_settings
from bot.settings import Settings, SettingsError
from pipeline.lm import ModelSettings
from pipeline.lm.choice import ModelNotAllowed, build_models
from pipeline.lm.model import LanguageModel
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


def test_the_key_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    name = "SKILL_FLEET_MODEL_API_KEY_FILE"
    settings = from_environment({"SKILL_FLEET_MODEL": "openai/x", name: str(tmp_path / "key")})
    assert settings is not None
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == KEY
    with pytest.raises(ModelSettingsError, match=f"{name}: cannot read .*gone: No such file"):
        from_environment({"SKILL_FLEET_MODEL": "openai/x", name: str(tmp_path / "gone")})


def test_the_bot_hands_its_settings_to_the_model() -> None:
    settings = Settings.model_construct(
        model="openai/x", model_fallbacks="openai/y", model_budget_tokens=7, model_allowed="openai/z, anthropic/a"
    )
    found = model_settings(settings)
    assert found is not None
    assert (found.model, found.budget_tokens, found.fallbacks) == ("openai/x", 7, ("openai/y",))
    assert found.allowed == ("openai/z", "anthropic/a")
    assert model_settings(Settings.model_construct(model="")) is None


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"model": "openai/gpt-5", "model_temperature": 0.1}, r"SKILL_FLEET_MODEL: .*temperature"),
        ({"model": "openai/x", "model_allowed": "o3", "model_temperature": 0.1}, r"SKILL_FLEET_MODEL: .*provider/name"),
        ({"model": "openai/x", "model_allowed": "openai/o3", "model_max_tokens": 100}, r"openai/o3 .*max_tokens"),
        ({"model": "openai/x", "model_concurrency": 0}, r"SKILL_FLEET_MODEL_CONCURRENCY: "),
    ],
)
def test_what_a_model_would_refuse_later_is_refused_when_the_bot_starts(values: dict[str, object], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        model_settings(Settings.model_construct(**values))  # type: ignore[arg-type]  # values of several kinds


def test_a_repository_may_choose_what_the_operator_allows_and_nothing_else() -> None:
    settings = ModelSettings(
        model="openai/x", allowed=("openai/y", "anthropic/z"), api_key=SecretStr(KEY), api_base="http://127.0.0.1:1/v1"
    )
    models = build_models(settings)
    assert [chosen.name for wanted in ("", "openai/x", "openai/y") if (chosen := models.choose(wanted))] == [
        "openai/x",
        "openai/x",
        "openai/y",
    ]
    with pytest.raises(ModelNotAllowed) as refused:
        models.choose("openai/w\n@everyone" + "x" * 500)
    assert "Allowed are openai/y, anthropic/z." in refused.value.failure.message
    assert refused.value.failure.retryable
    assert len(refused.value.failure.message) < 250
    with pytest.raises(ModelNotAllowed, match="No other model may be chosen here"):
        build_models(None).choose("openai/x")


def test_the_key_and_the_address_go_to_the_provider_they_belong_to_alone() -> None:
    settings = ModelSettings(
        model="openai/x", allowed=("openai/y", "gemini/z"), api_key=SecretStr(KEY), api_base="http://127.0.0.1:1/v1"
    )
    sent = {
        name: LanguageModel(settings, chosen=name)._models[0].all[0].kwargs  # the client made for this model
        for name in settings.allowed
    }
    assert (sent["openai/y"]["api_key"], sent["openai/y"]["api_base"]) == (KEY, "http://127.0.0.1:1/v1")
    assert not {"api_key", "api_base"} & {name for name, value in sent["gemini/z"].items() if value}
