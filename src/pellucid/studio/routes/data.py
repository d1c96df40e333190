"""Data sets: their samples, their balance, what augmentation makes of them, what is wrong with them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from pellucid.data.check import Report, check
from pellucid.studio import sets
from pellucid.studio.jobs import Report as Progress
from pellucid.studio.routes.house import Shared
from pellucid.studio.routes.jobs import info_of
from pellucid.studio.schemas.runs import (
    AugmentationInfo,
    CheckInfo,
    CheckRequest,
    FindingInfo,
    FormFieldInfo,
    SamplesInfo,
    SetInfo,
)
from pellucid.studio.schemas.seeing import JobInfo
from pellucid.types.errors import InputError

router = APIRouter()
PNG = "image/png"
MOST = 240  # samples a page
EXAMPLES = 12


@router.get("/sets")
def names(house: Shared) -> list[str]:
    return house.sets.names()


@router.get("/set")
def about(name: str, house: Shared) -> SetInfo:
    opened = house.sets[name]
    info = opened.data.info
    return SetInfo(
        name=info.name,
        shape=list(info.shape),
        classes=list(info.classes),
        class_counts=list(info.class_counts),
        counts=dict(info.counts),
        left_out=[f"{each.path}: {each.reason}" for each in info.left_out[:EXAMPLES]],
        sorted_splits=list(opened.labels),
        pictures=len(info.shape) == 3,
    )


@router.get("/set/samples")
def samples(
    name: str, split: str, house: Shared, label: int | None = None, start: int = 0, count: int = 120
) -> SamplesInfo:
    opened = house.sets[name]
    places = opened.places(split, label)
    page = places[max(0, start) : max(0, start) + min(count, MOST)].tolist()
    labels = opened.labels.get(split)
    told = [-1] * len(page) if labels is None else labels[page].tolist()
    return SamplesInfo(indices=page, labels=told, total=len(places))


@router.get("/set/sheet", response_class=Response)
def sheet(
    name: str,
    split: str,
    house: Shared,
    columns: int = 12,
    index: Annotated[list[int] | None, Query()] = None,
) -> Response:
    """Thumbnails of 72 pixels, `columns` a row."""
    places = (index or [])[:MOST]
    if not places:
        raise InputError("name at least one sample: index=0")
    batch = house.sets[name].fetch(split, places)
    return Response(sets.sheet(batch, min(max(1, columns), MOST)), media_type=PNG)


@router.get("/set/picture", response_class=Response)
def picture(name: str, split: str, index: int, house: Shared) -> Response:
    return Response(sets.picture_file(house.sets[name].fetch(split, [index]).inputs[0]), media_type=PNG)


@router.get("/augmentation")
def augmentation() -> AugmentationInfo:
    """The form of what may be varied."""
    return AugmentationInfo(fields=[FormFieldInfo(**vars(each)) for each in sets.augmentation_form()])


@router.get("/set/augmented", response_class=Response)
def augmented(request: Request, name: str, split: str, index: int, house: Shared, seed: int = 0) -> Response:
    """One sample as training would see it 24 times; the settings are further parameters, `flip=True`."""
    chosen = sets.augmentation_of({k: v for k, v in request.query_params.items() if k != "name"})
    batch = sets.augmented(house.sets[name], split, index, chosen, seed)
    return Response(sets.sheet(batch, 8), media_type=PNG)


@router.get("/set/warnings")
def warnings(request: Request, name: str, house: Shared) -> list[str]:
    """What an augmentation may do to the labels of this set."""
    chosen = sets.augmentation_of({k: v for k, v in request.query_params.items() if k != "name"})
    return list(sets.label_warnings(house.sets[name].data.info, chosen))


@router.post("/set/check")
def start_check(request: CheckRequest, house: Shared) -> JobInfo:
    """Read every sample of a folder and say what is wrong; the result is at `/set/check/{job}`."""
    path = house.sets.path(request.name)

    def work(progress: Progress) -> Report:
        progress(0.0, "reading every sample")
        return check(path)

    return info_of(house.jobs.start("data check", work))


@router.get("/set/check/{job}")
def checked(job: str, house: Shared) -> CheckInfo:
    report = house.jobs[job].result
    if not isinstance(report, Report):
        raise InputError(f"job {job} has not found anything yet")
    return CheckInfo(broken=report.broken, samples=dict(report.samples), findings=_findings(report))


def _findings(report: Report) -> list[FindingInfo]:
    kinds: dict[Any, Any] = {
        "unreadable": [f"{each.path}: {each.reason}" for each in report.unreadable],
        "faults": report.faults,
        **{kind: [" = ".join(group) for group in getattr(report, kind)] for kind in _GROUPS},
    }
    return [
        FindingInfo(kind=kind, count=len(found), examples=list(found[:EXAMPLES]))
        for kind, found in kinds.items()
        if found
    ]


_GROUPS = ("leaks", "near_leaks", "conflicts", "duplicates", "near")
