"""Memory and time of a network's run, against what really is kept and taken."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from pellucid.inspection.layer_table import layer_table
from pellucid.inspection.memory import peak_bytes
from pellucid.inspection.timing import time_calls
from pellucid.inspection.trace import trace
from pellucid.models.naming import build_model
from pellucid.types.errors import InputError


def really_kept(model: nn.Module, x: Tensor) -> int:
    """The bytes that autograd really saves in training mode, weights aside, each piece of memory once."""
    own = {each.untyped_storage().data_ptr() for each in (*model.parameters(), *model.buffers())}
    kept: dict[int, int] = {}
    held = []

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
            held.append(tensor)
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        output = model.train()(x)
    del output
    return sum(kept.values())


@pytest.mark.parametrize("name", ["lenet5", "cifar-resnet8", "cifar-densenet-bc100-12", "se-resnet18"])
def test_training_memory_is_what_autograd_keeps(name: str) -> None:
    model = build_model(name, inputs=(3, 32, 32), outputs=10)
    x = torch.randn(4, 3, 32, 32)
    said = layer_table(model, [x]).total.training_bytes
    assert said == pytest.approx(really_kept(copy.deepcopy(model), x), rel=0.01)


def test_the_table_leaves_the_network_as_it_was() -> None:
    model = build_model("cifar-resnet8", inputs=(3, 32, 32), outputs=10).eval()
    before = copy.deepcopy(model.state_dict())
    random = torch.get_rng_state()
    layer_table(model, [torch.empty(2, 3, 32, 32)])
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), random)
    assert not any(module.training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_peak_memory_by_hand() -> None:
    """Two maps are alive at once; a rectifier in place takes nothing."""
    model = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 1))
    run = trace(model, [torch.empty(1, 1, 8, 8)])
    pixels = 4 * 64  # bytes of one map
    assert peak_bytes(run) == (1 + 4 + 2) * pixels  # the input is its owner's, and stays


class Takes(nn.Module):
    """So long by a clock that only moves here."""

    now = 0.0

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.weight = seconds, nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        Takes.now += self.seconds
        return x * self.weight


def test_every_call_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.inspection.timing.time.perf_counter", lambda: Takes.now)
    long, short = Takes(3.0), Takes(0.5)
    taken = time_calls(nn.Sequential(long, nn.Sequential(short, short)), [torch.empty(2, device="meta")])
    assert taken == pytest.approx({"": 4.0, "0": 3.0, "1": 1.0, "1.0": 0.5, "1.0#1": 0.5})


def test_a_network_without_weights_cannot_be_timed() -> None:
    with torch.device("meta"):
        model = nn.Linear(2, 2)
    with pytest.raises(InputError, match="weights"):
        time_calls(model, [torch.empty(1, 2)])
