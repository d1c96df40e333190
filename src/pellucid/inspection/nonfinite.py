"""Where the first NaN or infinity of a training step comes from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from pellucid.inspection.capture import following
from pellucid.inspection.modes import undone
from pellucid.inspection.wrappers import unwrapped


def first_nonfinite(model: nn.Module, run: Callable[[], Tensor]) -> str | None:
    """One line that names the layer and operation in which a step's first NaN or infinity arises; None if
    there is none.

    `run` repeats the step's forward pass and returns the loss. Looked at in this order: the weights, the
    forward pass (which operation, from finite inputs, gave what made the loss non-finite; a mask's −∞ that a
    softmax takes away is not blamed), the backward pass (which operation's gradient is not finite although
    the gradient that reached it is). Parameters, their `.grad`, buffers and random generators are left as
    they were.
    """
    inner = unwrapped(model)
    for name, tensor in (*inner.named_parameters(), *inner.named_buffers()):
        if not _is_finite(tensor):
            return f"{name} itself: {_count([tensor])}"
    trace = _Trace(inner)
    with undone(inner), torch.enable_grad(), following(model, enter=trace.enter, leave=trace.leave):
        with trace:
            loss = run()
        if trace.bad_input:
            return trace.bad_input
        if not _is_finite(loss):
            return trace.source_of(loss)
        learnt = {name: p for name, p in inner.named_parameters() if p.requires_grad}
        return _first_in_backward(trace, loss, learnt)


@dataclass(frozen=True)
class _Step:
    """An operation whose output is not finite, and the non-finite tensors among its inputs."""

    where: str
    text: str
    inputs: list[Tensor]
    output: list[Tensor]  # held so that no other tensor gets its id


class _Trace(TorchFunctionMode):
    """Watches a forward pass: which layer every operation belongs to, and which of them give NaN or ∞."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.bad_input = ""
        self.origin: dict[Node, str] = {}  # where each node of autograd's graph was made
        self._network = f"{type(model).__name__}.forward"
        self._running: list[str] = []
        self._maker: dict[int, _Step] = {}  # of a non-finite tensor, by id

    @property
    def where(self) -> str:
        if not self._running:
            return "the loss"
        return self._running[-1] or self._network

    def enter(self, name: str, inputs: Any) -> None:
        if not self._running and not _is_finite(*_floats(inputs)):
            self.bad_input = self.bad_input or f"the network's inputs: {_count(_floats(inputs))}"
        self._running.append(name)

    def leave(self, name: str, output: Any) -> None:
        while self._running.pop() != name:  # modules that raised, if the network went on
            pass

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = _floats((args, kwargs))
        largest = _largest(given)  # before an in-place operation overwrites it
        bad = [tensor for tensor in given if not _is_finite(tensor)]
        result = func(*args, **(kwargs or {}))
        made = _floats(result)
        for tensor in made:
            self._own(tensor.grad_fn)
        if not _is_finite(*made):
            before = "its inputs are not finite" if bad else f"its inputs are finite, up to {largest:.3g}"
            name = getattr(func, "__name__", str(func)).strip("_")
            step = _Step(self.where, f"{name} gives {_count(made)}; {before}", bad, made)
            for tensor in made:
                self._maker.setdefault(id(tensor), step)
        return result

    def source_of(self, tensor: Tensor) -> str:
        """Back from a non-finite tensor to the operation that had finite inputs."""
        step = self._maker.get(id(tensor))
        if step is None:
            return f"the loss: {_count([tensor])}"
        while step.inputs:
            makers = [self._maker[id(given)] for given in step.inputs if id(given) in self._maker]
            earlier = next((maker for maker in makers if maker is not step), None)
            if earlier is None:
                break
            step = earlier
        return f"{step.where}: {step.text}"

    def _own(self, node: Node | None) -> None:
        """Everything in the graph that was not there before the current operation belongs to it."""
        new = [node] if node is not None else []
        while new:
            node = new.pop()
            if node not in self.origin:
                self.origin[node] = self.where
                new += [after for after, _ in node.next_functions if after is not None]


def _first_in_backward(trace: _Trace, loss: Tensor, parameters: dict[str, nn.Parameter]) -> str | None:
    found: list[str] = []

    def watch(node: Node, where: str) -> None:
        name = node.name().removesuffix("0").removesuffix("Backward")

        def look(left: Iterable[Tensor | None], came: Iterable[Tensor | None]) -> None:
            gradients, received = _floats(tuple(left)), _floats(tuple(came))
            if found or _is_finite(*gradients, *received):
                return
            if _is_finite(*received):
                found.append(
                    f"{where}: the gradient through {name} has {_count(gradients)}; the one that came in is "
                    f"finite, up to {_largest(received):.3g}, and so is the loss"
                )
            else:
                found.append(f"{where}: the gradients that meet in {name} add up to {_count(received)}")

        node.register_hook(look)

    for node, where in trace.origin.items():
        watch(node, where)
    if not parameters or loss.grad_fn is None:
        return None
    gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    for name, gradient in zip(parameters, gradients, strict=True):
        if gradient is not None and not _is_finite(gradient):
            return found[0] if found else f"{name}: the gradients of its uses add up to {_count([gradient])}"
    return None


def _floats(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor) and leaf.is_floating_point()]


def _is_finite(*tensors: Tensor) -> bool:
    return all(bool(tensor.detach().isfinite().all()) for tensor in tensors)


def _largest(tensors: list[Tensor]) -> float:
    return max((float(tensor.detach().abs().max()) for tensor in tensors if tensor.numel()), default=math.nan)


def _count(tensors: list[Tensor]) -> str:
    """“3 NaN and 12 infinite of 4,096 numbers”."""
    nan = sum(int(tensor.isnan().sum()) for tensor in tensors)
    infinite = sum(int(tensor.isinf().sum()) for tensor in tensors)
    parts = [f"{count:,} {what}" for count, what in ((nan, "NaN"), (infinite, "infinite")) if count]
    return f"{' and '.join(parts)} of {sum(tensor.numel() for tensor in tensors):,} numbers"
