import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from bot import docs
from bot.metrics import names
from bot.repo_config import RepoConfig, load
from bot.settings import Settings
from pipeline.journey import PipelineOptions

MADE = docs.current()


@pytest.mark.parametrize("path", sorted(MADE), ids=lambda path: path.name)
def test_what_is_made_from_the_code_is_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == MADE[path], f"{path.name} is out of date: run `make docs`"


@pytest.mark.parametrize("model", [Settings, RepoConfig, PipelineOptions])
def test_every_setting_says_what_it_is(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_every_metric_is_in_the_table() -> None:
    table = docs.metrics_table()
    assert [name for name in names() if f"`{name}`" not in table] == []


def test_the_schema_and_the_loader_agree() -> None:
    validator = Draft202012Validator(json.loads(docs.schema()))
    Draft202012Validator.check_schema(validator.schema)
    page = (docs.DOCS / "configuration.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n", 1)[1].split("```", 1)[0]
    assert load(example).pipeline.confirm_plan
    validator.validate(yaml.safe_load(example))
    validator.validate({})
    for wrong in ({"lable": "x"}, {"pipeline": {"max_questions": 9}}, {"notifications": "some"}, {"reviewers": "x"}):
        assert not validator.is_valid(wrong), wrong
        with pytest.raises(ValueError, match=r"skill-fleet\.yml"):
            load(yaml.safe_dump(wrong))


def test_a_page_that_lost_its_markers_is_an_error(tmp_path: Path) -> None:
    for page in {piece.page for piece in docs.PIECES}:
        (tmp_path / page).write_text("# Nothing\n")
    with pytest.raises(ValueError, match="made:"):
        docs.current(tmp_path)


def test_links_between_the_pages_lead_somewhere() -> None:
    pages = [page for page in docs.DOCS.glob("*.md") if page.name != "rules.md"]  # quotes links of skills
    assert pages
    for page in pages:
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"


@pytest.mark.parametrize("name", ["database_url", "api_token", "model_api_key", "github_private_key"])
def test_a_secret_may_come_from_a_file(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKILL_FLEET_INSECURE_DEV", "1")
    path = tmp_path / "secret"
    path.write_text("sqlite:///x.db\n")
    monkeypatch.setenv(f"SKILL_FLEET_{name.upper()}_FILE", str(path))
    value = getattr(Settings(), name)
    assert (value if isinstance(value, str) else value.get_secret_value()) == "sqlite:///x.db"
