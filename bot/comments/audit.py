"""Is a Markdown tree inert? The sanitiser's second opinion, also used by tests on every comment the bot writes."""

from collections.abc import Iterator

from markdown_it.tree import SyntaxTreeNode

from bot.comments.references import MARKER, Kind, is_linkable, scan
from bot.comments.render import ACTIVE_LANGUAGES, inline_runs, parse


def is_inert(tree: SyntaxTreeNode) -> bool:
    return next(active_constructs(tree), None) is None


def active_in(text: str) -> list[str]:
    """Everything in the Markdown `text` that GitHub would act on, in words."""
    return list(active_constructs(parse(text)))


def active_constructs(tree: SyntaxTreeNode) -> Iterator[str]:
    for node in tree.walk():
        match node.type:
            case "html_block" | "html_inline":
                yield f"HTML {node.content[:40]!r}"
            case "image":
                yield f"image {node.attrs.get('src')!r}"
            case "link" if not is_linkable(str(node.attrs.get("href", ""))):
                yield f"link {node.attrs.get('href')!r}"
            case "heading":
                yield "heading"
            case "fence" if (node.info or "").strip().lower() in ACTIVE_LANGUAGES:
                yield f"drawing {node.info!r}"
            case "fence" | "code_block" | "code_inline" if MARKER.search(node.content):
                yield "our own marker"
            case "inline":
                yield from _active_text(node)
            case _:
                pass


def _active_text(node: SyntaxTreeNode) -> Iterator[str]:
    tokens = (node.token.children if node.token else None) or []
    for run in inline_runs(tokens):
        for reference in scan(run.text, at_line_start=run.at_line_start):
            if reference.kind is not Kind.URL or not is_linkable(reference.text):
                yield f"{reference.kind.name.lower()} {reference.text!r}"
