"""What generated pictures and points are judged by: their own numbers, or a classifier that a run has
trained.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.inspection.features import features, last_features
from pellucid.metrics.generated import Judge
from pellucid.models.naming import build_model, source_of
from pellucid.models.weights import load_state
from pellucid.runs import checkpoint as checkpoints
from pellucid.runs.folder import RunFolder
from pellucid.types.batch import Batch
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError

_SIDE = 16  # of the pictures that are judged by their pixels


def pixels(samples: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Normalised pictures (b, c, h, w) as they would be stored, divided by 255: in [0, 1], in steps of
    1/255.
    """
    mean, std = (samples.new_tensor(x).view(-1, 1, 1) for x in (preprocessing.mean, preprocessing.std))
    stored = (samples.float() * std + mean) / preprocessing.scale
    return stored.round().clamp(0, 255) / 255


def resized(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """(b, c, *size): antialiased, which FID needs (Parmar, Zhang & Zhu, "On aliased resizing and surprising
    subtleties in GAN evaluation", CVPR 2022).
    """
    if tuple(pictures.shape[2:]) == size:
        return pictures
    return F.interpolate(pictures, size, mode="bilinear", antialias=True, align_corners=False)


def coordinates() -> Judge:
    """Points by where they are."""
    return Judge("coordinates", lambda samples: samples.float().flatten(1))


def plain_pixels(preprocessing: Preprocessing) -> Judge:
    """Pictures by their pixels, 16 a side: no network at all, so it sees blur and position, not meaning."""

    def look(samples: Tensor) -> Tensor:
        return resized(pixels(samples, preprocessing), (_SIDE, _SIDE)).flatten(1)

    return Judge(f"pixels {_SIDE}×{_SIDE}", look)


def by_network(
    model: nn.Module, layer: str, name: str, expected: Preprocessing, stored: Preprocessing
) -> Judge:
    """Pictures, which are normalised as `stored` says, by a layer of a classifier that takes them as
    `expected`; a map counts by its mean over its places.
    """

    def look(samples: Tensor) -> Tensor:
        inputs = as_expected(pixels(samples, stored), expected)
        nothing = torch.empty(0)
        return features(model, layer, [Batch(inputs, nothing, torch.arange(len(inputs)))]).vectors

    return Judge(name, look)


def as_expected(pictures: Tensor, expected: Preprocessing) -> Tensor:
    """Pictures (b, c, h, w) in [0, 1] with the size, channels and normalisation that a network wants."""
    channels = len(expected.mean)
    if channels != pictures.shape[1]:
        grey = pictures.mean(1, keepdim=True)
        pictures = grey.expand(-1, channels, -1, -1)
    elif expected.channels == "BGR":
        pictures = pictures.flip(1)
    pictures = resized(pictures, expected.size or (pictures.shape[2], pictures.shape[3]))
    mean, std = (pictures.new_tensor(x).view(-1, 1, 1) for x in (expected.mean, expected.std))
    return (pictures * (255 * expected.scale) - mean) / std


def of_run(path: Path, stored: Preprocessing) -> Judge:
    """The classifier that a run has trained, by the layer before its classes. Raises `InputError` for a run
    that has none.
    """
    run = RunFolder.open(path)
    said = run.describe()
    data = said["data"]
    if said["recipe"]["task"]["kind"] != "classification" or len(data["shape"]) != 3:
        raise InputError(f"{path} is no run of a classifier of pictures, whose features could judge samples")
    shape, name = tuple(data["shape"]), said["recipe"]["model"]["name"]
    model = build_model(source_of(name, path), inputs=shape, outputs=len(data["classes"]))
    found = next((f for n in ("best", "last") if (f := checkpoints.load_newest(run.checkpoints, n)[0])), None)
    if found is None:
        raise InputError(f"{path} has no whole checkpoint to take weights from")
    load_state(model, found.weights, str(path))
    record = data["preprocessing"]
    expected = Preprocessing(
        **{**record, "mean": tuple(record["mean"]), "std": tuple(record["std"]), "size": shape[1:]}
    )
    layer = last_features(model.eval(), torch.zeros(1, *shape))
    return by_network(model, layer, f"{name} of {path.name}, layer {layer}", expected, stored)
