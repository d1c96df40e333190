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
    return [Section("Generated", (points,), lead), *_along(recordings), *_duel(recordings)]


def picture_sections(evaluation: Evaluation, recordings: Sequence[Recording]) -> list[Section]:
    made = [maps["generated"] for maps in evaluation.exhibits.values() if "generated" in maps]
    shown = [Section("Generated", (sheet(made),), "Not chosen: the first samples.")] if made else []
    return [*shown, *_along(recordings), *_duel(recordings)]


def made_at(recording: Recording) -> Figure | None:
    """What the watched codes have become at a recorded step: pictures, or points over the critic's score."""
    exhibits, kept = recording.exhibits, recording.predictions
    if "generated" in exhibits:
        return sheet(list(exhibits["generated"]))
    if "surface" in exhibits:
        return plane(kept[:, _REAL_POINT], kept[:, _POINT], exhibits["surface"][0])
    return None


def _along(recordings: Sequence[Recording]) -> list[Section]:
    found = {each.step: made_at(each) for each in recordings}
    frames = {step: figure for step, figure in found.items() if figure is not None}
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
