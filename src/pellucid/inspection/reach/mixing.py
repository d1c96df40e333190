"""Rules for operations in which elements see one another: convolution, pooling, normalisation, attention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from pellucid.inspection.arguments import (
    NotUnderstood,
    convolution_windows,
    pooling_windows,
    transposed_windows,
)
from pellucid.inspection.reach import taps
from pellucid.inspection.reach.moves import (
    accumulated,
    broadcast,
    dropped,
    gathered,
    grouped,
    permuted,
    reshaped,
)
from pellucid.inspection.reach.seen import Applied, Rule, Seen, united
from pellucid.inspection.reach.taps import Taps
from pellucid.inspection.reach.terms import Term, reduced
from pellucid.inspection.trace import Value

Windows = Callable[[int, int, int, int, int, int], Taps]


def _through(op: Applied, chosen: Sequence[Taps], first: int, groups: int | None = None) -> Seen:
    """The dimensions from `first` on go through taps; the one before them is mixed in groups."""

    def change(term: Term) -> Term:
        if groups is not None:
            term = grouped(term, first - 1, groups, op.output[first - 1])
        for at, one in enumerate(chosen, first):
            term = gathered(term, at, one)
        return term

    return op.seen.changed(change)


def _windows(
    op: Applied, kind: Windows, settings: Sequence[Sequence[int]], groups: int | None = None
) -> Seen:
    """`settings`: kernel, stride, padding and dilation, each per dimension."""
    count = len(settings[0])
    first = len(op.shape) - count
    each = zip(op.shape[first:], op.output[first:], *settings, strict=True)
    return _through(op, [kind(*one) for one in each], first, groups)


def convolution(op: Applied) -> Seen:
    groups = op.argument(6, "groups", 1)
    return op.with_others(_windows(op, taps.windows, convolution_windows(op), groups))


def transposed_convolution(op: Applied) -> Seen:
    groups = op.argument(6, "groups", 1)
    return op.with_others(_windows(op, taps.transposed, transposed_windows(op), groups))


def pooling(dims: int, *, kernel: int = 1, padded: bool = True, dilated: bool = False) -> Rule:
    """`kernel` is the position of the kernel's size among the arguments; the others follow."""

    def rule(op: Applied) -> Seen:
        settings = pooling_windows(op, dims, kernel=kernel, padded=padded, dilated=dilated)
        return _windows(op, taps.windows, settings)

    return rule


def adaptive_pooling(dims: int) -> Rule:
    def rule(op: Applied) -> Seen:
        first = len(op.shape) - dims
        sizes = zip(op.shape[first:], op.output[first:], strict=True)
        return _through(op, [taps.adaptive(*one) for one in sizes], first)

    return rule


def interpolation(op: Applied) -> Seen:
    shape, out = op.shape, op.output
    count = len(shape) - 2
    mode = op.argument(3, "mode", "nearest")
    scale = op.argument(2, "scale_factor")
    scales = scale if isinstance(scale, (list, tuple)) else [scale] * count
    if mode == "area":
        return _through(op, [taps.adaptive(*one) for one in zip(shape[2:], out[2:], strict=True)], 2)
    asked = [
        None if one is None or op.argument(5, "recompute_scale_factor") else _fraction(one) for one in scales
    ]
    smooth, aligned = bool(op.argument(6, "antialias", False)), bool(op.argument(4, "align_corners"))
    sizes = zip(shape[2:], out[2:], asked, strict=True)
    return _through(op, [taps.resampled(*one, mode, aligned, smooth) for one in sizes], 2)


def _fraction(scale: float) -> Fraction:
    return 1 / Fraction(1 / scale).limit_denominator(4096)


def local_response(op: Applied) -> Seen:
    size = op.argument(1, "size")
    around = taps.windows(op.shape[1], op.shape[1], size, 1, size // 2, 1)
    return op.seen.changed(lambda term: gathered(term, 1, around))


def linear(op: Applied) -> Seen:
    return op.with_others(op.seen.changed(lambda term: reduced(term, [len(op.shape) - 1])))


def mixing(position: int, default: Any = None) -> Rule:
    """Each element sees all along some dimensions, and stays (softmax, normalize)."""

    def rule(op: Applied) -> Seen:
        dims = op.dims(position, default)
        return op.seen.changed(lambda term: reduced(term, dims))

    return rule


def reduction(position: int) -> Callable[[Applied], Seen]:
    """Some dimensions become one element, or go."""

    def rule(op: Applied) -> Seen:
        dims = op.dims(position)
        if len(op.output) == len(op.shape):
            return op.seen.changed(lambda term: reduced(term, dims))
        return op.seen.changed(lambda term: dropped(reduced(term, dims), dims))

    return rule


def cumulation(op: Applied) -> Seen:
    (at,) = op.dims(1)
    return op.seen.changed(lambda term: accumulated(term, at))


def layer_norm(op: Applied) -> Seen:
    last = len(op.argument(1, "normalized_shape"))
    dims = range(len(op.shape) - last, len(op.shape))
    return op.with_others(op.seen.changed(lambda term: reduced(term, dims)))


def group_norm(op: Applied) -> Seen:
    groups, dims = op.argument(1, "num_groups"), range(2, len(op.shape))
    return op.with_others(op.seen.changed(lambda term: grouped(reduced(term, dims), 1, groups, op.shape[1])))


def instance_norm(op: Applied) -> Seen:
    dims = range(2, len(op.shape)) if op.argument(5, "use_input_stats", True) else ()
    return op.with_others(op.seen.changed(lambda term: reduced(term, dims)))


def batch_norm(op: Applied) -> Seen:
    if not op.argument(5, "training", False):
        return op.with_others(op.seen)
    return op.with_others(op.seen.changed(lambda term: reduced(term, [0, *range(2, len(op.shape))])))


def matmul(op: Applied) -> Seen:
    left, right = op.operation.inputs[-2:]
    out = op.output
    if len(left.shape) == 1 or len(right.shape) == 1:
        raise NotUnderstood("vectors")
    rows = op.of(left).changed(lambda term: reduced(term, [len(left.shape) - 1]))
    columns = op.of(right).changed(lambda term: reduced(term, [len(right.shape) - 2]))
    return united(
        [
            rows.broadcast((*left.shape[:-1], out[-1]), out),
            columns.broadcast((*right.shape[:-2], out[-2], right.shape[-1]), out),
        ]
    )


def matmul_added(op: Applied) -> Seen:
    return united([matmul(op), op.seen.broadcast(op.shape, op.output)])


def einsum(op: Applied) -> Seen:
    equation = op.argument(0, "equation")
    if not isinstance(equation, str) or "->" not in equation or "..." in equation:
        raise NotUnderstood("other than labels -> labels")
    given, wanted = equation.replace(" ", "").split("->")
    operands = zip(op.operation.inputs, given.split(","), strict=True)
    return united([_relabelled(op, value, labels, wanted) for value, labels in operands])


def _relabelled(op: Applied, value: Value, labels: str, wanted: str) -> Seen:
    if len({*labels}) < len(labels):
        raise NotUnderstood("diagonals")
    gone = [at for at, label in enumerate(labels) if label not in wanted]
    kept = [label for label in labels if label in wanted]
    order = sorted(range(len(kept)), key=lambda at: wanted.index(kept[at]))
    old = tuple(value.shape[labels.index(kept[at])] for at in order)
    # With length 1 where the operand lacks a label, it broadcasts.
    wide = tuple(length if label in kept else 1 for label, length in zip(wanted, op.output, strict=True))

    def change(term: Term) -> Term:
        there = permuted(dropped(reduced(term, gone), gone), order)
        return broadcast(reshaped(there, old, wide), wide, op.output)

    return op.of(value).changed(change)


def attention(op: Applied) -> Seen:
    """softmax(q·kᵀ)·v: query i sees itself and every key and value, or those up to i if it is causal."""
    query, key, value = (op.argument(at, name) for at, name in enumerate(("query", "key", "value")))
    mask = op.argument(3, "attn_mask")
    rows, last = len(op.output) - 2, len(op.output) - 1
    if len(key.shape) != len(op.output) or len(value.shape) != len(op.output):
        raise NotUnderstood("fewer dimensions")

    def tokens(term: Term) -> Term:
        if key.shape[:rows] != op.output[:rows] and any(size > 1 for size in term.sizes[:rows]):
            raise NotUnderstood("heads in groups")
        return accumulated(term, rows) if op.argument(5, "is_causal", False) else reduced(term, [rows])

    seen = united(
        [
            op.of(query).changed(lambda term: reduced(term, [last])),
            op.of(key).changed(lambda term: tokens(reduced(term, [last]))),
            op.of(value).changed(tokens),
        ]
    )
    seen = op.with_others(seen, [query, key, value])
    return seen.doubted("data-dependent: attention mask" if _cuts(mask) else "")


def _cuts(mask: Any) -> bool:
    return isinstance(mask, Value) and not mask.dtype.is_floating_point


def multi_head_attention(op: Applied) -> list[Seen]:
    """Of (tokens, batch, features); the second output is the weights (batch, queries, keys)."""
    query, key, value = op.operation.arguments[:3]
    dims, tokens = len(query.shape), 0
    near = op.of(query).changed(lambda term: reduced(term, [dims - 1]))
    far = [op.of(one).changed(lambda term: reduced(term, [tokens, dims - 1])) for one in (key, value)]
    result = op.with_others(united([near, *far]), [query, key, value])
    result = result.doubted("data-dependent: attention mask" if op.argument(16, "key_padding_mask") else "")
    if len(op.operation.outputs) == 1:
        return [result]
    if dims == 3 and len(op.operation.outputs[1].shape) == 3:
        return [result, united([near, far[0]]).changed(lambda term: permuted(term, [1, 0, 2]))]
    weights = united([near, far[0]]).hull(len(op.operation.outputs[1].shape))
    return [result, weights.doubted("unknown: attention weights")]


def recurrence(op: Applied) -> list[Seen]:
    """LSTM, GRU, RNN: everything along the sequence in both directions, or what came before."""
    state = op.argument(1, "hx")
    if isinstance(state, Value) and not state.dtype.is_floating_point:
        raise NotUnderstood("packed sequences")
    both, batch_first = op.operation.arguments[7:9]
    dims = len(op.shape)
    time = 1 if batch_first and dims == 3 else 0

    def outputs(term: Term) -> Term:
        mixed = reduced(term, [dims - 1])
        return reduced(mixed, [time]) if both else accumulated(mixed, time)

    def states(term: Term) -> Term:
        last = reduced(term, [time, dims - 1])
        return last if time == 0 else permuted(last, [1, 0, 2])

    first = op.with_others(op.seen.changed(outputs))
    return [first] + [op.with_others(op.seen.changed(states)) for _ in op.operation.outputs[1:]]
