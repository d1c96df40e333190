"""Failures planted in known places are found there, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.inspection.nonfinite import first_nonfinite


class Block(nn.Module):
    """`between` is a functional operation between two layers: it belongs to the block itself."""

    def __init__(self, between: Callable[[Tensor], Tensor] = torch.relu) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(3, 3, 3, padding=1)
        self.between = between

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv2(self.between(self.relu(self.norm(self.conv1(x)))))
        return out


def network(between: Callable[[Tensor], Tensor] = torch.relu) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(Block(), Block(between), nn.Flatten(), nn.Dropout(0.5), nn.Linear(48, 2))


def step(model: nn.Module, x: Tensor | None = None) -> Callable[[], Tensor]:
    inputs = torch.linspace(-1, 1, 96).reshape(2, 3, 4, 4) if x is None else x
    return lambda: F.cross_entropy(model(inputs), torch.tensor([0, 1]))


def test_a_sound_network_has_none_and_is_left_as_it_was() -> None:
    model = network()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    generator = torch.get_rng_state()
    assert first_nonfinite(model, step(model)) is None
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert all(bool((parameter.grad == 7.0).all()) for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights(value: float) -> None:
    model = network()
    with torch.no_grad():
        model[1].conv2.weight[0, 0, 0, :2] = value
    told = first_nonfinite(model, step(model))
    assert told == f"1.conv2.weight itself: 2 {'NaN' if value != value else 'infinite'} of 81 numbers"


def test_inputs() -> None:
    model, x = network(), torch.zeros(2, 3, 4, 4)
    x[0, 0, 0, 0] = torch.nan
    assert first_nonfinite(model, step(model, x)) == "the network's inputs: 1 NaN of 96 numbers"


def test_overflow_inside_a_layer() -> None:
    model = network()
    with torch.no_grad():
        model[1].conv2.weight.fill_(1e38)
        model[1].norm.bias.fill_(50.0)
    told = first_nonfinite(model, step(model))
    assert told is not None
    assert told.startswith(
        "1.conv2: conv2d gives 96 infinite of 96 numbers; its inputs are finite, up to 1e+38"
    )


def test_a_functional_operation_is_the_innermost_module_s() -> None:
    model = network(torch.log)  # of a rectified map: log 0
    told = first_nonfinite(model, step(model))
    assert told is not None
    assert told.startswith("1: log gives ")
    assert "infinite of 96 numbers; its inputs are finite" in told


def test_an_operation_of_the_outermost_forward_is_the_network_s() -> None:
    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(x) / (x - x)

    model = Whole()
    told = first_nonfinite(model, lambda: model(torch.ones(2, 2)).sum())
    assert told is not None
    assert told.startswith("Whole.forward: ")
    assert "div gives 4 infinite of 4 numbers" in told


def test_the_loss() -> None:
    model = network()
    told = first_nonfinite(model, lambda: step(model)() + torch.log(torch.zeros(())))
    assert told == "the loss: log gives 1 infinite of 1 numbers; its inputs are finite, up to 0"


def test_a_mask_that_a_softmax_takes_away_is_not_blamed() -> None:
    def masked(x: Tensor) -> Tensor:
        scores = x.masked_fill(torch.eye(4, dtype=torch.bool), -torch.inf).softmax(-1)
        return torch.log(x.relu()) + scores

    model = network(masked)
    told = first_nonfinite(model, step(model))
    assert told is not None
    assert told.startswith("1: log gives ")


@pytest.mark.parametrize(
    ("between", "name"),
    [(lambda x: torch.sqrt(x * 0), "Sqrt"), (lambda x: (x * 0) ** 0.3, "Pow")],
)
def test_a_gradient_alone(between: Callable[[Tensor], Tensor], name: str) -> None:
    model = network(between)  # finite at 0, its slope is not
    assert step(model)().isfinite()
    told = first_nonfinite(model, step(model))
    assert told is not None
    assert told.startswith(f"1: the gradient through {name} has ")
    assert told.endswith("and so is the loss")


def test_a_gradient_that_nothing_learns_from_is_no_failure() -> None:
    model = network(lambda x: torch.sqrt(torch.relu(x)))  # infinite slope at 0, which the rectifier drops
    assert first_nonfinite(model, step(model)) is None


def test_a_compiled_network_and_half_precision() -> None:
    model = network(torch.log)
    compiled = torch.compile(model, backend="eager")

    def run() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return step(compiled)()

    run()
    told = first_nonfinite(compiled, run)
    torch.compiler.reset()
    assert told is not None
    assert told.startswith("1: log gives ")


def test_gradients_of_a_shared_weight_that_overflow_when_added() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    x = torch.full((1, 1), 2e38)

    def run() -> Tensor:
        return (model(x) + model(x)).sum()

    told = first_nonfinite(model, run)
    assert told == "weight: the gradients of its uses add up to 1 infinite of 1 numbers"


def test_gradients_that_overflow_when_added() -> None:
    model = nn.Linear(1, 1)
    nn.init.ones_(model.weight)

    def run() -> Tensor:
        y = model(torch.ones(1, 1)) * 1e-30
        return (y * 2e38).sum() + (y * 2e38).sum() + 0 * (y * 1e30).sum()

    assert first_nonfinite(model, run) == (
        "the loss: the gradients that meet in Mul add up to 1 infinite of 1 numbers"
    )
