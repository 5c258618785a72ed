"""Words, likeness and routes between skills, on top of the taxonomy's similarity. Deterministic, no model.

The router is independent of whoever wrote descriptions and queries, so a description that loses to a sibling shows.
"""

from collections.abc import Iterable, Sequence

from pipeline.skills.similarity import TextIndex, words
from pipeline.skills.taxonomy import Taxonomy, TaxonomyEntry

WINS_FROM = 0.05


def terms(text: str) -> list[str]:
    """The content words of a text, reduced to stems; scripts without spaces as pairs of characters."""
    return list(words(text))


def similarity(left: str, right: str) -> float:
    """How alike two texts are, 0..1."""
    first, second = set(terms(left)), set(terms(right))
    return 2 * len(first & second) / (len(first) + len(second)) if first or second else 0.0


def distinct(texts: Iterable[str], *, limit: int, alike: float = 0.8) -> list[str]:
    """The texts without near-repetitions, in order."""
    kept: list[str] = []
    for text in texts:
        if text.strip() and all(similarity(text, other) < alike and text != other for other in kept):
            kept.append(text)
    return kept[:limit]


def winner(taxonomy: Taxonomy, query: str) -> str:
    """The skill that a query would load, "" for none."""
    found = taxonomy.route(query, limit=1)
    return found[0].entry.name if found and found[0].score >= WINS_FROM else ""


def lost(taxonomy: Taxonomy, name: str, queries: Sequence[str]) -> list[tuple[str, str]]:
    """The queries meant for `name` that it does not win, each with who does ("" for nobody)."""
    routed = [(query, winner(taxonomy, query)) for query in queries]
    return [(query, who) for query, who in routed if who != name]


def nearest_skills(taxonomy: Taxonomy, query: str, limit: int) -> list[TaxonomyEntry]:
    """Existing skills, the most similar to the query first, the unrelated after them by name."""
    index = TextIndex(
        [list(words(f"{entry.name.replace('-', ' ')} {entry.description}")) for entry in taxonomy.entries]
    )
    order = [match.index for match in index.rank(words(query))]
    rest = sorted(set(range(len(taxonomy.entries))) - set(order), key=lambda number: taxonomy.entries[number].name)
    return [taxonomy.entries[number] for number in [*order, *rest][:limit]]


def tree_text(taxonomy: Taxonomy, query: str, budget: int) -> str:
    """The repository's skills for a prompt: nearest first, at most about `budget` characters, saying what was cut."""
    entries = nearest_skills(taxonomy, query, len(taxonomy.entries))
    lines: list[str] = []
    used = 0
    for shown, entry in enumerate(entries):
        line = f"- {entry.path}: {' '.join(entry.description.split())[:300]}"
        used += len(line) + 1
        if used > budget:
            lines.append(f"… and {len(entries) - shown} more")
            break
        lines.append(line)
    return "\n".join(lines) or "(no skills yet)"
