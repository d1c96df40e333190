"""The test of a run that gives every pixel a class."""

from __future__ import annotations

from fastapi import APIRouter

from pellucid.recipes.experiment import open_run
from pellucid.studio.masks import masks_info, picture_figure
from pellucid.studio.results import data_of
from pellucid.studio.routes.house import Shared
from pellucid.studio.schemas.runs import FigureInfo, MaskResultsInfo
from pellucid.views.html import fragment

router = APIRouter()


@router.get("/runs/{name}/masks")
def masks(name: str, house: Shared) -> MaskResultsInfo | None:
    """By class and by picture; null for a run of another task."""
    opened = open_run(house.networks.run_path(name))
    return masks_info(opened) if opened.info.label_maps else None


@router.get("/runs/{name}/masks/{index}")
def picture(name: str, index: int, house: Shared) -> FigureInfo:
    """One test picture with truth, prediction, errors and doubt."""
    opened = open_run(house.networks.run_path(name))
    data = house.sets.of_run(name, lambda: data_of(opened)).data
    figure = picture_figure(opened, house.networks[f"run:{name}"].opened.model, data, index)
    return FigureInfo(title=figure.title, html=fragment(figure))
