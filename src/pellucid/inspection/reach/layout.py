"""Rules for operations that move elements: shapes, slices, padding, concatenation."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

from pellucid.inspection.arguments import NotUnderstood
from pellucid.inspection.reach import moves, taps, terms
from pellucid.inspection.reach.seen import Applied, Rule, Seen, taken, united
from pellucid.inspection.reach.terms import Shape, Term


def reshape(op: Applied) -> Seen:
    if prod(op.shape) != prod(op.output):
        raise NotUnderstood("another dtype")
    return op.seen.changed(lambda term: moves.reshaped(term, op.shape, op.output))


def rearranged(op: Applied, wide: Shape, order: Sequence[int]) -> Seen:
    """Seen as `wide`, permuted, and put together again."""
    moved = tuple(wide[at] for at in order)

    def change(term: Term) -> Term:
        term = moves.permuted(moves.reshaped(term, op.shape, wide), order)
        return moves.reshaped(term, moved, op.output)

    return op.seen.changed(change)


def permute(op: Applied) -> Seen:
    order = op.argument(1, "dims")
    order = op.rest(1) if op.operation.arguments[1:] else order
    return _permuted(op, [at % len(op.shape) for at in order])


def transpose(op: Applied) -> Seen:
    one = op.argument(1, "dim0", op.operation.options.get("axis0"))
    two = op.argument(2, "dim1", op.operation.options.get("axis1"))
    order = list(range(len(op.shape)))
    order[one], order[two] = order[two], order[one]
    return _permuted(op, order)


def matrix_transpose(op: Applied) -> Seen:
    order = list(range(len(op.shape)))
    return _permuted(op, [*order[:-2], *order[:-3:-1]])


def reverse_dims(op: Applied) -> Seen:
    return _permuted(op, list(range(len(op.shape)))[::-1])


def movedim(op: Applied) -> Seen:
    source, target = op.dims(1, name="source"), op.dims(2, name="destination")
    order = [at for at in range(len(op.shape)) if at not in source]
    for there, at in sorted(zip(target, source, strict=True)):
        order.insert(there, at)
    return _permuted(op, order)


def _permuted(op: Applied, order: Sequence[int]) -> Seen:
    return op.seen.changed(lambda term: moves.permuted(term, order))


def expand(op: Applied) -> Seen:
    return op.seen.broadcast(op.shape, op.output)


def repeat(op: Applied) -> Seen:
    extra = len(op.output) - len(op.shape)
    wide = (1,) * extra + op.shape
    along = {
        at: taps.chosen(length, tuple(range(length)) * (op.output[at] // length))
        for at, length in enumerate(wide)
        if op.output[at] != length
    }
    return taken(op.seen.broadcast(op.shape, wide), along)


def repeat_interleave(op: Applied) -> Seen:
    times, dim = op.argument(1, "repeats"), op.argument(2, "dim")
    if not isinstance(times, int) or dim is None:
        raise NotUnderstood("repeats by element")
    return taken(op.seen, {dim % len(op.shape): taps.repeated(op.shape[dim], times)})


def flip(op: Applied) -> Seen:
    dims = op.rest(1) if op.operation.arguments[1:] else op.argument(1, "dims")
    dims = (dims,) if isinstance(dims, int) else dims
    flips = {at % len(op.shape): op.shape[at] for at in dims}
    return taken(op.seen, {at: taps.strided(n, n - 1, n, -1) for at, n in flips.items()})


def roll(op: Applied) -> Seen:
    dims, shifts = op.argument(2, "dims"), op.argument(1, "shifts")
    if dims is None:
        raise NotUnderstood("no dims")
    dims = (dims,) if isinstance(dims, int) else dims
    shifts = (shifts,) if isinstance(shifts, int) else shifts
    turns = zip(dims, shifts, strict=True)
    return taken(op.seen, {at % len(op.shape): taps.rolled(op.shape[at], shift) for at, shift in turns})


def pad(op: Applied) -> Seen:
    amounts, mode = op.argument(1, "pad"), op.argument(2, "mode", "constant")
    sides = zip(amounts[::2], amounts[1::2], strict=True)
    dims = reversed(range(len(op.shape)))
    return taken(
        op.seen,
        {at: taps.padded(op.shape[at], *side, mode) for at, side in zip(dims, sides, strict=False)},
    )


def windows_of(op: Applied) -> Seen:
    """`Tensor.unfold`: the windows along a dimension, their elements in a last one."""
    at, size, step = op.dims(1, name="dimension")[0], op.argument(2, "size"), op.argument(3, "step")
    one = taps.windows(op.shape[at], op.output[at], size, step, 0, 1)
    order = [*range(at + 1), *range(at + 2, len(op.shape) + 1), at + 1]
    return op.seen.changed(lambda term: moves.permuted(moves.spread(term, at, one), order))


def unfold(op: Applied) -> Seen:
    """`F.unfold`: (N, C, H, W) → (N, C·kernel, windows). `Tensor.unfold` has the same name."""
    if op.operation.function is torch.Tensor.unfold:
        return windows_of(op)
    kernel, counts, settings = _kernel_blocks(op, op.shape[2:], 1, len(op.shape))
    wide = (*op.shape[:2], *kernel, *counts)

    def change(term: Term) -> Term:
        for at in (3, 2):  # the last first, so that the other keeps its place
            one = taps.windows(op.shape[at], counts[at - 2], *settings[at - 2])
            term = moves.spread(term, at, one)
        return moves.reshaped(moves.permuted(term, (0, 1, 3, 5, 2, 4)), wide, op.output)

    return op.seen.changed(change)


def fold(op: Applied) -> Seen:
    """The way back: each pixel is the sum over the windows it lies in."""
    kernel, counts, settings = _kernel_blocks(op, op.output[2:], 2, len(op.shape) + 1)
    wide = (*op.output[:2], *kernel, *counts)

    def along(term: Term, at: int) -> list[Term]:
        """Dimensions `at` (the kernel) and `at` + 2 (the windows, which become pixels) of `wide`."""
        size, stride, padding, dilation = settings[at - 2]
        found = []
        for tap in range(size):
            here = moves.gathered(term, at, taps.strided(size, tap, 1, 1))
            one = taps.transposed(counts[at - 2], op.output[at], 1, stride, padding - dilation * tap, 1)
            found.append(moves.gathered(terms.reduced(here, [at]), at + 2, one))
        return found

    def change(reach: terms.Reach) -> terms.Reach:
        parts = [moves.reshaped(term, op.shape, wide) for term in reach]
        for at in (2, 3):
            parts = [piece for term in parts for piece in along(term, at)]
        sums = terms.union(moves.dropped(term, (2, 3)) for term in parts)
        return terms.each(sums, lambda term: moves.compressed(moves.compressed(term, 2), 3))

    return Seen(tuple(map(change, op.seen.axes)), op.seen.doubt)


def _kernel_blocks(
    op: Applied, size: Shape, position: int, dims: int
) -> tuple[tuple[int, ...], list[int], list[tuple[int, int, int, int]]]:
    """Kernel, number of windows, and (kernel, stride, padding, dilation), for height and width."""
    if dims != 4:
        raise NotUnderstood("no batch")
    kernel = op.numbers(position, "kernel_size", 2)
    dilation = op.numbers(position + 1, "dilation", 2, 1)
    padding = op.numbers(position + 2, "padding", 2, 0)
    stride = op.numbers(position + 3, "stride", 2, 1)
    settings = list(zip(kernel, stride, padding, dilation, strict=True))
    counts = [
        (length + 2 * before - far * (taps - 1) - 1) // step + 1
        for length, (taps, step, before, far) in zip(size, settings, strict=True)
    ]
    return kernel, counts, settings


def pixel_shuffle(op: Applied) -> Seen:
    *batch, channels, height, width = op.shape
    factor, first = op.argument(1, "upscale_factor"), len(batch)
    wide = (*batch, channels // factor**2, factor, factor, height, width)
    order = (*range(first), first, first + 3, first + 1, first + 4, first + 2)
    return rearranged(op, wide, order)


def pixel_unshuffle(op: Applied) -> Seen:
    *batch, channels, height, width = op.shape
    factor, first = op.argument(1, "downscale_factor"), len(batch)
    wide = (*batch, channels, height // factor, factor, width // factor, factor)
    order = (*range(first), first, first + 2, first + 4, first + 1, first + 3)
    return rearranged(op, wide, order)


def channel_shuffle(op: Applied) -> Seen:
    groups, (batch, channels, *rest) = op.argument(1, "groups"), op.shape
    return rearranged(op, (batch, groups, channels // groups, *rest), (0, 2, 1, *range(3, len(op.shape) + 1)))


def concatenation(op: Applied) -> Seen:
    parts = op.operation.inputs
    at = op.argument(1, "dim", op.operation.options.get("axis", 0))
    parts = tuple(part for part in parts if part.shape != (0,) or len(op.output) == 1)
    return _concatenated([(op.of(part), part.shape) for part in parts], at % len(op.output))


def stack(op: Applied) -> Seen:
    at, shape = op.argument(1, "dim", 0) % len(op.output), op.shape
    wide = (*shape[:at], 1, *shape[at:])
    parts = [op.of(part).changed(lambda term: moves.inserted(term, [at])) for part in op.operation.inputs]
    return _concatenated([(part, wide) for part in parts], at)


def _concatenated(parts: Sequence[tuple[Seen, Shape]], at: int) -> Seen:
    axes = len(parts[0][0].axes)
    reaches = [
        moves.concatenated([(seen.axes[axis], shape) for seen, shape in parts], at) for axis in range(axes)
    ]
    return Seen(tuple(reaches), next((seen.doubt for seen, _ in parts if seen.doubt), ""))


def pieces(position: int) -> Rule:
    """chunk, split and the like: consecutive pieces along a dimension."""

    def rule(op: Applied) -> list[Seen]:
        at = op.argument(position, "dim", 0) % len(op.shape)
        found, start = [], 0
        for output in op.operation.outputs:
            length = output.shape[at]
            found.append(taken(op.seen, {at: taps.strided(op.shape[at], start, length, 1)}))
            start += length
        return found

    return rule


def unbind(op: Applied) -> list[Seen]:
    at = op.argument(1, "dim", 0) % len(op.shape)
    return [_selected(op.seen, op.shape[at], at, index) for index in range(op.shape[at])]


def select(op: Applied) -> Seen:
    at = op.argument(1, "dim") % len(op.shape)
    return _selected(op.seen, op.shape[at], at, op.argument(2, "index"))


def _selected(seen: Seen, length: int, at: int, index: int) -> Seen:
    one = taps.strided(length, index % length, 1, 1)
    return seen.changed(lambda term: moves.dropped(terms.reduced(moves.gathered(term, at, one), [at]), [at]))


def narrow(op: Applied) -> Seen:
    at, start = op.argument(1, "dim") % len(op.shape), op.argument(2, "start")
    return taken(op.seen, {at: taps.strided(op.shape[at], start, op.output[at], 1)})


def gated(op: Applied) -> Seen:
    """GLU: one half of a dimension times the other."""
    at = op.argument(1, "dim", -1) % len(op.shape)
    length, half = op.shape[at], op.shape[at] // 2
    return united([taken(op.seen, {at: taps.strided(length, start, half, 1)}) for start in (0, half)])


def as_complex(op: Applied) -> Seen:
    last = len(op.shape) - 1
    return op.seen.changed(lambda term: moves.dropped(terms.reduced(term, [last]), [last]))


def as_real(op: Applied) -> Seen:
    return op.seen.changed(lambda term: moves.inserted(term, [len(op.shape)]))
