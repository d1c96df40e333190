"""Whoever looks, a network that refuses a picture is told of in one sentence that names the layer."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pellucid.inspection.effective_field import effective_receptive_field
from pellucid.inspection.features import feature_layers, features
from pellucid.inspection.running import run
from pellucid.inspection.strongest import strongest
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.Conv2d(5, 4, 3), nn.ReLU()))


def batches(inputs: Tensor) -> list[Batch]:
    return [Batch(inputs, torch.zeros(len(inputs)), torch.arange(len(inputs)))]


LOOKS: dict[str, Callable[[nn.Module, Tensor], Any]] = {
    "run": run,
    "features": lambda model, x: features(model, "1", batches(x)),
    "feature layers": feature_layers,
    "strongest": lambda model, x: strongest(model, ["1"], batches(x)),
    "effective field": lambda model, x: effective_receptive_field(model, "1", x),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_the_layer_that_refuses_is_named(look: Callable[[nn.Module, Tensor], Any]) -> None:
    model = network()
    said = re.escape("1.0 (Conv2d) refused an input of shape 2×4×6×6; it expects 5 channels")
    with pytest.raises(InputError, match=said):
        look(model, torch.rand(2, 3, 8, 8))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_other_errors_stay_what_they_are() -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if not x.is_meta and x.sum() > 0:
                raise OSError("no more")
            return x

    with pytest.raises(OSError, match="no more"):
        run(Odd(), torch.ones(1, 3, 4, 4))
