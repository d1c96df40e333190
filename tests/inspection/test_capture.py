"""`capture` against autograd by hand, and the pitfalls other tools fall into."""

from __future__ import annotations

import copy
import gc
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.inspection.capture import capture, following, named_layers, unwrapped
from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.trace import trace
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


def test_what_layers_are_given_before_they_overwrite_it(net: Net, x: Tensor) -> None:
    """Pitfall: a hook after an in-place ReLU shows the ReLU's input as its output."""
    net.eval()
    with capture(net, ["relu", "head"], inputs=True, gradients=True) as seen:
        _, given = seen.all_gradients_of(net(x)[:, 1].sum())
    expected = by_hand(net, x)
    (norm,) = seen.inputs["relu", 0]
    torch.testing.assert_close(norm, expected["norm", 0].detach(), rtol=0, atol=0)
    assert bool((norm < 0).any())
    assert seen.options["relu", 0] == {}
    wanted = torch.autograd.grad(expected["head", 0][:, 1].sum(), expected["norm", 0])
    torch.testing.assert_close(given["relu", 0][0], wanted[0], rtol=1e-5, atol=1e-7)


def test_the_gradient_of_the_picture_itself(net: Net, x: Tensor) -> None:
    net.eval()
    leaf = x.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(by_hand(net, leaf)["head", 0][:, 1].sum(), leaf)
    with torch.no_grad(), capture(net, "", inputs=True, gradients=True) as seen:
        _, given = seen.all_gradients_of(net(x)[:, 1].sum())
    torch.testing.assert_close(given["", 0][0], wanted)


def test_single_operations_are_kept_by_the_addresses_of_the_graph(net: Net, x: Tensor) -> None:
    net.eval()
    run = trace(net, [x])
    wanted = [text for text in run.addresses if text.startswith(":")]
    assert ":add" in wanted
    with capture(net, wanted, inputs=True, gradients=True) as seen:
        score = net(x)[:, 1].sum()
        gradients = seen.gradients_of(score)
    expected = by_hand(net, x)
    assert list(seen.outputs) == [(text, 0) for text in wanted]
    relu = expected["relu", 0].detach()
    assert torch.equal(seen.outputs[":add", 0], 0.25 * relu + 0.75 * relu)
    assert torch.equal(seen.inputs[":add", 0][0], 0.25 * relu)
    # what is added in place is seen as it was before
    (in_place,) = [text for text in wanted if text in (":iadd", ":add#1")]
    assert torch.equal(seen.inputs[in_place, 0][0], expected["conv2", 0].detach())
    (by_autograd,) = torch.autograd.grad(expected["head", 0][:, 1].sum(), expected["conv2", 0])
    torch.testing.assert_close(gradients[in_place, 0], by_autograd, rtol=1e-5, atol=1e-7)


def test_one_call_of_a_layer_used_twice(net: Net, x: Tensor) -> None:
    """Pitfall: the second call of a shared ReLU overwrites the first."""
    with capture(net, "relu#1") as seen:
        net(x)
    assert list(seen.outputs) == [("relu", 1)]


def test_the_weights_of_fused_attention_are_in_what_it_was_given() -> None:
    """Pitfall: fused attention has no weights to hook."""

    class Attends(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.scaled_dot_product_attention(x, x + 1, x * 2)

    net, x = Attends(), torch.randn(1, 2, 5, 4)
    with capture(net, ":scaled_dot_product_attention", inputs=True) as seen:
        out = net(x)
    q, k, v = seen.inputs[":scaled_dot_product_attention", 0]
    torch.testing.assert_close((q @ k.transpose(-2, -1) / 2).softmax(-1) @ v, out)


def test_control_flow_is_of_the_run_at_hand() -> None:
    """Pitfall: a traced network goes the way it went when it was traced."""

    class Forks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.down = nn.ReLU(), nn.Tanh()

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.up(x) if x.sum() > 0 else self.down(x)
            return out

    net = Forks()
    for x, ran in ((torch.ones(2), "up"), (-torch.ones(2), "down")):
        with capture(net) as seen:
            net(x)
        assert list(seen.outputs) == [(ran, 0)]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(net: Net, x: Tensor, dtype: torch.dtype) -> None:
    """Pitfall: bf16 is taken to numpy, or fp16 into an operation that has none."""
    net.eval()
    exact = by_hand(net, x)["conv2", 0].detach()
    net.to(dtype)
    with capture(net, ["conv2"], gradients=True) as seen:
        gradients = seen.gradients_of(net(x.to(dtype))[:, 1].sum())
    assert seen.outputs["conv2", 0].dtype == gradients["conv2", 0].dtype == dtype
    torch.testing.assert_close(seen.outputs["conv2", 0].float(), exact, rtol=0.1, atol=0.05)


def test_channels_last_and_views(net: Net, x: Tensor) -> None:
    """Pitfall: `.view` on what a network in another memory format gave."""
    net.eval()
    with capture(net, gradients=True) as seen:
        seen.gradients_of(
            net.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last)).sum()
        )
    torch.testing.assert_close(seen.outputs["conv1", 0], by_hand(net, x)["conv1", 0].detach())


def test_several_inputs_and_outputs_by_name() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.join = nn.Bilinear(2, 3, 4)

        def forward(self, left: Tensor, *, right: Tensor) -> dict[str, Tensor]:
            out = self.join(left, right)
            return {"logits": out, "boxes": [out.sigmoid(), out.tanh()]}  # type: ignore[dict-item]

    net, left, right = Two(), torch.randn(5, 2), torch.randn(5, 3)
    with capture(net, ["", "join"], inputs=True, gradients=True) as seen:
        made, given = seen.all_gradients_of(net(left, right=right)["logits"].sum())
    assert set(seen.outputs["", 0]) == {"logits", "boxes"}
    assert torch.equal(seen.options["", 0]["right"], right)
    assert torch.equal(seen.inputs["join", 0][1], right)
    assert made["", 0]["boxes"] == [None, None]
    assert torch.equal(made["", 0]["logits"], torch.ones(5, 4))
    assert given["join", 0][1].shape == right.shape


def test_the_generators_of_random_numbers_go_on_as_if_nobody_looked() -> None:
    """Pitfall: looking draws numbers, and dropout falls elsewhere."""
    net, x = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5)), torch.randn(3, 8)
    torch.manual_seed(5)
    plain, after = net(x), torch.get_rng_state()
    torch.manual_seed(5)
    with capture(net, gradients=True) as seen:
        watched = net(x)
        seen.gradients_of(watched.sum())
    assert torch.equal(watched, plain)
    assert torch.equal(torch.get_rng_state(), after)


def test_compiled_networks_run_uncompiled_and_it_is_said(net: Net, x: Tensor) -> None:
    net.eval()
    compiled = torch.compile(net, backend="eager")
    ready, leave = Barrier(2), Barrier(2)

    def overlapping() -> bool:
        with capture(compiled, ["norm"]) as seen:
            ready.wait()
            leave.wait()
            compiled(x)
        return ("norm", 0) in seen.outputs

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(overlapping)
        with capture(compiled, ["norm"]) as seen:
            ready.wait()
        assert "compiled" in seen.notes[0]
        leave.wait()  # the first block has ended; the other one still sees
        assert other.result()
    with capture(net, ["norm"]) as plain:
        net(x)
    assert plain.notes == ()
    assert torch._dynamo.eval_frame._stance.stance == "default"
    torch.compiler.reset()


def test_a_hook_that_is_called_after_its_block_has_ended_in_another_thread(net: Net, x: Tensor) -> None:
    """A module takes down its hooks before it calls them; how they want to be called, it looks up later."""
    entered, gone = Barrier(2), Barrier(2)

    def short() -> None:
        entered.wait()  # the network below is between taking down and calling
        block.__exit__(None, None, None)
        gone.wait()

    def slow(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        entered.wait()
        gone.wait()

    handle = net.conv1.register_forward_pre_hook(slow)
    with ThreadPoolExecutor(1) as pool:
        block = pool.submit(lambda: capture(net, inputs=True, gradients=True)).result()
        pool.submit(block.__enter__).result()
        ending = pool.submit(short)
        net(x)
        ending.result()
    handle.remove()
    assert hooks(net) == 0


def test_evaluation_of_a_part_outlives_that_of_the_whole(net: Net) -> None:
    """Pitfall: the mode of one thread's network is another's."""
    whole = nn.DataParallel(net)
    around, inside = evaluation_mode(whole), evaluation_mode(net)
    around.__enter__()
    inside.__enter__()
    around.__exit__(None, None, None)
    assert whole.training
    assert not any(module.training for module in net.modules())
    inside.__exit__(None, None, None)
    assert all(module.training for module in net.modules())


def test_36_of_36_from_eight_threads(net: Net) -> None:
    """Pitfall: threads that look at one network see one another's numbers."""
    net.train()
    twin, barrier = copy.deepcopy(net).eval(), Barrier(4)

    def look(seed: int) -> bool:
        x = torch.randn(2, 2, 5, 5, generator=torch.Generator().manual_seed(seed))
        if seed < 4:
            barrier.wait()
        with evaluation_mode(net), capture(net, [":add", "relu"], inputs=True, gradients=True) as seen:
            gradients = seen.gradients_of(net(x)[:, 1].sum())
        expected = by_hand(twin, x)
        wanted = torch.autograd.grad(expected["head", 0][:, 1].sum(), expected["relu", 1])[0]
        same = torch.equal(seen.outputs["relu", 1], expected["relu", 1])
        return same and bool(torch.allclose(gradients["relu", 1], wanted, atol=1e-6))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(look, range(36))) == 36
    assert all(module.training for module in net.modules())
    assert hooks(net) == 0


def test_memory_is_flat_over_100_calls(net: Net, x: Tensor) -> None:
    """Pitfall: the graph, or what was seen, lives on."""
    alive: list[weakref.ref[Tensor]] = []

    def look() -> None:
        with capture(net, inputs=True, gradients=True) as seen:
            score = net(x).sum()
        alive.append(weakref.ref(seen.outputs["conv1", 0]))
        alive.append(weakref.ref(score))
        seen.gradients_of(score)

    look()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    gc.disable()  # nothing waits for the collector
    try:
        for _ in range(100):
            look()
        assert not any(tensor() is not None for tensor in alive)
    finally:
        gc.enable()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 100 * 1024


def test_what_cannot_be_captured_is_said(net: Net, x: Tensor) -> None:
    with pytest.raises(InputError, match="no layer is called 'conv9'"), capture(net, ["conv9:add"]):
        pass
    with capture(net, gradients=True) as seen:
        out = net(x)
    with pytest.raises(InputError, match="a score is one number"):
        seen.gradients_of(out)
    seen.gradients_of(out.sum())  # the graph is still there
    with torch.inference_mode():
        made = Net()
    with pytest.raises(InputError, match="inference mode"), capture(made, gradients=True):
        pass


def test_distributed_networks_train_on_as_before(x: Tensor, tmp_path: Path) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        torch.manual_seed(0)
        plain, inner = Net(), Net()
        inner.load_state_dict(plain.state_dict())
        wrapped = nn.parallel.DistributedDataParallel(inner)
        with evaluation_mode(wrapped), capture(wrapped, ["conv2"], gradients=True) as seen:
            seen.gradients_of(wrapped(x)[:, 1].sum())
        assert ("conv2", 0) in seen.outputs
        assert all(parameter.grad is None for parameter in wrapped.parameters())
        wrapped(x).sum().backward()
        plain(x).sum().backward()
        for ours, theirs in zip(inner.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(ours.grad, theirs.grad)
    finally:
        torch.distributed.destroy_process_group()
