"""DenseNet for small pictures against the paper's table, torchvision's class with another beginning, and a
computation written down straight from the paper.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from pellucid.models.densenet_cifar import (
    VARIANTS,
    BottleneckLayer,
    CifarDenseNet,
    PlainLayer,
)
from pellucid.models.naming import set_dropout

COUNTS = {
    "cifar-densenet40-12": 1_019_722,
    "cifar-densenet100-12": 6_979_642,
    "cifar-densenet100-24": 27_249_082,
    "cifar-densenet-bc100-12": 769_162,
    "cifar-densenet-bc250-24": 15_324_406,
    "cifar-densenet-bc190-40": 25_624_430,
}


def build(name: str, size: int = 32) -> nn.Module:
    return VARIANTS[name](inputs=(3, size, size), outputs=10)


def tiny(*, bottleneck: bool) -> CifarDenseNet:
    return CifarDenseNet(
        layer=BottleneckLayer if bottleneck else PlainLayer,
        depth=3,
        growth=6,
        width=12,
        compression=0.5 if bottleneck else 1.0,
        channels=3,
        outputs=5,
    )


def torchvisions(depth: int, growth: int, outputs: int) -> nn.Module:
    """DenseNet-BC with three blocks behind a single 3×3 convolution."""
    model = torchvision.models.DenseNet(growth, (depth,) * 3, 2 * growth, num_classes=outputs)
    model.features.conv0 = nn.Conv2d(3, 2 * growth, 3, padding=1, bias=False)
    for name in ("norm0", "relu0", "pool0"):
        setattr(model.features, name, nn.Identity())
    return model


def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    def ours(name: str) -> str:
        name = name.removeprefix("features.").replace("conv0.", "conv.").replace("norm5.", "norm.")
        name = name.replace("classifier.", "linear.")
        return re.sub(r"denseblock(\d)\.denselayer(\d+)", lambda m: f"block{m[1]}.{int(m[2]) - 1}", name)

    return {ours(name): value for name, value in state.items()}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_the_papers(name: str) -> None:
    with torch.device("meta"):
        model = build(name)
    assert sum(parameter.numel() for parameter in model.parameters()) == COUNTS[name]
    depth = int(re.sub(r".*?(\d+)-\d+$", r"\1", name))
    weighted = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len(weighted) == depth


def test_results_are_torchvisions(check_same: Callable[..., None]) -> None:
    check_same(tiny(bottleneck=True), torchvisions(3, 6, 5), ((16, 16), (13, 21)), renamed=renamed)


@pytest.mark.slow
def test_results_of_100_layers_are_torchvisions(check_same: Callable[..., None]) -> None:
    ours = build("cifar-densenet-bc100-12")
    check_same(ours, torchvisions(16, 12, 10), ((32, 32), (29, 35)), renamed=renamed)


def straight(state: Mapping[str, Tensor], x: Tensor, *, depth: int, training: bool) -> Tensor:
    """DenseNet without bottleneck, as equations: the maps of a block are kept apart, and joined when read."""

    def rectified(x: Tensor, name: str) -> Tensor:
        means, variances = state[f"{name}.running_mean"].clone(), state[f"{name}.running_var"].clone()
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        return F.batch_norm(x, means, variances, weight, bias, training=training).clamp(min=0)

    x = F.conv2d(x, state["conv.weight"], padding=1)
    for block in (1, 2, 3):
        maps = [x]
        for layer in range(depth):
            name = f"block{block}.{layer}"
            read = rectified(torch.cat(maps, dim=1), f"{name}.norm")
            maps.append(F.conv2d(read, state[f"{name}.conv.weight"], padding=1))
        x = torch.cat(maps, dim=1)
        if block < 3:
            name = f"transition{block}"
            x = F.conv2d(rectified(x, f"{name}.norm"), state[f"{name}.conv.weight"])
            x = F.avg_pool2d(x, 2)
    means = rectified(x, "norm").mean(dim=(2, 3))
    return means @ state["linear.weight"].T + state["linear.bias"]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("size", [(16, 16), (13, 21)])
def test_results_of_plain_layers_are_the_papers(size: tuple[int, int], training: bool) -> None:
    torch.manual_seed(0)
    model = tiny(bottleneck=False).train(training)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
    state = dict(model.state_dict(keep_vars=True))
    x = torch.randn(4, 3, *size)
    expected = straight(state, x, depth=3, training=training)
    names, parameters = zip(*model.named_parameters(), strict=True)
    gradients = torch.autograd.grad(expected.square().sum(), parameters)
    got = model(x)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-5)
    for name, mine, theirs in zip(
        names, torch.autograd.grad(got.square().sum(), parameters), gradients, strict=True
    ):
        tolerance = 1e-4 * float(theirs.abs().max()) + 1e-7
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=tolerance, msg=name)


def test_initial_weights_keep_the_variance_of_gradients() -> None:
    """He's initialisation over the outputs: variance 2 / (k² · outputs)."""
    torch.manual_seed(0)
    model = build("cifar-densenet40-12")
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 4000:
            deviation = (2 / (module.kernel_size[0] ** 2 * module.out_channels)) ** 0.5
            assert float(module.weight.detach().std()) == pytest.approx(deviation, rel=0.1), name
    assert not model.linear.bias.any()


def test_dropout_follows_every_convolution_but_the_first() -> None:
    for bottleneck in (True, False):
        model = tiny(bottleneck=bottleneck)
        kinds = [type(module) for module in model.modules() if not list(module.children())]
        followers = [after for before, after in pairwise(kinds) if before is nn.Conv2d]
        assert followers.count(nn.Dropout) == len(followers) - 1
        set_dropout(model, 0.2)
        assert {module.p for module in model.modules() if isinstance(module, nn.Dropout)} == {0.2}


@pytest.mark.parametrize("name", ["cifar-densenet40-12", "cifar-densenet-bc100-12"])
def test_smallest_picture(name: str) -> None:
    model = build(name, 4).eval()
    with torch.inference_mode():
        assert model(torch.randn(1, 3, 4, 5)).shape == (1, 10)
    with pytest.raises(ValueError, match="4 × 4"):
        build(name, 3)
