import math

import pytest
import torch

from pellucid.metrics.regression import RegressionErrors, mean_absolute_error, mean_squared_error, r2_score
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError

TARGETS = torch.tensor([1.0, 2.0, 3.0, 6.0])
PREDICTIONS = torch.tensor([1.0, 3.0, 3.0, 4.0])


def test_by_hand():
    assert mean_squared_error(PREDICTIONS, TARGETS) == 5 / 4
    assert mean_absolute_error(PREDICTIONS, TARGETS) == 3 / 4
    assert r2_score(PREDICTIONS, TARGETS) == pytest.approx(1 - 5 / 14)
    assert r2_score(TARGETS, TARGETS) == 1
    assert r2_score(torch.full((4,), 3.0), TARGETS) == 0


def test_constant_targets_leave_nothing_to_explain():
    assert math.isnan(r2_score(PREDICTIONS, torch.full((4,), 0.1)))
    assert math.isnan(r2_score(PREDICTIONS[:1], TARGETS[:1]))


def test_accumulator_keeps_what_a_scatter_plot_needs():
    metric = RegressionErrors()
    assert all(math.isnan(value) for value in metric.compute().values())
    for part in (slice(0, 3), slice(3, 4)):
        metric.update(PREDICTIONS[part], Batch(TARGETS[part], TARGETS[part], torch.arange(4)[part]))
    assert metric.compute() == pytest.approx({"MSE": 5 / 4, "MAE": 3 / 4, "R2": 1 - 5 / 14})
    assert metric.predictions.tolist() == PREDICTIONS.tolist()
    assert metric.targets.tolist() == TARGETS.tolist()


def test_columns_against_rows_are_refused():
    with pytest.raises(InputError, match=r"got \(4, 1\) and \(4,\)"):
        mean_squared_error(PREDICTIONS[:, None], TARGETS)


@pytest.mark.parametrize(("predictions", "targets"), [(math.nan, 0.0), (0.0, math.inf)])
def test_what_is_not_finite(predictions, targets):
    with pytest.raises(InputError, match=r"(predictions|targets) must be finite"):
        r2_score(torch.tensor([predictions, 1.0]), torch.tensor([targets, 1.0]))
