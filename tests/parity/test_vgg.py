"""VGG against torchvision's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import nn

from pellucid.inspection.cost import multiply_adds, parameter_count
from pellucid.models.vgg import VARIANTS

PUBLISHED = {
    "vgg11": (132_863_336, 7.609),
    "vgg11-bn": (132_868_840, 7.609),
    "vgg13": (133_047_848, 11.308),
    "vgg13-bn": (133_053_736, 11.308),
    "vgg16": (138_357_544, 15.470),
    "vgg16-bn": (138_365_992, 15.470),
    "vgg19": (143_667_240, 19.632),
    "vgg19-bn": (143_678_248, 19.632),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_costs_and_names_are_torchvisions(name: str) -> None:
    with torch.device("meta"):
        ours = VARIANTS[name](inputs=(3, 224, 224), outputs=1000)
        theirs = torchvision.models.get_model(name.replace("-", "_"))
    parameters, billions = PUBLISHED[name]
    assert parameter_count(ours) == parameters
    assert multiply_adds(ours, (3, 224, 224)) == pytest.approx(billions * 1e9, abs=0.0005e9)
    shapes = [(key, tensor.shape) for key, tensor in ours.state_dict().items()]
    assert shapes == [(key, tensor.shape) for key, tensor in theirs.state_dict().items()]
    assert [type(layer) for layer in ours.features] == [type(layer) for layer in theirs.features]


def narrowed(model: nn.Module) -> nn.Module:
    """`model`, built on the meta device, with other weights and narrow dense layers, which cost most."""
    for place, sizes in {0: (512 * 7 * 7, 32), 3: (32, 32), 6: (32, 9)}.items():
        model.classifier[place] = nn.Linear(*sizes)
    model.to_empty(device="cpu")
    for name, tensor in model.state_dict().items():
        if tensor.ndim > 1:
            nn.init.kaiming_normal_(tensor)
        elif name.endswith("num_batches_tracked"):
            tensor.zero_()
        else:
            nn.init.uniform_(tensor, 0.0, 0.1)
    return model


SMALL = ("vgg11", "vgg11-bn")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in SMALL else pytest.mark.slow) for name in VARIANTS]
)
def test_is_torchvisions(name: str, check_same: Callable[..., None]) -> None:
    torch.manual_seed(0)
    with torch.device("meta"):
        ours = VARIANTS[name](inputs=(3, 224, 224), outputs=9)
        theirs = torchvision.models.get_model(name.replace("-", "_"), num_classes=9)
    check_same(narrowed(ours), narrowed(theirs), ((64, 64), (47, 70)))


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_starts_as_torchvisions(name: str) -> None:
    torch.manual_seed(0)
    theirs = torchvision.models.get_model(name.replace("-", "_"), num_classes=9).state_dict()
    torch.manual_seed(0)
    ours = VARIANTS[name](inputs=(3, 224, 224), outputs=9).state_dict()
    for key, weight in theirs.items():
        assert torch.equal(ours[key], weight), key
