"""A network without values: what it does with shapes can be seen without computing anything."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.inspection.parts import named_parts
from pellucid.types.batch import ATOMS, leaves, map_leaves
from pellucid.types.errors import InputError


def on_meta(model: nn.Module) -> nn.Module:
    """A copy whose tensors have shapes but no values, and take no memory. Raises `InputError` where a part of
    the network cannot be copied.
    """
    copies: dict[int, Any] = {}
    for _, module in named_parts(model):
        for name, part in vars(module).items():
            if type(part) in _TABLES and not part:
                copies[id(part)] = type(part)()  # half of the time would go into hooks that no module has
            elif type(part) not in ATOMS and name != "_modules":
                for tensor in leaves(Tensor, part):
                    copies[id(tensor)] = _without_values(tensor)
    try:
        return copy.deepcopy(model, copies)
    except (TypeError, RuntimeError, AttributeError, NotImplementedError) as error:
        raise InputError(f"{type(model).__name__} cannot be copied: {error}") from error


_TABLES = frozenset({dict, OrderedDict, set})


def _without_values(tensor: Tensor) -> Tensor:
    empty = torch.empty_like(tensor, device="meta")
    return nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty


Holding = Literal["parameter", "buffer", "constant"]


def tensors_of(model: nn.Module) -> Iterator[tuple[Holding, str, Tensor]]:
    """The tensors that modules hold, with their names; those that are shared come once for each place. A
    constant is one that is held as a plain attribute, or in a list, tuple or dict that is one.
    """
    for path, module in named_parts(model):
        within = f"{path}." if path else ""
        for attribute, part in vars(module).items():
            if type(part) in ATOMS or (type(part) in _TABLES and not part) or attribute == "_modules":
                continue
            if attribute == "_parameters" or attribute == "_buffers":
                holding: Holding = "parameter" if attribute == "_parameters" else "buffer"
                yield from (
                    (holding, within + name, tensor) for name, tensor in part.items() if tensor is not None
                )
            else:
                yield from (("constant", within + attribute, tensor) for tensor in leaves(Tensor, part))


def held_as(holding: Holding, model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Those tensors of `tensors_of`, each once."""
    seen = set[int]()
    for each, name, tensor in tensors_of(model):
        if each == holding and id(tensor) not in seen:
            seen.add(id(tensor))
            yield name, tensor


class Imitation:
    """Calls torch's functions on tensors without values, each function only once for arguments that look the
    same: to work out the shape of one batch norm takes torch a millisecond, and networks are built of equal
    blocks.
    """

    def __init__(self) -> None:
        self._known: dict[Hashable, Result] = {}

    def __call__(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], options: Mapping[str, Any]
    ) -> Any:
        key = key_of(function, arguments, options)
        known = None if key is None else self._known.get(key)
        if known is not None:
            return known.again()
        result = CHEAPER.get(function, function)(*arguments, **options)
        if key is not None and is_new(result, arguments, options):
            self._known[key] = Result.of(result)
        return result


@dataclass(frozen=True, slots=True)
class Result:
    """What a function gave, without the tensors themselves."""

    tree: Any

    @staticmethod
    def of(result: Any) -> Result:
        return Result(map_leaves(lambda leaf: _Look.of(leaf) if isinstance(leaf, Tensor) else leaf, result))

    def again(self) -> Any:
        """The same with new tensors."""
        return map_leaves(lambda leaf: leaf.made() if isinstance(leaf, _Look) else leaf, self.tree)


@dataclass(frozen=True, slots=True)
class _Look:
    """All there is to a plain tensor without values."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype
    requires_grad: bool

    @staticmethod
    def of(tensor: Tensor) -> _Look:
        return _Look(tensor.shape, tensor.stride(), tensor.dtype, tensor.requires_grad)

    def made(self) -> Tensor:
        tensor = torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device="meta")
        # A clone has a history for autograd, so that operations in place may follow.
        return tensor.requires_grad_().clone() if self.requires_grad else tensor


def key_of(
    function: Callable[..., Any], arguments: tuple[Any, ...], options: Mapping[str, Any]
) -> Hashable | None:
    """All that the look of a call's result depends on; None where more than looks may decide it."""
    if function not in DETERMINED:
        return None
    try:
        looks = tuple(map(_key, (arguments, *options, *options.values())))
    except _NoKeyError:
        return None
    return function, torch.is_grad_enabled(), looks


class _NoKeyError(Exception):
    """An argument has more to it than its look."""


def _key(leaf: Any) -> Hashable:
    kind = type(leaf)
    if kind in ATOMS:
        return kind, leaf  # the type, since 1, 1.0 and True are equal but give different results
    if kind is Tensor or kind is nn.Parameter:
        if leaf.is_meta and leaf.layout is torch.strided:
            return leaf.shape, leaf.stride(), leaf.dtype, leaf.requires_grad
    elif kind is tuple or kind is list:
        return kind, *map(_key, leaf)
    raise _NoKeyError


def is_new(result: Any, *given: Any) -> bool:
    """Whether a result is plain tensors, each with memory of its own, which it fills."""
    made = leaves(Tensor, result)
    old, new = set(map(memory_of, leaves(Tensor, given))), set(map(memory_of, made))
    if len(new) < len(made) or 0 in new or new & old:
        return False
    return all(
        type(tensor) is Tensor and tensor.is_meta and tensor.untyped_storage().nbytes() == tensor.nbytes
        for tensor in made
    )


def memory_of(tensor: Tensor) -> int:
    """Which piece of memory a tensor lies in; 0 for one not of one piece (sparse, nested, in vmap)."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return 0


def _functions(names: str) -> Iterator[Callable[..., Any]]:
    """Torch's functions and the tensors' methods and operators of these names."""
    for name in names.split():
        for form in (name, f"__{name}__", f"__r{name}__"):
            yield from (getattr(home, form) for home in (torch, F, Tensor) if hasattr(home, form))


DETERMINED = frozenset(
    _functions(
        """
        conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d linear bilinear
        matmul bmm mm addmm baddbmm einsum scaled_dot_product_attention multi_head_attention_forward
        batch_norm instance_norm group_norm layer_norm rms_norm local_response_norm normalize
        relu relu6 leaky_relu elu selu celu gelu silu mish hardswish hardsigmoid hardtanh softplus
        sigmoid tanh softmax add sub mul div truediv dropout dropout2d
        max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d
        adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d mean sum cat stack roll interpolate
        """
    )
)
"""Functions without memory: shapes and dtypes of the arguments determine those of the result, and nothing
else changes. What they may give back of their arguments (`inplace=True`, dropout in evaluation), `is_new`
finds out.
"""


def _batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """F.batch_norm for tensors without values, where there is nothing odd about them."""
    learnt, averages = (weight, bias), (running_mean, running_var)
    ordinary = (
        input.is_contiguous()
        and input.dtype is torch.float32
        and input.numel() > input.shape[1]
        and (training or None not in averages)
        and all(
            each is None or (each.shape == input.shape[1:2] and each.dtype is input.dtype)
            for each in (*learnt, *averages)
        )
    )
    if not ordinary or not input.is_meta:
        return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    made: Tensor = _Normalised.apply(input, *learnt, *averages, training)
    return made


class _Normalised(torch.autograd.Function):
    """What a batch norm gives, and keeps for its backward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        input: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        training: bool,
    ) -> Tensor:
        statistics = input.new_empty(2 if training else 0, input.shape[1])
        ctx.save_for_backward(input, weight, running_mean, running_var, statistics)
        return torch.empty_like(input)


CHEAPER: dict[Callable[..., Any], Callable[..., Any]] = {F.batch_norm: _batch_norm}
"""Where torch needs a millisecond to say what is plain: the same in ten microseconds."""
