"""Counts against published ones and arithmetic by hand."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import Tensor, nn

from pellucid.inspection.cost import multiply_adds, parameter_count
from pellucid.inspection.imitation import on_meta

PUBLISHED = {"resnet18": 1.814, "resnet50": 4.089, "mobilenet_v2": 0.301, "vit_b_16": 17.564}
"""Thousand millions of multiply-adds at 224×224, as torchvision's documentation lists them."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_counts(name: str) -> None:
    with torch.device("meta"):
        model = torchvision.models.get_model(name, weights=None)
    assert multiply_adds(model, (3, 224, 224)) == pytest.approx(PUBLISHED[name] * 1e9, abs=0.0005e9)


def test_by_hand_and_without_a_trace() -> None:
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, groups=2),
        nn.BatchNorm2d(4),
        nn.Dropout(),
        nn.Flatten(),
        nn.Linear(36, 5),
    )
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert multiply_adds(model, (2, 7, 7)) == 4 * 3 * 3 * 9 + 36 * 5
    assert model.training
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_shared_parameters_count_once() -> None:
    layer = nn.Linear(3, 3)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    assert parameter_count(model) == 12
    assert multiply_adds(model, (3,)) == 18
    assert parameter_count(on_meta(model)) == 12


def test_networks_that_need_values_or_another_shape_have_no_count() -> None:
    class LooksAtValues(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if float(x.sum()) > 0 else -x

    assert multiply_adds(LooksAtValues(), (3,)) is None
    assert multiply_adds(nn.Linear(3, 3), (4,)) is None
