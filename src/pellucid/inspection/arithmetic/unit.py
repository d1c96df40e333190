"""`unit`: the arithmetic of one unit of a watched network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from pellucid.inspection.arguments import MISREAD
from pellucid.inspection.arithmetic.attention import ATTENTION
from pellucid.inspection.arithmetic.choices import CHOICES
from pellucid.inspection.arithmetic.normalising import NORMALISATIONS
from pellucid.inspection.arithmetic.opening import Opened, Opening
from pellucid.inspection.arithmetic.pointwise import POINTWISE
from pellucid.inspection.arithmetic.sums import SUMS
from pellucid.inspection.arithmetic.watching import Watched
from pellucid.inspection.trace import Value
from pellucid.types.address import Address
from pellucid.types.arithmetic import Arithmetic, Place, Step, follow_back
from pellucid.types.errors import InputError, unknown_name

RULES: dict[str, Callable[[Opening], Opened]] = {
    **SUMS,
    **CHOICES,
    **NORMALISATIONS,
    **POINTWISE,
    **ATTENTION,
}
"""By torch's name for the operation."""


def unit(watched: Watched, address: str | Address, *, sample: int = 0) -> Arithmetic:
    """The unit at `address` opened: `layer1.0.conv1[3, 5, 6]`, `layer1.0:add[3, 5, 6]`, `:input[0, 7, 7]`.

    A block leads to the operation that gave its output. `sample` is the place in the batch. What the rules
    give is held against the network's own number; where they differ, or there is no rule, the record is
    "unknown" and says so. Raises `InputError` for an address that does not exist or is not that of one unit,
    and where weights have changed since the run.
    """
    asked = address if isinstance(address, Address) else Address.parse(address)
    watched.check_unchanged()
    value = value_at(watched, asked)
    index = _element(watched, value, asked, sample)
    order = watched.layout_at(value).order
    found = _opened(watched, value, index)
    call = watched.calls.get(str(asked.whole))
    return replace(
        found,
        address=str(asked),
        layer=call.kind if call is not None else "",
        shape=tuple(value.shape[at] for at in order),
        index=asked.index,
    )


def follow(watched: Watched, address: str | Address, steps: int, *, sample: int = 0) -> Iterator[Arithmetic]:
    """The unit, the unit that its strongest term came from, and so on: at most `steps` further ones."""
    first = unit(watched, address, sample=sample)
    return follow_back(first, lambda source: unit(watched, source, sample=sample), steps)


def value_at(watched: Watched, address: Address) -> Value:
    """The tensor that a layer, operation, input or weight at `address` gave; the first one of several."""
    whole = str(address.whole)
    if whole in watched.calls:
        return watched.calls[whole].outputs[0]
    if whole in watched.operations:
        return watched.operations[whole].outputs[0]
    if whole in watched.given:
        return watched.given[whole]
    known = [*watched.calls, *watched.operations, *watched.given]
    raise unknown_name("layer, operation or weight", whole, known, shown_by="pellucid inspect")


def _element(watched: Watched, value: Value, address: Address, sample: int) -> Place:
    """The unit's place in the tensor. A tensor without channels is asked for without brackets."""
    layout = watched.layout_at(value)
    order, batched = layout.order, len(layout.order) < len(value.shape)
    sizes = tuple(value.shape[at] for at in order)
    where = f"{address.whole} gives {'×'.join(map(str, sizes)) or 'one number'}"
    if len(address.index) != len(order):
        raise InputError(
            f"one unit of it is named by {len(order)} numbers in brackets; got {address}, and {where}"
        )
    if any(at >= size for at, size in zip(address.index, sizes, strict=True)):
        raise InputError(f"{address} lies outside: {where}, counted from 0")
    if batched and not 0 <= sample < value.shape[0]:
        raise InputError(f"sample {sample} of a batch of {value.shape[0]}: they count from 0")
    place = dict(zip(order, address.index, strict=True))
    return tuple(place.get(at, sample) for at in range(len(value.shape)))


def _opened(watched: Watched, value: Value, index: Place) -> Arithmetic:
    given = float(watched.tensors[value][index])
    if value.producer is None:
        return _given(watched, value, index, given)
    operation = watched.trace.operations[value.producer]
    number = next(at for at, each in enumerate(operation.outputs) if each is value)
    opening = Opening(watched, operation, number, index)
    rule = RULES.get(operation.name)
    if rule is None:
        return _unknown(
            opening, given, f"There is no rule for {operation.name}: its arithmetic is not shown."
        )
    try:
        opened = rule(opening)
    except (*MISREAD, RuntimeError) as why:
        return _unknown(opening, given, f"This use of {operation.name} is not understood ({why}).")
    found = Arithmetic(
        address="",
        layer="",
        operation=operation.name,
        kind=opened.kind,
        formula=opened.formula,
        value=given,
        steps=opened.steps,
        operands=opened.operands,
        chosen=opened.chosen,
        weights=opened.weights,
        multiplications=opened.multiplications,
        tolerance=_rounding(watched, value) * max(opened.size, abs(given)) + _least(value),
        notes=opened.notes,
    )
    if found.agrees:
        return found
    note = (
        f"The arithmetic of {operation.name} gives {found.result:.7g} where the network has {given:.7g}: it "
        "is not what was computed."
    )
    return _unknown(opening, given, note)


def _given(watched: Watched, value: Value, index: Place, given: float) -> Arithmetic:
    words = {
        "input": "a number of the input",
        "parameter": "a learnt weight",
        "buffer": "a number that the network keeps",
    }
    what = words.get(value.origin, "a constant of the network")
    steps = (Step("value", given, what),)
    return Arithmetic("", "", value.origin, "given", what, given, steps)


def _unknown(opening: Opening, given: float, note: str) -> Arithmetic:
    inputs = [opening.watched.names.get(each, "") for each in opening.operation.inputs]
    known = ", ".join(dict.fromkeys(each for each in inputs if each))
    notes = (note, *([f"It was made from {known}."] if known else []))
    return Arithmetic("", "", opening.operation.name, "unknown", "", given, (), notes=notes)


def _least(value: Value) -> float:
    """Below the least normal number digits are lost."""
    return float(torch.finfo(value.dtype).tiny) if value.dtype.is_floating_point else 0.0


def _rounding(watched: Watched, value: Value) -> float:
    """How far, in terms of the numbers' sizes, the network may be from exact arithmetic."""
    steps = torch.finfo(value.dtype).eps if value.dtype.is_floating_point else 0.0
    loose = watched.tensors[value].is_cuda and value.dtype == torch.float32  # TensorFloat-32
    return max(1e-5, 2 * steps, 2e-3 if loose else 0.0)
