"""A run's test, from the confusion matrix to a single picture."""

from __future__ import annotations

from fastapi import APIRouter, Response

from pellucid.recipes.experiment import open_run
from pellucid.studio import sets
from pellucid.studio.results import data_of, judged, results_info
from pellucid.studio.routes.house import Shared
from pellucid.studio.routes.pictures import info_of
from pellucid.studio.schemas import MistakeInfo, PictureInfo, ResultsInfo
from pellucid.types.batch import Batch

router = APIRouter()
PNG = "image/png"


@router.get("/runs/{name}/results")
def results(name: str, house: Shared) -> ResultsInfo:
    return results_info(judged(open_run(house.networks.run_path(name))))


@router.get("/runs/{name}/results/cell")
def cell(name: str, truth: int, said: int, house: Shared) -> list[MistakeInfo]:
    """The samples of class `truth` that were taken for class `said`, the surest first."""
    return judged(open_run(house.networks.run_path(name))).cell(truth, said)


@router.get("/runs/{name}/sample/{index}", response_class=Response)
def sample(name: str, index: int, house: Shared) -> Response:
    return Response(_file(name, index, house), media_type=PNG)


@router.post("/runs/{name}/sample/{index}")
def open_sample(name: str, index: int, house: Shared) -> PictureInfo:
    """Make a test picture one of the studio's, to be looked at and explained."""
    return info_of(house.pictures.add(_file(name, index, house), f"{name} test {index}.png"))


def _file(name: str, index: int, house: Shared) -> bytes:
    opened = open_run(house.networks.run_path(name))
    found = house.sets.of_run(name, lambda: data_of(opened))
    batch: Batch = found.fetch("test", [index])
    return sets.picture_file(batch.inputs[0])
