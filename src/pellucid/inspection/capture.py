"""The one way to see inside a running network.

`capture` keeps what layers and single operations are given and give, and can say how a score would change
with it; `following` reports layers as they start and end. Both leave the network as it was (weights,
buffers, gradients, modes, hooks) also when something raises. Nothing else in Pellucid hooks a network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.inspection.keeping import Captured, Keep, Keeper, Key, Operations, key_of
from pellucid.inspection.parts import named_parts
from pellucid.inspection.wrappers import uncompiled, unwrapped
from pellucid.types.address import Address
from pellucid.types.batch import map_leaves
from pellucid.types.errors import InputError, unknown_name

__all__ = ["Captured", "Key", "capture", "copied", "following", "key_of", "named_layers", "unwrapped"]

Layers = Iterable[str | Address] | str | Address | Callable[[str, nn.Module], bool] | None


def copied(name: str, tensor: Tensor) -> Tensor:
    """What `capture` keeps unless told otherwise: values which no in-place layer can overwrite."""
    return tensor.detach().clone()


@contextmanager
def capture(
    model: nn.Module,
    layers: Layers = None,
    *,
    keep: Keep = copied,
    inputs: bool = False,
    gradients: bool = False,
) -> Iterator[Captured]:
    """Keep what `layers` give while `model` runs in this block, in this thread; with `inputs`, also what they
    are given.

    `layers`: names as `parts.named_parts` and addresses ("layer1.0:add" is an operation, "relu#1" the second
    call alone), or one, or a predicate (name, module), or None for all modules without children.
    `keep(name, tensor)` is called at once for each tensor, before a later layer can overwrite it; reduce
    there if the whole is not needed. Tuples, lists and dicts are kept as such, with their tensors replaced.

    `gradients=True` makes `gradients_of` work whatever surrounds the block (no_grad, inference mode, frozen
    parameters). Wrappers (torch.compile, DistributedDataParallel) are looked through; a compiled model runs
    uncompiled in the block, which `notes` then say.
    """
    inner = unwrapped(model)
    chosen, operations = _chosen(inner, layers)
    seen, thread = Captured(), get_ident()
    keeper = Keeper(seen, keep, inputs, gradients, {name: call for name, call in chosen.items() if call})
    with ExitStack() as stack:
        if stack.enter_context(uncompiled(model)):
            seen.notes = (
                "the network is compiled: in this block it runs as the Python it was compiled from",
            )
        if gradients:
            _check_weights(inner)
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            hook = _differentiable(inner, thread)
            stack.callback(inner.register_forward_pre_hook(hook, with_kwargs=True).remove)
        for name, module in named_layers(inner, list(chosen)).items():
            for handle in _hooked(name, module, keeper, thread):
                stack.callback(handle.remove)
        if operations:
            watch = Operations(operations, keeper)
            stack.enter_context(following(inner, enter=watch.enter, leave=watch.leave))
            stack.enter_context(watch)
        yield seen


def _hooked(name: str, module: nn.Module, keeper: Keeper, thread: int) -> Iterator[Any]:
    """The hooks on one layer. Calls are numbered as they begin: a call that raises counts."""
    calls, running = Counter[str](), list[int]()

    def ours(called: nn.Module) -> bool:  # not another thread's call, nor that of a copy of the module
        return called is module and get_ident() == thread and keeper.seen.looking

    def before(called: nn.Module, given: tuple[Any, ...], options: dict[str, Any] | None = None) -> None:
        if ours(called):
            key = (name, calls[name])
            calls[name] += 1
            running.append(key[1])
            if keeper.inputs and keeper.wants(key):
                keeper.given(key, given, options or {})

    def after(called: nn.Module, given: Any, output: Any) -> None:
        if ours(called) and running:
            key = (name, running.pop())
            if keeper.wants(key):
                keeper.made(key, output)

    yield module.register_forward_pre_hook(before, with_kwargs=keeper.inputs)
    yield module.register_forward_hook(after)


@contextmanager
def following(
    model: nn.Module, *, enter: Callable[[str, Any], None], leave: Callable[[str, Any], None]
) -> Iterator[None]:
    """Call `enter(name, inputs)` and `leave(name, output)` for modules that run in this block and thread.

    A module that raises is left without a call of `leave`. TorchScript's modules run unseen.
    """
    thread = get_ident()
    names = {module: name for name, module in named_parts(unwrapped(model))}

    # Without options when another thread's block ends between the call and its hooks.
    def started(module: nn.Module, inputs: Any, options: Any = None) -> None:
        if get_ident() == thread and module in names:
            enter(names[module], (inputs, options))

    def ended(module: nn.Module, inputs: Any, output: Any) -> None:
        if get_ident() == thread and module in names:
            leave(names[module], output)

    with ExitStack() as stack:
        stack.enter_context(uncompiled(model))
        for module in names:
            if not isinstance(module, torch.jit.ScriptModule):
                stack.callback(module.register_forward_pre_hook(started, with_kwargs=True).remove)
                stack.callback(module.register_forward_hook(ended).remove)
        yield


def named_layers(model: nn.Module, layers: Layers = None) -> dict[str, nn.Module]:
    """The modules that `layers` means (see `capture`), in the order of definition, or of the names given."""
    chosen, _ = _chosen(model, layers)
    modules = _by_every_name(model)
    return {name: modules[name] for name in chosen}


def _by_every_name(model: nn.Module) -> dict[str, nn.Module]:
    return dict(model.named_modules(remove_duplicate=False)) | dict(named_parts(model))


def _chosen(model: nn.Module, layers: Layers) -> tuple[dict[str, int], set[str]]:
    """The names of the modules that `layers` means, each with the one call asked for or 0 for all of them,
    and those of the operations.
    """
    if layers is None:
        return {name: 0 for name, module in named_parts(model) if not any(module.children())}, set()
    if callable(layers):
        return {name: 0 for name, module in named_parts(model) if layers(name, module)}, set()
    known = _by_every_name(model)
    chosen, operations = dict[str, int](), set[str]()
    for each in [layers] if isinstance(layers, (str, Address)) else layers:
        address = Address(each) if isinstance(each, str) and each in known else each
        address = Address.parse(address) if isinstance(address, str) else address
        if address.layer not in known:
            raise unknown_name("layer", address.layer, known, shown_by="pellucid inspect")
        name, call = key_of(address)
        if address.operation:
            operations.add(name)
        else:
            chosen[name] = call if chosen.get(name, call) == call else 0
    return chosen, operations


def _check_weights(model: nn.Module) -> None:
    if any(parameter.is_inference() for parameter in model.parameters()):
        raise InputError(
            f"{type(model).__name__} has weights that were made in inference mode, which no gradient passes; "
            "build and load the network outside of it"
        )


def _differentiable(model: nn.Module, thread: int) -> Callable[..., Any]:
    """A pre-hook: gradients flow although parameters are frozen and the inputs plain."""

    def track(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor) or leaf.requires_grad or not leaf.is_floating_point():
            return leaf
        # The second copy is no leaf of the graph, so that the network may change it in place.
        return leaf.detach().clone().requires_grad_().clone()

    def hook(called: nn.Module, inputs: Any, options: Any = None) -> Any:
        if called is not model or get_ident() != thread:
            return None
        return map_leaves(track, inputs), map_leaves(track, options)

    return hook
