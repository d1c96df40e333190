"""Integrated gradients: Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks", ICML
(arXiv:1703.01365).

    IG_i = (x_i − x'_i) ∫₀¹ ∂f(x' + α (x − x'))/∂x_i dα

from a baseline x' to the picture x. Completeness: Σ IG = f(x) − f(x'). How far the sum is off tells how good
the numerical integral is, so it decides how many steps are taken.
"""

from __future__ import annotations

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
    baselines: str = "mean",
    steps: int = 32,
    tolerance: float = 0.05,
    most_steps: int = 256,
    precision: Literal["full", "bf16"] = "full",
    batch: int = AT_ONCE,
    preprocessing: Preprocessing | None = None,
    seed: int = 0,
) -> Heatmap:
    """Σ_channels IG, the mean over `baselines`: names of `explain.baselines`, such as "black+white".

    Begins with `steps` points of Gauss and Legendre and doubles them, up to `most_steps`, for those pictures
    of which Σ IG differs from f(x) − f(x') by more than `tolerance` of it, or of 1 % of |f(x)| where that is
    more. `batch` pictures run together, so memory does not grow with the steps. `precision` bf16 is faster on
    some devices; a picture whose result is not complete with it is computed in full.
    """
    if not baselines or steps < 1 or tolerance <= 0 or batch < 1:
        raise InputError(
            "expected at least one baseline, step and picture at once, and a tolerance above 0; "
            f"got {baselines!r}, {steps}, {batch} and {tolerance:g}"
        )
    with pictures_alone(model, inputs, target) as seen:
        paths = [
            _Path(model, seen, baseline(seen.inputs, name.strip(), preprocessing, seed), batch)
            for name in baselines.split("+")
        ]
        for path in paths:
            path.follow(steps, max(steps, most_steps), tolerance, half=precision == "bf16")
    error = torch.stack([path.error for path in paths]).amax(0)
    taken = torch.stack([path.steps for path in paths]).amax(0)
    notes = [f"relative to the baseline: {baselines}"]
    if float(error.max()) > tolerance:
        notes.append(
            f"not complete: after {int(taken.max())} steps a sum is still off by {float(error.max()):.0%} of "
            "the score's change"
        )
    if any(path.widened for path in paths):
        notes.append("bf16 was not exact enough; computed in full precision")
    options: Options = {
        "baselines": baselines,
        "steps": steps,
        "tolerance": tolerance,
        "most_steps": most_steps,
        "precision": precision,
        "seed": seed,
    }
    scores = {
        "change": torch.stack([path.change for path in paths]).mean(0),
        "completeness error": error,
        "steps": taken,
    }
    values = torch.stack([path.values for path in paths]).mean(0)
    return seen.heatmap(values, "integrated-gradients", options=options, scores=scores, notes=tuple(notes))


class _Path:
    """From one baseline to the pictures: `values` (b, h, w); `error` (b,) of completeness, in parts of
    `change` = f(x) − f(x'); and the `steps` (b,) that were taken.
    """

    def __init__(self, model: nn.Module, seen: Seen, end: Tensor, batch: int) -> None:
        self._model, self._seen, self._end, self._batch = model, seen, end, batch
        count, height, width = len(end), *end.shape[2:]
        everyone = torch.arange(count, device=end.device)
        self.change = seen.scores - scores_of(model, end, seen.settled, everyone)
        self.values = torch.zeros(count, height, width, device=end.device)
        self.error, self.steps = self.change.abs(), torch.zeros_like(everyone)
        self.widened = False

    def follow(self, steps: int, most: int, tolerance: float, *, half: bool) -> None:
        """With as many steps as each picture takes; in bf16 first, if `half`."""
        scale = torch.maximum(self.change.abs(), 0.01 * self._seen.scores.abs()).clamp(min=1e-12)
        rows, count = torch.arange(len(scale), device=scale.device), steps
        while len(rows) and count <= most:
            self.values[rows] = self._integral(rows, count, half)
            self.steps[rows] = count
            self.error[rows] = (self.values[rows].sum((1, 2)) - self.change[rows]).abs() / scale[rows]
            rows, count = rows[self.error[rows] > tolerance], 2 * count
            if half and len(rows) and count > most:
                half, count, self.widened = False, steps, True

    def _integral(self, rows: Tensor, steps: int, half: bool) -> Tensor:
        """Of pictures `rows`: their difference from the baseline times the mean gradient on the way."""
        end, pictures = self._end[rows], self._seen.inputs[rows]
        points, weights = (
            torch.tensor(each, dtype=torch.float32, device=end.device) for each in _nodes(steps)
        )
        slope, difference = torch.zeros_like(end, dtype=torch.float32), pictures - end
        for numbers in torch.split(torch.arange(steps * len(rows), device=end.device), self._batch):
            step, place = numbers.div(len(rows), rounding_mode="floor"), numbers % len(rows)
            between = end[place] + points[step].view(-1, 1, 1, 1).to(end.dtype) * difference[place]
            with torch.autocast(end.device.type, torch.bfloat16, enabled=half):
                gradient, _ = input_gradients(self._model, between, self._seen.settled, rows[place])
            slope.index_add_(0, place, gradient * weights[step].view(-1, 1, 1, 1))
        return (slope * difference.float()).sum(1)


def _nodes(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Points in [0, 1] and weights of sum 1."""
    points, weights = np.polynomial.legendre.leggauss(steps)
    return (points + 1) / 2, weights / 2


METHODS = {"integrated-gradients": integrated_gradients}
