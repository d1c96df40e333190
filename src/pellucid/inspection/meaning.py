"""What each dimension of every value of a run means: the batch, channels, a place on a map, or tokens.

Places are taken to stay in their order: rows before columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Literal

import torch
from torch import Tensor

from pellucid.inspection.reach.seen import Applied, Seen
from pellucid.inspection.trace import Operation, Trace, Value
from pellucid.types.batch import leaves, map_leaves


@dataclass(frozen=True)
class Tokens:
    """`prefix` tokens of no place, then those of a grid row by row."""

    grid: tuple[int, ...]
    prefix: int = 0


@dataclass(frozen=True)
class Merged:
    """Several dimensions, of `sizes`, that were made one: the windows of Swin."""

    labels: tuple[Meaning, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """The `at`-th of the pieces of `sizes` that a dimension of places was split into."""

    sizes: tuple[int, ...]
    at: int


Meaning = Literal["batch", "channel", "place"] | Tokens | Merged | Part | None
Meanings = tuple[Meaning, ...]
"""One for each dimension; None where nothing is known of it."""


def meanings(trace: Trace) -> dict[Value, Meanings]:
    """Followed from the network's inputs, (b, c, …), through all operations."""
    found: dict[Value, Meanings] = {}
    for value in trace.inputs:
        if value.origin == "input":
            found[value] = usual(len(value.shape))
    for operation in trace.operations:
        given = [found.get(value, (None,) * len(value.shape)) for value in operation.inputs]
        rule = _RULES.get(operation.name, _alike)
        for at, value in enumerate(operation.outputs):
            labels = rule(operation, given, at)
            found[value] = labels if len(labels) == len(value.shape) else (None,) * len(value.shape)
    return found


def usual(dims: int) -> Meanings:
    """(b, c, …), where the others are places."""
    return ("batch", "channel", *["place"] * (dims - 2))[:dims]  # type: ignore[return-value]


def moves(operation: str) -> bool:
    """Whether an operation of this name arranges values otherwise and computes nothing."""
    return _RULES.get(operation) is _moved


def _alike(operation: Operation, given: Sequence[Meanings], at: int) -> Meanings:
    """Element by element: a dimension means what it means in the inputs, those of the same shape first."""
    shape = operation.outputs[at].shape
    known = [*zip(operation.inputs, given, strict=True)]
    same = [labels for value, labels in known if value.shape == shape]
    wide = [labels for value, labels in known if value.shape != shape and _spreads(value.shape, shape)]
    return _joined([*same, *wide], len(shape))


def _spreads(shape: Sequence[int], over: Sequence[int]) -> bool:
    """Whether a tensor of so many dimensions is broadcast over another."""
    return len(shape) == len(over) and all(one in (1, other) for one, other in zip(shape, over, strict=True))


def _joined(given: Iterable[Meanings], dims: int) -> Meanings:
    found: list[Meaning] = [None] * dims
    for labels in given:
        for at, label in enumerate(labels):
            better = found[at] is None or (found[at] == "place" and isinstance(label, Tokens))
            if better and not (label == "channel" and "channel" in found):
                found[at] = label
    return tuple(found)


def _mapped(operation: Operation, given: Sequence[Meanings], at: int) -> Meanings:
    """What convolves, pools or resizes gives maps: (b, c, …); what keeps the shape keeps the places."""
    dims, shape = len(operation.outputs[at].shape), operation.outputs[at].shape
    labels = given[0] if given else ()
    if labels and operation.inputs[0].shape == shape and labels[1:2] == ("channel",):
        return labels
    return usual(dims)


def _dense(operation: Operation, given: Sequence[Meanings], at: int) -> Meanings:
    """The last dimension is made anew, of channels."""
    return (*("place" if label == "channel" else label for label in given[0][:-1]), "channel")


def _normalised(operation: Operation, given: Sequence[Meanings], at: int) -> Meanings:
    labels = given[0]
    return labels if "channel" in labels else (*labels[:-1], "channel")


def _product(operation: Operation, given: Sequence[Meanings], at: int) -> Meanings:
    """Rows of the one by columns of the other."""
    if len(given) < 2 or not given[0] or not given[1]:
        return ()
    rows = given[0][:-1]
    last = given[1][-1]
    return (*rows, None if last == "channel" and "channel" in rows else last)


def _attended(operation: Operation, given: Sequence[Meanings], at: int) -> Meanings:
    """As the queries, in the channels of the values."""
    return given[0] if given and at == 0 else ()


def _put_together(operation: Operation, given: Sequence[Meanings], at: int) -> Meanings:
    shape = operation.outputs[at].shape
    op = Applied(operation, {}, _NOTHING)
    dim = (op.dims(1, 0) or (0,))[0]
    found = list(_joined((labels for labels in given if len(labels) == len(shape)), len(shape)))
    if isinstance(found[dim], Tokens):
        lying = [
            (place, labels[dim]) for place, labels in enumerate(given) if isinstance(labels[dim], Tokens)
        ]
        place, tokens = lying[0]
        before = sum(value.shape[dim] for value in operation.inputs[:place])
        alone = len(lying) == 1 and isinstance(tokens, Tokens)
        found[dim] = (
            replace(tokens, prefix=tokens.prefix + before)
            if alone and isinstance(tokens, Tokens)
            else "place"
        )
    return tuple(found)


def _reduced(operation: Operation, given: Sequence[Meanings], at: int) -> Meanings:
    """Without the dimensions that a mean, sum or maximum was taken over."""
    labels, shape = given[0], operation.outputs[at].shape
    if len(labels) == len(shape):
        return labels
    gone = Applied(operation, {}, _NOTHING).dims(1)
    return tuple(label for place, label in enumerate(labels) if place not in gone)


def _moved(operation: Operation, given: Sequence[Meanings], at: int) -> Meanings:
    """What only looks at the same elements in another shape. Its strides tell where each dimension went: the
    function is called again on a tensor without values, of which they are known.
    """
    sources = leaves(Value, (operation.arguments, dict(operation.options)))
    if len(sources) != 1 or not given:
        return _alike(operation, given, at)
    (source,) = sources
    start = torch.empty(source.shape, device="meta")
    arguments, options = map_leaves(
        lambda leaf: start if leaf is source else leaf, (operation.arguments, dict(operation.options))
    )
    outputs = leaves(Tensor, operation.function(*arguments, **options))
    end = outputs[at]
    if end.untyped_storage()._cdata != start.untyped_storage()._cdata or end.ndim != len(
        operation.outputs[at].shape
    ):
        return _alike(operation, given, at)
    return _settled([*_followed(start, end, given[0])])


def _settled(labels: Sequence[Meaning]) -> Meanings:
    """Where the finer pieces of places have become channels, the coarser ones are the places."""
    inside = [part for label in labels if isinstance(label, Merged) for part in label.labels]
    finer = any(isinstance(label, Part) and label.at for label in (*labels, *inside))
    return tuple("place" if isinstance(label, Part) and not finer else label for label in labels)


def _followed(start: Tensor, end: Tensor, labels: Meanings) -> Iterator[Meaning]:
    """The meaning of each dimension of `end`, a view of `start`, which is contiguous."""
    singles = [at for at, size in enumerate(start.shape) if size == 1]
    pieces = _pieces(start, end)
    for at, size in enumerate(end.shape):
        if size == 1:
            same = next((one for one in singles if start.stride(one) == end.stride(at)), None)
            if same is None:
                yield None
            else:
                singles.remove(same)
                yield labels[same]
            continue
        sources = pieces[at]
        if len(sources) > 1:
            yield _merged([labels[one] for one in sources], [start.shape[one] for one in sources])
        elif sources:
            (one,) = sources
            parts = [other for other in range(end.ndim) if pieces[other] == sources]
            yield _part(labels[one], start, end, one, parts, at)
        else:
            yield None


def _pieces(start: Tensor, end: Tensor) -> list[list[int]]:
    """For each dimension of `end` those of `start` whose elements it runs along; none of size 1."""
    found: list[list[int]] = []
    for size, stride in zip(end.shape, end.stride(), strict=True):
        along = size > 1 and stride > 0
        found.append(
            [
                one
                for one, (length, step) in enumerate(zip(start.shape, start.stride(), strict=True))
                if along and length > 1 and step < stride * size and step * length > stride
            ]
        )
    return found


def _merged(labels: Sequence[Meaning], sizes: Sequence[int]) -> Meaning:
    if all(label == "place" for label in labels):
        return Tokens(tuple(sizes))
    if list(labels) == [Part(tuple(sizes), at) for at in range(len(sizes))]:
        return "place"
    if "channel" in labels and not {None, "batch"} & {*labels}:
        return "channel"
    parts = [part for pair in zip(labels, sizes, strict=True) for part in _flat(*pair)]
    return Merged(tuple(label for label, _ in parts), tuple(size for _, size in parts))


def _flat(label: Meaning, size: int) -> Iterator[tuple[Meaning, int]]:
    if isinstance(label, Merged):
        yield from zip(label.labels, label.sizes, strict=True)
    else:
        yield label, size


def _unmerged(merged: Merged, sizes: Sequence[int]) -> list[Meaning]:
    """The meanings of the pieces, of `sizes`, that a dimension is taken apart into again."""
    found, rest = list[Meaning](), [*zip(merged.labels, merged.sizes, strict=True)]
    for size in sizes:
        group = list[tuple[Meaning, int]]()
        while rest and prod(one for _, one in group) < size:
            group.append(rest.pop(0))
        if prod(one for _, one in group) != size:
            return [None] * len(sizes)
        labels, lengths = zip(*group, strict=True)
        found.append(labels[0] if len(group) == 1 else _merged(labels, lengths))
    return found


def _part(label: Meaning, start: Tensor, end: Tensor, source: int, parts: Sequence[int], at: int) -> Meaning:
    """Of one dimension, the whole, a range, or one of the `parts` that it was split into."""
    if len(parts) == 1:
        if not isinstance(label, Tokens) or end.shape[at] == start.shape[source]:
            return label
        return _range(label, start, end, source, at)
    sizes, number = tuple(end.shape[part] for part in parts), parts.index(at)
    match label:
        case Tokens(grid, 0) if grid == sizes:
            return "place"
        case Merged():
            return _unmerged(label, sizes)[number]
        case "place":
            return Part(sizes, number)
        case "channel" if at == parts[-1]:
            return "channel"
    return None


def _range(tokens: Tokens, start: Tensor, end: Tensor, source: int, at: int) -> Meaning:
    """Tokens from one to another; those on the grid may not be torn."""
    size, step = start.shape[source], start.stride(source)
    prefix = tokens.prefix - int(end.storage_offset()) % (step * size) // step
    whole = prefix >= 0 and prefix + prod(tokens.grid) <= end.shape[at] and end.stride(at) == step
    return replace(tokens, prefix=prefix) if whole else "place"


def _padded(operation: Operation, given: Sequence[Meanings], at: int) -> Meanings:
    return tuple("place" if isinstance(label, Tokens) else label for label in given[0])


_NOTHING = Seen(())
_Rule = Callable[[Operation, Sequence[Meanings], int], Meanings]


def _named(rule: _Rule, names: str) -> dict[str, _Rule]:
    return dict.fromkeys(names.split(), rule)


_RULES: dict[str, _Rule] = {
    **_named(
        _mapped,
        """conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d deform_conv2d batch_norm
        instance_norm group_norm local_response_norm max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d
        avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
        adaptive_max_pool2d adaptive_max_pool3d lp_pool1d lp_pool2d max_unpool2d interpolate upsample
        pixel_shuffle pixel_unshuffle""",
    ),
    **_named(_dense, "linear embedding"),
    **_named(_normalised, "layer_norm rms_norm"),
    **_named(_product, "matmul bmm"),
    **_named(_attended, "scaled_dot_product_attention multi_head_attention_forward"),
    **_named(_padded, "pad"),
    **_named(_put_together, "cat concat concatenate"),
    **_named(_reduced, "mean sum amax amin max min median std var prod logsumexp norm argmax argmin any all"),
    **_named(
        _moved,
        """permute transpose swapaxes swapdims movedim moveaxis t T mT H mH numpy_T flatten unflatten reshape
        view view_as squeeze unsqueeze expand select narrow getitem chunk split tensor_split unbind
        unsafe_chunk ravel""",
    ),
}
