"""The Basics: the studies of the first lessons, asked live. Nothing is kept: each request says all."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query

from pellucid.blocks.initialisation import INITIALISATIONS
from pellucid.ops.filters import KERNELS, SIZED, kernel_of
from pellucid.studies.activations import curve, places
from pellucid.studies.initialisation import ACTIVATIONS, Floats, InitialisationStudy, passages, verdict
from pellucid.studies.neuron import LOSSES
from pellucid.studies.optimisers import GRID, OPTIMISERS, SURFACES, OptimisersStudy, race, suiting, surface_of
from pellucid.studies.points import POINTS
from pellucid.studies.pooling import POOLINGS
from pellucid.studio.basics import convolution_info, neuron_info, pooling_info, shifts_info
from pellucid.studio.routes.house import Shared
from pellucid.studio.schemas.basics import (
    ChoicesInfo,
    ConvolutionInfo,
    ConvolutionRequest,
    CurvesInfo,
    NeuronInfo,
    NeuronRequest,
    PassageInfo,
    PoolingInfo,
    RaceInfo,
    ShiftsInfo,
    SurfaceInfo,
)
from pellucid.types.errors import InputError

router = APIRouter(prefix="/basics")
DEEPEST, WIDEST = 60, 256


@router.get("/choices")
def choices() -> ChoicesInfo:
    return ChoicesInfo(
        points=list(POINTS),
        activations=list(ACTIVATIONS),
        losses=list(LOSSES),
        initialisations=list(INITIALISATIONS),
        surfaces=list(SURFACES),
        optimisers=list(OPTIMISERS),
        kernels={name: kernel_of(name).tolist() for name in KERNELS},
        sized=list(SIZED),
        poolings=list(POOLINGS),
    )


@router.post("/neuron")
def neuron(request: NeuronRequest) -> NeuronInfo:
    """A neuron or small network some steps further, and what it makes of the plane."""
    return neuron_info(request)


@router.get("/activations")
def activations(reach: float = 6.0) -> CurvesInfo:
    found = {name: curve(name, reach) for name in ACTIVATIONS}
    return CurvesInfo(
        x=places(reach).tolist(),
        values={name: values.tolist() for name, (values, _) in found.items()},
        slopes={name: slopes.tolist() for name, (_, slopes) in found.items()},
    )


@router.get("/initialisation")
def initialisation(
    activation: Annotated[list[str], Query()],
    initialisation: Annotated[list[str], Query()],
    depth: int = 30,
    width: int = 128,
    seed: int = 0,
) -> list[PassageInfo]:
    """How far signals and gradients come in dense layers."""
    if not 2 <= depth <= DEEPEST or not 1 <= width <= WIDEST:
        raise InputError(
            f"here networks have 2 to {DEEPEST} layers, at most {WIDEST} wide; got {depth} and {width}; "
            "`pellucid study initialisation` takes larger ones"
        )
    study = InitialisationStudy(
        depth=depth,
        width=width,
        activation=tuple(activation),
        initialisation=tuple(initialisation),
        seed=seed,
    )
    study.check()
    return [
        PassageInfo(
            activation=each.activation,
            initialisation=each.initialisation,
            signals=_finite(each.signals),
            gradients=_finite(each.gradients),
            predicted_signals=_finite(each.predicted_signals),
            predicted_gradients=_finite(each.predicted_gradients),
            verdicts=[verdict(each.forward), verdict(each.backward)],
        )
        for each in passages(study)
    ]


@router.get("/kernel")
def kernel(name: str, size: int = 3) -> list[list[float]]:
    found: list[list[float]] = kernel_of(name, size).tolist()
    return found


@router.get("/surface")
def surface(name: str) -> SurfaceInfo:
    found = surface_of(name)
    return SurfaceInfo(
        formula=found.formula,
        box=list(found.box),
        start=list(found.start),
        least=[list(each) for each in found.least],
        lowest=found.lowest,
        side=GRID,
        values=np.round(found.map(), 6).ravel().tolist(),
        rates={name_: suiting(name, name_) for name_ in OPTIMISERS},
    )


@router.get("/race")
def run_race(
    surface: str,
    optimiser: Annotated[list[str], Query()],
    steps: int = 300,
    rate: float | None = None,
    x: float | None = None,
    y: float | None = None,
) -> list[RaceInfo]:
    """Each optimiser's way from (x, y), or from where the surface says."""
    start = None if x is None or y is None else (x, y)
    study = OptimisersStudy(surface, tuple(optimiser), rate, steps, start)
    return [
        RaceInfo(
            optimiser=each.optimiser,
            rate=each.rate,
            x=each.places[:, 0].tolist(),
            y=each.places[:, 1].tolist(),
            values=each.values.tolist(),
        )
        for each in (race(study, name) for name in dict.fromkeys(optimiser))
    ]


@router.post("/convolution")
def convolution(request: ConvolutionRequest, house: Shared) -> ConvolutionInfo:
    return convolution_info(request, house.pictures[request.picture])


@router.get("/pooling")
def pooling(
    picture: str,
    house: Shared,
    pooling: str = "max",
    size: int = 4,
    down: int = 0,
    right: int = 0,
    side: int = 112,
) -> PoolingInfo:
    return pooling_info(house.pictures[picture], pooling, size, (down, right), side)


@router.get("/pooling/shifts")
def shifts(picture: str, house: Shared, size: int = 4, side: int = 112) -> ShiftsInfo:
    """Every pooling, by how far the picture moves."""
    return shifts_info(house.pictures[picture], list(POOLINGS), size, side)


def _finite(values: Floats) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]
