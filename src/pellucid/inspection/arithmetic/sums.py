"""Units that are sums of products: convolution, dense layers, matrix products, averages, interpolation."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.inspection.arguments import (
    NotUnderstood,
    Windows,
    convolution_windows,
    pooling_windows,
    transposed_windows,
)
from pellucid.inspection.arithmetic.moving import Indices
from pellucid.inspection.arithmetic.opening import SPACE, Opened, Opening, Rule, grid, summed
from pellucid.inspection.trace import Value
from pellucid.types.arithmetic import Floats, Place
from pellucid.types.batch import leaves, map_leaves

Positions = list[NDArray[np.int64]]


def window(at: Place, windows: Windows) -> Positions:
    """The places that a window reads, along each of its dimensions; some may lie in the padding."""
    each = zip(at, *windows, strict=True)
    return [
        place * stride - padding + np.arange(kernel, dtype=np.int64) * dilation
        for place, kernel, stride, padding, dilation in each
    ]


def convolution(op: Opening) -> Opened:
    weight: Value = op.argument(1, "weight")
    windows, groups = convolution_windows(op), op.argument(6, "groups", 1)
    dims = len(windows.kernel)
    *batch, channel = op.index[:-dims]
    inputs = weight.shape[1]
    first = channel // (weight.shape[0] // groups) * inputs
    places = grid(np.arange(first, first + inputs), *window(op.index[-dims:], windows))
    kernel = op.tensor(weight)[channel].double().cpu().numpy()
    formula = "Σ over channels and the window: input × kernel"
    return _convolved(op, formula, [*batch, *places], kernel, _padded(places, op.shape))


def transposed_convolution(op: Opening) -> Opened:
    """Input j reaches the outputs stride·j − padding + dilation·t: t is the place in the kernel."""
    weight: Value = op.argument(1, "weight")
    windows, groups = transposed_windows(op), op.argument(6, "groups", 1)
    dims = len(windows.kernel)
    *batch, channel = op.index[:-dims]
    per_group = weight.shape[1]
    inputs = weight.shape[0] // groups
    first = channel // per_group * inputs
    sources, taps = [], []
    lengths = op.shape[-dims:]
    for place, length, kernel, stride, padding, dilation in zip(
        op.index[-dims:], lengths, *windows, strict=True
    ):
        reached = place + padding - np.arange(kernel, dtype=np.int64) * dilation
        there = (reached % stride == 0) & (reached >= 0) & (reached < stride * length)
        sources.append(reached[there] // stride)
        taps.append(np.flatnonzero(there))
    channels = np.arange(first, first + inputs)
    kernel_at = grid(channels, [channel % per_group], *taps)
    kernel = op.numbers_at(weight, kernel_at)[:, 0]
    formula = "Σ over channels and the inputs that reach here: input × kernel"
    return _convolved(op, formula, [*batch, *grid(channels, *sources)], kernel, False)


def _convolved(op: Opening, formula: str, places: Indices, kernel: Floats, padded: bool) -> Opened:
    weight, bias = op.argument(1, "weight"), op.argument(2, "bias")
    channel = op.index[-(kernel.ndim)]
    axes = ("channel", *SPACE[kernel.ndim - 1])
    operand = op.operand("window", op.value, places, axes=axes, weights=kernel, learnt=op.learnt(weight))
    return summed(
        op,
        formula if bias is None else f"{formula}, + bias",
        operand,
        bias=op.number_at(bias, (channel,)),
        weights=kernel.size * op.is_learnt(weight) + op.is_learnt(bias),
        multiplications=kernel.size,
        notes=("The window reaches into the padding, which is 0.",) if padded else (),
    )


def _padded(places: Positions, shape: Place) -> bool:
    spatial = shape[len(shape) - len(places) + 1 :]
    pairs = zip(places[1:], spatial, strict=True)
    return any(bool((each < 0).any() or (each >= length).any()) for each, length in pairs)


def linear(op: Opening) -> Opened:
    weight, bias = op.argument(1, "weight"), op.argument(2, "bias")
    at = op.index[-1] if len(weight.shape) == 2 else 0
    row = op.tensor(weight)[at] if len(weight.shape) == 2 else op.tensor(weight)
    kernel = row.double().cpu().numpy()
    places: Indices = [*op.index[: len(op.shape) - 1], np.arange(kernel.size)]
    axes = ("channel",)
    operand = op.operand("input", op.value, places, axes=axes, weights=kernel, learnt=op.learnt(weight))
    return summed(
        op,
        "Σ input × weight" if bias is None else "Σ input × weight, + bias",
        operand,
        bias=op.number_at(bias, (at,) if bias is not None and bias.shape else ()),
        weights=kernel.size * op.is_learnt(weight) + op.is_learnt(bias),
        multiplications=kernel.size,
    )


def matmul(op: Opening) -> Opened:
    """Row × column; vectors and broadcast batches as in `torch.matmul`."""
    left, right = op.argument(0, "input"), op.argument(1, "other")
    for name in ("mat2", "tensor2"):
        right = op.argument(1, name) if right is None else right
    dims = len(op.index)
    row = (op.index[dims - (2 if len(right.shape) > 1 else 1)],) if len(left.shape) > 1 else ()
    column = (op.index[-1],) if len(right.shape) > 1 else ()
    batch = op.index[: dims - len(row) - len(column)]
    inner = np.arange(left.shape[-1])
    weights = op.numbers_at(right, [*_batch(batch, right.shape[:-2]), inner, *column])
    operand = op.operand(
        "row",
        left,
        [*_batch(batch, left.shape[:-2]), *row, inner],
        axes=("k",),
        weights=weights,
        learnt=op.learnt(right),
    )
    other = op.operand("column", right, [*_batch(batch, right.shape[:-2]), inner, *column], axes=("k",))
    found = summed(op, "Σ row × column", operand, multiplications=inner.size)
    return Opened(found.kind, found.formula, (operand, other), found.steps, found.size, None, 0, inner.size)


def _batch(index: Place, shape: Place) -> Place:
    """An index into a tensor that is broadcast."""
    own = index[len(index) - len(shape) :]
    return tuple(0 if length == 1 else at for at, length in zip(own, shape, strict=True))


def matmul_added(op: Opening) -> Opened:
    """addmm, baddbmm: beta · input + alpha · (one @ two)."""
    added, left, right = (op.argument(at, name) for at, name in enumerate(("input", "mat1", "mat2")))
    left = op.argument(1, "batch1") if left is None else left
    right = op.argument(2, "batch2") if right is None else right
    alpha, beta = float(op.argument(4, "alpha", 1)), float(op.argument(3, "beta", 1))
    inner = np.arange(left.shape[-1])
    weights = alpha * op.numbers_at(right, [*op.index[:-2], inner, op.index[-1]])
    operand = op.operand(
        "row", left, [*op.index[:-1], inner], axes=("k",), weights=weights, learnt=op.learnt(right)
    )
    bias = beta * float(op.numbers_at(added, _batch(op.index, added.shape)))
    return summed(op, "Σ row × column, + bias", operand, bias=bias, multiplications=inner.size)


def average_pooling(dims: int) -> Rule:
    def rule(op: Opening) -> Opened:
        windows = pooling_windows(op, dims, padded=True, dilated=False)
        lengths = op.shape[-dims:]
        places = window(op.index[-dims:], windows)
        # The window may reach beyond the padding (ceil_mode); what lies there never counts.
        bounded = [
            each[each < length + padding]
            for each, length, padding in zip(places, lengths, windows.padding, strict=True)
        ]
        inside = [each[(each >= 0) & (each < length)] for each, length in zip(bounded, lengths, strict=True)]
        counted = bounded if op.argument(5, "count_include_pad", True) else inside
        divisor = op.argument(6, "divisor_override") or prod(len(each) for each in counted)
        return _averaged(op, inside, dims, float(divisor))

    return rule


def adaptive_average_pooling(dims: int) -> Rule:
    def rule(op: Opening) -> Opened:
        places = adaptive_window(op, dims)
        return _averaged(op, places, dims, float(prod(len(each) for each in places)))

    return rule


def adaptive_window(op: Opening, dims: int) -> Positions:
    """Of output i of n, from a length l: ⌊i·l/n⌋ to ⌈(i + 1)·l/n⌉."""
    each = zip(op.index[-dims:], op.shape[-dims:], op.output[-dims:], strict=True)
    return [np.arange(at * length // count, -(-(at + 1) * length // count)) for at, length, count in each]


def _averaged(op: Opening, places: Positions, dims: int, divisor: float) -> Opened:
    at: Indices = [*op.index[:-dims], *grid(*places)]
    operand = op.operand("window", op.value, at, axes=SPACE[dims])
    return summed(op, "Σ over the window ÷ count", operand, name="sum of the window", divided=divisor)


def reduction(averaging: bool) -> Rule:
    """mean and sum along dimensions."""

    def rule(op: Opening) -> Opened:
        places, axes = reduced(op)
        operand = op.operand("inputs", op.value, places, axes=axes)
        count = float(operand.values.size) if averaging else None
        formula = "Σ ÷ count" if averaging else "Σ"
        return summed(op, formula, operand, name="sum", divided=count)

    return rule


def reduced(op: Opening, position: int = 1) -> tuple[Indices, tuple[str, ...]]:
    """The places that a reduction along dimensions reads, and names of these dimensions."""
    dims = op.dims(position)
    kept = iter(op.index)
    keeps = len(op.output) == len(op.shape)
    fixed = {}
    for at in range(len(op.shape)):
        if at not in dims or keeps:
            place = next(kept)
            if at not in dims:
                fixed[at] = place
    free = grid(*(np.arange(op.shape[at]) for at in dims))
    along = dict(zip(dims, free, strict=True))
    axes = axis_names(op, dims)
    return [along[at] if at in along else fixed[at] for at in range(len(op.shape))], axes


def axis_names(op: Opening, dims: Place) -> tuple[str, ...]:
    """What the axes of the first tensor are called: channel, y, x, token."""
    layout = op.watched.layout_at(op.value)
    names = {1: ("token",), 2: ("y", "x"), 3: ("z", "y", "x")}.get(len(layout.positions), ())
    called = dict(zip(layout.positions, names, strict=False)) | {layout.channel: "channel"}
    if 0 not in layout.order:
        called[0] = "sample"
    return tuple(called.get(at, f"axis {at}") for at in dims)


def resampled(op: Opening) -> Opened:
    """Interpolation and sampling at places are linear in a channel's numbers, so that what each is weighted
    with is the derivative of the result, which torch says for every mode.
    """
    fixed = op.index[:2]
    source = op.value
    channel = op.tensor(source)[fixed[0], fixed[1]].detach().cpu()
    # In the network's own precision: where between two pixels a place lies is rounded, too.
    kind = channel.dtype if channel.dtype in (torch.float32, torch.float64) else torch.float32
    with torch.inference_mode(False), torch.enable_grad():
        leaf = channel.to(kind, copy=True)[None, None].requires_grad_()

        def replaced(each: object) -> object:
            if not isinstance(each, Value):
                return each
            if each is source:
                return leaf
            return op.tensor(each)[fixed[0] : fixed[0] + 1].detach().to("cpu", kind)

        made = op.operation.function(
            *map_leaves(replaced, op.operation.arguments), **map_leaves(replaced, dict(op.operation.options))
        )
        out = leaves(Tensor, made)[0]
        (gradient,) = torch.autograd.grad(out[(0, 0, *op.index[2:])], leaf)
    weights = gradient[0, 0].double().numpy()
    return _weighted_box(op, weights)


def _weighted_box(op: Opening, weights: Floats) -> Opened:
    """The smallest box with all weights that are not 0."""
    touched = np.argwhere(weights != 0)
    if not len(touched):
        raise NotUnderstood("a result that no input reaches")
    low, high = touched.min(0), touched.max(0) + 1
    ranges = [np.arange(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    box = weights[tuple(slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True))]
    places: Indices = [*op.index[:2], *grid(*ranges)]
    operand = op.operand("neighbours", op.value, places, axes=SPACE[len(ranges)], weights=box.copy())
    mode = op.argument(3, "mode", "nearest") if op.operation.name == "interpolate" else op.operation.name
    return summed(op, f"Σ neighbour × weight ({mode})", operand, multiplications=len(touched))


SUMS: dict[str, Callable[[Opening], Opened]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), transposed_convolution),
    "linear": linear,
    **dict.fromkeys(("matmul", "bmm", "mm"), matmul),
    **dict.fromkeys(("addmm", "baddbmm"), matmul_added),
    **{f"avg_pool{dims}d": average_pooling(dims) for dims in (1, 2, 3)},
    **{f"adaptive_avg_pool{dims}d": adaptive_average_pooling(dims) for dims in (1, 2, 3)},
    "mean": reduction(True),
    "sum": reduction(False),
    **dict.fromkeys(("interpolate", "grid_sample", "upsample"), resampled),
}
