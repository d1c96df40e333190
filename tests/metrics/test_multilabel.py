import math

import pytest
import torch

from pellucid.metrics.confusion import ClassScores
from pellucid.metrics.multilabel import MultilabelScores, label_accuracy, subset_accuracy
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError

TARGETS = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]])
LOGITS = torch.tensor([[2.0, -1, -1], [3, 0, -1], [-1, -1, -1], [1, 2, -1]])  # 0 is ½: not predicted


def filled(targets: torch.Tensor = TARGETS) -> MultilabelScores:
    metric = MultilabelScores("abc")
    metric.update(LOGITS, Batch(LOGITS, targets, torch.arange(4)))
    return metric


@pytest.mark.parametrize("kind", [torch.int64, torch.float32, torch.bool, torch.uint8])
def test_by_hand(kind):
    result = filled(TARGETS.to(kind)).compute()
    assert result == pytest.approx(
        {
            "label-accuracy": 10 / 12,
            "subset-accuracy": 2 / 4,
            "macro-F1": (4 / 5 + 2 / 3) / 2,
            "micro-F1": 6 / 8,
        }
    )


def test_per_class():
    a, b, c = filled().per_class()
    assert a == ClassScores("a", 2, pytest.approx(2 / 3), 1.0, pytest.approx(4 / 5))
    assert b == ClassScores("b", 2, 1.0, 0.5, pytest.approx(2 / 3))
    assert c.support == 0
    assert math.isnan(c.f1)


def test_functions():
    predictions = LOGITS > 0
    assert label_accuracy(predictions, TARGETS) == pytest.approx(10 / 12)
    assert subset_accuracy(predictions, TARGETS) == 0.5


def test_before_the_first_batch():
    assert all(math.isnan(value) for value in MultilabelScores("abc").compute().values())


@pytest.mark.parametrize("targets", [TARGETS[:, 0], TARGETS[:, :2], TARGETS * 2])
def test_bad_targets(targets):
    with pytest.raises(InputError, match=r"0 and 1|0 or 1"):
        filled(targets)
