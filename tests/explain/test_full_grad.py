"""Full-gradients: the parts add up to the target, exactly, and are those of the paper."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.explain.full_grad import full_grad
from pellucid.explain.target import class_logit
from pellucid.types.errors import InputError


@pytest.mark.parametrize("name", ["averaged", "flattened"])
def test_completeness(make, name: str, pictures: Tensor) -> None:
    model = make(name)
    found = full_grad(model, pictures, class_logit(1), combine="sum")
    torch.testing.assert_close(torch.tensor(found.scores["target"]), model(pictures)[:, 1].detach())
    missed = torch.tensor(found.scores["completeness error"])
    assert float(missed.abs().max()) < 1e-4 * max(1.0, float(model(pictures).detach().abs().max()))


def test_the_map_keeps_the_sum_of_what_has_a_place(averaged: nn.Module, pictures: Tensor) -> None:
    """All but the bias of the last layer lies on the picture."""
    found = full_grad(averaged, pictures, class_logit(1), combine="sum")
    expected = torch.tensor(found.scores["target"]) - averaged.fc.bias[1].detach()
    torch.testing.assert_close(found.values.sum((1, 2)), expected, rtol=1e-3, atol=1e-3)


def test_the_paper_s_map_by_hand(flat: nn.Module, pictures: Tensor) -> None:
    x = pictures.clone().requires_grad_()
    first = flat[0](x)
    second = flat[3](flat[2](first.relu()))
    score = flat[6:](flat[5](second.relu()))[:, 1].sum()
    gradients = torch.autograd.grad(score, [x, first, second])
    parts = [
        (gradients[0] * pictures).abs().sum(1),
        (gradients[1] * flat[0].bias[:, None, None]).abs().sum(1).detach(),
        (gradients[2] * flat[3].bias[:, None, None]).abs().sum(1).detach(),
    ]
    parts[2] = nn.functional.interpolate(parts[2][:, None], (16, 16), mode="bilinear")[:, 0]
    expected = sum(part / part.amax((1, 2), keepdim=True) for part in parts) / 3
    torch.testing.assert_close(
        full_grad(flat, pictures, class_logit(1)).values, expected, rtol=1e-3, atol=1e-5
    )


def test_networks_it_is_not_for(vit: nn.Module, pictures: Tensor) -> None:
    with pytest.raises(InputError, match=r"piecewise linear networks; .*ln_1"):
        full_grad(vit, pictures)
    with pytest.raises(InputError, match="no layer of Sequential has one"):
        full_grad(
            nn.Sequential(nn.Conv2d(3, 2, 3, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten()), pictures
        )
