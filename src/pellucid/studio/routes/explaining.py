"""Explanations: asked for as a job, told as they come, and exported as a picture or a page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from pellucid.explain import METHODS
from pellucid.studio.called import called
from pellucid.studio.explaining import (
    Explained,
    Question,
    command_of,
    explain,
    python_of,
    sheet_of,
    target_of,
)
from pellucid.studio.jobs import Report
from pellucid.studio.routes.house import Shared
from pellucid.studio.routes.jobs import info_of
from pellucid.studio.routes.layers import numbers
from pellucid.studio.schemas.explaining import ExplainedInfo, ExplainRequest, MapInfo, MethodInfo
from pellucid.studio.schemas.seeing import JobInfo
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap
from pellucid.views.explanation import enlarged, extent
from pellucid.views.figure import Figure

router = APIRouter()
Jobs = Annotated[list[str], Query(min_length=1, max_length=8)]


@router.get("/methods")
def methods() -> list[MethodInfo]:
    return [MethodInfo(name=name, about=METHODS.summary(name)) for name in METHODS]


@router.post("/explanations")
def start(request: ExplainRequest, house: Shared) -> JobInfo:
    for name in request.methods:
        METHODS.summary(name)  # an unknown name is refused here
    if not request.methods:
        raise InputError("choose at least one method")
    opened, picture = house.networks[request.network].opened, house.pictures[request.picture]
    target_of(request.target, opened.classes)  # and so is a target that says nothing
    question = Question(**{**request.model_dump(), "methods": tuple(request.methods)})
    explained = Explained(question, called(house.networks, request.network))

    def work(report: Report) -> Explained:
        explain(explained, opened, picture, report)
        return explained

    job = house.jobs.start("explain", work)
    house.explained.put(job.id, explained)
    return info_of(job)


@router.get("/explanations/page", response_class=Response)
def page(house: Shared, job: Jobs) -> Response:
    """All maps of one or several pictures as one page that needs nothing else."""
    headers = {"content-disposition": 'attachment; filename="explanation.html"'}
    return Response(_sheet(house, job).to_html(), media_type="text/html", headers=headers)


@router.get("/explanations/sheet", response_class=Response)
def sheet(house: Shared, job: Jobs) -> Response:
    """The same as a PNG."""
    return Response(_sheet(house, job).to_png(), media_type="image/png")


def _sheet(house: Shared, jobs: list[str]) -> Figure:
    explained = [house.explained_by(job) for job in jobs]
    opened = house.networks[explained[0].question.network].opened
    return sheet_of(explained, opened, [house.pictures[each.question.picture] for each in explained])


@router.get("/explanations/{job}")
def found(job: str, house: Shared) -> ExplainedInfo:
    """What there is so far."""
    explained = house.explained_by(job)
    maps = [_map_info(explained, name, made) for name, made in list(explained.found.items())]
    return ExplainedInfo(job=job, maps=maps, total=len(explained.question.methods))


@router.get("/explanations/{job}/values", response_class=Response)
def values(job: str, method: str, house: Shared, fine: bool = True) -> Response:
    """(h, w) float32: the map as it is, or enlarged to the picture between the centres of its cells."""
    heatmap = house.explained_by(job).heatmap(method)
    own = heatmap.array()[0]
    return numbers(enlarged(own, heatmap.size) if fine else own)


def _map_info(explained: Explained, name: str, made: Heatmap | str) -> MapInfo:
    python, command = python_of(explained, name), command_of(explained, name)
    if isinstance(made, str):
        return MapInfo(method=name, python=python, command=command, reason=made)
    own = made.array()[0]
    return MapInfo(
        method=name,
        python=python,
        command=command,
        target=made.targets[0],
        layers=list(made.layers),
        grid=list(own.shape),
        low=float(own.min()),
        high=float(own.max()),
        bound=0.0 if made.empty[0] else extent(own),
        empty=made.empty[0],
        options={key: str(value) for key, value in made.options.items()},
        scores={key: float(each[0]) for key, each in made.scores.items()},
        notes=list(made.notes),
    )
