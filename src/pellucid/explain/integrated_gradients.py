"""Integrated gradients: Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks", ICML
(arXiv:1703.01365).

    IG_i = (x_i − x'_i) ∫₀¹ ∂f(x' + α (x − x'))/∂x_i dα

from a baseline x' to the picture x. Completeness: Σ IG = f(x) − f(x'). How far the sum is off tells how good
the numerical integral is, so it decides how many steps are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.explain.baselines import baseline
from pellucid.explain.looking import Options, Seen, input_gradients, pictures_alone, scores_of
from pellucid.explain.target import Target
from pellucid.explain.trying import AT_ONCE
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap


def integrated_gradients(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    baselines: tuple[str, ...] = ("mean",),
    steps: int = 32,
    tolerance: float = 0.05,
    most_steps: int = 256,
    precision: Literal["full", "bf16"] = "full",
    at_once: int = AT_ONCE,
    preprocessing: Preprocessing | None = None,
    seed: int = 0,
) -> Heatmap:
    """Σ_channels IG, the mean over `baselines` (see `explain.baselines`).

    Begins with `steps` points of Gauss and Legendre and doubles them, up to `most_steps`, until Σ IG differs
    from f(x) − f(x') by at most `tolerance` of it, or of 1 % of |f(x)| where that is more, for every picture.
    `at_once` pictures run together, so memory does not grow with the steps. `precision` bf16 is faster on
    some devices; where its result is not complete within the tolerance, it is taken in full.
    """
    if not baselines or steps < 1 or tolerance <= 0:
        raise InputError(
            "expected at least one baseline and one step, and a tolerance above 0; "
            f"got {baselines}, {steps} and {tolerance:g}"
        )
    with pictures_alone(model, inputs, target) as seen:
        ends = [baseline(seen.inputs, name, preprocessing, seed) for name in baselines]
        path = _Path(model, seen, at_once, precision == "bf16")
        found = [path.integral(end, steps, max(steps, most_steps), tolerance) for end in ends]
    total = torch.stack([each.values for each in found]).mean(0)
    error = torch.stack([each.error for each in found]).amax(0)
    taken = max(each.steps for each in found)
    notes = ["signed, and relative to the baseline: " + ", ".join(baselines)]
    if float(error.max()) > tolerance:
        notes.append(
            f"not complete: with {taken} steps the sum is still off by {float(error.max()):.0%} of the "
            f"score's change; more steps may help"
        )
    if any(each.widened for each in found):
        notes.append("bf16 was not exact enough here; computed in full precision")
    options: Options = {
        "baselines": ", ".join(baselines),
        "steps": taken,
        "tolerance": tolerance,
        "most_steps": most_steps,
        "precision": precision,
        "seed": seed,
    }
    scores = {"completeness error": error, "change": torch.stack([each.change for each in found]).mean(0)}
    return seen.heatmap(total, "integrated-gradients", options=options, scores=scores, notes=tuple(notes))


@dataclass(frozen=True, eq=False)
class _Integral:
    """`values` (b, h, w); `error` (b,) of completeness, in parts of `change` = f(x) − f(x')."""

    values: Tensor
    change: Tensor
    error: Tensor
    steps: int
    widened: bool


@dataclass(frozen=True, eq=False)
class _Path:
    model: nn.Module
    seen: Seen
    at_once: int
    half: bool

    def integral(self, end: Tensor, steps: int, most: int, tolerance: float) -> _Integral:
        """From `end` to the pictures, with as many steps as it takes."""
        rows = torch.arange(len(end), device=end.device)
        change = self.seen.scores - scores_of(self.model, end, self.seen.settled, rows)
        scale = torch.maximum(change.abs(), 0.01 * self.seen.scores.abs()).clamp(min=1e-12)
        half = self.half
        while True:
            values = self._summed(end, steps, half)
            error = (values.sum((1, 2)) - change).abs() / scale
            if float(error.max()) <= tolerance or (steps * 2 > most and not half):
                return _Integral(values, change, error, steps, self.half and not half)
            if steps * 2 > most:
                half = False
            else:
                steps *= 2

    def _summed(self, end: Tensor, steps: int, half: bool) -> Tensor:
        pictures = self.seen.inputs
        points, weights = (
            torch.tensor(each, dtype=torch.float32, device=end.device) for each in _nodes(steps)
        )
        slope = torch.zeros_like(end, dtype=torch.float32)
        whole, difference = torch.arange(steps * len(end), device=end.device), pictures - end
        for numbers in torch.split(whole, self.at_once):
            step, rows = numbers.div(len(end), rounding_mode="floor"), numbers % len(end)
            between = end[rows] + points[step].view(-1, 1, 1, 1).to(end.dtype) * difference[rows]
            with torch.autocast(end.device.type, torch.bfloat16, enabled=half):
                gradient, _ = input_gradients(self.model, between, self.seen.settled, rows)
            slope.index_add_(0, rows, gradient * weights[step].view(-1, 1, 1, 1))
        return (slope * difference.float()).sum(1)


def _nodes(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Points in [0, 1] and weights of sum 1."""
    points, weights = np.polynomial.legendre.leggauss(steps)
    return (points + 1) / 2, weights / 2


METHODS = {"integrated-gradients": integrated_gradients}
