"""Channels and units as the page shows them: the library's own numbers, the strongest rows whole."""

from __future__ import annotations

import math

import numpy as np

from pellucid.inspection.looking import Looking
from pellucid.studio.schemas.seeing import BoxInfo, ChannelInfo, KernelRow, OperandInfo, StepInfo, UnitInfo
from pellucid.types.arithmetic import Arithmetic, Operand
from pellucid.types.look import Field

ROWS = 12  # of an operand that are shown whole
SUMS = 4096  # of an operand that are told, at most
NUMBERS = 256  # of a row that are shown, at most


def unit_info(looking: Looking, address: str) -> UnitInfo:
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
        operands=[_operand(each, opened) for each in opened.operands],
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


def _operand(operand: Operand, opened: Arithmetic) -> OperandInfo:
    sums = operand.by_row
    rows = sorted(operand.strongest_rows(ROWS))
    if opened.chosen is not None and opened.chosen and opened.chosen[0] not in rows:
        rows = sorted({*rows[: ROWS - 1], opened.chosen[0]})
    return OperandInfo(
        name=operand.name,
        axes=list(operand.axes),
        shape=list(operand.values.shape),
        learnt=operand.learnt,
        rows=[_row(operand, at) for at in rows],
        count=len(sums),
        rest=float(sums.sum() - sums[rows].sum()),
        sums=sums[:SUMS].tolist(),
    )


def _row(operand: Operand, at: int) -> KernelRow:
    """One row of the operand; of a single number, the number."""
    scalar = operand.values.ndim == 0
    values = operand.values.reshape(1) if scalar else np.atleast_1d(operand.values[at])
    products = operand.products.reshape(1) if scalar else np.atleast_1d(operand.products[at])
    places = [() if scalar else (at, *place) for place in np.ndindex(operand.values.shape[1:])]
    weights = operand.weights
    axis = operand.axes[0] if operand.axes else operand.name
    return KernelRow(
        label=f"{axis} {at}",
        values=values.ravel()[:NUMBERS].tolist(),
        weights=[] if weights is None else [float(weights[place]) for place in places[:NUMBERS]],
        products=products.ravel()[:NUMBERS].tolist(),
        sources=[] if operand.origin is None else [operand.origin.at(place) for place in places[:NUMBERS]],
        sum=float(products.sum()),
    )
