"""One unit's arithmetic as lines of text, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.types.arithmetic import Arithmetic, Floats, Operand
from pellucid.views.axes import number
from pellucid.views.numbered import decimals, fixed
from pellucid.views.words import counted

WIDEST = 8  # numbers of a window beside one another; wider ones are told by their strongest terms


def arithmetic_text(record: Arithmetic, most: int = 4) -> str:
    """The unit opened: what went in, with the `most` channels or terms that add most, and how they add up."""
    return "\n".join(_lines(record, most))


def headline(record: Arithmetic) -> str:
    """ "conv1[3, 5, 6] = 0.4121": which unit, and its value."""
    return f"{record.address} = {number(record.value, 6)}"


def account(record: Arithmetic) -> str:
    """What of the network the unit took: "577 weights, 576 multiplications, one unit of 64×56×56"."""
    parts = []
    if record.weights:
        parts.append(counted(record.weights, "weight"))
    if record.multiplications:
        parts.append(counted(record.multiplications, "multiplication"))
    if record.shape:
        parts.append(f"one unit of {'×'.join(map(str, record.shape))}")
    return ", ".join(parts)


def _lines(record: Arithmetic, most: int) -> Iterator[str]:
    what = f"{record.layer} ({record.operation})" if record.layer else record.operation
    yield headline(record)
    yield f"{what}: {record.formula}" if record.formula else what
    for operand in record.operands:
        yield ""
        yield from _operand(record, operand, most)
    if record.steps:
        yield ""
        longest = max(len("network"), *(len(step.name) for step in record.steps))
        for step in record.steps:
            how = f"   {step.how}" if step.how else ""
            yield f"  {step.name:<{longest}}  {number(step.value, 6):>12}{how}"
        yield f"  {'network':<{longest}}  {number(record.value, 6):>12}   what the network itself computed"
    about = account(record)
    if about:
        yield ""
        yield about
    yield from record.notes


def _operand(record: Arithmetic, operand: Operand, most: int) -> Iterator[str]:
    if operand.values.ndim == 0:
        term = operand.term()
        yield f"{operand.name}  {number(term.value, 6)}{f'   {term.source}' if term.source else ''}"
    elif record.kind in ("sum", "choice") and is_window(operand):
        yield from _windows(record, operand, most)
    else:
        yield from _terms(record, operand, 2 * most)


def is_window(operand: Operand) -> bool:
    """Whether its last axes are of a picture or clip."""
    return "x" in operand.axes and operand.values.size > 0


def rows_of(operand: Operand, most: int) -> list[tuple[int | None, Floats, Floats | None]]:
    """The windows of the strongest channels as rows of numbers: (channel, values, weights), each (n, x); one
    without a channel where the operand has none.
    """
    if operand.axes[0] != "channel":
        return [(None, _flat(operand.values), None if operand.weights is None else _flat(operand.weights))]
    weights = operand.weights
    return [
        (row, _flat(operand.values[row]), None if weights is None else _flat(weights[row]))
        for row in operand.strongest_rows(most)
    ]


def _flat(window: NDArray[Any]) -> NDArray[Any]:
    return window.reshape(-1, window.shape[-1])


def channel_of(operand: Operand, row: int) -> str:
    """The channel's number in the layer that the row came from."""
    if operand.origin is None:
        return str(row)
    found = operand.origin.indices[row].reshape(-1, operand.origin.indices.shape[-1])
    return str(int(found[:, 0].max())) if found.shape[-1] else str(row)


def rest_of(operand: Operand, shown: list[int]) -> float:
    """What the rows that are not shown add."""
    sums = operand.by_row
    return float(sums.sum() - sums[shown].sum())


def _windows(record: Arithmetic, operand: Operand, most: int) -> Iterator[str]:
    rows = rows_of(operand, most)
    for row, values, weights in rows:
        yield _heading(operand, row)
        if values.shape[1] > WIDEST:
            yield f"    {counted(values.size, 'number')}: too wide to print"
            continue
        blocks = [_block(values, inside_of(operand, row))]
        if weights is not None:
            blocks += [_block(weights), _block(values * weights)]
        for at, lines in enumerate(zip(*blocks, strict=True)):
            signs = ("", "   × ", "   = ") if at == 0 else ("", "     ", "     ")
            yield "    " + "".join(sign + line for sign, line in zip(signs, lines, strict=False))
    shown = [row for row, _, _ in rows if row is not None]
    if shown and len(shown) < len(operand.values):
        others = len(operand.values) - len(shown)
        yield f"the other {counted(others, 'channel')} add {number(rest_of(operand, shown), 5)}"
    if record.chosen is not None:
        term = operand.term(record.chosen)
        yield f"  taken: {number(term.value, 6)} from {term.source}"


def _heading(operand: Operand, row: int | None) -> str:
    """Which channel's window it is, and the address of its first number that is no padding."""
    inside = _inside(operand, row)
    first = next(iter(np.argwhere(inside).tolist()), None)
    corner = ""
    if operand.origin is not None and first is not None:
        corner = operand.origin.at((*(() if row is None else (row,)), *first))
    where = f"   from {corner} on" if corner else ""
    if row is None:
        return f"{operand.name}{where}"
    return f"channel {channel_of(operand, row)} adds {number(float(operand.by_row[row]), 5)}{where}"


def inside_of(operand: Operand, row: int | None) -> NDArray[np.bool_]:
    """(n, x): which numbers of the row's window are no padding."""
    return np.asarray(_flat(_inside(operand, row)))


def _inside(operand: Operand, row: int | None) -> NDArray[np.bool_]:
    shape = operand.values.shape if row is None else operand.values.shape[1:]
    if operand.origin is None:
        return np.ones(shape, bool)
    return operand.origin.inside if row is None else np.asarray(operand.origin.inside[row])


def _block(values: Floats, inside: NDArray[np.bool_] | None = None) -> list[str]:
    """Rows of numbers, with as many decimals each; what lies in the padding is a dot."""
    places = decimals(values)
    words = [[fixed(float(each), places) for each in row] for row in values]
    if inside is not None:
        words = [
            [word if there else "·" for word, there in zip(line, row, strict=True)]
            for line, row in zip(words, inside, strict=True)
        ]
    longest = max(len(word) for line in words for word in line)
    return [" ".join(f"{word:>{longest}}" for word in line) for line in words]


def _terms(record: Arithmetic, operand: Operand, most: int) -> Iterator[str]:
    yield f"{operand.name}: {counted(operand.values.size, 'number')}, the strongest"
    names = [*operand.columns]
    shown = 0.0
    for term in operand.strongest(most):
        shown += term.product
        line = f"  {number(term.value, 5):>11}"
        if operand.weights is not None:
            line += f" × {number(term.weight, 5):>11} = {number(term.product, 5):>11}"
        for name in names:
            line += f"   {name} {number(float(operand.columns[name][term.place]), 4)}"
        yield f"{line}   {term.source}"
    others = operand.values.size - most
    if others > 0 and record.kind == "sum":
        yield f"  the other {others:,} add {number(float(operand.products.sum()) - shown, 5)}"
    if record.chosen is not None and operand is record.operands[0]:
        term = operand.term(record.chosen)
        yield f"  taken: {number(term.value, 6)} from {term.source}"
