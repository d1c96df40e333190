"""Every method of explaining, on a network it applies to: what it may not touch, and what it has to say."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from inspect import signature
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pellucid.explain import METHODS
from pellucid.explain.target import class_logit
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap

Make = Callable[..., Any]
Case = tuple[Callable[..., Heatmap], Callable[..., nn.Module], Heatmap]
TARGET = class_logit(1, ("cat", "dog"))


def fitting(method: str, make: Make) -> str:
    """A network that the method applies to."""
    for name in make():
        try:
            METHODS[method](make(name), pictures()[:1], TARGET)
        except InputError:
            continue
        return name
    raise AssertionError(f"{method} applies to none of {', '.join(make())}")


def pictures() -> Tensor:
    return torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=METHODS, scope="module")
def case(request: pytest.FixtureRequest, make: Make) -> Case:
    """The method, how a network is made for it, and the map in plain surroundings."""
    network = partial(make, fitting(request.param, make))
    method = METHODS[request.param]
    return method, network, method(network(), pictures(), TARGET)


def same(ours: Heatmap, expected: Heatmap, tolerance: float = 1e-4) -> None:
    scale = float(expected.values.abs().max())
    torch.testing.assert_close(ours.values, expected.values, rtol=1e-3, atol=tolerance * scale)


def test_the_record_is_complete(case: Case) -> None:
    method, _, heatmap = case
    name = next(name for name in METHODS if METHODS[name] is method)
    assert heatmap.method == name
    assert heatmap.values.dtype == torch.float32
    assert heatmap.values.shape[0] == len(heatmap.targets) == len(heatmap) == 3
    assert not heatmap.values.requires_grad
    assert heatmap.size == (16, 16)
    assert ("seed" in heatmap.options) == ("seed" in signature(method).parameters)
    assert all("dog (1)" in target for target in heatmap.targets)
    assert all(len(numbers) == 3 for numbers in heatmap.scores.values())
    assert set(heatmap.versions) == {"pellucid", "torch"}
    assert not any(heatmap.empty)


def test_the_network_is_left_as_it_was(case: Case) -> None:
    method, network, expected = case
    model = network().train()
    next(module for module in model.modules() if isinstance(module, nn.Dropout)).eval()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    inputs = pictures()
    kept, drawn = inputs.clone(), torch.get_rng_state()
    same(method(model, inputs, TARGET), expected)  # in evaluation mode, whatever the network is in
    assert torch.equal(torch.get_rng_state(), drawn)
    assert torch.equal(inputs, kept)
    assert not inputs.requires_grad
    assert [module.training for module in model.modules()] == modes
    assert all(bool((parameter.grad == 7.0).all()) for parameter in model.parameters())
    assert all(parameter.requires_grad for parameter in model.parameters())
    torch.testing.assert_close(dict(model.state_dict()), state, rtol=0, atol=0)
    held = [h for m in model.modules() for h in (m._forward_hooks, m._forward_pre_hooks, m._backward_hooks)]
    assert not any(held)
    assert model(inputs).requires_grad


@pytest.mark.parametrize("surroundings", ["no_grad", "inference", "frozen"])
def test_surroundings_make_no_difference(case: Case, surroundings: str) -> None:
    method, network, expected = case
    model = network()
    if surroundings == "frozen":
        model.requires_grad_(False)
    around = {"no_grad": torch.no_grad, "inference": torch.inference_mode}.get(
        surroundings, torch.enable_grad
    )
    with around():
        same(method(model, pictures(), TARGET), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(case: Case, dtype: torch.dtype) -> None:
    method, network, expected = case
    found = method(network().to(dtype), pictures(), TARGET)
    assert found.values.dtype == torch.float32
    likeness = torch.cosine_similarity(found.values.flatten(1), expected.values.flatten(1))
    assert float(likeness.min()) > 0.8


def test_a_compiled_network(case: Case) -> None:
    method, network, expected = case
    model = torch.compile(network(), backend="eager")
    model(pictures())
    same(method(model, pictures(), TARGET), expected)
    torch.compiler.reset()


def test_wrapped_and_channels_last(case: Case) -> None:
    method, network, expected = case
    same(method(nn.DataParallel(network()), pictures(), TARGET), expected)
    model = network().to(memory_format=torch.channels_last)
    same(method(model, pictures().to(memory_format=torch.channels_last), TARGET), expected)


def test_each_picture_as_if_alone(case: Case) -> None:
    method, network, expected = case
    model = network()
    alone = Heatmap.joined([method(model, each, TARGET) for each in pictures().split(1)])
    same(alone, expected)
    assert alone.targets == expected.targets


def test_threads_that_explain_one_network_see_their_own(case: Case) -> None:
    method, network, expected = case
    model, each = network().train(), pictures().split(1)
    with ThreadPoolExecutor(3) as pool:
        found = [*pool.map(lambda number: method(model, each[number % 3], TARGET), range(9))]
    for first in (0, 3, 6):
        same(Heatmap.joined(found[first : first + 3]), expected)
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_other_weights_give_another_map(case: Case) -> None:
    method, network, expected = case
    found = method(network(seed=1), pictures(), TARGET)
    likeness = torch.cosine_similarity(found.values.flatten(1), expected.values.flatten(1))
    assert float(likeness.max()) < 0.999


def test_no_graph_is_kept(case: Case) -> None:
    """Nor anything that a backward pass would need, though the map is."""
    method, network, _ = case

    class Saved:
        def __init__(self, tensor: Tensor) -> None:
            self.tensor = tensor

    saved: list[weakref.ref[Saved]] = []

    def pack(tensor: Tensor) -> Saved:
        box = Saved(tensor.detach())
        saved.append(weakref.ref(box))
        return box

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda box: box.tensor):
        heatmap = method(network(), pictures(), TARGET)
    gc.collect()
    assert heatmap.values.grad_fn is None
    assert not any(box() for box in saved)


def test_what_it_cannot_do_is_one_sentence(case: Case) -> None:
    method, network, _ = case
    model = network()
    with pytest.raises(InputError, match=r"5 numbers, 0 to 4; there is no class 9"):
        method(model, pictures(), class_logit(9))
    with pytest.raises(InputError, match=r"3 channels|size"):
        method(model, torch.zeros(1, 1, 16, 16), TARGET)
    with pytest.raises(InputError, match=r"\(b, c, h, w\)"):
        method(model, torch.zeros(3, 16, 16), TARGET)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
