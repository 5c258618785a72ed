"""Tells the story on the terminal as it happens: who said what, with the status comment as progress."""

import re
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group
from rich.markdown import Markdown
from rich.markup import escape
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from bot.demo.people import Comment

_COLOURS = {"riley": "cyan", "morgan": "magenta", "sam": "yellow", "skill-fleet[bot]": "green"}
_MARKER = re.compile(r"<!--.*?-->", re.DOTALL)
_DETAILS = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
_STATUS = "### Skill request"
_DETAIL_LINES = 48


def _gist(body: str) -> str:
    """How a comment begins and ends, for the picture."""
    parts = [part for part in _DETAILS.sub("", body).split("\n\n") if part.strip()]
    return "\n\n".join(parts if len(parts) <= 5 else [*parts[:3], "…", parts[-1]])


class Narrator:
    """`picture`, when given, records the short version: what people and bot say, without what is folded away."""

    def __init__(self, console: Console, *, with_model: bool, picture: Console | None = None) -> None:
        self.console = console
        self.picture = picture
        self.with_model = with_model
        self._seen: dict[int, str] = {}

    def step(self, title: str) -> None:
        self.console.print(Rule(f"[bold]{title}", align="left"))

    def filed(self, who: str, number: int, title: str, form: Mapping[str, str]) -> None:
        text = "\n\n".join(f"**{name.capitalize()}**\n\n{answer}" for name, answer in form.items())
        self._panel(who, f"opened issue #{number}: {title}", Markdown(text))

    def comment(self, comment: Comment) -> None:
        """A comment that is new or was edited; the status comment only as its changed lines."""
        before = self._seen.get(comment.id)
        if before == comment.body:
            return
        self._seen[comment.id] = comment.body
        body = _MARKER.sub("", comment.body).strip()
        if body.startswith(_STATUS):
            self._status(body)
        elif before is None:
            self._panel(comment.author, "commented", self._readable(body))
            if self.picture is not None:
                self.picture.print(self._boxed(comment.author, "commented", Markdown(_gist(body))))
        else:
            self.console.print(Text(f"✎ {comment.author} edited a comment: {body.splitlines()[0]}", style="dim"))

    def pull(self, pull: Mapping[str, Any], check: Mapping[str, Any]) -> None:
        mark = "✔" if check["conclusion"] == "success" else "✘"
        body = _DETAILS.sub(lambda found: f"▸ {found[1]}", _MARKER.sub("", pull["body"])).strip()
        line = Text(f"{mark} {check['name']}: {check['conclusion']} ({check['output']['title']})", style="green")
        self._panel("skill-fleet[bot]", f"opened pull request #{pull['number']}", Group(Markdown(body), line))

    def merged(self, who: str, number: int, sha: str) -> None:
        self.console.print(Text(f"⇒ {who} merged pull request #{number} as {sha[:10]}", style="bold magenta"))

    def _status(self, body: str) -> None:
        """The status comment is the progress display: its phases in one line."""
        head = body.splitlines()[0].removeprefix("### ")
        phases = re.findall(r"^- (\S+) \*\*(\w+)\*\*(.*)$", body, re.MULTILINE)
        line = "   ".join(f"{mark} {name}{rest.replace('`', '')}" for mark, name, rest in phases)
        self.console.print(Text(f"⟳ {head}\n  {line}", style="dim"))
        if self.picture is not None:
            self.picture.print(Text(f"⟳ {head}", style="dim"))

    def _readable(self, body: str) -> Group:
        """Markdown as text; folded parts shown up to a length, as a reader who opens them would see them."""
        parts: list[Markdown | Text] = []
        position = 0
        for found in _DETAILS.finditer(body):
            parts.append(Markdown(body[position : found.start()]))
            lines = found[2].strip().splitlines()
            shown = "\n".join(lines[:_DETAIL_LINES]) + ("\n…" if len(lines) > _DETAIL_LINES else "")
            parts += [Text(f"▾ {found[1]}", style="bold"), Markdown(shown)]
            position = found.end()
        parts.append(Markdown(body[position:]))
        return Group(*parts)

    def _panel(self, who: str, did: str, content: Any) -> None:
        self.console.print(self._boxed(who, did, content))

    @staticmethod
    def _boxed(who: str, did: str, content: Any) -> Panel:
        colour = _COLOURS.get(who, "white")
        return Panel(
            content, title=f"[bold {colour}]{escape(who)}[/] {escape(did)}", title_align="left", border_style=colour
        )
