"""Channels and units as the page shows them: the library's own numbers, the strongest rows whole."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pellucid.inspection.looking import Looking
from pellucid.studio.reading import Spots, spots_of
from pellucid.studio.schemas.seeing import BoxInfo, ChannelInfo, KernelRow, OperandInfo, StepInfo, UnitInfo
from pellucid.types.arithmetic import Arithmetic, Floats, Operand
from pellucid.types.look import Field

ROWS = 12  # of an operand that are shown whole
SUMS = 4096  # of an operand that are told, at most
NUMBERS = 256  # of a row that are shown, at most


def unit_info(looking: Looking, address: str, rows: Sequence[int] = ()) -> UnitInfo:
    """`rows` of the first operand are shown instead of its strongest: those that were shown before, while
    one moves over a map.
    """
    look = looking.unit(address, influence=False)
    opened = look.arithmetic
    return UnitInfo(
        address=look.address,
        layer=opened.layer,
        operation=opened.operation,
        kind=opened.kind,
        formula=opened.formula,
        value=look.value,
        result=opened.result if math.isfinite(opened.result) else None,
        agrees=opened.agrees,
        weights=opened.weights,
        multiplications=opened.multiplications,
        shape=list(opened.shape),
        place=list(look.place),
        patch=list(look.patch or ()),
        source=_source(opened),
        field=_box(look.field),
        steps=[StepInfo(name=step.name, value=step.value, how=step.how) for step in opened.steps],
        operands=[
            _operand(each, opened, spots_of(looking, each), () if at else rows)
            for at, each in enumerate(opened.operands)
        ],
        chosen=list(opened.chosen or ()),
        notes=[*opened.notes, *look.notes],
    )


def _source(opened: Arithmetic) -> str:
    """Where the greatest of all products, in magnitude, came from: the way back towards the picture."""
    strongest = [next((term for term in each.strongest() if term.source), None) for each in opened.operands]
    found = [term for term in strongest if term is not None]  # what is padding came from nowhere
    return max(found, key=lambda term: abs(term.product)).source if found else ""


def channel_info(looking: Looking, address: str) -> ChannelInfo:
    look = looking.channel(address)
    values, kernels = look.values, look.kernels
    shown, window = [], []
    if kernels is not None and kernels.ndim == 3:
        order = np.argsort(-np.abs(kernels).sum((1, 2)), kind="stable")[:ROWS]
        shown = [kernels[at].ravel().tolist() for at in sorted(order.tolist())]
        window = list(kernels.shape[1:])
    return ChannelInfo(
        address=f"{look.layer.address}[{look.channel}]",
        channel=look.channel,
        shape=list((look.map if look.map is not None else values).shape),
        low=float(values.min()),
        high=float(values.max()),
        mean=float(values.mean()),
        strongest=look.strongest,
        place=list(look.place),
        field=_box(look.field),
        kernels=shown,
        kernel=window,
        inputs=0 if kernels is None else len(kernels),
    )


def _box(field: Field | None) -> BoxInfo | None:
    if field is None:
        return None
    return BoxInfo(window=list(field.window), seen=list(field.seen), status=field.status)


def _operand(operand: Operand, opened: Arithmetic, spots: Spots | None, wanted: Sequence[int]) -> OperandInfo:
    rows: list[tuple[int, ...]] = [()]
    if _one_window(operand):
        sums = operand.products.reshape(1, -1).sum(1)
    else:
        sums = operand.by_row
        rows = [(at,) for at in _shown(operand, opened, wanted)]
    told = [_row(operand, at, spots) for at in rows]
    return OperandInfo(
        name=operand.name,
        axes=list(operand.axes),
        shape=list(operand.values.shape),
        learnt=operand.learnt,
        reads="" if spots is None or operand.origin is None else operand.origin.address,
        rows=told,
        count=len(sums),
        rest=float(sums.sum() - sum(row.sum for row in told)) if len(sums) > len(told) else 0.0,
        sums=sums[:SUMS].tolist(),
    )


def _one_window(operand: Operand) -> bool:
    """Whether it is one window of one channel, or one number: nothing to be told row by row."""
    places = not operand.axes or operand.axes[0] in ("z", "y", "x")
    return operand.values.ndim == 0 or (places and operand.values.size <= NUMBERS)


def _shown(operand: Operand, opened: Arithmetic, wanted: Sequence[int]) -> list[int]:
    count = len(operand.by_row)
    rows = sorted({at for at in wanted if 0 <= at < count})[:ROWS] or sorted(operand.strongest_rows(ROWS))
    if opened.chosen is not None and opened.chosen and opened.chosen[0] not in rows:
        rows = sorted({*rows[: ROWS - 1], opened.chosen[0]})
    return rows


def _row(operand: Operand, at: tuple[int, ...], spots: Spots | None) -> KernelRow:
    """One row of the operand, () for all of it."""

    def part(array: Floats) -> list[float]:
        found: list[float] = array[at].ravel()[:NUMBERS].tolist()
        return found

    places = [(*at, *place) for place in np.ndindex(operand.values.shape[len(at) :])][:NUMBERS]
    return KernelRow(
        label=f"{operand.axes[0] if operand.axes else operand.name} {at[0]}" if at else operand.name,
        row=at[0] if at else -1,
        values=part(operand.values),
        weights=[] if operand.weights is None else part(operand.weights),
        products=part(operand.products),
        leads={name: part(numbers) for name, numbers in operand.columns.items()},
        sources=[] if operand.origin is None else [operand.origin.at(place) for place in places],
        spots=[] if spots is None else spots[at].reshape(-1, 3)[:NUMBERS].tolist(),
        sum=float(operand.products[at].sum()),
    )
