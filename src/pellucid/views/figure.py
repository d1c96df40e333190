"""A picture is a value: a figure describes panels, and every renderer draws the same description."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pellucid.types.errors import InputError
from pellucid.views import encoding
from pellucid.views.axes import Axis, Span, spans
from pellucid.views.colours import ColourScale, check_colour
from pellucid.views.marks import MARKS, Mark

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

SCHEMA = 1
_PLAIN = Axis()


@dataclass(frozen=True, eq=False)
class Panel:
    """One drawing surface. Marks are drawn in order.

    `frame` (h, w) makes it a picture: x from 0 to w, y from 0 to h downwards, and no axes but the ticks
    given; without it, it is a plot whose y grows upwards. The drawn surface is `height` CSS pixels high, or
    has `aspect` = width / height; with neither, a picture has w / h and a plot a usual height. It is at most
    `width` CSS pixels wide. `key` is the colour scale explained beside the panel. `tone` is the colour of the
    caption's first line.
    """

    marks: tuple[Mark, ...]
    title: str = ""
    frame: tuple[float, float] | None = None
    x: Axis = _PLAIN
    y: Axis = _PLAIN
    aspect: float | None = None
    height: float | None = None
    width: float | None = None
    key: ColourScale | None = None
    caption: str = ""
    tone: str = "muted"

    def __post_init__(self) -> None:
        check_colour(self.tone)
        if self.frame is not None and min(self.frame) <= 0:
            raise ValueError(f"a frame is (height, width), both above 0; got {self.frame}")

    def spans(self) -> tuple[Span, Span]:
        """The x and y axis with limits and ticks settled."""
        return spans(self.marks, self.frame, self.x, self.y)

    @property
    def ratio(self) -> float | None:
        """Width / height of the drawn surface; None where its height is fixed."""
        if self.height is not None:
            return None
        if self.aspect is not None or self.frame is None:
            return self.aspect
        return self.frame[1] / self.frame[0]


@dataclass(frozen=True, eq=False)
class Figure:
    """Panels in rows of at most `columns`; on a narrow page there are fewer."""

    panels: tuple[Panel, ...]
    title: str = ""
    columns: int = 2
    caption: str = ""

    def __post_init__(self) -> None:
        if self.columns < 1:
            raise ValueError(f"a figure has at least one column; got {self.columns}")

    def to_dict(self, assets: encoding.Assets | None = None) -> dict[str, Any]:
        """The figure as JSON's types (`views.encoding` says how). Large arrays go into `assets` if it is
        given.
        """
        return {"schema": SCHEMA, **encoding.encode(self, KINDS, assets)}

    @classmethod
    def from_dict(cls, description: Mapping[str, Any], assets: Mapping[str, bytes] | None = None) -> Figure:
        """The figure that `to_dict` described."""
        schema = description.get("schema")
        if schema != SCHEMA:
            raise InputError(
                f"expected a figure of schema {SCHEMA}; got {schema!r}: written by another version"
            )
        members = {name: value for name, value in description.items() if name != "schema"}
        figure = encoding.decode(members, KINDS, assets or {})
        if not isinstance(figure, cls):
            raise InputError(f"expected a figure; got a {description.get('kind')}")
        return figure

    def to_mpl(
        self, axes: matplotlib.axes.Axes | Sequence[matplotlib.axes.Axes] | None = None
    ) -> matplotlib.figure.Figure:
        """Drawn by matplotlib, into `axes` (one for each panel) or a new figure that belongs to no window."""
        from pellucid.views import mpl  # matplotlib is loaded by those who draw with it

        return mpl.draw(self, axes)

    def to_html(self) -> str:
        """A complete HTML page that needs nothing else."""
        from pellucid.views.html import standalone

        return standalone(self)

    def to_png(self) -> bytes:
        """The picture as a file."""
        picture = io.BytesIO()
        self.to_mpl().savefig(picture, format="png", dpi=144, bbox_inches="tight")
        return picture.getvalue()

    def _repr_html_(self) -> str:
        from pellucid.views.html import embedded

        return embedded(self)

    def _repr_png_(self) -> bytes:
        return self.to_png()


def beside(*figures: Figure, title: str = "", columns: int = 2) -> Figure:
    """All panels of these figures in one; each first panel without a title takes its figure's."""
    panels = [
        replace(panel, title=panel.title or figure.title) for figure in figures for panel in figure.panels
    ]
    return Figure(tuple(panels), title, columns)


def even_columns(panels: int, most: int) -> int:
    """The columns, at most `most`, that need the fewest rows and leave the least of the last one empty."""
    return math.ceil(panels / math.ceil(panels / most))


KINDS: dict[str, type[Any]] = {
    **MARKS,
    "figure": Figure,
    "panel": Panel,
    "axis": Axis,
    "signed": ColourScale,
    "unsigned": ColourScale,
}
