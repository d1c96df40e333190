"""Activations and their derivatives: what each passes on, and how much of a gradient comes back through it.

The product of many slopes is what is left of a gradient in a deep network. The sigmoid's are at most 1/4, so
that it shrinks at least fourfold a layer before weights count (Hochreiter 1991; Bengio, Simard & Frasconi,
"Learning long-term dependencies with gradient descent is difficult", 1994).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.studies.initialisation import ACTIVATIONS
from pellucid.studies.study import Findings, Study
from pellucid.types.errors import InputError, unknown_name
from pellucid.views.activations import activation_curves
from pellucid.views.contents import Table

Floats = NDArray[np.float64]
POINTS = 241


@dataclass(frozen=True)
class ActivationsStudy(Study):
    activation: tuple[str, ...] = tuple(ACTIVATIONS)
    """Which activations."""
    reach: float = 6.0
    """They are drawn from −reach to reach."""

    def run(self) -> Findings:
        if not self.activation:
            raise InputError("--activation needs at least one name")
        curves = {name: curve(name, self.reach) for name in self.activation}
        x = places(self.reach)
        rows = tuple(
            (name, float(values.min()), float(values.max()), float(slopes.min()), float(slopes.max()))
            for name, (values, slopes) in curves.items()
        )
        columns = ("activation", "least", "greatest", "least slope", "greatest slope")
        return Findings(
            "Activations and their slopes",
            f"From −{self.reach:g} to {self.reach:g}.",
            Table(columns, rows, "Between the ends of the curves."),
            activation_curves(x, curves),
            {
                **asdict(self),
                "x": x.tolist(),
                "curves": {
                    name: {"values": values.tolist(), "slopes": slopes.tolist()}
                    for name, (values, slopes) in curves.items()
                },
            },
            heading="As curves",
        )


def places(reach: float) -> Floats:
    """(n,): where the curves are known, 0 among them."""
    if not 0 < reach <= 100:
        raise InputError(f"expected a reach above 0 and at most 100; got {reach}")
    return np.linspace(-reach, reach, POINTS)


def curve(name: str, reach: float = 6.0) -> tuple[Floats, Floats]:
    """(n,) values and (n,) derivatives, as autograd says."""
    if name not in ACTIVATIONS:
        raise unknown_name("activation", name, ACTIVATIONS)
    x = torch.tensor(places(reach), requires_grad=True)
    with torch.enable_grad():
        values = ACTIVATIONS[name]()(x)
        (slopes,) = torch.autograd.grad(values.sum(), x)
    return values.detach().numpy().copy(), slopes.numpy().copy()


STUDIES: dict[str, type[Study]] = {"activations": ActivationsStudy}
