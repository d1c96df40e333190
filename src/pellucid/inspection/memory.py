"""How much memory activations take: at once in a forward pass, and kept for the backward pass of training."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Hashable, Sequence
from types import FunctionType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.overrides import TorchFunctionMode

from pellucid.inspection.capture import following
from pellucid.inspection.imitation import CHEAPER, Result, is_new, key_of, memory_of, tensors_of
from pellucid.inspection.modes import undone
from pellucid.inspection.parts import named_parts
from pellucid.inspection.refusals import REFUSALS, refusal
from pellucid.inspection.trace import Trace, default_device, placed
from pellucid.types.batch import leaves
from pellucid.types.errors import InputError


def peak_bytes(trace: Trace) -> int:
    """The most that the network's inputs and activations take at once in a forward pass without gradients, if
    each is freed after its last use. Weights come on top.
    """
    last = {value.memory: at for at, operation in enumerate(trace.operations) for value in operation.inputs}
    last |= {value.memory: len(trace.operations) for value in (*trace.inputs, *trace.outputs)}
    alive = peak = sum(value.bytes for value in trace.inputs)
    freed: Counter[int] = Counter()  # bytes, by the operation that is the last to need them
    for at, operation in enumerate(trace.operations):
        for value in operation.outputs:
            alive += value.bytes
            freed[last.get(value.memory, at)] += value.bytes
        peak = max(peak, alive)
        alive -= freed[at]
    return peak


def kept_for_training(trace: Trace, inputs: Sequence[Any]) -> dict[str, int]:
    """The bytes that autograd keeps for the backward pass, in training mode, by the address of the call of a
    module that kept them first; without parameters and buffers, which are there anyway.

    `inputs` are those of `trace`, which was in evaluation mode, so that calls may differ. Attention is taken
    to be computed in one piece, as GPUs do it, and CPUs where nothing is dropped. Raises `InputError` where
    the network does not run in training mode, as a batch norm over a single number does not.
    """
    model, device = trace.calls[0].module, trace.device
    if device != "meta":
        model = copy.deepcopy(model)  # the run moves averages on
    training = {module: module.training for _, module in named_parts(model)}
    keeping = _Keeping(model)
    try:
        with (
            undone(model) if device != "meta" else torch.random.fork_rng(devices=[]),
            torch.enable_grad(),
            following(model, enter=keeping.enter, leave=keeping.leave),
            saved_tensors_hooks(keeping.pack, _unpack),
            keeping,
            default_device(device),
        ):
            for module in training:
                module.training = True
            model(*placed(inputs, device))
    except REFUSALS as error:
        raise InputError(keeping.refusal(error)) from error
    finally:
        for module, mode in training.items():
            module.training = mode
    return dict(keeping.bytes)


class _Keeping(TorchFunctionMode):
    """Adds up what autograd saves, each piece of memory once."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.bytes: Counter[str] = Counter()
        self._modules = dict(named_parts(model))
        self._running: list[tuple[str, str, Any]] = []  # name, address, inputs
        self._numbers: Counter[str] = Counter()
        # The tensors are held, so that the memory of one that is gone is not taken for another's.
        self._held = [tensor for _, _, tensor in tensors_of(model)]
        self._counted = set(map(memory_of, self._held))
        self._saved: list[Tensor] = []  # in the call of the function that runs
        self._known: dict[Hashable, tuple[Result, list[int], int]] = {}

    def enter(self, name: str, inputs: Any) -> None:
        number = self._numbers[name]
        self._numbers[name] += 1
        self._running.append((name, f"{name}#{number}" if number else name, inputs))

    def leave(self, name: str, output: Any) -> None:
        while self._running.pop()[0] != name:  # a part that raised, if the network went on
            pass

    def pack(self, tensor: Tensor) -> Tensor:
        self._saved.append(tensor)
        self._count(tensor)
        return tensor

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """What a function saves is known after its first call with arguments that look the same: which of
        these, which of its results, and how many bytes besides.
        """
        options = kwargs or {}
        key = key_of(func, args, options) if self._on_top() else None
        if key in self._known:
            result, places, besides = self._known[key]
            made = result.again()
            tensors = leaves(Tensor, (args, options, made))
            for place in places:
                self._count(tensors[place])
            self._add(besides)
            return made
        self._saved.clear()
        made = _INSTEAD.get(func, func)(*args, **options)
        if key is not None and is_new(made, args, options):
            self._known[key] = Result.of(made), *self._places(leaves(Tensor, (args, options, made)))
        return made

    def refusal(self, error: BaseException) -> str:
        name, address, inputs = self._running[-1]
        return refusal(address, self._modules[name], [each.shape for each in leaves(Tensor, inputs)], error)

    def _on_top(self) -> bool:
        """Not within a block that saves in a way of its own, as checkpointed layers do."""
        hooks = torch._C._autograd._top_saved_tensors_default_hooks(True)
        return hooks is not None and hooks[0] == self.pack

    def _places(self, tensors: Sequence[Tensor]) -> tuple[list[int], int]:
        """Where among `tensors` what was saved is, and the bytes of what is not among them."""
        at = {memory_of(tensor): place for place, tensor in enumerate(tensors)}
        saved = {memory_of(tensor): tensor.untyped_storage().nbytes() for tensor in self._saved}
        return [at[each] for each in saved if each in at], sum(
            size for each, size in saved.items() if each not in at
        )

    def _count(self, tensor: Tensor) -> None:
        memory = memory_of(tensor)
        if memory not in self._counted:
            self._counted.add(memory)
            self._held.append(tensor)
            self._add(tensor.untyped_storage().nbytes())

    def _add(self, size: int) -> None:
        self.bytes[self._running[-1][1] if self._running else ""] += size


def _unpack(tensor: Tensor) -> Tensor:
    return tensor


def _in_one_piece(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """F.scaled_dot_product_attention without values, which torch would compute step by step: keeping query,
    key, value, mask and output, but not the weights.
    """
    if query.dim() != 4 or not query.is_meta:
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )
    mask = None if attn_mask is None else attn_mask.to(query.dtype)
    output, _ = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, dropout_p, is_causal, attn_mask=mask, scale=scale
    )
    made: Tensor = output
    return made


def _with_attention_in_one_piece(function: Any) -> Any:
    """`function`, written in Python, as if `_in_one_piece` were what it finds under torch's name."""
    names = {**function.__globals__, "scaled_dot_product_attention": _in_one_piece}
    return FunctionType(function.__code__, names, function.__name__, function.__defaults__)


_INSTEAD: dict[Any, Any] = {
    **CHEAPER,
    F.scaled_dot_product_attention: _in_one_piece,
    F.multi_head_attention_forward: _with_attention_in_one_piece(F.multi_head_attention_forward),
}
