"""A training seen again: what the recorder kept at one step, every scale held over all steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.tasks.autoencoding_views import back_at
from pellucid.tasks.generation_views import made_at
from pellucid.types.recording import Probes, Recording
from pellucid.views.figure import Figure, even_columns
from pellucid.views.layers import (
    dead_units,
    feature_maps,
    filter_scale,
    filters,
    gradient_flow,
    map_scales,
)
from pellucid.views.pictures import probe_predictions
from pellucid.views.segmentation import predicted

SHOWN = 2  # probe pictures whose feature maps are shown


def recorded_steps(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in folder.glob("[0-9]*.npz"))


def figures_at(
    recordings: Sequence[Recording], probes: Probes | None, about: Mapping[str, Any], step: int
) -> Iterator[tuple[str, Figure]]:
    """(what it is, figure) for the recording nearest to `step`, of the run that `about` describes."""
    here = min(recordings, key=lambda each: abs(each.step - step))
    classes, task = tuple(about["data"]["classes"]), about["recipe"]["task"]["kind"]
    for what, figure in (("made", made_at(here)), ("back", back_at(here, about["data"]["shape"][0]))):
        if figure is not None:
            yield what, figure
    if probes is not None and probes.pictures.size and classes and probes.targets.size:
        if "said" in here.exhibits:  # a class for every pixel
            said = list(here.exhibits["said"])
            yield "predictions", predicted(list(probes.pictures[: len(said)]), said, classes)
        elif task == "classification":
            yield "predictions", probe_predictions(here, probes, classes)
    if here.filters is not None:
        yield "filters", filters(here.filters, filter_scale(recordings))
    if here.maps and probes is not None:
        scales, columns = map_scales(recordings), even_columns(1 + len(here.maps), 6)
        for place, picture in enumerate(probes.pictures[:SHOWN]):
            yield "maps", feature_maps(here, place, picture=picture, scales=scales, columns=columns)
    until = [each for each in recordings if each.step <= here.step]
    trained = [each for each in until if any(layer.gradient_norm is not None for layer in each.layers)]
    if trained:
        yield "gradients", gradient_flow(trained)
    if any(layer.dead is not None for layer in here.layers):
        yield "dead", dead_units(until)
