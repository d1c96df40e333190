"""The one tower against torchvision's, the two of 2012 against the paper, written out anew."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from pellucid.inspection.cost import multiply_adds, parameter_count
from pellucid.models.alexnet import alexnet
from pellucid.models.alexnet_2012 import ResponseNorm, alexnet_2012


def test_alexnet_costs_what_torchvision_says() -> None:
    with torch.device("meta"):
        model = alexnet(inputs=(3, 224, 224), outputs=1000)
    assert parameter_count(model) == 61_100_840
    assert multiply_adds(model, (3, 224, 224)) == pytest.approx(0.714e9, abs=0.0005e9)


def test_alexnet_is_torchvisions(check_same: Callable[..., None]) -> None:
    """Here with narrow dense layers, which cost most, and weights twice PyTorch's, with which all pictures
    would give nearly the same logits.
    """
    torch.manual_seed(0)
    with torch.device("meta"):
        ours, theirs = alexnet(inputs=(3, 224, 224), outputs=9), torchvision.models.alexnet(num_classes=9)
    shapes = [(name, tensor.shape) for name, tensor in ours.state_dict().items()]
    assert shapes == [(name, tensor.shape) for name, tensor in theirs.state_dict().items()]
    for model in (ours, theirs):
        for place, sizes in {1: (256 * 6 * 6, 32), 4: (32, 32), 6: (32, 9)}.items():
            model.classifier[place] = nn.Linear(*sizes)
        model.to_empty(device="cpu")
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.reset_parameters()
                layer.weight.data.mul_(2)
    check_same(ours, theirs, ((224, 224), (63, 98)))


@pytest.mark.slow
def test_alexnet_starts_as_torchvisions() -> None:
    torch.manual_seed(0)
    theirs = torchvision.models.alexnet(num_classes=9).state_dict()
    torch.manual_seed(0)
    ours = alexnet(inputs=(3, 224, 224), outputs=9).state_dict()
    for name, weight in theirs.items():
        assert torch.equal(ours[name], weight), name


def two_towers(weights: dict[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    """Section 3 read literally, each card's maps computed apart, in evaluation mode."""

    def convolve(x: Tensor, name: str, cards: int, padding: int, stride: int = 1) -> Tensor:
        parts = zip(
            x.chunk(cards, 1),
            weights[f"{name}.weight"].chunk(cards),
            weights[f"{name}.bias"].chunk(cards),
            strict=True,
        )
        return torch.cat([F.conv2d(*part, stride=stride, padding=padding) for part in parts], 1).relu()

    def normalise(x: Tensor) -> Tensor:
        squares = F.pad(x.square(), (0, 0, 0, 0, 2, 2))
        near = sum(squares[:, i : i + x.shape[1]] for i in range(5))
        return x / (2 + 1e-4 * near) ** 0.75

    def dense(x: Tensor, name: str) -> Tensor:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    maps = {}
    maps["conv1"] = convolve(x, "conv1", 1, 2, stride=4)
    maps["conv2"] = convolve(F.max_pool2d(normalise(maps["conv1"]), 3, 2), "conv2", 2, 2)
    maps["conv3"] = convolve(F.max_pool2d(normalise(maps["conv2"]), 3, 2), "conv3", 1, 1)
    maps["conv4"] = convolve(maps["conv3"], "conv4", 2, 1)
    maps["conv5"] = convolve(maps["conv4"], "conv5", 2, 1)
    maps["pool5"] = F.max_pool2d(maps["conv5"], 3, 2)
    hidden = dense(dense(maps["pool5"].flatten(1), "fc6").relu(), "fc7").relu()
    return maps | {"fc8": dense(hidden, "fc8")}


def test_alexnet_2012_is_the_papers() -> None:
    torch.manual_seed(0)
    model = alexnet_2012(inputs=(3, 224, 224), outputs=9).eval()
    for size, first in ((224, 55), (227, 56)):
        x = 50 * torch.randn(2, 3, size, size)  # the paper's pictures are bytes less their mean
        with torch.no_grad():
            maps, logits = two_towers(model.state_dict(), x), model(x)
        shapes = {name: tuple(value.shape[1:]) for name, value in maps.items()}
        assert shapes == {
            "conv1": (96, first, first),
            "conv2": (256, 27, 27),
            "conv3": (384, 13, 13),
            "conv4": (384, 13, 13),
            "conv5": (256, 13, 13),
            "pool5": (256, 6, 6),
            "fc8": (9,),
        }
        torch.testing.assert_close(logits, maps["fc8"], rtol=1e-5, atol=1e-5)
        assert logits.std(0).mean() > 1e-3


def test_alexnet_2012_has_the_papers_parameters_and_neurons() -> None:
    with torch.device("meta"):
        model = alexnet_2012(inputs=(3, 224, 224), outputs=1000)
    convolutions = (3 * 121 * 96, 48 * 25 * 256, 256 * 9 * 384, 192 * 9 * 384, 192 * 9 * 256)
    dense = (9216 * 4096, 4096 * 4096, 4096 * 1000)
    biases = 96 + 256 + 384 + 384 + 256 + 4096 + 4096 + 1000
    assert sum(convolutions) + sum(dense) + biases == 60_965_224
    assert parameter_count(model) == 60_965_224
    places = (55**2, 27**2, 13**2, 13**2, 13**2)
    expected = sum(c * p for c, p in zip(convolutions, places, strict=True)) + sum(dense)
    assert multiply_adds(model, (3, 224, 224)) == expected == 724_406_816


def test_response_normalisation_is_the_papers_formula() -> None:
    a = 100 * torch.rand(2, 7, 3, 4, generator=torch.Generator().manual_seed(0))
    b = ResponseNorm()(a)
    for i in range(7):
        near = a[:, max(0, i - 2) : min(7, i + 3)].square().sum(1)
        torch.testing.assert_close(b[:, i], a[:, i] / (2 + 1e-4 * near) ** 0.75)
    torch.testing.assert_close(ResponseNorm()(a.bfloat16()).float(), b, rtol=0.02, atol=0)
    torch.testing.assert_close(b, nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)(a))


def test_alexnet_2012_starts_as_section_5_says() -> None:
    torch.manual_seed(0)
    model = alexnet_2012(inputs=(3, 64, 64), outputs=9)
    for name, parameter in model.state_dict().items():
        if name.endswith("weight"):
            assert float(parameter.std()) == pytest.approx(0.01, rel=5 / parameter.numel() ** 0.5), name
            assert abs(float(parameter.mean())) < 0.05 / parameter.numel() ** 0.5, name
        else:
            assert set(parameter.tolist()) == {
                float(name[:5] in ("conv2", "conv4", "conv5", "fc6.b", "fc7.b"))
            }
