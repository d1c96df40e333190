"""One unit's arithmetic as a picture: window × kernel = products, what each channel adds, and the sum."""

from __future__ import annotations

import numpy as np

from pellucid.types.arithmetic import Arithmetic, Floats, Operand, Place
from pellucid.views.arithmetic_text import (
    account,
    channel_of,
    headline,
    inside_of,
    is_window,
    rest_of,
    rows_of,
)
from pellucid.views.axes import Axis, number
from pellucid.views.colours import ColourScale, fitting, signed, unsigned
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Bars, Boxes, Heat, Lines, Mark, Text
from pellucid.views.numbered import numbers_in
from pellucid.views.words import counted

MOST_CHANNELS, MOST_TERMS = 4, 12
_CELL, _GAP = 34.0, 0.35  # a row of numbers in CSS pixels; between two windows, in rows
_NUMBERED = 8  # wider windows show colours alone


def arithmetic_figure(record: Arithmetic, most: int = MOST_CHANNELS) -> Figure:
    """The unit opened: with windows, those of the `most` channels that add most; otherwise the strongest
    terms, or how the group is spread; and in any case the steps to the value.
    """
    first = next(
        (operand for operand in record.operands if operand.values.ndim and operand.values.size), None
    )
    caption = " ".join([*([f"{account(record)}."] if account(record) else []), *record.notes])
    if first is not None and is_window(first) and record.kind in ("sum", "choice"):
        windows = _windowed(record, first, most)
        columns = 4 if len(windows) == 4 and first.values.shape[-1] <= 3 else 2
        return Figure(windows, headline(record), columns=columns, caption=caption)
    panels: tuple[Panel, ...] = (_account_panel(record),)
    if first is not None and record.kind == "normalisation":
        panels = (_spread(record, first), *panels)
    elif first is not None:
        panels = (_contributions(record, first, MOST_TERMS), *panels)
        if len(first.axes) == 2 and first.weights is not None:
            panels = (*panels, _weights_panel(first.weights))
    return Figure(panels, headline(record), columns=2, caption=caption)


def _windowed(record: Arithmetic, operand: Operand, most: int) -> tuple[Panel, ...]:
    rows = rows_of(operand, MOST_TERMS if _single(operand) else most)
    names = ["" if row is None else channel_of(operand, row) for row, _, _ in rows]
    values = [np.where(inside_of(operand, row), values, np.nan) for row, values, _ in rows]
    weights = [weights for _, _, weights in rows if weights is not None]
    corner = "" if operand.origin is None else f"from {operand.origin.address}"
    window = _tiles("input window", values, names, _scale_of(values, "input"), corner)
    if not weights:
        if record.chosen is not None:
            window = _with_choice(window, record.chosen, operand)
        return window, _account_panel(record)
    products = [values * weights for _, values, weights in rows if weights is not None]
    kernel_scale = signed(np.concatenate(weights), "weight")
    return (
        window,
        _tiles("× kernel" if operand.learnt else "× weight", weights, names, kernel_scale, operand.learnt),
        _tiles("= products", products, names, signed(np.concatenate(products), "product"), ""),
        _contributions(record, operand, len(rows)),
    )


def _scale_of(tiles: list[Floats], label: str) -> ColourScale:
    return fitting(np.concatenate(tiles), label)


def _single(operand: Operand) -> bool:
    return all(length == 1 for length in operand.values.shape[1:])


def _tiles(title: str, tiles: list[Floats], names: list[str], scale: ColourScale, caption: str) -> Panel:
    """Windows below one another through one scale, with the numbers in them where there is room."""
    tall, wide = tiles[0].shape
    gap = _GAP if tall > 1 else 0.0
    marks: list[Mark] = []
    for at, tile in enumerate(tiles):
        top = at * (tall + gap)
        marks.append(Heat(tile, scale, (0.0, float(wide), top, top + tall)))
        marks += numbers_in(tile, scale, top=top) if wide <= _NUMBERED else []
    height = len(tiles) * (tall + gap) - gap
    places = tuple((at * (tall + gap) + tall / 2, name) for at, name in enumerate(names))
    cell = _CELL if tall <= 3 else _CELL * 0.7
    return Panel(
        tuple(marks),
        title,
        frame=(height, float(wide)),
        y=Axis("channel" if any(names) else "", ticks=places if any(names) else None),
        height=max(height * cell, 60.0),
        width=max(62.0 * wide, 150.0),
        key=scale,
        caption=caption,
    )


def _with_choice(panel: Panel, chosen: Place, operand: Operand) -> Panel:
    """A frame around the number that was taken."""
    flat = int(np.ravel_multi_index(chosen, operand.values.shape))
    row, column = divmod(flat, operand.values.shape[-1])
    frame = Boxes(
        np.array([[column + 0.03, row + 0.03, column + 0.97, row + 0.97]]), colours=("orange",), width=3.0
    )
    return Panel(
        (*panel.marks, frame), panel.title, panel.frame, panel.x, panel.y, None, panel.height, panel.width,
        panel.key, f"{panel.caption}\nframed: the one taken".strip(),
    )  # fmt: skip


def _contributions(record: Arithmetic, operand: Operand, most: int) -> Panel:
    """What adds up: the strongest channels or terms, the rest of them, the bias, and the value."""
    words, values = _summands(operand, most)
    bias = next((step.value for step in record.steps if step.name == "bias"), None)
    if bias is not None:
        words, values = [*words, f"bias: {number(bias, 3)}"], [*values, bias]
    if record.kind == "sum":
        words, values = [*words, f"value: {number(record.value, 4)}"], [*values, record.value]
    at = np.arange(len(values))[::-1] + 0.5
    told = np.array(values)
    ends = len(values) - (record.kind == "sum")
    bars: tuple[Mark, ...] = (
        Bars(at[:ends], told[:ends], "blue", tuple(words[:ends]), lying=True),
        Bars(at[ends:], told[ends:], "orange", tuple(words[ends:]), lying=True),
    )
    ticks = tuple((float(place), word) for place, word in zip(at, words, strict=True))
    divided = any(step.name == "count" for step in record.steps)
    return Panel(
        bars if ends < len(values) else bars[:1],
        "what is added" if not divided else "what is averaged",
        x=Axis(limits=_around(told), ticks=((0.0, "0"),)),
        y=Axis(ticks=ticks, limits=(0.0, float(len(values)))),
        height=max(26.0 * len(values), 120.0),
        caption="\n".join(_steps(record)) if is_window(operand) else "",
        tone="ink",
    )


def _around(values: Floats) -> tuple[float, float]:
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    margin = 0.05 * (high - low) or 1.0
    return low - margin * (low < 0), high + margin * (high > 0 or low == 0)


def _summands(operand: Operand, most: int) -> tuple[list[str], list[float]]:
    by_channel = operand.axes[:1] == ("channel",) or len(operand.axes) > 1
    if by_channel and operand.axes[0] in ("channel", "head"):
        shown, noun = operand.strongest_rows(most), operand.axes[0]
        sums = operand.by_row
        words = [f"{noun} {channel_of(operand, row) if noun == 'channel' else row}" for row in shown]
        values = [float(sums[row]) for row in shown]
        others, rest = len(sums) - len(shown), rest_of(operand, shown)
    else:
        terms = [*operand.strongest(most)]
        noun = operand.axes[0] if len(operand.axes) == 1 else "term"
        words = [f"{noun} {', '.join(map(str, term.place))}" for term in terms]
        values = [term.product for term in terms]
        others, rest = operand.values.size - len(terms), float(operand.products.sum()) - sum(values)
    if others:
        words, values = [*words, f"other {others:,}"], [*values, rest]
    return [f"{word}: {number(value, 3)}" for word, value in zip(words, values, strict=True)], values


def _weights_panel(weights: Floats) -> Panel:
    """Attention: a row for each head, a column for each key."""
    scale = unsigned(weights, "softmax weight", low=0.0)
    heads, keys = weights.shape
    rows = tuple((at + 0.5, str(at)) for at in range(heads))
    return Panel(
        (Heat(weights, scale),),
        "where each head looks",
        frame=(float(heads), float(keys)),
        x=Axis("key"),
        y=Axis("head", ticks=rows),
        height=max(16.0 * heads, 80.0),
        key=scale,
        caption=f"{counted(keys, 'key')} from left to right",
    )


def _spread(record: Arithmetic, group: Operand) -> Panel:
    """How the numbers that were normalised together are spread, and where the unit's own is."""
    values = group.values.ravel()
    own = float(record.operands[0].values) if record.operands[0].values.ndim == 0 else float("nan")
    counts, edges = np.histogram(values, bins=min(40, max(5, int(np.sqrt(values.size)))))
    middles = (edges[:-1] + edges[1:]) / 2
    bars = Bars(middles, counts.astype(float), "faint", thickness=float(edges[1] - edges[0]) * 0.92)
    mean = float(values.mean())
    top = float(counts.max())
    lines = Lines(
        (np.array([own, own]), np.array([mean, mean])),
        (np.array([0.0, top]), np.array([0.0, top * 0.8])),
        ("this unit's input", "mean"),
        ("orange", "blue"),
    )
    return Panel(
        (bars, lines),
        f"the group: {counted(values.size, 'number')}",
        x=Axis("input"),
        y=Axis("how many", limits=(0.0, top * 1.08)),
    )


_LINE = 22.0


def _account_panel(record: Arithmetic) -> Panel:
    """The steps as a column of numbers."""
    lines = [
        (operand.name, number(float(operand.values), 5), operand.term().source)
        for operand in record.operands
        if operand.values.ndim == 0
    ]
    if record.chosen and record.operands:
        term = record.operands[0].term(record.chosen)
        lines.append(("taken", number(term.value, 5), term.source))
    lines += [(step.name, number(step.value, 5), step.how) for step in record.steps]
    lines.append(("the network's own", number(record.value, 5), ""))
    height = _LINE * len(lines)
    marks: list[Mark] = []
    for at, (name, value, how) in enumerate(lines):
        y = (at + 0.5) * _LINE
        last = at == len(lines) - 1
        marks += [
            Text(0.0, y, name, "start", "muted"),
            Text(225.0, y, value, "end", "orange" if last else "ink", 13.0),
            Text(240.0, y, how, "start", "muted", 11.0),
        ]
    return Panel(
        tuple(marks),
        "step by step",
        frame=(height, 470.0),
        height=height,
        width=470.0,
        caption=record.formula,
    )


def _steps(record: Arithmetic) -> list[str]:
    said = [f"{step.name}: {number(step.value, 5)}" for step in record.steps]
    return [", ".join(said), f"the network's own value: {number(record.value, 5)}"]
