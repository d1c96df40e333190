"""The one way to see inside a running network.

`capture` keeps what layers give, and can say how a score would change with it; `following` reports layers as
they start and end. Both leave the network as it was (weights, buffers, gradients, modes, hooks) also when
something raises. Nothing else in Pellucid hooks a network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from pellucid.types.batch import map_leaves
from pellucid.types.errors import InputError, unknown_name

Key = tuple[str, int]
"""A layer's name and which of its calls: a module used twice is two entries."""

Layers = Iterable[str] | Callable[[str, nn.Module], bool] | None


@dataclass(frozen=True)
class _Edge:
    """Where autograd made an output; in-place operations on the output afterwards do not move it."""

    edge: GradientEdge


class Captured:
    """`outputs` is in the order in which the layers finished; calls count from the start of the block."""

    def __init__(self) -> None:
        self.outputs: dict[Key, Any] = {}
        self._edges: dict[Key, Any] = {}
        self._looking = True

    def gradients_of(self, score: Tensor) -> dict[Key, Any]:
        """How the scalar `score` changes with every captured output: ∂score/∂output, in the outputs' shapes.

        Only for `capture(…, gradients=True)`, and once: the graph is freed. The backward pass goes no deeper
        than the first captured layer and leaves no parameter's `.grad` changed. An output that the score does
        not depend on is None.
        """
        edges: list[GradientEdge] = []
        map_leaves(lambda leaf: edges.append(leaf.edge) if isinstance(leaf, _Edge) else None, self._edges)
        if not edges:
            raise InputError("no gradients to take: nothing was captured, or the block lacks gradients=True")
        self._looking = False  # checkpointed layers run again inside the backward pass
        try:
            found = iter(torch.autograd.grad(score, edges, allow_unused=True))
        finally:
            self._looking = True
        gradients: dict[Key, Any] = map_leaves(
            lambda leaf: next(found) if isinstance(leaf, _Edge) else None, self._edges
        )
        self._edges.clear()
        return gradients


def copied(name: str, output: Tensor) -> Tensor:
    """What `capture` keeps unless told otherwise: values which no in-place layer can overwrite."""
    return output.detach().clone()


@contextmanager
def capture(
    model: nn.Module,
    layers: Layers = None,
    *,
    keep: Callable[[str, Tensor], Any] = copied,
    gradients: bool = False,
) -> Iterator[Captured]:
    """Keep what `layers` give while `model` runs in this block, in this thread.

    `layers`: a name or names as in `model.named_modules()`, or a predicate (name, module), or None for all
    modules without children. `keep(name, output)` is called at once for each output tensor, before a later
    layer can overwrite it; reduce there if the whole is not needed. Outputs that are tuples, lists or dicts
    are kept as such, with their tensors replaced.

    `gradients=True` makes `gradients_of` work whatever surrounds the block (no_grad, inference mode, frozen
    parameters). Wrappers (torch.compile, DistributedDataParallel) are looked through; a compiled model runs
    uncompiled in the block.
    """
    inner = unwrapped(model)
    chosen = named_layers(inner, layers)
    seen, calls, thread = Captured(), Counter[str](), get_ident()

    def hook(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def look(module: nn.Module, inputs: Any, output: Any) -> None:
            if get_ident() != thread or not seen._looking:
                return
            key = (name, calls[name])
            calls[name] += 1
            seen.outputs[key] = map_leaves(
                lambda leaf: keep(name, leaf) if isinstance(leaf, Tensor) else leaf, output
            )
            if gradients:
                seen._edges[key] = map_leaves(_edge_of, output)

        return look

    with ExitStack() as stack:
        stack.enter_context(_uncompiled(model))
        if gradients:
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            stack.callback(inner.register_forward_pre_hook(_differentiable(thread), with_kwargs=True).remove)
        for name, module in chosen.items():
            stack.callback(module.register_forward_hook(hook(name)).remove)
        yield seen


@contextmanager
def following(
    model: nn.Module, *, enter: Callable[[str, Any], None], leave: Callable[[str, Any], None]
) -> Iterator[None]:
    """Call `enter(name, inputs)` and `leave(name, output)` for modules that run in this block and thread.

    A module that raises is left without a call of `leave`. TorchScript's modules run unseen.
    """
    thread = get_ident()
    with ExitStack() as stack:
        stack.enter_context(_uncompiled(model))
        for name, module in unwrapped(model).named_modules():
            if isinstance(module, torch.jit.ScriptModule):
                continue

            def started(_: nn.Module, inputs: Any, options: Any, name: str = name) -> None:
                if get_ident() == thread:
                    enter(name, (inputs, options))

            def ended(_: nn.Module, inputs: Any, output: Any, name: str = name) -> None:
                if get_ident() == thread:
                    leave(name, output)

            stack.callback(module.register_forward_pre_hook(started, with_kwargs=True).remove)
            stack.callback(module.register_forward_hook(ended).remove)
        yield


def unwrapped(model: nn.Module) -> nn.Module:
    """The network itself inside torch.compile's, DataParallel's and DistributedDataParallel's wrappers."""
    inner = model
    while True:
        wrapper = isinstance(inner, (nn.DataParallel, nn.parallel.DistributedDataParallel))
        within = inner.module if wrapper else getattr(inner, "_orig_mod", None)
        if not isinstance(within, nn.Module):
            return inner
        inner = within


def named_layers(model: nn.Module, layers: Layers = None) -> dict[str, nn.Module]:
    """The modules that `layers` means (see `capture`), in the order of definition, or of the names given."""
    if layers is None:
        return {name: module for name, module in model.named_modules() if not any(module.children())}
    if callable(layers):
        return {name: module for name, module in model.named_modules() if layers(name, module)}
    modules = dict(model.named_modules(remove_duplicate=False))
    names = [layers] if isinstance(layers, str) else list(layers)
    for name in names:
        if name not in modules:
            raise unknown_name("layer", name, modules, shown_by="pellucid inspect")
    return {name: modules[name] for name in names}


def _edge_of(leaf: Any) -> Any:
    tracked = isinstance(leaf, Tensor) and leaf.requires_grad
    return _Edge(get_gradient_edge(leaf)) if tracked else None


def _differentiable(thread: int) -> Callable[[nn.Module, Any, Any], Any]:
    """A pre-hook: gradients flow although parameters are frozen and the inputs plain."""

    def track(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor) or leaf.requires_grad or not leaf.is_floating_point():
            return leaf
        # The second copy is no leaf of the graph, so that the network may change it in place.
        return leaf.detach().clone().requires_grad_().clone()

    def hook(module: nn.Module, inputs: Any, options: Any) -> Any:
        return (map_leaves(track, inputs), map_leaves(track, options)) if get_ident() == thread else None

    return hook


def _uncompiled(model: nn.Module) -> AbstractContextManager[Any]:
    """Compiled code runs past hooks, so the block runs the Python it was compiled from."""
    modules = [model, *model.modules()]
    if any(hasattr(module, "_orig_mod") or module._compiled_call_impl is not None for module in modules):
        eagerly: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
        return eagerly
    return nullcontext()
