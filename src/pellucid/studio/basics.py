"""The first lessons as the page shows them: the studies' own numbers, in JSON's types."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.decode import decode
from pellucid.inspection.shifts import moved_crop
from pellucid.ops.filters import Sliding, filtered
from pellucid.studies.convolution import bill, grey
from pellucid.studies.neuron import (
    REACH,
    SIDE,
    NeuronStudy,
    accuracy,
    landscape,
    learn,
    network,
    put_weights,
    walk_through,
    weights_of,
)
from pellucid.studies.points import points_of
from pellucid.studies.pooling import edges, pooled, responses
from pellucid.studio.pictures import Picture
from pellucid.studio.schemas.basics import (
    ConvolutionInfo,
    ConvolutionRequest,
    NeuronInfo,
    NeuronRequest,
    NumbersInfo,
    PoolingInfo,
    ShiftsInfo,
    WalkEdgeInfo,
    WalkInfo,
    WalkNodeInfo,
    WalkStepInfo,
)
from pellucid.types.errors import InputError
from pellucid.types.walk import Walk

MOST_EXTRA, MOST_AT_ONCE = 400, 2000
MARGIN = 16  # pixels at most that a picture is moved
SHIFTS = (1, 2, 3, 4, 6, 8)


def neuron_info(request: NeuronRequest) -> NeuronInfo:
    study = NeuronStudy(
        **request.model_dump(include={"data", "hidden", "activation", "loss", "rate", "noise", "seed"})
    )
    if len(request.extra) > MOST_EXTRA or request.steps > MOST_AT_ONCE:
        raise InputError(
            f"at most {MOST_EXTRA} points of one's own and {MOST_AT_ONCE:,} steps at once; got "
            f"{len(request.extra)} and {request.steps}"
        )
    points, labels = points_of(study.data, study.points, study.noise, study.seed)
    if request.extra:
        own = torch.tensor(request.extra, dtype=torch.float64)
        points, labels = torch.cat([points, own[:, :2]]), torch.cat([labels, own[:, 2]])
    model = network(study)
    if request.weights is not None:
        put_weights(model, request.weights)
    losses = learn(model, points, labels, study, request.steps)
    if not all(map(math.isfinite, losses)):
        raise InputError(f"the loss became infinite: a learning rate of {study.rate:g} is too high here")
    probabilities, units = landscape(model)
    walked = None
    if request.point is not None:
        walked = walk_info(walk_through(model, study, request.point[:2], request.point[2]))
    return NeuronInfo(
        weights=weights_of(model),
        losses=losses,
        accuracy=accuracy(model, points, labels),
        points=[(x, y, label) for (x, y), label in zip(points.tolist(), labels.tolist(), strict=True)],
        reach=REACH,
        side=SIDE,
        probabilities=_row(probabilities, 4),
        small=SIDE // 2,
        units=[_row(unit[::2, ::2], 3) for unit in units],
        walk=walked,
    )


def walk_info(walk: Walk) -> WalkInfo:
    nodes = [
        WalkNodeInfo(
            name=node.name,
            role=node.role,
            operation=node.operation,
            shape=list(node.shape),
            value=node.value.ravel().tolist(),
            gradient=None if node.gradient is None else node.gradient.ravel().tolist(),
        )
        for node in walk.nodes
    ]
    lines = [
        WalkEdgeInfo(
            source=edge.source,
            target=edge.target,
            form=edge.form,
            derivative=None if edge.derivative is None else edge.derivative.ravel().tolist(),
            gradient=None if edge.gradient is None else edge.gradient.ravel().tolist(),
        )
        for edge in walk.edges
    ]
    steps = [
        WalkStepInfo(direction=step.direction, name=step.name, reached=list(step.reached))
        for step in walk.steps()
    ]
    return WalkInfo(result=walk.result, nodes=nodes, edges=lines, steps=steps)


def small(picture: Picture, side: int) -> Tensor:
    """(h, w) grey values in [0, 1], the longer side of `side` pixels: so small that one sees pixels."""
    if not 16 <= side <= 256:
        raise InputError(f"expected a side of 16 to 256 pixels; got {side}")
    pixels = grey(decode(picture.content))
    share = side / max(pixels.shape)
    size = [max(1, round(length * share)) for length in pixels.shape]
    found: Tensor = F.interpolate(pixels[None, None], size, mode="bilinear", antialias=True)[0, 0]
    return found.clamp(0, 1)


def convolution_info(request: ConvolutionRequest, picture: Picture) -> ConvolutionInfo:
    rows = request.kernel
    if not rows or any(len(row) != len(rows) for row in rows):
        raise InputError("expected a square kernel: as many rows as numbers in each")
    if not all(1 <= count <= 4096 for count in request.channels):
        raise InputError(f"expected 1 to 4,096 channels; got {request.channels}")
    kernel = torch.tensor(rows, dtype=torch.float32)
    if not kernel.isfinite().all():
        raise InputError("a kernel has finite numbers")
    pixels = small(picture, request.side)
    sliding = Sliding(request.stride, request.padding, request.dilation, request.transposed)
    found = filtered(pixels[None, None], kernel, sliding)[0, 0]
    if found.numel() > 2**20:
        raise InputError(f"{found.shape[0]} × {found.shape[1]} pixels are more than can be shown")
    window, seen, products = _window(request.place, pixels, kernel, sliding, found)
    return ConvolutionInfo(
        before=numbers_info(pixels),
        after=numbers_info(found),
        bill=bill(sliding, (pixels.shape[0], pixels.shape[1]), len(kernel), request.channels),
        window=window,
        seen=seen,
        products=products,
    )


def _window(
    place: tuple[int, int] | None, pixels: Tensor, kernel: Tensor, sliding: Sliding, found: Tensor
) -> tuple[list[tuple[int, int]], list[float], list[float]]:
    """What each weight of the kernel meets for the output at `place`: (row, column), −1 where there is no
    pixel, its value, and the product.
    """
    if place is None:
        return [], [], []
    if not (0 <= place[0] < found.shape[0] and 0 <= place[1] < found.shape[1]):
        raise InputError(f"the output has no pixel {place}; it is {found.shape[0]} × {found.shape[1]}")
    met = []
    for at in np.ndindex(*kernel.shape):
        spot = [_met(sliding, out, tap) for out, tap in zip(place, at, strict=True)]
        inside = all(0 <= where < length for where, length in zip(spot, pixels.shape, strict=True))
        met.append((spot[0], spot[1]) if inside else (-1, -1))
    seen = [float(pixels[spot]) if spot[0] >= 0 else 0.0 for spot in met]
    products = [value * weight for value, weight in zip(seen, kernel.flatten().tolist(), strict=True)]
    return met, seen, products


def _met(sliding: Sliding, out: int, tap: int) -> int:
    """Along one axis: the input pixel that weight `tap` meets for output `out`; −1 for none."""
    if not sliding.transposed:
        return out * sliding.stride - sliding.padding + tap * sliding.dilation
    at = out + sliding.padding - tap * sliding.dilation
    return at // sliding.stride if at % sliding.stride == 0 else -1


def pooling_info(picture: Picture, pooling: str, size: int, move: tuple[int, int], side: int) -> PoolingInfo:
    """`move` is (down, right)."""
    if max(map(abs, move)) > MARGIN:
        raise InputError(f"the picture can be moved by up to {MARGIN} pixels; got {move}")
    maps = _maps(picture, side)
    places = [moved_crop(maps, MARGIN, *each) for each in ((0, 0), move)]
    answers = [pooled(pooling, size, each) for each in places]
    return PoolingInfo(
        maps=[numbers_info(each[0, 0]) for each in places],
        pooled=[numbers_info(each[0, 0]) for each in answers],
        change=_change(places),
        pooled_change=_change(answers),
    )


def shifts_info(picture: Picture, poolings: Sequence[str], size: int, side: int) -> ShiftsInfo:
    maps = _maps(picture, side)
    found = {name: responses(name, size, maps, SHIFTS) for name in poolings}
    shares = {name: [each.passed_on for each in several] for name, several in found.items()}
    return ShiftsInfo(shifts=list(SHIFTS), shares=shares)


def _maps(picture: Picture, side: int) -> Tensor:
    maps = edges(small(picture, side))
    if min(maps.shape[2:]) <= 2 * MARGIN + 8:
        raise InputError("this picture is too narrow to be moved about; choose a squarer one")
    return maps


def _change(pair: Sequence[Tensor]) -> float:
    still, moved = pair
    return float((moved - still).norm() / still.norm().clamp_min(torch.finfo(torch.float32).tiny))


def numbers_info(values: Tensor) -> NumbersInfo:
    return NumbersInfo(height=values.shape[0], width=values.shape[1], values=_row(values.numpy(), 5))


def _row(values: NDArray[Any], digits: int) -> list[float]:
    found: list[float] = np.round(np.asarray(values, np.float64), digits).ravel().tolist()
    return found
