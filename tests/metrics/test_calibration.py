import math

import pytest
import torch

from pellucid.metrics.calibration import CalibrationError, expected_calibration_error, reliability_bins
from pellucid.ops.losses import softmax
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError


def test_by_hand():
    """Guo et al. 2017, eq. 3, with two bins: 2/5 · |1/2 − 0.3| + 3/5 · |2/3 − 0.9|."""
    confidences = torch.tensor([0.2, 0.4, 0.8, 0.9, 1.0])
    rows = reliability_bins(confidences, torch.tensor([1, 0, 1, 0, 1]), bins=2)
    assert [(row.lower, row.upper, row.count) for row in rows] == [(0, 0.5, 2), (0.5, 1, 3)]
    assert [row.confidence for row in rows] == pytest.approx([0.3, 0.9])
    assert [row.accuracy for row in rows] == pytest.approx([1 / 2, 2 / 3])
    assert expected_calibration_error(rows) == pytest.approx(0.4 * 0.2 + 0.6 * (0.9 - 2 / 3))


def test_a_bin_is_open_below_and_closed_above():
    rows = reliability_bins(torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]), torch.ones(5), bins=4)
    assert [row.count for row in rows] == [2, 1, 1, 1]


def test_empty_bins():
    empty, full = reliability_bins(torch.tensor([0.75]), torch.tensor([True]), bins=2)
    assert empty.count == 0
    assert math.isnan(empty.confidence)
    assert math.isnan(empty.accuracy)
    assert expected_calibration_error((empty, full)) == 0.25
    assert math.isnan(CalibrationError(softmax).compute()["ECE"])


def test_probabilities_that_are_true_have_a_small_error_and_sharper_ones_a_large_one():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 5, generator=generator)
    labels = torch.multinomial(logits.softmax(dim=1), 1, generator=generator).flatten()
    batch = Batch(logits, labels, torch.arange(20_000))
    true, sharp = CalibrationError(softmax), CalibrationError(softmax)
    true.update(logits, batch)
    sharp.update(4 * logits, batch)
    assert true.compute()["ECE"] < 0.015
    assert sharp.compute()["ECE"] > 0.2


@pytest.mark.parametrize("wrong", [1.5, -0.1])
def test_what_is_not_a_probability(wrong):
    with pytest.raises(InputError, match=r"probabilities in \[0, 1\]"):
        reliability_bins(torch.tensor([0.5, wrong]), torch.tensor([1, 0]))
