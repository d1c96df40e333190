"""Pictures with what was said of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.types.recording import Probes, Recording
from pellucid.views.axes import percent
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Image

Pixels = NDArray[np.uint8]


def rgb_pixels(picture: NDArray[Any]) -> Pixels:
    """(h, w), (h, w, 1 or 3) or (1 or 3, h, w) uint8 as (h, w, 3)."""
    if picture.dtype != np.uint8:
        raise ValueError(f"expected a uint8 picture; got {picture.dtype}")
    if picture.ndim == 3 and picture.shape[0] in (1, 3) and picture.shape[2] not in (1, 3):
        picture = picture.transpose(1, 2, 0)
    if picture.ndim == 2:
        picture = picture[..., None]
    if picture.ndim != 3 or picture.shape[2] not in (1, 3):
        raise ValueError(f"expected a picture (h, w), (h, w, 3) or (3, h, w); got {picture.shape}")
    return np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))


def grid(
    pictures: Sequence[NDArray[Any]],
    captions: Sequence[str],
    title: str = "",
    tones: Sequence[str] = (),
    columns: int = 8,
) -> Figure:
    """Pictures, uint8 of any sizes, each over its caption; `tones` are the captions' colours."""
    if len(captions) != len(pictures) or len(tones) not in (0, len(pictures)):
        raise ValueError(
            f"expected a caption and a tone for each of {len(pictures)} pictures; "
            f"got {len(captions)} and {len(tones)}"
        )
    panels = []
    for index, picture in enumerate(pictures):
        pixels = rgb_pixels(picture)
        tone = tones[index] if tones else "muted"
        panels.append(Panel((Image(pixels),), frame=pixels.shape[:2], caption=captions[index], tone=tone))
    return Figure(tuple(panels), title, columns)


def worst_mistakes(
    pictures: Sequence[NDArray[Any]],
    truths: Sequence[str],
    predictions: Sequence[str],
    confidences: Sequence[float],
    columns: int = 6,
) -> Figure:
    """Wrongly classified pictures with what was said, how surely ([0, 1]), and the truth."""
    captions = [
        f"{prediction} {percent(confidence)}\ntruly {truth}"
        for truth, prediction, confidence in zip(truths, predictions, confidences, strict=True)
    ]
    return grid(pictures, captions, tones=["bad"] * len(captions), columns=columns)


def probe_predictions(
    recording: Recording, probes: Probes, classes: Sequence[str], columns: int = 8
) -> Figure:
    """What the network says of the probe pictures at one step: the likeliest class, green where true.

    `probes.targets` are labels (p,).
    """
    captions, tones = [], []
    for probabilities, truth in zip(recording.predictions, probes.targets.tolist(), strict=True):
        said = int(probabilities.argmax())
        right = said == truth
        words = f"{classes[said]} {percent(float(probabilities[said]))}"
        captions.append(words if right else f"{words}\ntruly {classes[truth]}")
        tones.append("good" if right else "bad")
    return grid(list(probes.pictures), captions, tones=tones, columns=columns)
