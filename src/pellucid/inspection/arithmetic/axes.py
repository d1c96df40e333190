"""Which axis of a tensor counts the samples and which the channels, followed through a run.

Networks keep channels first on maps and last in sequences, and change between the two. An address says the
channel first, then the position, and nothing of the batch; here stands which axes these are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pellucid.inspection.arguments import MISREAD, Arguments
from pellucid.inspection.trace import Operation, Trace, Value
from pellucid.types.batch import leaves, map_leaves


class Axes(NamedTuple):
    """Of a tensor's axes those that count samples and channels; None where there is none."""

    batch: int | None
    channel: int | None

    def order(self, dims: int) -> tuple[int, ...]:
        """The tensor's axes as an address names them: the channel, then the rest without the batch."""
        first = () if self.channel is None else (self.channel,)
        return (*first, *(at for at in range(dims) if at not in (self.batch, self.channel)))


PLAIN = Axes(None, None)
"""Of weights, whose places are said as they are."""

_MAPS = {
    *"""
    batch_norm instance_norm group_norm local_response_norm interpolate pixel_shuffle pixel_unshuffle
    channel_shuffle grid_sample fold
    """.split()
}
_MAPS |= {
    f"{name}{dims}d{more}"
    for dims in (1, 2, 3)
    for name in (
        "conv", "conv_transpose", "max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool", "lp_pool",
        "max_unpool",
    )
    for more in ("", "_with_indices")
}  # fmt: skip
_LAST = {
    *"""
    linear layer_norm rms_norm embedding scaled_dot_product_attention multi_head_attention_forward matmul bmm
    mm addmm baddbmm
    """.split()
}
_VIEWS = {
    *"""
    permute transpose swapaxes swapdims t mT T movedim moveaxis getitem select narrow chunk split tensor_split
    unsafe_chunk unsafe_split split_with_sizes unbind unflatten flatten ravel reshape view squeeze unsqueeze
    expand expand_as view_as reshape_as broadcast_to
    """.split()
}


def axes_of(trace: Trace) -> dict[Value, Axes]:
    """The axes of every tensor of a run. The batch is axis 0 of the first input."""
    found: dict[Value, Axes] = {}
    samples = next((value.shape[0] for value in trace.inputs if value.shape), 1)
    for value in trace.inputs:
        if value.origin == "input":
            found[value] = _usual(value.shape, samples, channel=1 if len(value.shape) == 3 else None)
    for operation in trace.operations:
        for number, value in enumerate(operation.outputs):
            axes = _followed(operation, number, value, found) or _usual(value.shape, samples)
            found[value] = axes._replace(batch=_samples(axes, value.shape, samples))
    return found


def _samples(axes: Axes, shape: tuple[int, ...], samples: int) -> int | None:
    """The axis of the batch, if it is as long as the batch; where it was lost (windows of a picture, put
    together again) it is the first.
    """
    if axes.batch is not None:
        return axes.batch if shape[axes.batch] == samples else None
    return 0 if len(shape) > 3 and shape[0] == samples and axes.channel != 0 else None


def _usual(shape: tuple[int, ...], samples: int, channel: int | None = None) -> Axes:
    """(b, c), (b, token, c), (b, c, h, w), (b, c, d, h, w), as far as nobody knows better."""
    dims = len(shape)
    if dims == 0:
        return PLAIN
    if shape[0] != samples:
        return Axes(None, dims - 1)
    if dims == 1:
        return Axes(0, None)
    return Axes(0, (1 if dims in (2, 4, 5) else dims - 1) if channel is None else channel)


def _followed(operation: Operation, number: int, out: Value, known: Mapping[Value, Axes]) -> Axes | None:
    """The axes of an output by those of the inputs; None if nothing is known."""
    dims = len(out.shape)
    inputs = [value for value in operation.inputs if value in known]
    if not inputs or dims == 0:
        return None
    first = next((value for value in inputs if value.shape == out.shape), inputs[0])
    same = known[first] if len(first.shape) == dims else None
    if operation.name in _MAPS:
        return Axes(None, 0) if _without_batch(operation, dims) else Axes(0, 1)
    if operation.name in _LAST:
        return Axes(None if same is None else same.batch, dims - 1)
    if operation.name in _VIEWS:
        return _viewed(operation, number, known)
    if same is None and operation.name in ("mean", "sum", "amax", "amin", "std", "var"):
        return _reduced(operation, first, known[first])
    if operation.name == "stack" and same is None:
        at = int(Arguments(operation).argument(1, "dim", 0)) % dims
        return Axes(*(None if axis is None else axis + (axis >= at) for axis in known[first]))
    return same


def _without_batch(operation: Operation, dims: int) -> bool:
    """Whether a convolution or pooling was called on a single sample."""
    digits = [letter for letter in operation.name if letter.isdigit()]
    return bool(digits) and dims == int(digits[0]) + 1


def _reduced(operation: Operation, value: Value, axes: Axes) -> Axes:
    gone = Arguments(operation).dims(1)
    left = [at for at in range(len(value.shape)) if at not in gone]
    return Axes(*(left.index(at) if at in left else None for at in axes))


def _viewed(operation: Operation, number: int, known: Mapping[Value, Axes]) -> Axes | None:
    """Of a view, by the steps in memory that its axes take: an axis that takes the same step is the same."""
    value = next((value for value in operation.inputs if value in known), None)
    if value is None:
        return None
    plain = torch.empty(value.shape, device="meta")

    def replaced(leaf: Any) -> Any:
        if not isinstance(leaf, Value):
            return leaf
        return plain if leaf is value else torch.empty(leaf.shape, dtype=leaf.dtype, device="meta")

    try:
        made = operation.function(
            *map_leaves(replaced, operation.arguments), **map_leaves(replaced, dict(operation.options))
        )
    except (*MISREAD, RuntimeError, NotImplementedError):  # indices that are tensors, say
        return None
    out = leaves(Tensor, made)[number]
    if out.untyped_storage()._cdata != plain.untyped_storage()._cdata:
        return known[value] if out.ndim == plain.ndim else None
    axes = known[value]
    batch = None if axes.batch is None else _same_axis(plain, axes.batch, out)
    channel = None if axes.channel is None else _same_axis(plain, axes.channel, out, taken=batch)
    if channel is None and out.ndim:
        rest: Iterable[int] = (at for at in reversed(range(out.ndim)) if at != batch)
        channel = next(iter(rest), None)
    return Axes(batch, channel)


def _same_axis(before: Tensor, axis: int, after: Tensor, taken: int | None = None) -> int | None:
    """Where an axis of a tensor that fills its memory is in a view of it."""
    step, end = before.stride(axis), before.stride(axis) * before.shape[axis]
    places = [at for at in range(after.ndim) if at != taken]
    for at in places:
        if after.stride(at) == step and after.shape[at] == before.shape[axis]:
            return at
    for at in places:
        if after.stride(at) == step and after.shape[at] > 1 and step * after.shape[at] <= end:
            return at
    for at in places:
        if after.shape[at] > 1 and after.stride(at) % step == 0 and step <= after.stride(at) < end:
            return at
    return None
