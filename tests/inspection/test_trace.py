"""A run written down, and the network left as it was."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.inspection.trace import trace, trace_on_meta
from pellucid.types.errors import InputError


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn(self.conv(x)))
        x[:, 0] = 0.0
        return self.head(x.mean((2, 3)))


def test_operations_in_order_with_the_tensors_between() -> None:
    found = trace(Net(), [torch.empty(2, 3, 8, 8)])
    names = [operation.name for operation in found.operations]
    assert names == ["conv2d", "batch_norm", "relu", "setitem", "mean", "linear"]
    for earlier, later in zip(found.operations, found.operations[1:], strict=False):
        assert later.inputs[0] is earlier.outputs[0]  # through the operations in place, too
    assert [call.address for call in found.calls] == ["", "conv", "bn", "relu", "head"]
    assert found.operations[0].inputs[1].name == "conv.weight"
    assert [value.shape for value in found.outputs] == [(2, 2)]
    assert found.device == "meta"


@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (2, 5, 8, 8)])
def test_the_network_is_left_as_it_was(shape: tuple[int, ...]) -> None:
    model = Net()
    model.bn.eval()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    x, random = torch.randn(shape), torch.get_rng_state()
    try:
        trace(model, [x], real=True)
    except InputError:
        assert shape[1] == 5
    torch.testing.assert_close(model.state_dict(), state, rtol=0, atol=0)
    assert [module.training for module in model.children()] == [True, False, True, True]
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert torch.equal(torch.get_rng_state(), random)
    assert model.training


class LooksAtValues(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) if float(x.sum()) >= 0 else x


def test_a_network_that_needs_values_is_run_with_them() -> None:
    found = trace(LooksAtValues(), [torch.empty(1, 3, device="meta")])
    assert found.device == "cpu"
    assert "does not run without values" in found.note
    assert "linear" in [operation.name for operation in found.operations]
    with pytest.raises(InputError):
        trace_on_meta(LooksAtValues(), [torch.empty(1, 3)])


@pytest.mark.parametrize(
    ("shape", "said"),
    [((1, 5, 8, 8), r"conv \(Conv2d\).*1×5×8×8.*expects 3 channels"), ((1, 3, 2, 2), r"conv \(Conv2d\)")],
)
def test_the_layer_that_refuses_is_named(shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        trace(Net(), [torch.empty(shape)])


class Several(nn.Module):
    def forward(self, x: Tensor, pair: dict[str, list[Tensor]]) -> dict[str, Tensor]:
        return {"sum": x + pair["more"][0], "x": x}


def test_several_inputs_and_outputs_of_any_shape() -> None:
    found = trace(Several(), [torch.empty(2), {"more": [torch.empty(2)]}])
    assert [(value.origin, value.name) for value in found.inputs] == [
        ("input", "input0"),
        ("input", "input1"),
    ]
    assert len(found.outputs) == 2
    assert found.outputs[1] is found.inputs[0]
