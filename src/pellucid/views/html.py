"""Figures as HTML, seen without any script.

A plot's SVG has no view box: places are percentages of the drawn surface, letters and strokes are CSS pixels.
So a figure fills whatever width it is given and its words stay equally readable; axis words hang over the
surface's edges into its padding.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from html import escape
from importlib import resources

import numpy as np

from pellucid.views.axes import crowded, number
from pellucid.views.colours import COLOURS, ColourScale
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Lines, kind
from pellucid.views.svg import DRAW as DRAW
from pellucid.views.svg import Surface, ink, told
from pellucid.views.words import LETTER, breadth, shortened

PLOT_HEIGHT = 240  # CSS pixels, for plots that do not ask for another
NAMED = 18  # letters of a name at the end of a line


def _scaffold(panel: Panel, surface: Surface) -> str:
    """Grid lines, tick words and axis labels."""
    parts = []
    plain = panel.frame is None
    slanted = crowded(surface.x, surface.y)
    for at, word in surface.x.ticks:
        x = 100 * float(surface.x.position(at))
        if plain:
            parts.append(f'<line class="grid" x1="{x:.3f}%" x2="{x:.3f}%" y1="0" y2="100%"/>')
        parts.append(_below(x, word, slanted))
    for at, word in surface.y.ticks:
        y = float(surface.at(surface.x.low, at)[1])
        if plain:
            parts.append(f'<line class="grid" y1="{y:.3f}%" y2="{y:.3f}%" x1="0" x2="100%"/>')
        place = f'x="0" y="{y:.3f}%" dx="-7" dy=".35em"'
        parts.append(f'<text class="tick" {place} text-anchor="end">{_named(word)}</text>')
    return "".join(parts)


def _below(x: float, word: str, slanted: bool) -> str:
    if not slanted:
        return f'<text class="tick" x="{x:.3f}%" y="100%" dy="17" text-anchor="middle">{_named(word)}</text>'
    turned = (
        f'<text class="tick" transform="translate(5 11) rotate(-45)" text-anchor="end">{_named(word)}</text>'
    )
    return f'<svg class="turned" x="{x:.3f}%" y="100%">{turned}</svg>'


def _named(word: str) -> str:
    """A word beside an axis; what was shortened is said whole when it is pointed at."""
    short = shortened(word)
    return f"{told(word) if short != word else ''}{escape(short)}"


def _depth_below(surface: Surface) -> int:
    """How many pixels the words below a panel need."""
    if crowded(surface.x, surface.y):
        return round(surface.x.room * 0.71 + 14)
    return 22 if surface.x.ticks else 0


def _ends(panel: Panel, surface: Surface) -> list[tuple[float, str, str]]:
    """Where named lines end: (percent from the top, name, colour), apart enough to be read."""
    ends = []
    for mark in panel.marks:
        if not isinstance(mark, Lines):
            continue
        for x, y, name, colour in zip(mark.x, mark.y, mark.names, mark.colours, strict=True):
            across, along = surface.at(x, y)
            seen = np.flatnonzero(np.isfinite(across) & np.isfinite(along))
            if name and seen.size:
                ends.append((float(along[seen[-1]]), name, colour))
    ends.sort()
    places = _apart([place for place, _, _ in ends], 100 * 14 / PLOT_HEIGHT)
    return [(place, name, colour) for place, (_, name, colour) in zip(places, ends, strict=True)]


def _apart(places: list[float], gap: float) -> list[float]:
    """Sorted places moved as little down, then up from 100, as leaves `gap` between neighbours."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    ceiling = 100.0
    for index in reversed(range(len(moved))):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - gap
    return moved


def _labels(panel: Panel, surface: Surface, ends: list[tuple[float, str, str]], left: int) -> str:
    """The names of lines at their ends, and those of the axes."""
    parts = [
        f'<text class="end" x="100%" y="{place:.3f}%" dx="8" dy=".35em" fill="{ink(colour)}">{told(word)}'
        f"{escape(shortened(word, NAMED))}</text>"
        for place, word, colour in ends
    ]
    if panel.y.label:
        arrow = "" if panel.y.ticks else "↑ "
        parts.append(
            f'<text class="axis" x="0" y="0" dx="{-left}" dy="-14">{arrow}{escape(panel.y.label)}</text>'
        )
    if panel.x.label:
        below = _depth_below(surface) + 14
        label = f"{escape(panel.x.label)} →"
        parts.append(f'<text class="axis" x="100%" y="100%" dy="{below}" text-anchor="end">{label}</text>')
    return "".join(parts)


def _plot(panel: Panel, name: str) -> str:
    x, y = panel.spans()
    surface = Surface(x, y, panel.frame is not None)
    ends = _ends(panel, surface)
    left = round(y.room + 12) if y.ticks else 0
    right = max([breadth(shortened(word, NAMED)) for _, word, _ in ends], default=0)
    padding = (
        26 if panel.y.label else 8 if y.ticks else 0,
        round(right * LETTER + 14) if right else 12 if x.ticks else 0,
        _depth_below(surface) + 18 * bool(panel.x.label),
        left,
    )
    marks = "".join(DRAW[kind(mark)](mark, surface) for mark in panel.marks)
    height = f"aspect-ratio:{panel.ratio:.4f}" if panel.ratio else f"height:{panel.height or PLOT_HEIGHT:g}px"
    dense = " dense" if panel.ratio and len(y.ticks) > 12 else ""
    return (
        f'<div class="plot{dense}" style="padding:{"px ".join(map(str, padding))}px">'
        f'<svg role="img" aria-label="{escape(name)}" style="{height}">'
        f"{_scaffold(panel, surface)}{marks}{_labels(panel, surface, ends, padding[3])}</svg></div>"
    )


def _key(scale: ColourScale) -> str:
    ramp = f'<span class="ramp" style="background:{scale.css()}"></span>'
    low, high = number(scale.low, 3), number(scale.high, 3)
    ends = f'<span class="scale"><span>{low}</span>{ramp}<span>{high}</span></span>'
    return f'<div class="key"><span>{escape(scale.label)}</span>{ends}</div>'


def _panel(panel: Panel, figure_title: str) -> str:
    name = " – ".join(
        words for words in (figure_title, panel.title, panel.caption.replace("\n", ", ")) if words
    )
    parts = [f"<h4>{escape(panel.title)}</h4>" if panel.title else ""]
    parts.append(_plot(panel, name or "picture"))
    parts.append(_key(panel.key) if panel.key else "")
    if panel.caption:
        first, *rest = (escape(line) for line in panel.caption.split("\n"))
        more = "".join(f"<br>{line}" for line in rest)
        parts.append(f'<p class="caption"><span style="color:{ink(panel.tone)}">{first}</span>{more}</p>')
    width = f' style="max-width:{panel.width:g}px"' if panel.width else ""
    return f'<div class="panel"{width}>{"".join(parts)}</div>'


def fragment(figure: Figure) -> str:
    """The figure as a part of a page that has `styles()` and an element of class "pellucid" around it."""
    title = f"<h3>{escape(figure.title)}</h3>" if figure.title else ""
    caption = f"<figcaption>{escape(figure.caption)}</figcaption>" if figure.caption else ""
    least = 300 if figure.columns <= 3 else 150 if figure.columns <= 5 else 110 if figure.columns == 6 else 80
    panels = "".join(_panel(panel, figure.title) for panel in figure.panels)
    close = " close" if figure.columns > 3 else ""
    style = f"--columns:{figure.columns};--least:{least}px"
    grid = f'<div class="panels{close}" style="{style}">{panels}</div>'
    return f"<figure>{title}{grid}{caption}</figure>"


@cache
def styles() -> str:
    """The style sheet that fragments need: the colours of both themes, and `figure.css`."""
    day, night = ("".join(f"--{name}:{pair[i]};" for name, pair in COLOURS.items()) for i in (0, 1))
    night = f"{night}color-scheme:dark"
    sheet = resources.files("pellucid.views").joinpath("figure.css").read_text("utf-8")
    return (
        f".pellucid,.pellucid[data-theme=light]{{{day}color-scheme:light}}\n"
        f"@media screen and (prefers-color-scheme:dark)"
        f"{{.pellucid:not([data-theme=light]){{{night}}}}}\n"
        f".pellucid[data-theme=dark]{{{night}}}\n{sheet}"
    )


def policy(script: str = "") -> str:
    """The meta element that forbids every connection, and every script but the one given."""
    allowed = ""
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        allowed = f"; script-src 'sha256-{digest}'"
    rules = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'{allowed}"
    return f'<meta http-equiv="Content-Security-Policy" content="{rules}">'


def embedded(figure: Figure) -> str:
    """The figure with its style, to stand in someone else's page."""
    return f'<div class="pellucid"><style>{styles()}</style>{fragment(figure)}</div>'


def standalone(figure: Figure) -> str:
    """The figure as a complete page that opens from disk and asks no network."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'{policy()}<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(figure.title or 'Figure')}</title>"
        f"<style>{styles()}body{{margin:0;padding:24px}}</style></head>"
        f'<body class="pellucid">{fragment(figure)}</body></html>'
    )
