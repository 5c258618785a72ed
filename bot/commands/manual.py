"""`docs/commands.md`, made from the command table: `python -m bot.commands.manual > docs/commands.md`."""

import sys

from bot.commands.table import COMMANDS, CommandSpec, FromEdit, Takes

_HEAD = """\
# Commands

<!-- Made from bot/commands/table.py by `python -m bot.commands.manual`; a test keeps it current. -->

Write a command at the start of a line of a comment on the request, or on its pull request. `@skill-fleet help` works
like `/skill help`; with the name the App has where you use it.

- Several commands in one comment run in their order.
- Only plain text counts: a command in code, in a quote (or right below one, without an empty line between), in HTML, a
  heading, a table, a link or emphasis does nothing. What your e-mail program quotes below a reply is cut off.
- The text of `answer`, `revise` and `refine` runs to the next command line or to the end of the comment, so it may have
  several paragraphs, lists and code. Quotes in it are left out.
- While a question is open, a plain reply without any command is enough. A comment with a command is never an answer.
- A word that is no command gets 😕 and the command that looks most like it. `@skill-fleet` followed by anything that is
  not a complete command is just talk.
- When you edit a comment, only the commands you added run, and only if the comment is yours.
- I answer with reactions: 👀 seen, 🚀 done, 👍 nothing to do, 😕 not understood, 👎 not permitted.

| Command | What it does | Who |
| --- | --- | --- |
"""
_TAKES = {
    Takes.NOTHING: "Stands alone.",
    Takes.HASH: "May be followed by the hash of a preview, at least six characters of it.",
    Takes.NAME: "Must be followed by a skill name: lower-case letters, digits and single hyphens, at most 64.",
    Takes.TEXT: "Must be followed by text, which may go on over several paragraphs.",
}


def commands_page() -> str:
    """The whole page."""
    rows = [f"| `{spec.usage}` | {spec.summary} | {spec.who} |\n" for spec in COMMANDS.values()]
    return _HEAD + "".join(rows) + "".join(_section(spec) for spec in COMMANDS.values())


def _section(spec: CommandSpec) -> str:
    edit = (
        " Counts only in a new comment, never in an edited one."
        if spec.from_edit is FromEdit.FRESH_COMMENT_ONLY
        else ""
    )
    return f"""
## `/skill {spec.verb}`

{spec.summary} {_TAKES[spec.takes]}{edit} Can be used by {spec.who}.

```
{spec.example}
```
"""


if __name__ == "__main__":
    sys.stdout.write(commands_page())
