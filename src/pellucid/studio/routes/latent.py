"""The space of codes of an autoencoder's run: its map, what is decoded at any place, grids, walks."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from fastapi import APIRouter, Depends, Response

from pellucid.studio import latent
from pellucid.studio.routes.house import Shared
from pellucid.studio.routes.layers import numbers
from pellucid.studio.schemas.generation import CodedInfo, SpaceInfo, SpaceName, WalkPath
from pellucid.views.raster import png

router = APIRouter()
PNG = "image/png"
Way = Literal["linear", "spherical"]


def space_of(run: str, house: Shared) -> latent.Opened:
    return house.spaces.get(run, lambda: latent.open_space(house.networks, run))


Opened = Annotated[latent.Opened, Depends(space_of)]


@router.get("/spaces")
def spaces(house: Shared) -> list[SpaceName]:
    """The runs that have one."""
    return list(latent.space_names(house.networks))


@router.get("/space")
def space(opened: Opened, axes: str = "") -> SpaceInfo:
    """`axes` names the plane: pca, or two numbers of the code as in 3,7."""
    return latent.space_info(opened, axes)


@router.get("/space/points", response_class=Response)
def points(opened: Opened, axes: str = "") -> Response:
    """(n, 4) float32: x, y, class (−1 without one), number of the sample."""
    return numbers(latent.points_of(opened, axes))


@router.get("/space/sample")
def sample(opened: Opened, index: int, axes: str = "") -> CodedInfo:
    return latent.coded_info(opened, axes, index)


@router.get("/space/picture", response_class=Response)
def picture(opened: Opened, index: int, made: bool = False) -> Response:
    """A sample's picture, or what its code gives back."""
    return Response(png(latent.there_and_back(opened, index)[made]), media_type=PNG)


@router.get("/space/decoded", response_class=Response)
def decoded(opened: Opened, x: float, y: float, axes: str = "", label: int | None = None) -> Response:
    """What is decoded at a place of the plane."""
    found = latent.decoded_at(opened, axes, torch.tensor([[x, y]]), label)
    return Response(png(found[0]), media_type=PNG)


@router.get("/space/grid", response_class=Response)
def grid(
    opened: Opened,
    left: float,
    right: float,
    low: float,
    high: float,
    side: int = 15,
    axes: str = "",
    label: int | None = None,
) -> Response:
    """`side` × `side` decoded fields of a box on the plane."""
    places = latent.grid_of(opened, axes, (left, right, low, high), side)
    return Response(latent.sheet(latent.decoded_at(opened, axes, places, label), side), media_type=PNG)


@router.get("/space/walk")
def walk(opened: Opened, start: int, end: int, axes: str = "", steps: int = 11) -> WalkPath:
    """Where the walks between two samples go on the plane."""
    return latent.walk_path(opened, axes, (start, end), steps)


@router.get("/space/walk/pictures", response_class=Response)
def walked(
    opened: Opened, start: int, end: int, way: Way, steps: int = 11, label: int | None = None
) -> Response:
    """What lies on the way, beside one another."""
    return Response(
        latent.sheet(latent.walk_strip(opened, (start, end), way, steps, label), steps), media_type=PNG
    )
