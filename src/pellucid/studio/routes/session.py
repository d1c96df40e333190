"""What there is when the studio opens."""

from __future__ import annotations

from fastapi import APIRouter, Response

from pellucid import __version__
from pellucid.models import MODELS
from pellucid.recipes import RECIPES
from pellucid.studio.routes.house import Shared
from pellucid.studio.routes.pictures import info_of
from pellucid.studio.schemas.seeing import Session
from pellucid.views.colours import hex_colour, palette
from pellucid.views.html import styles

router = APIRouter()


@router.get("/session")
def session(house: Shared) -> Session:
    return Session(
        version=__version__,
        networks=list(house.networks.trusted),
        runs=house.networks.run_names(),
        models=list(MODELS),
        recipes=list(RECIPES),
        pictures=[info_of(picture) for picture in house.pictures.all()],
    )


@router.get("/palettes")
def palettes() -> dict[str, list[str]]:
    """The colours of both scales, from the lowest value to the highest."""
    return {kind: [hex_colour(colour) for colour in palette(kind)] for kind in ("signed", "unsigned")}


@router.get("/figures.css", response_class=Response)
def figure_styles() -> Response:
    """The style sheet of the figures that other routes answer with."""
    return Response(styles(), media_type="text/css")
