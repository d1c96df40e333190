"""Small views for the tests of this folder: every kind of mark, and a recorded training."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.types.recording import LayerStatistics, Recording
from pellucid.views.axes import Axis
from pellucid.views.colours import ColourScale, signed
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import (
    Bars,
    Boxes,
    Graph,
    Heat,
    Image,
    Lines,
    Mark,
    Masks,
    Matrix,
    Points,
    Text,
    Tiles,
)


@pytest.fixture
def marks() -> tuple[Mark, ...]:
    """One of each kind."""
    random = np.random.default_rng(0)
    values = random.normal(size=(4, 6)).astype(np.float32)
    return (
        Image(random.integers(0, 256, (4, 6, 3), dtype=np.uint8)),
        Heat(values, signed(values, "weight"), (1, 3, 0, 2), 0.5),
        Tiles(random.normal(size=(3, 2, 2)), 2, ColourScale("unsigned", 0, 1), ("a", "b", "c")),
        Boxes(np.array([[1.0, 1, 3, 2]]), ("cat <b>",), ("pink",)),
        Masks(values[None] > 0, ("sky",), ("green",)),
        Points(
            np.array([1.0, 2]),
            np.array([3.0, np.nan]),
            "orange",
            names=("p", "q"),
            pictures=random.integers(0, 256, (2, 3, 3, 3), dtype=np.uint8),
        ),
        Lines((np.arange(3.0),), (np.array([1.0, np.nan, 2]),), ("loss & co",), ("blue",), dashed=True),
        Bars(np.arange(2.0), np.array([1.0, -2.0]), "cyan", ("one", "two")),
        Matrix(np.array([[0.25, np.nan]]), "blue", (("7", ""),), (("seven", ""),)),
        Graph(
            boxes=np.array([[0.0, 0, 2, 1], [1, 2, 3, 3]]),
            names=("conv <1>", "add"),
            notes=("Conv2d 8×4×4", "8×4×4"),
            words=("layer.conv", "layer:add"),
            colours=("blue", "orange"),
            frames=np.array([[0.0, 0, 4, 4]]),
            titles=("layer & co",),
            paths=(np.array([[1.0, 1], [1.5, 1.5], [2, 2]]),),
        ),
        Text(1, 1, "<here>", "middle"),
    )


@pytest.fixture
def figure(marks: tuple[Mark, ...]) -> Figure:
    """Every kind of mark on a panel of its own, and a log plot."""
    panels = tuple(Panel((mark,), frame=(4, 6), caption="one\ntwo") for mark in marks)
    log = Panel((marks[6],), "log", y=Axis("loss", "log", limits=(0.5, 20)))
    return Figure((*panels, log), "Every mark", columns=3, caption="All of them.")


@pytest.fixture
def recordings() -> list[Recording]:
    """Three layers at four steps, with RGB filters and two probe pictures of three classes."""
    random = np.random.default_rng(1)
    made = []
    for step in (0, 1, 10, 100):
        layers = (
            LayerStatistics("conv", "Conv2d", 0.01 * (step + 1), 1.0, 0.0, 0.1, 0.1, 1.0, None),
            LayerStatistics("relu", "ReLU", None, None, None, None, 0.3, 0.5, 0.25),
            LayerStatistics("head", "Linear", 0.0, 2.0, 0.0, 0.1, -0.1, 2.0, None),
        )
        weights = random.normal(size=(6, 3, 3, 3)).astype(np.float32) * (step + 1)
        maps = {"relu": np.abs(random.normal(size=(2, 5, 4, 4))).astype(np.float16)}
        predictions = random.dirichlet(np.ones(3), size=2).astype(np.float32)
        made.append(Recording(step, step / 50, layers, weights, maps, predictions))
    return made
