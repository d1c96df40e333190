import math

import pytest
import torch

from pellucid.metrics.confusion import (
    ClassScores,
    ConfusionMatrix,
    confusion_matrix,
    macro_average,
    weighted_average,
)
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError


def filled(predictions: list[int], labels: list[int], classes: str) -> ConfusionMatrix:
    metric = ConfusionMatrix(classes)
    scores = torch.nn.functional.one_hot(torch.tensor(predictions), len(classes)).float()
    metric.update(scores, Batch(scores, torch.tensor(labels), torch.arange(len(labels))))
    return metric


def test_rows_are_the_truth_and_columns_the_prediction():
    matrix = confusion_matrix(torch.tensor([1, 1, 0]), torch.tensor([0, 0, 1]), 2)
    assert matrix.tolist() == [[0, 2], [1, 0]]
    assert matrix.dtype == torch.int64


def test_scores_by_hand():
    rows = filled([0, 0, 1, 1, 1], [0, 1, 1, 1, 0], "ab").per_class()
    assert rows == (ClassScores("a", 2, 1 / 2, 1 / 2, 1 / 2), ClassScores("b", 3, 2 / 3, 2 / 3, 2 / 3))
    assert macro_average(rows).f1 == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert weighted_average(rows).f1 == pytest.approx((2 / 2 + 3 * 2 / 3) / 5)
    assert weighted_average(rows).support == 5


def test_what_is_undefined_is_nan_and_left_out_of_the_average():
    rows = filled([0, 0, 1], [0, 2, 0], "abcd").per_class()
    a, b, c, d = rows
    assert (a.precision, a.recall) == (1 / 2, 1 / 2)
    assert (b.precision, b.f1) == (0, 0)
    assert math.isnan(b.recall)  # absent from the truth, but predicted
    assert (c.recall, c.f1) == (0, 0)
    assert math.isnan(c.precision)  # never predicted
    assert all(math.isnan(value) for value in (d.precision, d.recall, d.f1))
    average = macro_average(rows)
    assert average.precision == pytest.approx(1 / 4)
    assert average.recall == pytest.approx(1 / 4)
    assert average.f1 == pytest.approx(1 / 6)


def test_before_the_first_batch():
    metric = ConfusionMatrix("ab")
    assert metric.matrix.tolist() == [[0, 0], [0, 0]]
    assert all(math.isnan(value) for value in metric.compute().values())


def test_predictions_out_of_range():
    with pytest.raises(InputError, match="predictions must be from 0 to 1, got 2"):
        confusion_matrix(torch.tensor([0, 2]), torch.tensor([0, 1]), 2)


def test_a_network_with_more_outputs_than_classes_is_noticed():
    with pytest.raises(InputError, match="predictions must be from 0 to 1, got 2"):
        ConfusionMatrix("ab").update(
            torch.tensor([[0.0, 0.0, 1.0]]), Batch(torch.zeros(1), torch.tensor([0]), torch.arange(1))
        )
