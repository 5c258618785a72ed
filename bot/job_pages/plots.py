"""Small plots as SVG made on the server: shapes with classes, coloured and sized by the style sheet. Pure.

Each says in one sentence what it shows, for those who do not see it, and comes with its numbers as a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 300, 60


@dataclass(frozen=True)
class Series:
    """One kind of thing, a value for each place on the axis. `css` is `c1` to `c6`."""

    name: str
    css: str
    values: Sequence[float]


@dataclass(frozen=True)
class Plot:
    """A plot with everything around it."""

    id: str
    title: str
    headline: str
    said: str
    svg: Markup
    axis: tuple[str, str, str]
    """The first and the last place, and the highest value; "" where it says nothing."""
    legend: tuple[tuple[str, str], ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def body(self) -> Markup:
        """The rows of the table, each under its first cell."""
        parts = []
        for first, *rest in self.rows:
            cells = "".join(f"<td>{escape(cell)}</td>" for cell in rest)
            parts.append(f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>')
        return Markup("".join(parts))  # noqa: S704 - escaped cells


def bars(id_: str, said: str, labels: Sequence[str], series: Sequence[Series]) -> Markup:
    """Stacked bars, the first series at the bottom, as high as the highest of them."""
    totals = [sum(each.values[place] for each in series) for place in range(len(labels))]
    peak, step = max(totals, default=0.0), WIDTH / max(1, len(labels))
    shapes = [f'<line class="axis" x1="0" y1="{HEIGHT - 0.5}" x2="{WIDTH}" y2="{HEIGHT - 0.5}"/>']
    names = [escape(each.name) for each in series]
    for place, label in enumerate(labels):
        top, shown = HEIGHT - 1.0, escape(label)
        for name, each in zip(names, series, strict=True):
            high = (HEIGHT - 2) * (each.values[place] / peak) if peak else 0.0
            if high <= 0:
                continue
            top -= high
            where = f'x="{place * step + step * 0.1:.1f}" y="{top:.1f}" width="{step * 0.8:.1f}" height="{high:.1f}"'
            shapes.append(f'<rect class="{each.css}" {where}><title>{shown}: {name}</title></rect>')
    return _svg(id_, said, shapes, WIDTH, HEIGHT)


def strip(id_: str, said: str, parts: Sequence[tuple[str, str, float]]) -> Markup:
    """One bar divided as its parts (name, class, size) are; every part can be seen."""
    whole = sum(size for _, _, size in parts)
    least, left, shapes = WIDTH * 0.006, 0.0, list[str]()
    room = max(0.0, WIDTH - least * len(parts))
    for name, css, size in parts:
        wide = least + (room * (size / whole) if whole else 0.0)
        where = f'x="{left:.2f}" y="0" width="{wide:.2f}" height="12"'
        shapes.append(f'<rect class="{css}" {where}><title>{escape(name)}</title></rect>')
        left += wide
    return _svg(id_, said, shapes, WIDTH, 12)


def _svg(id_: str, said: str, shapes: Sequence[str], width: int, height: int) -> Markup:
    box = f'viewBox="0 0 {width} {height}" preserveAspectRatio="none"'
    head = f'<svg class="plot" role="img" aria-labelledby="{id_}-said" {box}>'
    title = f'<title id="{id_}-said">{escape(said)}</title>'
    return Markup(f"{head}{title}{''.join(shapes)}</svg>")  # noqa: S704 - numbers, our own classes, escaped names
