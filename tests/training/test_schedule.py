"""Schedules equal torch's, step by step."""

import math

import pytest
import torch
from torch.optim import lr_scheduler

from pellucid.training.schedule import Patience, factor
from pellucid.training.settings import ScheduleSettings
from pellucid.types.errors import InputError

TOTAL, PER_EPOCH = 120, 12


def rates(make) -> list[float]:
    """torch's learning rates for TOTAL steps from a base of 1."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimiser)
    found = []
    for _ in range(TOTAL):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(
    ("settings", "theirs"),
    [
        (ScheduleSettings("constant"), lambda o: lr_scheduler.ConstantLR(o, 1.0)),
        (
            ScheduleSettings("step", milestones=(3, 7.5), gamma=0.2),
            lambda o: lr_scheduler.MultiStepLR(o, [36, 90], gamma=0.2),
        ),
        (ScheduleSettings("cosine"), lambda o: lr_scheduler.CosineAnnealingLR(o, TOTAL)),
        (
            ScheduleSettings("cosine", floor=0.1),
            lambda o: lr_scheduler.CosineAnnealingLR(o, TOTAL, eta_min=0.1),
        ),
        (
            ScheduleSettings("one-cycle", peak=0.25),
            lambda o: lr_scheduler.OneCycleLR(
                o, 1.0, total_steps=TOTAL, pct_start=0.25, cycle_momentum=False
            ),
        ),
    ],
    ids=["constant", "step", "cosine", "cosine-floor", "one-cycle"],
)
def test_equals_torch(settings, theirs):
    ours = [factor(settings, step, TOTAL, PER_EPOCH) for step in range(TOTAL)]
    assert ours == pytest.approx(rates(theirs), abs=1e-9)


def test_warmup_rises_evenly_to_the_schedule():
    settings = ScheduleSettings("cosine", warmup=1)
    first = [factor(settings, step, TOTAL, PER_EPOCH) for step in range(PER_EPOCH + 1)]
    assert first == pytest.approx([(k + 1) / 13 for k in range(13)])


def test_plateau_falls_when_torch_falls():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([parameter], lr=1.0)
    theirs = lr_scheduler.ReduceLROnPlateau(optimiser, "max", factor=0.1, patience=2, threshold=0.0)
    ours = Patience(higher_is_better=True)
    values = [0.1, 0.2, 0.2, 0.1, 0.2, 0.15, 0.19, 0.1, 0.1, 0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]
    for step, value in enumerate(values):
        ours.update(value, step)
        ours.reduce(2)
        theirs.step(value)
        assert 0.1**ours.reductions == pytest.approx(optimiser.param_groups[0]["lr"])
    assert ours.reductions > 1


def test_patience_remembers_the_best_and_ignores_nan():
    patience = Patience(higher_is_better=False)
    assert [patience.update(v, i) for i, v in enumerate([3.0, math.nan, 2.0, 2.0])] == [
        True,
        False,
        True,
        False,
    ]
    assert (patience.best, patience.best_step, patience.bad) == (2.0, 2, 1)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "step"}, "milestones"),
        ({"name": "step", "milestones": (5, 2)}, "epochs that rise"),
        ({"warmup": -1.0}, "warmup must be at least 0, got -1"),
        ({"floor": 1.5}, "floor must be between 0 and 1, got 1.5"),
    ],
)
def test_wrong_settings_are_refused(fields, told):
    with pytest.raises(InputError, match=told):
        ScheduleSettings(**fields)
