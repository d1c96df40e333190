"""What a report shows of a diffusion network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.types.evaluation import Evaluation
from pellucid.types.recording import Recording
from pellucid.views.contents import Steps
from pellucid.views.generation import noise_error, sheet
from pellucid.views.page import Section

_STRIPS = 4


def sections(evaluation: Evaluation, recordings: Sequence[Recording]) -> list[Section]:
    """Samples, how some of them came out of the noise, samples along training, and the error by noise."""
    exhibits = list(evaluation.exhibits.values())
    shown = []
    if exhibits:
        made = sheet([maps["generated"] for maps in exhibits])
        strips = sheet([maps["sequence"] for maps in exhibits[:_STRIPS]], columns=1)
        shown = [
            Section("Generated", (made,), "Not chosen: the first samples."),
            Section("Out of the noise", (strips,), "From pure noise on the left to a picture on the right."),
        ]
    frames = {
        each.step: sheet(list(each.exhibits["generated"]))
        for each in recordings
        if "generated" in each.exhibits
    }
    if frames:
        lead = "What the same noise becomes, at every recorded step."
        shown.append(Section("Along training", (Steps(frames),), lead))
    steps, errors = (evaluation.outputs[:, column].astype(np.float64) for column in (0, 1))
    lead = (
        "The squared error of the noise found, by how many steps a picture has gone: 1 for who says nothing."
    )
    return [*shown, Section("Where it is hard", (noise_error(steps, errors),), lead)]
