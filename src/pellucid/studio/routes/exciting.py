"""What excites a channel: jobs that make pictures, or look for them."""

from __future__ import annotations

from fastapi import APIRouter, Response

from pellucid.studio.exciting import Examples, Grown, grow, look_for, windows
from pellucid.studio.jobs import Report
from pellucid.studio.routes.house import Shared
from pellucid.studio.routes.jobs import info_of
from pellucid.studio.schemas.explaining import ExampleInfo, ExamplesInfo, ExcitingRequest, GrownInfo
from pellucid.studio.schemas.seeing import JobInfo
from pellucid.studio.sets import picture_file
from pellucid.types.address import Address
from pellucid.types.errors import InputError

router = APIRouter()
PNG = "image/png"


@router.post("/excitations")
def start(request: ExcitingRequest, house: Shared) -> JobInfo:
    """Make a picture that excites a channel or unit."""
    opened, grown = house.networks[request.network].opened, Grown(request.address)

    def work(report: Report) -> Grown:
        grow(grown, opened, report)
        return grown

    job = house.jobs.start("excite", work)
    house.grown.put(job.id, grown)
    return info_of(job)


def _grown(house: Shared, job: str) -> Grown:
    found = house.grown.find(job)
    if found is None:
        raise InputError(f"no picture grows under the number {job[:20]!r}; it may have been forgotten")
    return found


@router.get("/excitations/{job}")
def grown(job: str, house: Shared) -> GrownInfo:
    found = _grown(house, job)
    return GrownInfo(
        address=found.address,
        step=found.step,
        steps=found.steps,
        score=found.score,
        finished=found.finished,
    )


@router.get("/excitations/{job}/picture", response_class=Response)
def picture(job: str, house: Shared) -> Response:
    """As it is now."""
    found = _grown(house, job)
    if not found.picture:
        raise InputError("there is no picture yet")
    return Response(found.picture, media_type=PNG, headers={"cache-control": "no-store"})


@router.post("/examples")
def look(request: ExcitingRequest, house: Shared) -> JobInfo:
    """Look for the pictures of a test split that excite each channel of a layer most."""
    opened, layer = house.networks[request.network].opened, str(Address.parse(request.address).whole)

    def work(report: Report) -> Examples:
        report(0.0, "opening the data")
        return look_for(opened, layer, house.data_for(request.network, request.data), "test", report)

    return info_of(house.jobs.start("examples", work))


def _examples(house: Shared, job: str) -> Examples:
    found = house.jobs[job].result
    if not isinstance(found, Examples):
        raise InputError(f"job {job[:20]} has not found anything yet")
    return found


@router.get("/examples/{job}")
def examples(job: str, channel: int, house: Shared) -> ExamplesInfo:
    """The strongest first, of one channel."""
    found = _examples(house, job)
    if not 0 <= channel < len(found.found.values):
        raise InputError(f"there are the channels 0 to {len(found.found.values) - 1}; got {channel}")
    info, indices = found.data.data.info, found.found.indices[channel].tolist()
    height, width = info.shape[-2:]
    boxes = windows(found, channel, (height, width))
    targets = found.data.fetch(found.split, indices).targets
    labelled = bool(info.classes) and getattr(targets, "ndim", 0) == 1
    return ExamplesInfo(
        data=found.data.name,
        seen=found.seen,
        size=[height, width],
        examples=[
            ExampleInfo(
                index=index,
                value=float(found.found.values[channel, rank]),
                name=info.classes[int(targets[rank])] if labelled else str(index),
                window=boxes[rank],
            )
            for rank, index in enumerate(indices)
        ],
    )


@router.get("/examples/{job}/picture", response_class=Response)
def example(job: str, index: int, house: Shared) -> Response:
    found = _examples(house, job)
    return Response(picture_file(found.data.fetch(found.split, [index]).inputs[0]), media_type=PNG)
