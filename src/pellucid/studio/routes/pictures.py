"""Pictures: uploaded as they are, shown as they are or as a network sees them."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from pellucid.studio.pictures import Picture, seen_by, shown
from pellucid.studio.routes.house import Shared
from pellucid.studio.schemas.seeing import PictureInfo

router = APIRouter()
PNG = "image/png"
KEPT = {"cache-control": "private, max-age=31536000, immutable"}  # an id is of the content


def info_of(picture: Picture) -> PictureInfo:
    return PictureInfo(id=picture.id, name=picture.name, width=picture.width, height=picture.height)


@router.post("/pictures")
async def upload(request: Request, house: Shared, name: str = "picture") -> PictureInfo:
    """The body is the file itself."""
    return info_of(house.pictures.add(await request.body(), name))


@router.get("/pictures/{id}", response_class=Response)
def picture(id: str, house: Shared) -> Response:
    return Response(shown(house.pictures[id]), media_type=PNG, headers=KEPT)


@router.get("/pictures/{id}/seen", response_class=Response)
def seen(id: str, network: str, house: Shared) -> Response:
    """What the network is shown of the picture, before normalisation."""
    opened = house.networks[network].opened
    return Response(seen_by(house.pictures[id], opened.preprocessing), media_type=PNG)
