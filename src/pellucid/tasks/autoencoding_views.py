"""What a report shows of an autoencoder: pictures there and back, the code, and what lies between
pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.inspection.projection import project
from pellucid.metrics.coding import ACTIVE
from pellucid.ops.coding import kl_from_standard_normal
from pellucid.tasks.task import Pictures
from pellucid.types.evaluation import Evaluation
from pellucid.types.recording import Recording
from pellucid.views import autoencoding as views
from pellucid.views.contents import Content, Steps
from pellucid.views.embedding import embedding_map
from pellucid.views.figure import Figure
from pellucid.views.page import Section
from pellucid.views.words import counted

_WORST, _SPREAD = 4, 8  # pictures that are shown
_MAPPED = 2000  # samples in the map of codes


def telling(evaluation: Evaluation) -> list[int]:
    """Pictures spread over the split, and those that came back worst."""
    rows = np.linspace(0, len(evaluation.indices) - 1, _SPREAD).round().astype(int)
    worst = np.argsort(-evaluation.outputs[:, 0], kind="stable")[:_WORST]
    return [int(evaluation.indices[row]) for row in dict.fromkeys([*rows.tolist(), *worst.tolist()])]


def autoencoding_sections(
    evaluation: Evaluation,
    pictures: Pictures,
    recordings: Sequence[Recording],
    classes: Sequence[str],
    *,
    code: int,
    rate: float | None,
) -> list[Section]:
    """`evaluation.outputs` has each picture's error, its code and, of a variational network, log variances.
    `rate` is the activity that was asked of the code, if one was.
    """
    some = next(iter(pictures.values()), None)
    if some is None:
        return []
    channels = some.shape[0]
    codes, log_variances = evaluation.outputs[:, 1 : 1 + code], evaluation.outputs[:, 1 + code :]
    sections = [_there_and_back(evaluation, channels), _code(codes, log_variances, rate)]
    sections.append(_map(evaluation, codes, classes))
    drawn = [maps["sampled"] for maps in evaluation.exhibits.values() if "sampled" in maps]
    if drawn:
        lead = "Codes drawn from the prior, a standard normal distribution, and decoded: no picture went in."
        sections.append(Section("Samples", (views.row([views.unstacked(m, channels) for m in drawn]),), lead))
    return [*sections, *_along_training(recordings, channels)]


def _there_and_back(evaluation: Evaluation, channels: int) -> Section:
    rows = list(evaluation.exhibits.values())
    errors = dict(zip(evaluation.indices.tolist(), evaluation.outputs[:, 0].tolist(), strict=True))
    spoiled = " What the network saw is in the second row." if "seen" in rows[0] else ""
    figure = views.there_and_back(
        [_pictures(maps, channels) for maps in rows],
        [f"{index}: {errors[index]:.4g}" for index in evaluation.exhibits],
    )
    lead = (
        f"Pictures, what came back, and the difference: blue where too little came back, red where too much."
        f"{spoiled} The first {_SPREAD} are spread over the {evaluation.split} split, the last came back "
        "worst; below is each one's number and its error."
    )
    return Section("There and back", (figure,), lead)


def _pictures(maps: Mapping[str, NDArray[np.uint8]], channels: int) -> dict[str, NDArray[np.uint8]]:
    """What was wanted, seen (if spoiled) and made."""
    names = [name for name in ("wanted", "seen", "made") if name in maps]
    return {name: views.unstacked(maps[name], channels) for name in names}


def _code(codes: NDArray[np.float32], log_variances: NDArray[np.float32], rate: float | None) -> Section:
    """What each number of the code carries or does."""
    if not log_variances.size:
        activity = codes.mean(0, dtype=np.float64)
        asked = "" if rate is None else f", where {rate:g} was asked"
        lead = f"Each number's mean over the data, sorted; on average {activity.mean():.3g}{asked}."
        return Section("What the code does", (views.per_number(activity, "mean", rate),), lead)
    kl = kl_from_standard_normal(torch.from_numpy(codes), torch.from_numpy(log_variances))
    each = kl.double().mean(0).numpy()
    idle = int((codes.var(0, dtype=np.float64) <= ACTIVE).sum())
    return Section("What the code carries", (views.per_number(each, "KL, nats"),), carried(each, idle))


def carried(kl: NDArray[np.float64], idle: int) -> str:
    """In words: what the numbers of a code carry, `kl` (k,) in nats, and whether the posterior collapsed in
    the `idle` ones that are the same for every picture.
    """
    first = (
        f"The KL divergence of each number's posterior from the prior, sorted; {kl.sum():.2f} nats in all."
    )
    if not idle:
        return f"{first} All {len(kl)} numbers are active."
    words = (
        "the posterior has collapsed onto the prior"
        if idle == len(kl)
        else "there the posterior has collapsed"
    )
    advice = (
        "the decoder does not listen to the code. A smaller beta, or a weaker decoder, makes it worth while"
        if idle == len(kl)
        else "the decoder does without them"
    )
    verb = "is" if idle == 1 else "are"
    which = f"{counted(idle, 'number')} of {len(kl)} {verb} the same for every picture"
    return f"{first} {which}: {words}; {advice}."


def _map(evaluation: Evaluation, codes: NDArray[np.float32], classes: Sequence[str]) -> Section:
    rows = np.unique(np.linspace(0, len(codes) - 1, min(_MAPPED, len(codes))).round().astype(int))
    vectors, labels = codes[rows], evaluation.targets[rows] if classes else np.zeros(len(rows), np.int64)
    if codes.shape[1] == 2 or len(rows) < 3:
        places, how = (
            np.pad(vectors, ((0, 0), (0, max(0, 2 - codes.shape[1]))))[:, :2],
            "The code's two numbers",
        )
    else:
        found = project(vectors, "pca")
        places, how = found.places, f"The two directions in which the code varies most: {found.notes[0]}"
    figure = embedding_map(places, labels.astype(np.int64), classes)
    return Section(
        "The map", (figure,), f"{how}. {counted(len(rows), 'picture')} of the {evaluation.split} split."
    )


def back_at(recording: Recording, channels: int) -> Figure | None:
    """Watched pictures at a recorded step, what came back, and what codes of the prior give."""
    shown = [
        [views.unstacked(picture, channels) for picture in recording.exhibits[name]]
        for name in ("wanted", "seen", "made", "sampled")
        if name in recording.exhibits
    ]
    return views.rows(shown) if shown else None


def _along_training(recordings: Sequence[Recording], channels: int) -> list[Section]:
    found = {each.step: back_at(each, channels) for each in recordings}
    frames = {step: figure for step, figure in found.items() if figure is not None}
    if not frames:
        return []
    contents: tuple[Content, ...] = (Steps(frames),)
    lead = (
        "The same pictures, what came back and, of a variational network, what the same codes of the prior "
        "give, at every recorded step; move the slider at the foot of the page."
    )
    return [Section("Along training", contents, lead)]
