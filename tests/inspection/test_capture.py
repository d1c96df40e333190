"""`capture` against autograd by hand, and the pitfalls other tools fall into."""

from __future__ import annotations

import copy
import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch
from torch import Tensor, nn

from pellucid.inspection.capture import capture, following, named_layers, unwrapped
from pellucid.inspection.modes import evaluation_mode
from pellucid.types.errors import InputError


class Net(nn.Module):
    """Normalisation, an in-place layer used twice, an in-place sum, and a tuple on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=True)
        self.split = Split()
        self.conv2 = nn.Conv2d(3, 3, 3, padding=1)
        self.head = nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm(self.conv1(x)))
        half, rest = self.split(x)
        y = self.conv2(half + rest)
        y += x
        out: Tensor = self.head(self.relu(y).mean((2, 3)))
        return out


class Split(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return 0.25 * x, 0.75 * x


def by_hand(net: Net, x: Tensor) -> dict[tuple[str, int], Tensor]:
    """The same network written out, in place nowhere, every intermediate result in the graph."""
    conv1 = net.conv1(x)
    norm = net.norm(conv1)
    relu = norm.relu()
    conv2 = net.conv2(0.25 * relu + 0.75 * relu)
    relu2 = (conv2 + relu).relu()
    head = net.head(relu2.mean((2, 3)))
    return {
        ("conv1", 0): conv1,
        ("norm", 0): norm,
        ("relu", 0): relu,
        ("conv2", 0): conv2,
        ("relu", 1): relu2,
        ("head", 0): head,
    }


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net()


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 2, 5, 5, generator=torch.Generator().manual_seed(1))


def state(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def hooks(net: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in net.modules())


def test_outputs_survive_in_place_layers_and_reuse(net: Net, x: Tensor) -> None:
    net.eval()
    with capture(net) as seen:
        out = net(x)
    expected = by_hand(net, x)
    assert [key for key in seen.outputs if key[0] != "split"] == list(expected)
    for key, value in expected.items():
        torch.testing.assert_close(seen.outputs[key], value.detach(), rtol=0, atol=0)
    torch.testing.assert_close(out, expected["head", 0])
    relu = expected["relu", 0].detach()
    assert isinstance(seen.outputs["split", 0], tuple)
    torch.testing.assert_close(seen.outputs["split", 0], (0.25 * relu, 0.75 * relu))


@pytest.mark.parametrize("surroundings", ["plain", "no_grad", "inference", "frozen"])
def test_gradients_equal_autograd_by_hand(net: Net, x: Tensor, surroundings: str) -> None:
    net.eval()
    expected = by_hand(net, x)
    wanted = torch.autograd.grad(expected["head", 0][:, 1].sum(), list(expected.values()))
    if surroundings == "frozen":
        net.requires_grad_(False)
    around = {"no_grad": torch.no_grad(), "inference": torch.inference_mode()}.get(
        surroundings, torch.enable_grad()
    )
    with around:
        inputs = x.clone()
        with capture(net, gradients=True) as seen:
            score = net(inputs)[:, 1].sum()
        gradients = seen.gradients_of(score)
    assert not inputs.requires_grad
    for key, gradient in zip(expected, wanted, strict=True):
        torch.testing.assert_close(gradients[key], gradient, rtol=1e-5, atol=1e-7)


def test_the_network_is_left_as_it_was(net: Net, x: Tensor) -> None:
    for parameter in net.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    net.norm.eval()  # one module's mode differs from the rest
    before, modes = state(net), [module.training for module in net.modules()]
    with capture(net, gradients=True) as seen, evaluation_mode(net):
        assert not any(module.training for module in net.modules())
        seen.gradients_of(net(x).sum())
    assert all(bool((parameter.grad == 7.0).all()) for parameter in net.parameters())
    assert [module.training for module in net.modules()] == modes
    torch.testing.assert_close(state(net), before, rtol=0, atol=0)
    assert hooks(net) == 0
    assert net(x).requires_grad


def test_an_output_does_not_depend_on_being_watched(net: Net, x: Tensor) -> None:
    twin = copy.deepcopy(net)
    plain = net(x)
    plain.sum().backward()
    with capture(twin):
        watched = twin(x)
    watched.sum().backward()
    torch.testing.assert_close(watched, plain, rtol=0, atol=0)
    torch.testing.assert_close(state(twin), state(net), rtol=0, atol=0)
    for ours, theirs in zip(twin.parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=0)


def test_hooks_go_when_the_network_raises(net: Net) -> None:
    with pytest.raises(RuntimeError), capture(net, gradients=True):
        net(torch.zeros(1, 5, 4, 4))
    assert hooks(net) == 0


def test_an_in_place_first_layer_leaves_the_input_alone() -> None:
    net, x = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 1)).requires_grad_(False), -torch.ones(2, 3)
    with capture(net, gradients=True) as seen:
        gradients = seen.gradients_of(net(x).sum())
    torch.testing.assert_close(gradients["0", 0], net[1].weight.expand(2, 3))


def test_the_graph_is_freed(net: Net, x: Tensor) -> None:
    class Saved:
        def __init__(self, tensor: Tensor) -> None:
            self.tensor = tensor

    saved: list[weakref.ref[Saved]] = []  # everything autograd holds on to

    def pack(tensor: Tensor) -> Saved:
        box = Saved(tensor.detach())  # an output that holds its graph would be a cycle
        saved.append(weakref.ref(box))
        return box

    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda box: box.tensor),
        capture(net, ["relu"], gradients=True) as seen,
    ):
        score = net(x).sum()
    assert all(box() for box in saved)
    seen.gradients_of(score)
    del score
    gc.collect()
    assert not any(box() for box in saved)
    with pytest.raises(InputError, match="gradients=True"):
        seen.gradients_of(torch.zeros((), requires_grad=True))


def test_several_threads_see_only_themselves(net: Net) -> None:
    net.train()
    modes = [module.training for module in net.modules()]
    before = state(net)
    barrier = Barrier(4)

    def look(seed: int) -> bool:
        if seed % 4 == 3:  # a bystander in inference mode is not drawn in
            barrier.wait()
            with torch.inference_mode(), evaluation_mode(net):
                return bool(net(torch.ones(1, 2, 5, 5)).is_inference())
        x = torch.randn(2, 2, 5, 5, generator=torch.Generator().manual_seed(seed))
        barrier.wait()
        with evaluation_mode(net), capture(net, ["relu"], gradients=True) as seen:
            seen.gradients_of(net(x).sum())
        expected = by_hand(twin, x)
        return list(seen.outputs) == [("relu", 0), ("relu", 1)] and all(
            torch.equal(seen.outputs[key], expected[key]) for key in seen.outputs
        )

    twin = copy.deepcopy(net).eval()
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(look, range(40)))
    assert [module.training for module in net.modules()] == modes
    assert hooks(net) == 0
    torch.testing.assert_close(state(net), before, rtol=0, atol=0)


@pytest.mark.parametrize("way", ["compile", "module.compile", "DataParallel"])
def test_wrapped_networks(net: Net, x: Tensor, way: str) -> None:
    net.eval()
    wrapped: nn.Module = net
    if way == "compile":
        wrapped = torch.compile(net, backend="eager")
    elif way == "module.compile":
        net.compile(backend="eager")
    else:
        wrapped = nn.DataParallel(net)
    wrapped(x)  # compiled before it is watched
    with capture(wrapped, ["norm"]) as seen:
        wrapped(x)
    torch.testing.assert_close(seen.outputs["norm", 0], by_hand(net, x)["norm", 0].detach())
    assert unwrapped(wrapped) is net
    torch.compiler.reset()


def test_keep_reduces_at_once(net: Net, x: Tensor) -> None:
    with capture(net, ["conv1"], keep=lambda name, output: (name, float(output.detach().mean()))) as seen:
        net(x)
    assert seen.outputs == {
        ("conv1", 0): ("conv1", pytest.approx(float(net.conv1(x).detach().mean()), abs=1e-6))
    }


def test_an_unused_output_has_no_gradient(net: Net, x: Tensor) -> None:
    with capture(net, ["conv1", "head"], gradients=True) as seen:
        net(x)
        seen_gradients = seen.gradients_of(net.conv1(x).sum())
    assert seen_gradients["head", 0] is None
    assert seen_gradients["conv1", 0] is None
    torch.testing.assert_close(seen_gradients["conv1", 1], torch.ones(2, 3, 5, 5))


def test_layers_by_name_predicate_and_none(net: Net) -> None:
    assert list(named_layers(net, iter(["head", "norm"]))) == ["head", "norm"]
    assert list(named_layers(net, "head")) == ["head"]
    assert list(named_layers(net, lambda name, module: isinstance(module, nn.Conv2d))) == ["conv1", "conv2"]
    assert list(named_layers(nn.Sequential(net))) == [
        f"0.{n}" for n in ("conv1", "norm", "relu", "split", "conv2", "head")
    ]
    with pytest.raises(InputError, match=r"'conv1' or 'conv2'|'conv2' or 'conv1'"):
        named_layers(net, ["conv3"])


def test_following_reports_every_start_and_end(net: Net, x: Tensor) -> None:
    events: list[str] = []
    with following(
        net, enter=lambda name, _: events.append(f"+{name}"), leave=lambda name, _: events.append(f"-{name}")
    ):
        net(x)
    assert events[:3] == ["+", "+conv1", "-conv1"]
    assert events[-1] == "-"
    assert events.count("+relu") == events.count("-relu") == 2
    assert hooks(net) == 0
