"""Units that take a number as it is: the greatest of a window, and whatever only moves numbers about."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pellucid.inspection.arguments import NotUnderstood, pooling_windows
from pellucid.inspection.arithmetic.moving import MOVES, Indices, source_of
from pellucid.inspection.arithmetic.opening import SPACE, Opened, Opening, Rule, grid
from pellucid.inspection.arithmetic.sums import adaptive_window, reduced, window
from pellucid.inspection.trace import Value
from pellucid.types.arithmetic import Operand, Step

SAME = {
    *"""
    alias bfloat16 bool byte clone contiguous cpu cuda data detach double float half int long
    requires_grad resolve_conj to type type_as identity
    """.split()
}
"""Each number stays where it is."""


def maximum_pooling(dims: int) -> Rule:
    def rule(op: Opening) -> Opened:
        windows = pooling_windows(op, dims, padded=True, dilated=True)
        lengths = op.shape[-dims:]
        places = [
            each[(each >= 0) & (each < length)]
            for each, length in zip(window(op.index[-dims:], windows), lengths, strict=True)
        ]
        at: Indices = [*op.index[:-dims], *grid(*places)]
        return greatest(op, op.operand("window", op.value, at, axes=SPACE[dims]))

    return rule


def adaptive_maximum_pooling(dims: int) -> Rule:
    def rule(op: Opening) -> Opened:
        at: Indices = [*op.index[:-dims], *grid(*adaptive_window(op, dims))]
        return greatest(op, op.operand("window", op.value, at, axes=SPACE[dims]))

    return rule


def extreme(least: bool) -> Rule:
    """max, min, amax, amin along dimensions; of two tensors, element by element."""

    def rule(op: Opening) -> Opened:
        tensors = [each for each in op.operation.arguments[:2] if isinstance(each, Value)]
        if len(tensors) == 2:
            raise NotUnderstood("two tensors")
        if op.number > 0:
            raise NotUnderstood("the place of the greatest")
        places, axes = reduced(op)
        return greatest(op, op.operand("inputs", op.value, places, axes=axes), least=least)

    return rule


def greatest(op: Opening, operand: Operand, least: bool = False) -> Opened:
    """The first of the greatest, as torch has it; what is not a number wins."""
    values = operand.values
    sought = np.where(np.isnan(values), np.inf, -values if least else values)
    chosen = tuple(int(at) for at in np.unravel_index(int(sought.argmax()), values.shape))
    word = "least" if least else "greatest"
    steps = (Step("value", float(values[chosen]), f"the {word} of {values.size}"),)
    return Opened("choice", "min" if least else "max", (operand,), steps, 0.0, chosen)


def passes_on(op: Opening) -> Opened:
    """Each number stays where it is; of another type it may be rounded."""
    operand = op.operand("input", op.value, op.index)
    value = float(operand.values)
    rounded = op.value.dtype != op.operation.outputs[0].dtype
    notes = (f"Rounded to {str(op.operation.outputs[0].dtype).removeprefix('torch.')}.",) if rounded else ()
    return _passed(operand, value, abs(value) if rounded else 0.0, notes)


def _passed(operand: Operand, value: float, size: float = 0.0, notes: tuple[str, ...] = ()) -> Opened:
    return Opened(
        "passes on", "the input as it is", (operand,), (Step("value", value),), size, (), 0, 0, notes
    )


def moved(op: Opening) -> Opened:
    source = source_of(op.watched.tensors, op.operation, op.number, op.index)
    if source is None:
        constant = Operand("constant", np.array(op.given))
        return _passed(constant, op.given, notes=("It came from no input: it was filled in.",))
    operand = op.operand("input", *source)
    return _passed(operand, float(operand.values))


def dropout(op: Opening) -> Opened:
    training = op.argument(2, "training", True)
    if not training or op.argument(1, "p", 0.5) == 0:
        return passes_on(op)
    share = float(op.argument(1, "p", 0.5))
    operand = op.operand("input", op.value, op.index)
    value, given = float(operand.values), op.given
    if given == 0:
        note = f"Dropped: with probability {share:g} a number becomes 0."
        return Opened(
            "formula", "0 × x", (operand,), (Step("value", 0.0, "dropped"),), 0.0, None, 0, 0, (note,)
        )
    kept = Step("value", value / (1 - share), f"x ÷ (1 − {share:g})")
    return Opened("formula", "x ÷ (1 − p)", (operand,), (kept,), abs(kept.value), multiplications=1)


def filled(op: Opening) -> Opened:
    """Made without looking at any number."""
    what = f"made by {op.operation.name}"
    constant = Operand("constant", np.array(op.given))
    return Opened("given", what, (constant,), (Step("value", op.given, what),), 0.0)


CREATED = {
    *"""
    new_zeros new_ones new_full new_empty new_tensor zeros_like ones_like full_like empty_like rand_like
    randn_like randint_like
    """.split()
}

CHOICES: dict[str, Callable[[Opening], Opened]] = {
    **dict.fromkeys(MOVES, moved),
    **dict.fromkeys(SAME, passes_on),
    **dict.fromkeys(CREATED, filled),
    "dropout": dropout,
    **dict.fromkeys(("max", "amax"), extreme(False)),
    **dict.fromkeys(("min", "amin"), extreme(True)),
}
for _dims in (1, 2, 3):
    for _more in ("", "_with_indices"):
        CHOICES[f"max_pool{_dims}d{_more}"] = maximum_pooling(_dims)
        CHOICES[f"adaptive_max_pool{_dims}d{_more}"] = adaptive_maximum_pooling(_dims)
    CHOICES[f"dropout{_dims}d"] = dropout
