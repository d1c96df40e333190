"""Optimisers race over a surface of two numbers, from one start and with torch's own steps.

The surfaces are classics: *rosenbrock*, a curved valley whose floor hardly falls (Rosenbrock, "An automatic
method for finding the greatest or least value of a function", 1960); *ravine*, a quadratic a hundred times
steeper across than along, on which plain steps zigzag (Qian, "On the momentum term in gradient descent
learning algorithms", 1999); *saddle*, where the slope vanishes without a minimum (Dauphin et al.,
"Identifying and attacking the saddle point problem", 2014), walled in by a fourth power so that it has two
minima; *minima*, several of them, of which one is the lowest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from pellucid.studies.study import Findings, Study
from pellucid.types.errors import InputError, unknown_name
from pellucid.views.contents import Table
from pellucid.views.optimisers import Trail, race_figure

Floats = NDArray[np.float64]
MOST_STEPS = 5000
GRID = 96


@dataclass(frozen=True)
class Surface:
    """`value` of coordinates x and y, in `box` (x0, x1, y0, y1); `least` is where it is lowest, several where
    they are equally low.
    """

    formula: str
    value: Callable[[Tensor, Tensor], Tensor] = field(repr=False)
    box: tuple[float, float, float, float]
    start: tuple[float, float]
    least: tuple[tuple[float, float], ...]

    def map(self) -> Floats:
        """(GRID, GRID): the values, row by row from the top of the box."""
        x0, x1, y0, y1 = self.box
        x = torch.linspace(x0, x1, GRID, dtype=torch.float64)
        y = torch.linspace(y1, y0, GRID, dtype=torch.float64)
        values: Floats = self.value(x[None, :], y[:, None]).expand(GRID, GRID).numpy()
        return values

    @property
    def lowest(self) -> float:
        x, y = (torch.tensor(each, dtype=torch.float64) for each in self.least[0])
        return float(self.value(x, y))


def _minima(x: Tensor, y: Tensor) -> Tensor:
    return 0.15 * (x**2 + y**2) + torch.cos(2 * x) * torch.cos(2 * y) + 0.3 * x + 2


SURFACES: dict[str, Surface] = {
    "rosenbrock": Surface(
        "(1 − x)² + 100 (y − x²)²",
        lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
        (-2.0, 2.0, -1.0, 3.0),
        (-1.5, 2.0),
        ((1.0, 1.0),),
    ),
    "ravine": Surface(
        "x² ÷ 2 + 50 y²",
        lambda x, y: x**2 / 2 + 50 * y**2,
        (-4.0, 4.0, -2.0, 2.0),
        (-3.5, 1.2),
        ((0.0, 0.0),),
    ),
    "saddle": Surface(
        "x² − y² + y⁴ ÷ 8",
        lambda x, y: x**2 - y**2 + y**4 / 8,
        (-3.0, 3.0, -3.0, 3.0),
        (-2.0, 0.001),
        ((0.0, 2.0), (0.0, -2.0)),
    ),
    "minima": Surface(
        "0.15 (x² + y²) + cos 2x cos 2y + 0.3 x + 2",
        _minima,
        (-4.0, 4.0, -4.0, 4.0),
        (3.2, 2.4),
        ((-1.5309341, 0.0),),
    ),
}

OPTIMISERS: dict[str, Callable[[Sequence[nn.Parameter], float], Optimizer]] = {
    "sgd": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
    "nesterov": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}

RATES: dict[str, dict[str, float]] = {
    "rosenbrock": {"sgd": 0.001, "momentum": 0.0005, "nesterov": 0.0005, "adagrad": 0.5, "rmsprop": 0.01},
    "ravine": {"sgd": 0.018, "momentum": 0.005, "nesterov": 0.005, "adagrad": 0.5, "rmsprop": 0.03},
    "saddle": {"sgd": 0.05, "momentum": 0.02, "nesterov": 0.02, "adagrad": 0.4, "rmsprop": 0.02},
    "minima": {"sgd": 0.05, "momentum": 0.03, "nesterov": 0.03, "adagrad": 0.4, "rmsprop": 0.05},
}
"""A learning rate that suits; 0.05 where none is named."""


def suiting(surface: str, optimiser: str) -> float:
    return RATES[surface].get(optimiser, 0.05)


@dataclass(frozen=True)
class Race:
    """One optimiser's way: `places` (steps + 1, 2) and the surface's `values` (steps + 1,) there. It ends
    early where it left all bounds.
    """

    optimiser: str
    rate: float
    places: Floats
    values: Floats


@dataclass(frozen=True)
class OptimisersStudy(Study):
    surface: str = "rosenbrock"
    """rosenbrock, ravine, saddle or minima."""
    optimiser: tuple[str, ...] = tuple(OPTIMISERS)
    """Which optimisers, with torch's own settings; momentum is 0.9."""
    rate: float | None = None
    """The learning rate of all; by default one that suits each on this surface."""
    steps: int = 300
    """How many steps each takes."""
    start: tuple[float, float] | None = None
    """Where they begin; by default where it is instructive."""

    def run(self) -> Findings:
        if not self.optimiser:
            raise InputError("--optimiser needs at least one name")
        surface = surface_of(self.surface)
        return _told(self, surface, [race(self, name) for name in self.optimiser])


def surface_of(name: str) -> Surface:
    if name not in SURFACES:
        raise unknown_name("surface", name, SURFACES)
    return SURFACES[name]


def race(study: OptimisersStudy, name: str) -> Race:
    """Let one optimiser run. Raises `InputError` for settings that cannot be."""
    surface = surface_of(study.surface)
    if name not in OPTIMISERS:
        raise unknown_name("optimiser", name, OPTIMISERS)
    rate = suiting(study.surface, name) if study.rate is None else study.rate
    start = study.start or surface.start
    if not 1 <= study.steps <= MOST_STEPS or not 0 < rate <= 1000 or not all(map(math.isfinite, start)):
        raise InputError(
            f"expected 1 to {MOST_STEPS:,} steps, a rate above 0 and a finite start; got {study.steps}, "
            f"{rate} and {start}"
        )
    place = nn.Parameter(torch.tensor(start, dtype=torch.float64))
    optimiser = OPTIMISERS[name]([place], rate)
    places, values = [], []
    with torch.enable_grad():
        for _ in range(study.steps + 1):
            value = surface.value(place[0], place[1])
            if not value.isfinite() or float(place.detach().abs().max()) > 1e6:
                break
            places.append(place.detach().numpy().copy())
            values.append(float(value.detach()))
            optimiser.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return Race(name, rate, np.array(places).reshape(-1, 2), np.array(values))


def _told(study: OptimisersStudy, surface: Surface, found: Sequence[Race]) -> Findings:
    rows = tuple(
        (
            each.optimiser,
            each.rate,
            len(each.values) - 1,
            float(each.values[-1] - surface.lowest),
            float(min(np.hypot(*(each.places[-1] - least)) for least in np.array(surface.least))),
        )
        for each in found
    )
    columns = ("optimiser", "rate", "steps", "above the minimum", "distance to it")
    caption = "Fewer steps than asked for: the optimiser left all bounds."
    return Findings(
        f"Optimisers on {study.surface}",
        f"{surface.formula}, from {study.start or surface.start}, {study.steps} steps.",
        Table(columns, rows, caption, best={"above the minimum": "min"}),
        race_figure(
            surface.map(),
            surface.box,
            [Trail(each.optimiser, each.places, each.values) for each in found],
            surface.lowest,
        ),
        {
            **asdict(study),
            "races": [
                {**asdict(each), "places": each.places.tolist(), "values": each.values.tolist()}
                for each in found
            ],
        },
        heading="The race",
    )


STUDIES: dict[str, type[Study]] = {"optimisers": OptimisersStudy}
