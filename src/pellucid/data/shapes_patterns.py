"""The patterns of the generated world; backgrounds and shapes share them.

A pattern takes coordinates x, y in which it has period 1 and `sharpness`, how many pixels a period spans,
and gives a value in [0, 1] per pixel that blends two colours; hard edges are about a pixel wide. As in
`shapes_geometry`, only exactly rounded operations touch the pixels.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.ops.random import keys, uniform

Array = NDArray[np.floating]

_TILE = 512
_TILE_SEED = 20_240_229


def _wave(x: Array) -> Array:
    """1 at whole numbers, 0 half-way between, smooth: (1 − 4x²)² on [−½, ½], close to a cosine."""
    x = x - np.rint(x)
    x *= x
    x *= -4
    x += 1
    x *= x
    return x


def ramp(x: Array, slope: float, middle: float = 0.5, least: float = 0) -> Array:
    """`slope` · x + `middle`, kept in [`least`, 1]: an edge at x = 0, about 1/slope wide."""
    x = x * slope
    x += middle
    np.maximum(x, least, out=x)  # np.clip costs five times as much on arrays as small as these
    np.minimum(x, 1, out=x)
    return x


@functools.cache
def _noise_tile() -> Array:
    """(512, 512) fractal value noise in [0, 1] that repeats without a seam: five octaves."""
    tile = np.zeros((_TILE, _TILE), np.float32)
    for octave in range(5):
        cells = 4 << octave
        lattice = uniform(keys(_TILE_SEED, octave, torch.arange(cells)), cells).numpy()
        for _ in range(2):
            lattice = _spline(lattice).T
        tile += lattice * np.float32(0.5**octave)
    tile -= tile.min()
    tile /= tile.max()
    return tile


def _spline(lattice: Array) -> Array:
    """A periodic lattice with its rows brought to `_TILE`, by quadratic B-splines."""
    position = np.arange(_TILE, dtype=np.float32) * (len(lattice) / _TILE)
    cell = np.floor(position).astype(np.int64)
    f = (position - cell)[:, None]
    before, here, after = (lattice[(cell + offset) % len(lattice)] for offset in (-1, 0, 1))
    rows: Array = before * ((1 - f) * (1 - f) * 0.5) + here * (0.5 + f - f * f) + after * (f * f * 0.5)
    return rows


def _noise(x: Array, y: Array) -> Array:
    """The tile at coordinates in which it has period 1."""
    row = (y * _TILE).astype(np.int32)
    column = (x * _TILE).astype(np.int32)
    row &= _TILE - 1
    column &= _TILE - 1
    row *= _TILE
    row += column
    return _noise_tile().take(row)


def gradient(x: Array, y: Array, sharpness: float) -> Array:
    return _wave(x * 0.25)


def stripes(x: Array, y: Array, sharpness: float) -> Array:
    return ramp(_wave(x) - 0.5, 0.3 * sharpness)


def checks(x: Array, y: Array, sharpness: float) -> Array:
    return ramp((_wave(x) - 0.5) * (_wave(y) - 0.5), 0.6 * sharpness)


def dots(x: Array, y: Array, sharpness: float) -> Array:
    x, y = x - np.rint(x), y - np.rint(y)
    x *= x
    y *= y
    x += y
    return ramp(0.09 - x, 1.6 * sharpness)


def waves(x: Array, y: Array, sharpness: float) -> Array:
    """Stripes bent by noise, as in marble or silk."""
    return _wave(x + _noise(x * 0.125, y * 0.125) * 2)


def clouds(x: Array, y: Array, sharpness: float) -> Array:
    return _noise(x * 0.25, y * 0.25)


PATTERNS: dict[str, Callable[[Array, Array, float], Array]] = {
    "gradient": gradient,
    "stripes": stripes,
    "checks": checks,
    "dots": dots,
    "waves": waves,
    "clouds": clouds,
}
