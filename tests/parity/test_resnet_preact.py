"""Pre-activation networks against counts by hand and a straight-line computation."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.inspection.cost import parameter_count
from pellucid.models.resnet_preact import VARIANTS, PreActResNet, stage

COUNTS = {"preact-resnet164": 1_703_258, "preact-resnet1001": 10_327_706}


def straight(state: dict[str, Tensor], x: Tensor, *, training: bool) -> Tensor:
    """The network of two blocks a stage, written out from the paper's figure 1 (b) and section 3.3."""

    def norm_relu(name: str, x: Tensor) -> Tensor:
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        if training:
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        x = (x - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
        x = x * state[f"{name}.weight"][:, None, None] + state[f"{name}.bias"][:, None, None]
        return x.clamp(min=0)

    x = F.conv2d(x, state["conv1.weight"], padding=1)
    for number, stride in ((1, 1), (2, 2), (3, 2)):
        for block in (0, 1):
            at = f"layer{number}.{block}"
            a = norm_relu(f"{at}.bn1", x)
            y = F.conv2d(a, state[f"{at}.conv1.weight"], stride=stride if block == 0 else 1)
            y = F.conv2d(norm_relu(f"{at}.bn2", y), state[f"{at}.conv2.weight"], padding=1)
            y = F.conv2d(norm_relu(f"{at}.bn3", y), state[f"{at}.conv3.weight"])
            if block == 0:
                x = F.conv2d(a, state[f"{at}.shortcut.weight"], stride=stride)
            x = x + y
    return norm_relu("bn", x).mean((2, 3)) @ state["linear.weight"].T + state["linear.bias"]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("size", [(16, 16), (13, 18)])
def test_results_are_those_of_the_definition(training: bool, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    model = PreActResNet(blocks=2, channels=3, outputs=7).double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    x = torch.randn(4, 3, *size, dtype=torch.float64)
    model(x)  # so that the running statistics are not the initial ones
    model.train(training)
    state = {name: value.detach().clone() for name, value in model.state_dict().items()}
    parameters = {name: state[name].requires_grad_() for name, _ in model.named_parameters()}
    expected = straight(state, x, training=training)
    found = model(x)
    torch.testing.assert_close(found, expected)
    assert found.std() > 0.1
    found.square().sum().backward()
    gradients = torch.autograd.grad(expected.square().sum(), list(parameters.values()))
    for (name, parameter), gradient in zip(model.named_parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("name", COUNTS)
def test_counts_and_depths(name: str) -> None:
    with torch.device("meta"):
        model = VARIANTS[name](inputs=(3, 32, 32), outputs=10)
    assert parameter_count(model) == COUNTS[name]
    weighted = [
        at
        for at, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and not at.endswith("shortcut")
    ]
    assert name == f"preact-resnet{len(weighted)}"


def test_nothing_stands_on_the_path_of_the_identity() -> None:
    """Blocks that add nothing leave the stage's input, and the gradient, as they came: to the last bit."""
    torch.manual_seed(0)
    blocks = stage(5, inputs=64, outputs=64, stride=1)
    for block in blocks:
        nn.init.zeros_(block.conv3.weight)
    x = torch.randn(2, 64, 7, 9, requires_grad=True)
    y = blocks(x)
    assert torch.equal(y, x)
    towards = torch.randn_like(y)
    y.backward(towards)
    assert torch.equal(x.grad, towards)


def test_only_the_first_block_of_a_stage_projects() -> None:
    for inputs, outputs, stride in ((16, 64, 1), (64, 64, 2), (64, 128, 2)):
        blocks = stage(3, inputs=inputs, outputs=outputs, stride=stride)
        assert [block.shortcut is None for block in blocks] == [False, True, True]
        assert blocks(torch.randn(2, inputs, 9, 6)).shape == (
            2,
            outputs,
            9 if stride == 1 else 5,
            6 // stride,
        )


def test_evaluation_before_training_is_as_in_training() -> None:
    """Of 164 layers, which with running variances of one give hundreds of thousands."""
    torch.manual_seed(0)
    model, x = VARIANTS["preact-resnet164"](inputs=(3, 32, 32), outputs=10), torch.randn(8, 3, 16, 16)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    begun = [norm.running_var.clone() for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        model(x)
    for before, norm in zip(begun, norms, strict=True):
        assert 0.5 < norm.running_var.mean() / before[0] < 1.5


@pytest.mark.slow
def test_a_thousand_layers_give_numbers_before_training() -> None:
    torch.manual_seed(0)
    model = VARIANTS["preact-resnet1001"](inputs=(3, 32, 32), outputs=10).eval()
    with torch.no_grad():
        assert 0.01 < model(torch.randn(4, 3, 16, 16)).std() < 10


def test_initial_weights_are_hes() -> None:
    torch.manual_seed(0)
    for name, module in PreActResNet(blocks=2, channels=3, outputs=10).named_modules():
        if isinstance(module, nn.Conv2d):
            expected = math.sqrt(2 / (module.out_channels * module.kernel_size[0] ** 2))
            n = module.weight.numel()
            assert float(module.weight.detach().std()) == pytest.approx(expected, rel=5 / math.sqrt(n)), name
