"""What rules said wrongly of skills they were not tuned on (held-out-findings.json), and what they still say."""

import pytest

from pipeline.skills.files import Symlink
from pipeline.skills.findings import Severity
from pipeline.skills.validation import validate_tree

SKILL = '---\nname: {name}\ndescription: "{description}"\n---\n\n# Forms\n\n{body}\n'
DESCRIPTION = "Fills PDF forms from JSON data. Use when somebody has a form to fill."


def skill(name: str = "forms", body: str = "Run it.", description: str = DESCRIPTION) -> str:
    return SKILL.format(name=name, description=description, body=body)


def with_script(text: str, name: str = "fill.py") -> dict[str, str]:
    return {"skills/forms/SKILL.md": skill(body=f"Run `scripts/{name}`."), f"skills/forms/scripts/{name}": text}


def with_page(path: str, link: str) -> dict[str, str]:
    return {
        "skills/forms/SKILL.md": skill(body=f"Read [it]({path})."),
        f"skills/forms/{path}": f"See [more]({link}).\n",
    }


ASKS = "import argparse\np = argparse.ArgumentParser()\n{option}value = input('Which? ')\n"
CLIENT = (
    "import os, requests\nclass Client:\n    def __init__(self):\n        self.key = os.getenv('FORMS_API_KEY')\n"
    "    def send(self, form):\n        body = {body}\n"
    "        return requests.post('https://api.example.com/fill', headers={{'X-Key': self.key}}, json=body)\n"
)
INNER = skill("sample-form")
FROM_AFAR = "Draws forms in two and three dimensions, with labels and arrows{when}."

CASES = {
    "lorem ipsum that is spoken of": (
        "CON001",
        {"skills/forms/SKILL.md": skill(body="- [ ] No placeholder text remaining (Lorem ipsum, dates)")},
        {"skills/forms/SKILL.md": skill(body="About us: lorem ipsum dolor sit amet.")},
    ),
    "a script that asks only when told to": (
        "CON011",
        with_script(ASKS.format(option="p.add_argument('--interactive')\n")),
        with_script(ASKS.format(option="")),
    ),
    "an object that keeps a key and sends something else": (
        "SEC018",
        with_script(CLIENT.format(body="{'form': form, 'to': self.address}")),
        with_script(CLIENT.format(body="{'form': form, 'key': self.key}")),
    ),
    "an object that is sent as a whole": (
        "SEC018",
        with_script(CLIENT.format(body="{'form': form}")),
        with_script(CLIENT.format(body="vars(self)")),
    ),
    "a link in a page that is a template": (
        "STR006",
        with_page("templates/letter.md", "../../docs/issue.md"),
        with_page("references/letter.md", "../../docs/issue.md"),
    ),
    "a missing file in a page that is an example": (
        "STR004",
        with_page("examples/out.md", "pages/user.md"),
        with_page("references/out.md", "pages/user.md"),
    ),
    "a skill that is an example": (
        "STR015",
        {"skills/forms/SKILL.md": skill(), "skills/forms/assets/sample-form/SKILL.md": INNER},
        {"skills/forms/SKILL.md": skill(), "skills/forms/inner/sample-form/SKILL.md": INNER},
    ),
    "the same file by a link": (
        "TAX009",
        {
            "skills/forms/SKILL.md": skill(),
            ".gemini/skills/my-forms/SKILL.md": Symlink("../../../skills/forms/SKILL.md"),
        },
        {"skills/forms/SKILL.md": skill(), "skills/my-forms/SKILL.md": skill("my-forms")},
    ),
    "a name that a fixture has too": (
        "TAX001",
        {"skills/forms/SKILL.md": skill(), "tools/tests/fixtures/bad/forms/SKILL.md": skill()},
        {"skills/forms/SKILL.md": skill(), "skills/office/forms/SKILL.md": skill()},
    ),
    "a sentence that begins with “For”": (
        "DES001",
        {"skills/forms/SKILL.md": skill(description=FROM_AFAR.format(when=". For technical drawings and plans"))},
        {"skills/forms/SKILL.md": skill(description=FROM_AFAR.format(when=""))},
    ),
}


@pytest.mark.parametrize(("rule", "fine", "wrong"), CASES.values(), ids=CASES)
def test_a_false_alarm_is_gone_and_what_is_like_it_and_wrong_is_still_told(rule, fine, wrong):
    def told(files: dict[str, str | Symlink]) -> set[Severity]:
        return {finding.severity for finding in validate_tree(files).findings if finding.rule == rule}

    assert told(fine) == set()
    assert told(wrong) == {Severity.WARNING}
