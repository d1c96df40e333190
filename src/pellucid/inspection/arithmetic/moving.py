"""Where a number was before an operation that only moves numbers about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.inspection.arguments import NotUnderstood
from pellucid.inspection.trace import Operation, Value
from pellucid.types.batch import leaves, map_leaves

Indices = Sequence[Any]
"""One array of places, or one place, for each axis of a tensor; they are broadcast against one another."""

MOVES = {
    *"""
    permute transpose swapaxes swapdims t mT mH T H movedim moveaxis getitem select narrow chunk split
    tensor_split unsafe_chunk unsafe_split split_with_sizes unbind unflatten flatten ravel reshape view
    squeeze unsqueeze expand expand_as view_as reshape_as broadcast_to cat concat concatenate stack roll flip
    fliplr flipud rot90 repeat tile repeat_interleave pad pixel_shuffle pixel_unshuffle channel_shuffle unfold
    masked_fill where setitem index_select gather take take_along_dim max_unpool1d max_unpool2d max_unpool3d
    embedding hstack vstack dstack triu tril diagonal index_put index_copy hsplit vsplit masked_select
    native_channel_shuffle
    """.split()
}
"""Every number that these give is one of those that they are given, or a constant."""

_INDEXED = ("where", "embedding")  # the first tensor says what to take
_SCALARS = {
    "masked_fill": 2,
    "setitem": 2,
    "pad": 3,
    "index_put": 2,
}  # where a number that is filled in stands


def source_of(
    tensors: Mapping[Value, Tensor], operation: Operation, number: int, at: Indices
) -> tuple[Value, list[NDArray[np.int64]]] | None:
    """The tensor in which the numbers at these places of the output `number` were before, and their places in
    it: −1 for those that were filled in. None if all were. Raises `NotUnderstood` if they were in several.

    The operation itself says so: it is carried out again on 1, 2, 3 … in place of the values.
    """
    counted: dict[Value, tuple[int, Tensor]] = {}
    start = 1
    for value in operation.inputs:
        if value in counted or not _is_moved(operation, value):
            continue
        # Exact below 2⁵³; some of torch's movers take no whole numbers.
        numbers = torch.arange(start, start + prod(value.shape), dtype=torch.float64)
        counted[value] = start, numbers.reshape(value.shape)
        start += prod(value.shape)
    result = _carried_out(tensors, operation, number, {value: each for value, (_, each) in counted.items()})
    places = np.broadcast_arrays(*(np.asarray(each, np.int64) for each in at)) if len(at) else ()
    found = result[tuple(map(torch.tensor, places))].long().numpy()
    if not found.any():
        return None
    for value, (first, numbers) in counted.items():
        own = (found >= first) & (found < first + numbers.numel())
        if own.any():
            if (own != (found > 0)).any():
                raise NotUnderstood("numbers from several tensors at once")
            flat = np.where(own, found - first, 0)
            where = np.unravel_index(flat, value.shape) if value.shape else ()
            return value, [np.where(own, each, -1).astype(np.int64) for each in where]
    raise NotUnderstood("numbers that are not moved")


def _carried_out(
    tensors: Mapping[Value, Tensor], operation: Operation, number: int, counted: Mapping[Value, Tensor]
) -> Tensor:
    def replaced(leaf: Any) -> Any:
        if not isinstance(leaf, Value):
            return leaf
        return counted[leaf] if leaf in counted else tensors[leaf].detach().cpu()

    arguments = list(map_leaves(replaced, operation.arguments))
    options = dict(map_leaves(replaced, dict(operation.options)))
    _without_scalars(operation.name, arguments, options)
    with torch.no_grad():
        made = operation.function(*arguments, **options)
    if operation.name == "setitem":
        written: Tensor = arguments[0]
        return written
    return leaves(Tensor, made)[number]


def _is_moved(operation: Operation, value: Value) -> bool:
    """Whether a tensor's numbers are moved, rather than say which are."""
    if operation.name in _INDEXED:
        return value is not operation.inputs[0]
    first = operation.arguments[0] if operation.arguments else None
    return value in leaves(Value, first) or value.dtype.is_floating_point


def _without_scalars(name: str, arguments: list[Any], options: dict[str, Any]) -> None:
    """Numbers that are filled in are not to be taken for those that count."""
    position = _SCALARS.get(name, len(arguments))
    if position < len(arguments) and not isinstance(arguments[position], Tensor):
        arguments[position] = 0.0
    if "value" in options and not isinstance(options["value"], Tensor):
        options["value"] = 0.0
    if name == "where":
        arguments[1:] = [each if isinstance(each, Tensor) else 0.0 for each in arguments[1:]]
