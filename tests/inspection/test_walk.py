"""Back-propagation walked by hand: autograd's gradients, finite differences, sums where nodes are shared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.inspection.walk import walk, walk_of_defaults
from pellucid.studies.backpropagation import EXAMPLES
from pellucid.types.errors import InputError
from pellucid.types.walk import Walk


def random(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


COMPUTATIONS: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = {
    "neuron": (lambda x, w, b: torch.sigmoid(x @ w + b), (random(3), random(3), random())),
    "shared": (lambda x, y: x * y + x * x * y + x.sin(), (random(), random())),
    "matrices": (lambda a, b: ((a @ a @ b) ** 2).mean(), (random(2, 2), random(2, 3))),
    "broadcast": (lambda x, y: (x * y + y).sum(), (random(3, 1), random(4))),
    "pieces": (lambda x: (x.chunk(2)[0] * x.chunk(2)[1].exp()).sum(), (random(4),)),
    "softmax": (lambda x: F.cross_entropy(x, torch.tensor([2, 0])), (random(2, 3),)),
    "in place": (lambda x: (x * 2).mul_(3).relu_().sum(), (random(5),)),
    "picture": (
        lambda x, k: F.max_pool2d(F.conv2d(x, k).tanh(), 2).mean(),
        (random(1, 1, 5, 5), random(2, 1, 2, 2)),
    ),
    "unused": (lambda x, y: (x + 0 * x).sum(), (random(2), random(2))),
}  # fmt: skip


def walked(name: str) -> tuple[Walk, Callable[..., Tensor], tuple[Tensor, ...]]:
    function, inputs = COMPUTATIONS[name]
    return walk(function, {f"x{at}": each for at, each in enumerate(inputs)}), function, inputs


@pytest.mark.parametrize("name", COMPUTATIONS)
def test_gradients_are_autograd_s_and_the_differences(name: str) -> None:
    found, function, inputs = walked(name)
    leaves = [each.clone().requires_grad_() for each in inputs]
    gradients = torch.autograd.grad(function(*leaves), leaves, allow_unused=True)
    for at, (leaf, gradient) in enumerate(zip(inputs, gradients, strict=True)):
        mine = found.node(f"x{at}").gradient
        if gradient is None:
            assert mine is None
            continue
        np.testing.assert_allclose(mine, gradient.numpy(), rtol=1e-12, atol=1e-14)
        for place in range(leaf.numel()):
            step = torch.zeros(leaf.numel(), dtype=torch.float64)
            step[place] = 1e-6
            ends = []
            for sign in (1, -1):
                moved = [each.clone() for each in inputs]
                moved[at] += sign * step.reshape(leaf.shape)
                ends.append(float(function(*moved)))
            assert mine.flat[place] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", COMPUTATIONS)
def test_a_gradient_is_the_sum_over_the_edges_that_leave_a_node(name: str) -> None:
    found, _, _ = walked(name)
    for node in found.nodes:
        flows = [edge.gradient for edge in found.out_of(node.name) if edge.gradient is not None]
        if node.gradient is not None and node.name != found.result:
            np.testing.assert_allclose(sum(flows), node.gradient, rtol=1e-12, atol=1e-14)
    for edge in found.edges:
        if edge.gradient is None or edge.derivative is None:
            continue
        back = found.node(edge.target).gradient
        assert back is not None
        if edge.form == "matrix":
            np.testing.assert_allclose(
                (back.ravel() @ edge.derivative).reshape(edge.gradient.shape), edge.gradient
            )
        else:
            np.testing.assert_allclose((back * edge.derivative).reshape(edge.gradient.shape), edge.gradient)


def test_a_node_used_three_times_by_hand() -> None:
    found = walk_of_defaults(EXAMPLES["shared"])  # (x + y) x + x at (2, −3): ∂x = 2x + y + 1, ∂y = x
    assert found.node("x").gradient == 2
    assert found.node("y").gradient == 2
    assert [float(edge.gradient) for edge in found.out_of("x")] == [2, -1, 1]
    assert found.node(found.result).value == 0


def test_operations_variables_and_constants_are_nodes() -> None:
    found = walk(lambda x, y: (2 * x - y) ** 2, {"x": 3.0, "y": 1.0}, ["y"])
    roles = {node.name: node.role for node in found.nodes}
    assert roles == {
        "x": "variable", "y": "constant", "2": "constant", "mul": "operation", "sub": "operation",
        "2#1": "constant", "pow": "operation",
    }  # fmt: skip
    assert found.node("y").gradient is None
    assert {node.name: float(node.value) for node in found.nodes}["sub"] == 5
    steps = [(step.direction, step.name) for step in found.steps()]
    forward = [("forward", name) for name in ("mul", "sub", "pow")]
    assert steps == forward + [("backward", name) for name in ("pow", "sub", "mul")]


class TwoLayers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 3), nn.Linear(3, 1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return F.mse_loss(self.second(torch.tanh(self.first(x))), y)


def test_a_module_s_weights_are_variables_and_it_stays_as_it_was() -> None:
    model, x, y = TwoLayers().double(), random(4, 2), random(4, 1)
    found = walk(model, {"x": x, "y": y}, ["y"])
    gradients = torch.autograd.grad(model(x, y), [*model.parameters()])
    for (name, _), gradient in zip(model.named_parameters(), gradients, strict=True):
        np.testing.assert_allclose(found.node(name).gradient, gradient.numpy(), rtol=1e-12)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert [node.name for node in found.nodes if node.role == "operation"] == [
        "first", "tanh", "second", "mse_loss",
    ]  # fmt: skip


def no_defaults(x: Any, y: float = 1.0) -> Any:
    return x * y


def written_in_part(x: Tensor) -> Tensor:
    y = x * 1
    y[:2].mul_(3)
    return (y * y).sum()


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: walk(lambda x: x * 2, {"x": [1.0, 2.0]}), "begins at one number.*gave 2"),
        (lambda: walk(lambda x: x, {"x": 1.0}), "nothing to walk"),
        (lambda: walk(lambda x: x * x, {"x": 1.0}, ["z"]), "'z' is no input; there are x"),
        (lambda: walk(lambda x: (x @ x).sum(), {"x": torch.ones(64, 64)}), "64×64 numbers is too large"),
        (lambda: walk(TwoLayers(), {"x": random(1, 2), "y": random(1, 1)}), r"network\.double\(\)"),
        (lambda: walk_of_defaults(no_defaults), "x has none"),
        (lambda: walk(lambda x: (x * 2).exp().mul_(3).sum(), {"x": [1.0]}), "autograd refuses"),
        (lambda: walk(written_in_part, {"x": [1.0, 2.0, 3.0]}), "overwrites part of a tensor"),
    ],
)
def test_what_cannot_be_walked_is_said(ask: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ask()
