"""The ten shapes of the generated world, as signed distances.

Each function takes coordinates (u to the right, v up) in which the shape's circumscribed circle has radius
1, and gives the distance to its outline: negative inside, exact near the edges, and never more than the
true distance outside. Only operations that IEEE 754 rounds exactly are used, so that a picture has the same
bytes on every machine. Constructions: I. Quilez, "2D distance functions" (the folding of the star); the
others are unions and intersections of half-planes and discs.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def _disc(u: Array, v: Array, radius: float) -> Array:
    return np.sqrt(u * u + v * v) - radius


def circle(u: Array, v: Array) -> Array:
    return _disc(u, v, 0.92)


def ring(u: Array, v: Array) -> Array:
    return np.abs(_disc(u, v, 0.74)) - 0.22


def crescent(u: Array, v: Array) -> Array:
    """A disc from which a disc to its right is cut."""
    distance: Array = np.maximum(_disc(u - 0.17, v, 0.88), -_disc(u - 0.64, v, 0.70))
    return distance


def heart(u: Array, v: Array) -> Array:
    """A square on its corner, with half-discs on its two upper sides."""
    half = 0.53
    side, v = np.abs(u), v + 0.1
    along, across = (side + v) * math.sqrt(0.5), (side - v) * math.sqrt(0.5)
    body = np.maximum(np.abs(along), np.abs(across)) - half
    distance: Array = np.minimum(body, _disc(along - half, across, half))
    return distance


def drop(u: Array, v: Array) -> Array:
    """A disc, and the two tangents to it from a point above."""
    radius, below, apex = 0.62, -0.36, 1.0
    sine = radius / (apex - below)
    cosine = math.sqrt(1 - sine * sine)
    tangents = np.abs(u) * cosine + (v - apex) * sine
    # The cone counts only above the line through the points of contact.
    contact = below + radius * sine
    distance: Array = np.minimum(_disc(u, v - below, radius), np.maximum(tangents, contact - v))
    return distance


def triangle(u: Array, v: Array) -> Array:
    return np.maximum(np.abs(u) * (math.sqrt(3) / 2) + v * 0.5, -v) - 0.5


def square(u: Array, v: Array) -> Array:
    return np.maximum(np.abs(u), np.abs(v)) - 0.7


def hexagon(u: Array, v: Array) -> Array:
    height = np.abs(v)
    return np.maximum(np.abs(u) * (math.sqrt(3) / 2) + height * 0.5, height) - 0.84


def cross(u: Array, v: Array) -> Array:
    width, height = np.abs(u), np.abs(v)
    return np.maximum(np.maximum(width, height) - 0.93, np.minimum(width, height) - 0.31)


def star(u: Array, v: Array) -> Array:
    """Five points: the plane is folded along the mirror axes until one edge is left."""
    inner, sine, cosine = 0.46, math.sin(math.pi / 5), math.cos(math.pi / 5)
    u = np.abs(u)
    for _ in range(2):
        beyond = np.maximum(
            cosine * u - sine * v, 0
        )  # past the axis through the inner corner, 36° from the tip
        u, v = np.abs(u - (2 * cosine) * beyond), v + (2 * sine) * beyond
    length = math.hypot(1 - inner * cosine, inner * sine)
    return u * ((1 - inner * cosine) / length) + (v - 1) * (inner * sine / length)


SHAPES: dict[str, Callable[[Array, Array], Array]] = {
    "circle": circle,
    "ring": ring,
    "crescent": crescent,
    "heart": heart,
    "drop": drop,
    "triangle": triangle,
    "square": square,
    "hexagon": hexagon,
    "cross": cross,
    "star": star,
}
