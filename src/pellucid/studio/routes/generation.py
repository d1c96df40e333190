"""Two players on points of the plane, a move at a time, and a mixture of Gaussians on the same points."""

from __future__ import annotations

from typing import get_args

from fastapi import APIRouter

from pellucid.data.planar import PLANAR
from pellucid.studies.gan import KINDS
from pellucid.studies.gan_lab import MOST, Setup
from pellucid.studies.mixture import Beginning, Covariance, MixtureStudy
from pellucid.studio.generating import mixture_info, moves_of
from pellucid.studio.routes.house import Shared
from pellucid.studio.schemas.generation import GanInfo, GanRequest, GenerationChoices, MixtureInfo

router = APIRouter(prefix="/generation")


@router.get("/choices")
def choices() -> GenerationChoices:
    return GenerationChoices(
        sets=list(PLANAR),
        kinds=list(KINDS),
        covariances=list(get_args(Covariance)),
        beginnings=list(get_args(Beginning)),
        most=MOST,
    )


@router.post("/gan")
def gan(request: GanRequest, house: Shared) -> GanInfo:
    """Both players after these moves, or after as many as may be waited for."""
    setup = Setup(**request.model_dump(exclude={"moves"}))
    return house.labs.info(setup, moves_of(request.moves))


@router.get("/mixture")
def mixture(
    data: str = "gaussians8",
    components: int = 8,
    covariance: str = "full",
    beginning: str = "random",
    seed: int = 0,
    number: int | None = None,
) -> MixtureInfo:
    """EM after iteration `number`, by default the last."""
    study = MixtureStudy(
        data=data,
        components=(components,),
        covariance=(covariance,),
        beginning=beginning,  # type: ignore[arg-type]  # what it may be, the study checks
        seed=seed,
    )
    return mixture_info(study, number)
