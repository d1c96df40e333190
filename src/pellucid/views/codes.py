"""Error against size: of codes by their length, of compressed pictures by their bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pellucid.views.axes import Axis
from pellucid.views.colours import series
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Lines, Mark, Points


def code_curves(found: Mapping[str, Sequence[tuple[int, float, float]]]) -> Figure:
    """For each kind of code (length, mean squared error, PSNR in dB): two panels, a line for each kind."""
    lengths = sorted({length for rows in found.values() for length, _, _ in rows})
    ticks = tuple((float(length), str(length)) for length in lengths)
    x = Axis("numbers in the code", "log", ticks=ticks)
    error = _panel({kind: [row[:2] for row in rows] for kind, rows in found.items()}, x, Axis("MSE", "log"))
    ratio = _panel({kind: [row[::2] for row in rows] for kind, rows in found.items()}, x, Axis("PSNR, dB"))
    return Figure((error, ratio))


def rate_distortion(found: Mapping[str, Sequence[tuple[float, float, float]]]) -> Figure:
    """For each way to compress (bits a pixel, PSNR in dB, SSIM): two panels, a line for each way."""
    x = Axis("bits a pixel", "log")
    ratio = _panel({way: [row[:2] for row in rows] for way, rows in found.items()}, x, Axis("PSNR, dB"))
    alike = _panel({way: [row[::2] for row in rows] for way, rows in found.items()}, x, Axis("SSIM"))
    return Figure((ratio, alike))


def _panel(curves: Mapping[str, Sequence[tuple[float, ...]]], x: Axis, y: Axis) -> Panel:
    marks: list[Mark] = []
    lines = {name: np.array(sorted(rows), np.float64).T for name, rows in curves.items()}
    for place, line in enumerate(lines.values()):
        marks.append(Points(line[0], line[1], series(place), 3.5))
    at, values = tuple(line[0] for line in lines.values()), tuple(line[1] for line in lines.values())
    colours = tuple(series(place) for place in range(len(lines)))
    marks.append(Lines(at, values, tuple(lines), colours))
    return Panel(tuple(marks), x=x, y=y, height=320.0)
