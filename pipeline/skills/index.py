"""Enters a new skill into the lists of its repository (README table or list, plugin manifests), in the style found
there.

Pure: texts in, changed texts out. A file whose style is not understood is left alone; nothing is ever reformatted.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping

from pipeline.skills.taxonomy import Taxonomy, TaxonomyEntry


def register(taxonomy: Taxonomy, entry: TaxonomyEntry, files: Mapping[str, str]) -> dict[str, str]:
    """The files of the repository that change when `entry` joins: path -> new text. Unchanged files are left out.

    `files` are the texts of the README and other lists and of the `.claude-plugin` manifests, by path.
    """
    changed: dict[str, str] = {}
    for path, text in files.items():
        if path.endswith(".json"):
            updated = _manifest(taxonomy, entry, path, text)
        else:
            updated = add_to_list(taxonomy, entry, path, text)
        if updated != text:
            changed[path] = updated
    return changed


def _manifest(taxonomy: Taxonomy, entry: TaxonomyEntry, path: str, text: str) -> str:
    """The manifest with the skill's path behind its last sibling, when the plugin that holds it lists paths."""
    for plugin in taxonomy.plugins:
        inside = not plugin.source or entry.path.startswith(f"{plugin.source}/")
        if plugin.manifest != path or plugin.skills is None or not inside:
            continue
        relative = posixpath.relpath(entry.path, plugin.source or ".")
        parent = posixpath.dirname(relative)
        listed = [posixpath.normpath(listed) for listed in plugin.skills]
        siblings = [raw for raw, norm in zip(plugin.skills, listed, strict=True) if posixpath.dirname(norm) == parent]
        if relative in listed or parent in listed or not siblings:
            continue
        return _after_last(text, siblings, relative)
    return text


def _after_last(text: str, siblings: list[str], relative: str) -> str:
    literals = [json.dumps(sibling) for sibling in siblings]
    position, literal = max((text.rfind(literal), literal) for literal in literals)
    if position == -1:
        return text
    prefix = "./" if json.loads(literal).startswith("./") else ""
    slash = "/" if json.loads(literal).endswith("/") else ""
    added = json.dumps(f"{prefix}{relative}{slash}")
    line_start = text.rfind("\n", 0, position) + 1
    lead = text[line_start:position]
    separator = f",\n{lead}" if not lead.strip() else ", "
    at = position + len(literal)
    updated = text[:at] + separator + added + text[at:]
    try:
        json.loads(updated)
    except ValueError:
        return text
    return updated


def add_to_list(taxonomy: Taxonomy, entry: TaxonomyEntry, path: str, text: str) -> str:
    """A Markdown text with a row or item for `entry`, when it holds a table or list with at least two siblings."""
    if f"]({_link(entry.path, path)}" in text:
        return text
    lines = text.split("\n")
    rows = [(number, sibling) for number, line in enumerate(lines) if (sibling := _sibling(taxonomy, line, path))]
    category = [row for row in rows if row[1].category == entry.category]
    rows = category if len(category) >= 2 else rows
    if len(rows) < 2 or any(sibling.name == entry.name for _, sibling in rows):
        return text
    block = _last_block(rows)
    names = [sibling.name for _, sibling in block]
    template_number, template = block[-1]
    at = template_number + 1
    if names == sorted(names):
        at = next((number for number, sibling in block if sibling.name > entry.name), at)
    row = _row(lines[template_number], template, entry, path)
    if row is None:
        return text
    lines.insert(at, row)
    return "\n".join(lines)


def _last_block(rows: list[tuple[int, TaxonomyEntry]]) -> list[tuple[int, TaxonomyEntry]]:
    """The longest run of rows that stand on consecutive lines; the first of equals."""
    runs: list[list[tuple[int, TaxonomyEntry]]] = []
    for row in rows:
        if runs and row[0] == runs[-1][-1][0] + 1:
            runs[-1].append(row)
        else:
            runs.append([row])
    return max(runs, key=len)


def _link(folder: str, document: str) -> str:
    return posixpath.relpath(folder, posixpath.dirname(document) or ".")


def _sibling(taxonomy: Taxonomy, line: str, document: str) -> TaxonomyEntry | None:
    """The skill a table row or list item is about: the first one it names or links to."""
    stripped = line.strip()
    if not stripped.startswith(("|", "- ", "* ")):
        return None
    head = stripped.split("|")[1] if stripped.startswith("|") and stripped.count("|") > 1 else stripped[2:]
    match = re.match(r"\s*(?:\*\*)?`?\[?(?:\*\*)?`?/?([a-z0-9]+(?:-[a-z0-9]+)*)`?(?:\*\*)?\]?", head)
    return taxonomy.find(match[1]) if match is not None else None


def _row(line: str, template: TaxonomyEntry, entry: TaxonomyEntry, document: str) -> str | None:
    """The template's row, with its name, link and description replaced."""
    summary = _first_sentence(entry.description)
    old_link, new_link = _link(template.path, document), _link(entry.path, document)
    if line.strip().startswith("|"):
        cells = re.split(r"(?<!\\)\|", line)
        texts = range(1, len(cells) - 1)
        named = next((i for i in texts if template.name in cells[i]), None)
        if named is None:
            return None
        others = [i for i in texts if i != named]
        longest = max(others, key=lambda i: len(cells[i].strip()), default=None)
        for i in others:
            keep = cells[i].strip() == (template.category or "") and template.category == entry.category
            replaced = cells[i].replace(old_link, new_link).replace(template.name, entry.name)
            if i == longest:
                cells[i] = f" {_cell(summary)} "
            elif not keep:
                cells[i] = replaced if replaced != cells[i] else "  "
        cells[named] = _renamed(cells[named], template, entry, old_link, new_link)
        return "|".join(cells)
    match = re.match(r"(\s*[-*] .*?)(\s+[-–—:]+\s+|:\s+)(.*)$", line)
    if match is None:
        return _renamed(line, template, entry, old_link, new_link)
    return _renamed(match[1], template, entry, old_link, new_link) + match[2] + summary


def _renamed(text: str, template: TaxonomyEntry, entry: TaxonomyEntry, old_link: str, new_link: str) -> str:
    mark = "\0"
    return text.replace(old_link, mark).replace(template.name, entry.name).replace(mark, new_link)


def _first_sentence(description: str) -> str:
    """What a list says of a skill: the description up to where it speaks of when to use it."""
    one_line = " ".join(description.split())
    match = re.match(r"(.{15,}?[.!?。])(?:\s|$)", one_line)
    sentence = match[1] if match is not None else one_line
    return sentence if len(sentence) <= 200 else sentence[:199].rsplit(" ", 1)[0] + "…"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
