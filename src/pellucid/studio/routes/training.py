"""Trainings: a recipe's form, start, pause and stop, and what a run looked like at any recorded step."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from fastapi import APIRouter

from pellucid.recipes import RECIPES
from pellucid.recipes.form import form_of
from pellucid.recipes.general import find_recipe
from pellucid.runs.folder import RunFolder
from pellucid.runs.recordings import read_probes, read_recordings
from pellucid.studio.replay import figures_at, recorded_steps
from pellucid.studio.routes.house import Shared
from pellucid.studio.schemas.runs import (
    CurveInfo,
    FigureInfo,
    FormFieldInfo,
    RecipeInfo,
    RunCurves,
    RunInfo,
    StartRequest,
)
from pellucid.types.errors import InputError
from pellucid.views.html import fragment

router = APIRouter()


@router.get("/recipe")
def recipe(name: str) -> RecipeInfo:
    """The form of a recipe, or of the general one for a network's name."""
    found = find_recipe(name)
    about = inspect.getdoc(RECIPES[name]) or "" if name in RECIPES else ""
    fields = [FormFieldInfo(**vars(each)) for each in form_of(found)]
    return RecipeInfo(name=name, about=about, fields=fields)


@router.get("/runs")
def runs(house: Shared) -> list[RunInfo]:
    names = dict.fromkeys([*house.trainings.started(), *house.networks.run_names()])
    return [_info(house, name) for name in names]


@router.post("/runs")
def start(request: StartRequest, house: Shared) -> RunInfo:
    return _info(house, house.trainings.start(request.recipe, request.values))


@router.post("/runs/{name}/{move}")
def move(name: str, move: Literal["pause", "resume", "stop"], house: Shared) -> RunInfo:
    moves = {
        "pause": house.trainings.pause,
        "resume": house.trainings.resume,
        "stop": house.trainings.stop,
    }
    moves[move](name)
    return _info(house, name)


@router.get("/runs/{name}/curves")
def curves(name: str, house: Shared) -> RunCurves:
    if name in house.trainings.started() and not (house.trainings.runs / name / "run.json").exists():
        return RunCurves(curves=[], primary="")  # it has not begun to write
    folder = RunFolder.open(house.networks.run_path(name))
    evaluations = folder.log.read("evaluation")
    by_step = {line["step"]: line for log in (folder.live, folder.log) for line in log.read("step")}
    steps = [by_step[step] for step in sorted(by_step)]
    found = list(_curves(steps, "losses", lambda line: "train"))
    found += _curves(evaluations, "metrics", lambda line: str(line["split"]))
    found += [_curve("learning rate", "train", steps, [line["lr"] for line in steps])] if steps else []
    primary = next((name for line in evaluations for name in line["metrics"]), "")
    return RunCurves(curves=found, primary=primary)


@router.get("/runs/{name}/at/{step}")
def at(name: str, step: int, house: Shared) -> list[FigureInfo]:
    """Filters, feature maps, predictions and health at the recorded step nearest to `step`, every scale held
    over the whole training.
    """
    run = RunFolder.open(house.networks.run_path(name))
    recordings, probes = read_recordings(run.recordings), read_probes(run.recordings)
    if not recordings:
        raise InputError(f"{name} has no recordings")
    figures = figures_at(recordings, probes, run.describe(), step)
    return [FigureInfo(title=title, html=fragment(figure)) for title, figure in figures]


def _info(house: Any, name: str) -> RunInfo:
    path = house.trainings.runs / name
    known = (path / "run.json").exists()
    about = RunFolder.open(path).describe() if known else {}
    return RunInfo(
        name=name,
        state=house.trainings.state(name),
        model=about["recipe"]["model"]["name"] if about else "",
        data=about["data"]["name"] if about else "",
        started=about.get("started", ""),
        words=house.trainings.words(name),
        steps=recorded_steps(path / "recordings"),
    )


def _curves(lines: Sequence[dict[str, Any]], member: str, part: Any) -> Iterator[CurveInfo]:
    names = dict.fromkeys(name for line in lines for name in line[member])
    for name in names:
        yield _curve(name, part(lines[-1]), lines, [line[member].get(name, math.nan) for line in lines])


def _curve(name: str, part: str, lines: Sequence[dict[str, Any]], values: Sequence[float]) -> CurveInfo:
    return CurveInfo(
        name=name,
        part=part,
        steps=[line["step"] for line in lines],
        epochs=[line["epoch"] for line in lines],
        values=[value if math.isfinite(value) else None for value in values],
    )
