"""Style transfer: a job whose picture is looked at while it grows."""

from __future__ import annotations

from fastapi import APIRouter, Response

from pellucid.studio.called import called
from pellucid.studio.jobs import Report
from pellucid.studio.routes.house import Shared
from pellucid.studio.routes.jobs import info_of
from pellucid.studio.schemas.generation import StyledInfo, StyleLayers, StyleRequest
from pellucid.studio.schemas.seeing import JobInfo
from pellucid.studio.styling import Styled, paint, settings_of, styled_info
from pellucid.synthesis.style_layers import address_of, chosen_layers, keys_of
from pellucid.types.errors import InputError

router = APIRouter()
PNG = "image/png"


@router.get("/style/layers")
def layers(network: str, house: Shared) -> StyleLayers:
    """What is taken where no layers are named."""
    opened = house.networks[network].opened
    content, style = chosen_layers(opened.model, opened.preprocessing)
    return StyleLayers(content=[*map(address_of, content)], style=[*map(address_of, style)])


@router.post("/style")
def start(request: StyleRequest, house: Shared) -> JobInfo:
    settings = settings_of(request)  # what cannot be is refused here
    opened = house.networks[request.network].opened
    keys_of(opened.model, (*settings.content_layers, *settings.style_layers))
    content, style = house.pictures[request.content], house.pictures[request.style]
    styled = Styled(request, called(house.networks, request.network))

    def work(report: Report) -> Styled:
        report(0.0, "")
        return paint(styled, opened, content, style, report)

    job = house.jobs.start("style", work)
    house.styled.put(job.id, styled)
    return info_of(job)


def _styled(house: Shared, job: str) -> Styled:
    found = house.styled.find(job)
    if found is None:
        raise InputError(f"no picture is painted under the number {job[:20]!r}; it may have been forgotten")
    return found


@router.get("/style/{job}")
def styled(job: str, house: Shared) -> StyledInfo:
    return styled_info(_styled(house, job))


@router.get("/style/{job}/picture", response_class=Response)
def picture(job: str, house: Shared) -> Response:
    """As it is now."""
    found = _styled(house, job)
    if not found.picture:
        raise InputError("there is no picture yet")
    return Response(found.picture, media_type=PNG, headers={"cache-control": "no-store"})
