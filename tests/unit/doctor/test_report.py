import json

from bot.doctor.report import Level, as_json, as_text, ok, problem, verdict, warn
from bot.github.secrets import register_secret

LINES = [
    ok("database", "reachable"),
    warn("clock", "12 s off", "Keep time."),
    problem("app", "not found", "Check the id."),
]


def test_the_report_is_one_line_each_with_what_to_do_below() -> None:
    assert as_text(LINES) == (
        "ok       database  reachable\n"
        "warn     clock     12 s off\n"
        "                   -> Keep time.\n"
        "problem  app       not found\n"
        "                   -> Check the id.\n"
        "\n"
        "1 ok, 1 to look at, 1 to repair\n"
    )


def test_the_same_as_json() -> None:
    document = json.loads(as_json(LINES))
    assert document["version"] == 1
    assert document["verdict"] == "problem"
    assert document["lines"][1] == {"check": "clock", "level": "warn", "message": "12 s off", "fix": "Keep time."}


def test_the_verdict_is_the_worst_of_all() -> None:
    assert verdict([]) is Level.OK
    assert verdict(LINES[:1]) is Level.OK
    assert verdict(LINES[:2]) is Level.WARN
    assert verdict(LINES) is Level.PROBLEM


def test_secrets_and_control_characters_from_servers_are_not_printed() -> None:
    register_secret("hunter2-hunter2-hunter2")
    lines = [problem("app", "bad \x1b[31mhunter2-hunter2-hunter2\nok  database  fine", "x")]
    assert "hunter2" not in as_text(lines) + as_json(lines)
    assert "\x1b" not in as_text(lines)
    assert len(as_text(lines).splitlines()) == 4
