"""A run's test, from the confusion matrix to a single picture."""

from __future__ import annotations

from fastapi import APIRouter, Response

from pellucid.recipes.experiment import open_run
from pellucid.studio import sets
from pellucid.studio.embedded import Embedded, embed
from pellucid.studio.jobs import Report
from pellucid.studio.results import curves_of, judged, results_info
from pellucid.studio.routes.house import Shared
from pellucid.studio.routes.jobs import info_of as job_info
from pellucid.studio.routes.layers import numbers
from pellucid.studio.routes.pictures import info_of
from pellucid.studio.schemas.runs import EmbeddedInfo, EmbedRequest, FigureInfo, MistakeInfo, ResultsInfo
from pellucid.studio.schemas.seeing import JobInfo, PictureInfo
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError
from pellucid.views.colours import class_colours, hex_colour
from pellucid.views.html import fragment

router = APIRouter()
PNG = "image/png"


@router.get("/runs/{name}/results")
def results(name: str, house: Shared) -> ResultsInfo:
    return results_info(open_run(house.networks.run_path(name)))


@router.get("/runs/{name}/results/cell")
def cell(name: str, truth: int, said: int, house: Shared) -> list[MistakeInfo]:
    """The samples of class `truth` that were taken for class `said`, the surest first."""
    return judged(open_run(house.networks.run_path(name))).cell(truth, said)


@router.get("/runs/{name}/results/curves")
def curves(name: str, house: Shared) -> list[FigureInfo]:
    """ROC and precision–recall of each class; none where there are too many classes."""
    figures = curves_of(judged(open_run(house.networks.run_path(name))))
    return [FigureInfo(title="curves", html=fragment(figure)) for figure in figures]


@router.post("/runs/{name}/results/embedding")
def start_embedding(name: str, request: EmbedRequest, house: Shared) -> JobInfo:
    """Lay out the test pictures by what the network finds alike; the map is at `/embeddings/{job}`."""
    opened = house.networks[f"run:{name}"].opened

    def work(report: Report) -> Embedded:
        report(0.0, "opening the data")
        return embed(opened, house.data_of(name), request.method, report)

    return job_info(house.jobs.start("embed", work))


def _embedded(house: Shared, job: str) -> Embedded:
    found = house.jobs[job].result
    if not isinstance(found, Embedded):
        raise InputError(f"job {job[:20]} has no map yet")
    return found


@router.get("/embeddings/{job}")
def embedding(job: str, house: Shared) -> EmbeddedInfo:
    found = _embedded(house, job)
    return EmbeddedInfo(
        count=len(found.points),
        layer=found.layer,
        method=found.method,
        classes=list(found.classes),
        colours=[hex_colour(each) for each in class_colours(1 + max(1, len(found.classes)))[1:]],
        notes=list(found.notes),
    )


@router.get("/embeddings/{job}/points", response_class=Response)
def points(job: str, house: Shared) -> Response:
    """(n, 4) float32: x, y, class (−1 without one), place in the test split."""
    return numbers(_embedded(house, job).points)


@router.get("/runs/{name}/sample/{index}", response_class=Response)
def sample(name: str, index: int, house: Shared) -> Response:
    return Response(_file(name, index, house), media_type=PNG)


@router.post("/runs/{name}/sample/{index}")
def open_sample(name: str, index: int, house: Shared) -> PictureInfo:
    """Make a test picture one of the studio's, to be looked at and explained."""
    return info_of(house.pictures.add(_file(name, index, house), f"{name} test {index}.png"))


def _file(name: str, index: int, house: Shared) -> bytes:
    batch: Batch = house.data_of(name).fetch("test", [index])
    return sets.picture_file(batch.inputs[0])
