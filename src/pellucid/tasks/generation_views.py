"""What a report shows of a GAN."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.types.evaluation import Evaluation
from pellucid.types.recording import Recording
from pellucid.views.contents import Steps
from pellucid.views.figure import Figure
from pellucid.views.generation import duel, plane, sheet
from pellucid.views.page import Section

_REAL, _FAKE, _SLOPE = 0, 1, 2  # columns of the task's `probe`
_REAL_POINT, _POINT = slice(4, 6), slice(6, 8)


def point_sections(evaluation: Evaluation, recordings: Sequence[Recording]) -> list[Section]:
    surface = next((maps["surface"] for maps in evaluation.exhibits.values() if "surface" in maps), None)
    points = plane(evaluation.outputs[:, _REAL_POINT], evaluation.outputs[:, _POINT], surface)
    lead = (
        "Dark: real points, green: generated ones; behind them, how real the critic takes each place to be."
    )
    return [Section("Generated", (points,), lead), *_along(_planes(recordings)), *_duel(recordings)]


def picture_sections(evaluation: Evaluation, recordings: Sequence[Recording]) -> list[Section]:
    made = [maps["generated"] for maps in evaluation.exhibits.values() if "generated" in maps]
    shown = [Section("Generated", (sheet(made),), "Not chosen: the first samples.")] if made else []
    sheets = {
        each.step: sheet(list(each.exhibits["generated"]))
        for each in recordings
        if "generated" in each.exhibits
    }
    return [*shown, *_along(sheets), *_duel(recordings)]


def _planes(recordings: Sequence[Recording]) -> dict[int, Figure]:
    return {
        each.step: plane(
            each.predictions[:, _REAL_POINT], each.predictions[:, _POINT], each.exhibits["surface"][0]
        )
        for each in recordings
        if "surface" in each.exhibits
    }


def _along(frames: dict[int, Figure]) -> list[Section]:
    lead = "What the same codes become, at every recorded step."
    return [Section("Along training", (Steps(frames),), lead)] if frames else []


def _duel(recordings: Sequence[Recording]) -> list[Section]:
    """The critic's slope and what it shows of the distance, from the probes."""
    if len(recordings) < 2:
        return []
    gaps = [float((each.predictions[:, _REAL] - each.predictions[:, _FAKE]).mean()) for each in recordings]
    steep = [float(each.predictions[:, _SLOPE].max()) for each in recordings]
    lead = (
        "On the probes: the greatest slope of the critic's score halfway between real and generated samples, "
        "a lower bound of its Lipschitz constant; and the mean difference of its scores divided by it, the "
        "distance between the two distributions that the critic shows."
    )
    return [Section("The critic", (duel([each.step for each in recordings], gaps, steep),), lead)]
