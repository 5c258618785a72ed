"""The made parts of `docs/commands.md`: a table and a section per command, from the command table. Pure."""

from bot.commands.table import COMMANDS, CommandSpec, FromEdit, Takes

_TAKES = {
    Takes.NOTHING: "Stands alone.",
    Takes.HASH: "May be followed by the hash of a preview, at least six characters of it.",
    Takes.NAME: "Must be followed by a skill name: lower-case letters, digits and single hyphens, at most 64.",
    Takes.TEXT: "Must be followed by text, which may go on over several paragraphs.",
}


def commands_table() -> str:
    """Every command, what it does and who may use it."""
    rows = [f"| `{spec.usage}` | {spec.summary} | {spec.who} |" for spec in COMMANDS.values()]
    return "\n".join(["| Command | What it does | Who |", "| --- | --- | --- |", *rows])


def command_sections() -> str:
    """A section with an example for every command."""
    return "\n\n".join(_section(spec) for spec in COMMANDS.values())


def _section(spec: CommandSpec) -> str:
    fresh = spec.from_edit is FromEdit.FRESH_COMMENT_ONLY
    edit = " Counts only in a new comment, never in an edited one." if fresh else ""
    return (
        f"## `/skill {spec.verb}`\n\n{spec.summary} {_TAKES[spec.takes]}{edit} Can be used by {spec.who}.\n\n"
        f"```\n{spec.example}\n```"
    )
