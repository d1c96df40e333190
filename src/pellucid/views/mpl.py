"""Figures drawn by matplotlib, for papers and notebooks: no pyplot, so no global state and no window."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullLocator

from pellucid.views.axes import crowded, isolated, number
from pellucid.views.colours import ColourScale, ink_on, light, palette, rgb, series
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import (
    Bars,
    Bounds,
    Boxes,
    Graph,
    Heat,
    Image,
    Lines,
    Masks,
    Matrix,
    Points,
    Text,
    Tiles,
    kind,
)
from pellucid.views.words import shortened

POINT = 0.75  # a CSS pixel in typographic points
WIDTH = 9.0  # inches, of a figure with more than one column


def _colour(names: tuple[str, ...], index: int) -> str:
    return light(names[index] if names else series(index))


def _picture(axes: Axes, pixels: Any, bounds: Bounds, opacity: float = 1.0) -> None:
    left, right, top, bottom = bounds
    if not axes.yaxis_inverted():
        top, bottom = bottom, top
    axes.imshow(
        pixels, extent=(left, right, bottom, top), interpolation="nearest", aspect="auto", alpha=opacity
    )


def _image(axes: Axes, mark: Image) -> None:
    _picture(axes, mark.pixels, mark.bounds())


def _heat(axes: Axes, mark: Heat) -> None:
    _picture(axes, mark.scale.rgba(mark.values, fade=mark.fade), mark.bounds(), mark.opacity)


def _tiles(axes: Axes, mark: Tiles) -> None:
    if mark.scale is None:
        pixels = np.concatenate([mark.values, np.full((*mark.values.shape[:3], 1), 255, np.uint8)], 3)
    else:
        pixels = mark.scale.rgba(mark.values)
    height, width = pixels.shape[1:3]
    places = np.zeros((mark.rows * mark.columns, height, width, 4), np.uint8)
    places[: len(pixels)] = pixels
    rows = places.reshape(mark.rows, mark.columns, height, width, 4).transpose(0, 2, 1, 3, 4)
    _picture(axes, rows.reshape(mark.rows * height, mark.columns * width, 4), mark.bounds())
    gap: dict[str, Any] = {"colors": light("surface"), "linewidth": 1.5, "zorder": 1.5}
    axes.vlines(np.arange(1, mark.columns), 0, mark.rows, **gap)
    axes.hlines(np.arange(1, mark.rows), 0, mark.columns, **gap)


def _boxes(axes: Axes, mark: Boxes) -> None:
    for index, (x0, y0, x1, y1) in enumerate(mark.corners.tolist()):
        colour = _colour(mark.colours, index)
        axes.add_patch(
            Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=colour, linewidth=mark.width * POINT)
        )
        if mark.names:
            axes.text(x0, y0, f" {mark.names[index]}", color=colour, fontsize=9, fontweight="bold", va="top")


def _masks(axes: Axes, mark: Masks) -> None:
    for index, mask in enumerate(mark.masks):
        colour = np.array([*rgb(_colour(mark.colours, index)), 255], np.uint8)
        _picture(axes, np.where(mask[..., None], colour, np.uint8(0)), mark.bounds(), mark.opacity)


def _points(axes: Axes, mark: Points) -> None:
    area = (2 * mark.radius * POINT) ** 2
    axes.scatter(mark.x, mark.y, s=area, color=light(mark.colour), alpha=mark.opacity, linewidths=0, zorder=3)


def _lines(axes: Axes, mark: Lines) -> None:
    style = (0, (5, 4)) if mark.dashed else "solid"
    for x, y, name, colour in zip(mark.x, mark.y, mark.names, mark.colours, strict=True):
        alone = np.flatnonzero(isolated(x, y))
        axes.plot(
            x,
            y,
            color=light(colour),
            linewidth=mark.width * POINT,
            alpha=mark.opacity,
            linestyle=style,
            label=name or "_",
            solid_capstyle="round",
            marker="o" if alone.size else "",
            markevery=alone.tolist(),
            markersize=6 * POINT,
        )


def _bars(axes: Axes, mark: Bars) -> None:
    lengths, colour = mark.values - mark.base, light(mark.colour)
    if mark.lying:
        axes.barh(mark.at, lengths, mark.thickness, left=mark.base, color=colour, alpha=mark.opacity)
    else:
        axes.bar(mark.at, lengths, mark.thickness, bottom=mark.base, color=colour, alpha=mark.opacity)


def _matrix(axes: Axes, mark: Matrix) -> None:
    cells, faces = [], []
    for row, column in np.argwhere(np.isfinite(mark.shades)).tolist():
        shade = float(mark.shades[row, column])
        cells.append(Rectangle((column, row), 1, 1))
        faces.append((*(part / 255 for part in rgb(light(mark.colour))), shade))
        if mark.texts:
            colour = light(ink_on(mark.colour, round(shade, 2)))
            size = min(9.0, 110 / len(mark.shades))
            axes.text(
                column + 0.5,
                row + 0.5,
                mark.texts[row][column],
                color=colour,
                fontsize=size,
                ha="center",
                va="center",
            )
    axes.add_collection(
        PatchCollection(cells, facecolors=faces, edgecolors=light("surface"), linewidths=0.75)
    )


def _graph(axes: Axes, mark: Graph) -> None:
    for (x0, y0, x1, y1), title in zip(mark.frames.tolist(), mark.titles, strict=True):
        axes.add_patch(
            Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=light("faint"), linewidth=0.75)
        )
        axes.text(x0 + 8, y0 + 11, title, color=light("muted"), fontsize=7, va="center", clip_on=True)
    for path in mark.paths:
        axes.plot(path[:, 0], path[:, 1], color=light("faint"), linewidth=0.9, zorder=1.5)
    for index, (x0, y0, x1, y1) in enumerate(mark.boxes.tolist()):
        colour, height = light(mark.colours[index]), y1 - y0
        face = Rectangle((x0, y0), x1 - x0, height, facecolor=light("surface"), edgecolor=light("faint"))
        axes.add_patch(face)
        axes.add_patch(Rectangle((x0, y0), 4, height, facecolor=colour, zorder=2))
        for words, down, size, tone in (
            (mark.names[index], 0.32, 7.5, "ink"),
            (mark.notes[index], 0.72, 6.5, "muted"),
        ):
            axes.text(x0 + 10, y0 + down * height, words, color=light(tone), fontsize=size, va="center")


def _text(axes: Axes, mark: Text) -> None:
    side = {"start": "left", "middle": "center", "end": "right"}[mark.anchor]
    words = axes.text(
        mark.x, mark.y, mark.text, color=light(mark.colour), fontsize=mark.size * POINT, ha=side, va="center"
    )
    if mark.halo:
        words.set_path_effects([withStroke(linewidth=2.5, foreground=light("surface"))])


DRAW: dict[str, Callable[[Axes, Any], None]] = {
    "image": _image,
    "heat": _heat,
    "tiles": _tiles,
    "boxes": _boxes,
    "masks": _masks,
    "points": _points,
    "lines": _lines,
    "bars": _bars,
    "matrix": _matrix,
    "graph": _graph,
    "text": _text,
}


def draw(figure: Figure, axes: Axes | Sequence[Axes] | None = None) -> Canvas:
    """The figure's panels drawn into as many `axes`, or into a new matplotlib figure, which is returned."""
    given = _new_axes(figure) if axes is None else [axes] if isinstance(axes, Axes) else list(axes)
    if len(given) != len(figure.panels):
        raise ValueError(f"expected axes for {len(figure.panels)} panels; got {len(given)}")
    columns = min(figure.columns, len(figure.panels))
    for panel, each in zip(figure.panels, given, strict=True):
        _panel(each, panel, _letters(columns))
    canvas = _canvas(given[0])
    if axes is None and figure.title:
        canvas.suptitle(figure.title, x=0.02, ha="left", fontsize=12, fontweight="bold", color=light("ink"))
    if axes is None and figure.caption:
        words = _footnote(figure, columns)  # a line above stays empty: it is no panel's caption
        canvas.supxlabel("\n".join(["", *words]), x=0.02, ha="left", fontsize=8, color=light("muted"))
    return canvas


def _canvas(axes: Axes) -> Canvas:
    canvas = axes.get_figure(root=True)
    if canvas is None:
        raise ValueError("the axes given belong to no figure")
    return canvas


def _letters(columns: int) -> int:
    """How many letters of a caption are a line below a panel."""
    return 76 if columns == 1 else 110 // columns


def _footnote(figure: Figure, columns: int) -> list[str]:
    """The lines below all panels."""
    return textwrap.wrap(figure.caption, 76 if columns == 1 else 120)


def _new_axes(figure: Figure) -> list[Axes]:
    columns = min(figure.columns, len(figure.panels))
    rows = math.ceil(len(figure.panels) / columns)
    width = WIDTH if columns > 1 else WIDTH / 1.6
    for_keys = 0.12 if any(panel.key for panel in figure.panels) else 0.0
    across = (1 - for_keys) * width / columns
    heights = [_tall(panel, across, columns) for panel in figure.panels]
    tall = [max(heights[at : at + columns]) for at in range(0, len(heights), columns)]
    footnote = _footnote(figure, columns)
    height = sum(tall) + 0.3 * bool(figure.title) + 0.17 * (len(footnote) + bool(footnote))
    canvas = Canvas(figsize=(width, min(height, 40.0)), layout="constrained", facecolor=light("surface"))
    FigureCanvasAgg(canvas)
    ratios = {"height_ratios": tall}
    grid = canvas.subplots(rows, columns, squeeze=False, gridspec_kw=ratios).ravel().tolist()
    for empty in grid[len(figure.panels) :]:
        empty.set_axis_off()
    return grid[: len(figure.panels)]


def _tall(panel: Panel, across: float, columns: int) -> float:
    """Inches that a panel is high, with its words, in a column of `across` inches."""
    if panel.width:
        across = min(across, panel.width / 96)
    drawn = panel.height / 96 if panel.height else across / (panel.ratio or 1.6)
    if panel.frame is None:
        return drawn + (0.9 if columns <= 3 else 0.4)
    below = len(_caption(panel, _letters(columns))) + bool(panel.x.ticks)
    return drawn + 0.15 + 0.25 * bool(panel.title) + 0.17 * below


def _panel(axes: Axes, panel: Panel, letters: int) -> None:
    x, y = panel.spans()
    picture = panel.frame is not None
    axes.yaxis.set_inverted(picture)
    for mark in panel.marks:
        DRAW[kind(mark)](axes, mark)
    axes.set_xscale("log" if x.log else "linear")
    axes.set_yscale("log" if y.log else "linear")
    axes.set_xlim(x.low, x.high)
    axes.set_ylim(*((y.high, y.low) if picture else (y.low, y.high)))
    axes.set_aspect("auto")
    ratio = panel.width / panel.height if panel.width and panel.height else panel.ratio
    if ratio:
        axes.set_box_aspect(1 / ratio)
        axes.set_anchor("NW")
    turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    slant = turned if crowded(x, y) else {}
    axes.set_xticks([at for at, _ in x.ticks], [shortened(word) for _, word in x.ticks], **slant)
    axes.set_yticks([at for at, _ in y.ticks], [shortened(word) for _, word in y.ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    _words(axes, panel, letters)
    axes.set_axisbelow(True)
    axes.set_facecolor("none")
    axes.spines[:].set_visible(False)
    if not picture:
        axes.grid(True, color=light("grid"), linewidth=0.7)
    if panel.key is not None:
        _key(axes, panel.key)


def _words(axes: Axes, panel: Panel, letters: int) -> None:
    tone = light("muted" if panel.x.label else panel.tone)
    axes.set_xlabel("\n".join(_caption(panel, letters)), color=tone, fontsize=8)
    axes.set_ylabel(panel.y.label, color=light("muted"), fontsize=8)
    axes.set_title(panel.title, loc="left", fontsize=9, fontweight="bold", color=light("ink"))
    axes.tick_params(length=0, labelsize=8, labelcolor=light("muted"))
    if any(isinstance(mark, Lines) and any(mark.names) for mark in panel.marks):
        axes.legend(frameon=False, fontsize=8, labelcolor="linecolor", handlelength=1.2)


def _caption(panel: Panel, letters: int) -> list[str]:
    """What stands below a panel."""
    caption = [line for part in panel.caption.split("\n") for line in textwrap.wrap(part, letters)]
    return [panel.x.label] * bool(panel.x.label) + caption


def _key(axes: Axes, scale: ColourScale) -> None:
    """A colour bar on the panel's right, with the ends of the scale and zero."""
    colours = ListedColormap(palette(scale.kind) / 255)
    high = scale.high if scale.high > scale.low else scale.low + 1
    shown = ScalarMappable(Normalize(scale.low, high), colours)
    ticks = [scale.low, 0.0, high] if scale.kind == "signed" else [scale.low, high]
    beside = axes.inset_axes((1.02, 0.0, 0.03, 1.0))  # as high as what is drawn
    bar = _canvas(axes).colorbar(shown, cax=beside)
    bar.set_ticks(ticks, labels=[number(each, 3) for each in ticks])
    bar.ax.tick_params(length=0, labelsize=7, labelcolor=light("muted"))
    bar.set_label(scale.label, fontsize=7, color=light("muted"), labelpad=2)
    bar.outline.set_visible(False)
