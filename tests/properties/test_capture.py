"""Looking leaves every network as it was: all of the zoo, a sample of torchvision's and timm's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pellucid.inspection.capture import capture
from pellucid.inspection.modes import evaluation_mode
from pellucid.models import MODELS
from pellucid.models.naming import build_model
from pellucid.types.batch import leaves

SIDES = (64, 224, 299)
OTHERS = (
    "torchvision/mobilenet_v3_small",
    "torchvision/swin_t",
    "torchvision/vit_b_16",
    "torchvision/googlenet",
    "timm/vit_tiny_patch16_224",
    "timm/convnext_atto",
    "timm/swin_tiny_patch4_window7_224",
)
SLOW_OTHERS = ("torchvision/vit_b_16", "torchvision/swin_t", "timm/swin_tiny_patch4_window7_224")


def state(net: nn.Module) -> list[tuple[object, ...]]:
    """All that looking might change, weights and buffers by their versions: writing anything counts."""
    tensors = [*net.parameters(), *net.buffers()]
    modules = [
        (m.training, len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks), m.forward)
        for m in net.modules()
    ]
    gradients = [None if t.grad is None else (id(t.grad), t.grad._version) for t in tensors]
    return [*((id(t), t._version, t.requires_grad) for t in tensors), *modules, *enumerate(gradients)]


def outputs(net: nn.Module, x: Tensor) -> list[Tensor]:
    torch.manual_seed(0)
    with torch.no_grad():
        return [leaf.clone() for leaf in leaves(Tensor, net(x))]


def shallow(name: str, module: nn.Module) -> bool:
    return name.count(".") <= 1


def interrupted(net: nn.Module, x: Tensor) -> None:
    with evaluation_mode(net), capture(net, gradients=True):
        net(x)
        raise ZeroDivisionError


def check(net: nn.Module, x: Tensor) -> None:
    for at, module in enumerate(net.modules()):
        module.training = at % 3 != 0  # modes as no call of eval or train leaves them
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    before = state(net)
    with evaluation_mode(net):
        first = outputs(net, x)
        with capture(net, inputs=True) as seen:
            net(x)
        with (
            torch.inference_mode(),
            capture(net, lambda name, _: name.count(".") <= 1, gradients=True) as graph,
        ):
            score = sum((leaf.float().sum() for leaf in leaves(Tensor, net(x))), torch.zeros(()))
            graph.gradients_of(score)
        for again, then in zip(outputs(net, x), first, strict=True):
            assert torch.equal(again, then)
    assert seen.outputs
    assert seen.inputs.keys() == seen.outputs.keys()
    assert state(net) == before
    with pytest.raises(ZeroDivisionError):
        interrupted(net, x)
    assert state(net) == before


def smallest(name: str) -> tuple[nn.Module, Tensor]:
    """The network for the least of the usual sides that it takes."""
    for side in SIDES:
        try:
            net = build_model(name, inputs=(3, side, side), outputs=10)
            x = torch.randn(1, 3, side, side)
            with evaluation_mode(net), torch.no_grad():
                net(x)
        except (ValueError, RuntimeError, AssertionError):
            continue
        return net, x
    shape = (2,) if "points" in name else (1, 32, 32)
    return build_model(name, inputs=shape, outputs=10), torch.randn(1, *shape)


QUICK = ("perceptron", "mlp", "lenet5", "lenet5-1998", "cifar-resnet8", "cifar-densenet40-12", "resnet18")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in MODELS],
)
def test_every_network_of_the_zoo(name: str) -> None:
    check(*smallest(name))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW_OTHERS else ()) for name in OTHERS]
)
def test_networks_of_other_libraries(name: str) -> None:
    check(*smallest(name))


class Queries(nn.Module):
    """A DETR in small: features, queries that attend to them, a dict of outputs with lists in it."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 16, 4, 4), nn.ReLU(inplace=True))
        self.attend = nn.MultiheadAttention(16, 2, batch_first=True)
        self.queries = nn.Parameter(torch.randn(1, 5, 16))
        self.classes, self.boxes = nn.Linear(16, 4), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> dict[str, Any]:
        tokens = self.features(x).flatten(2).transpose(1, 2)
        found, weights = self.attend(self.queries.expand(len(x), -1, -1), tokens, tokens)
        return {
            "logits": self.classes(found),
            "boxes": self.boxes(found).sigmoid(),
            "aux": [{"weights": weights}],
        }


@pytest.mark.parametrize(
    "prepare",
    [
        lambda net: net,
        lambda net: net.requires_grad_(False),
        nn.DataParallel,
    ],
    ids=["plain", "frozen", "DataParallel"],
)
def test_outputs_in_dicts_and_lists(prepare: Callable[[nn.Module], nn.Module]) -> None:
    check(prepare(Queries()), torch.randn(2, 3, 16, 16))
