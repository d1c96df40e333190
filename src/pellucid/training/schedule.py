"""Learning-rate schedules as pure functions of the step: nothing to save, so nothing to restore wrongly.

Equal to torch's LambdaLR-style schedulers of the same names (tests/training/test_schedule.py). The plateau
schedule is the one with a memory, which the checkpoint keeps.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from pellucid.training.settings import ScheduleSettings

_START = 1 / 25  # one-cycle's first rate over its highest, and
_END = 1e-4 / 25  # its last: the defaults of Smith & Topin, arXiv:1708.07120, as torch has them


def factor(settings: ScheduleSettings, step: int, total: int, steps_per_epoch: int) -> float:
    """What `optim.lr` is multiplied by at `step` of `total`, in [0, 1]. Plateau's own factor comes on top.

    Cosine: Loshchilov & Hutter, arXiv:1608.03983, without restarts; one-cycle: arXiv:1708.07120 with cosine
    annealing, the momentum left alone. Warm-up takes the first steps of the schedule, which is not stretched.
    """
    warmup = round(settings.warmup * steps_per_epoch)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    match settings.name:
        case "step":
            passed = bisect_right([round(m * steps_per_epoch) for m in settings.milestones], step)
            return settings.gamma**passed
        case "cosine":
            progress = (step - warmup) / max(1, total - warmup)
            return settings.floor + (1 - settings.floor) * _cosine(progress)
        case "one-cycle":
            peak = max(1, round(settings.peak * total)) - 1
            if step <= peak:
                return 1 + (_START - 1) * _cosine(step / max(1, peak))
            return _END + (1 - _END) * _cosine((step - peak) / max(1, total - 1 - peak))
        case _:
            return 1.0


def _cosine(progress: float) -> float:
    """From 1 at 0 to 0 at 1."""
    return (1 + math.cos(math.pi * min(progress, 1.0))) / 2


@dataclass
class Patience:
    """Counts evaluations without improvement, for early stopping and the plateau schedule.

    A value counts as better when it beats the best by any amount; NaN never does.
    """

    higher_is_better: bool
    best: float | None = None
    best_step: int | None = None
    bad: int = 0
    reductions: int = 0

    def update(self, value: float, step: int) -> bool:
        """Whether `value` is the best so far."""
        better = self.best is None or (value > self.best if self.higher_is_better else value < self.best)
        if better and not math.isnan(value):
            self.best, self.best_step, self.bad = value, step, 0
            return True
        self.bad += 1
        return False

    def reduce(self, patience: int) -> None:
        """Count a reduction of the rate after more than `patience` bad evaluations in a row, as torch's
        ReduceLROnPlateau.
        """
        if self.bad > patience:
            self.bad, self.reductions = 0, self.reductions + 1
