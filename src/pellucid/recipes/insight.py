"""Looking into a network that was just trained, for its report: a few seconds, and never the end of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.data.loading import Pipeline, evaluation_batches, normalise
from pellucid.data.source import Data, Source
from pellucid.data.subset import class_labels, spread, thumbnails
from pellucid.explain.cam_gradient import grad_cam
from pellucid.explain.target import likeliest
from pellucid.inspection.features import features, last_features
from pellucid.inspection.layout import layer_layouts
from pellucid.inspection.parts import named_parts
from pellucid.inspection.projection import project
from pellucid.inspection.strongest import strongest
from pellucid.types.data_info import DataInfo
from pellucid.types.errors import InputError
from pellucid.types.evaluation import Evaluation
from pellucid.types.insight import Embedded, ExcitedFilters, ExplainedMistakes, Insight, Pixels

T = TypeVar("T")
MISTAKES = 8
SAMPLES = 400  # pictures in which to look, spread over the split
CHANNELS, TOP = 18, 8
_BATCH, _THUMBNAIL = 50, 32


def has_insight(info: DataInfo) -> bool:
    """Whether a network for these data tells pictures apart by one class each."""
    return len(info.shape) == 3 and bool(info.classes) and not (info.multilabel or info.label_maps)


def look_into(model: nn.Module, data: Data, evaluation: Evaluation, wrong: list[int]) -> Insight:
    """Explanations of the `wrong` answers (indices of the evaluated split, the worst first), what excites the
    first filters, and the split as a map. What cannot be done is left out, with the reason.
    """
    left_out: list[str] = []
    whole, source = data.splits[evaluation.split], spread(data, evaluation.split, SAMPLES)
    some = normalise(whole.fetch(torch.tensor([0])), data.info.preprocessing)
    first = some.inputs.to(_device(model))

    def unless_impossible(what: str, made: Callable[[], T | None]) -> T | None:
        try:
            return made()
        except (InputError, RuntimeError) as error:  # torch's own are RuntimeErrors: out of memory
            left_out.append(f"{what}: {str(error).splitlines()[0]}")
            return None

    return Insight(
        evaluation.split,
        unless_impossible(
            "explanations", lambda: _explained(model, data, evaluation.split, wrong[:MISTAKES])
        ),
        unless_impossible("excited filters", lambda: _excited(model, data.info, source, whole, first)),
        unless_impossible("embedding", lambda: _embedded(model, data.info, source, first)),
        tuple(left_out),
    )


def _explained(model: nn.Module, data: Data, split: str, wrong: list[int]) -> ExplainedMistakes | None:
    if not wrong:
        return None
    stored = data.splits[split].fetch(torch.tensor(wrong))
    inputs = normalise(stored, data.info.preprocessing).inputs
    found = grad_cam(model, inputs, likeliest(data.info.classes))
    truths = tuple(data.info.classes[label] for label in class_labels(stored).tolist())
    said = tuple(f"said {text}" for text in found.targets)
    return ExplainedMistakes(_pixels(stored.inputs), truths, replace(found, targets=said))


def _excited(
    model: nn.Module, info: DataInfo, source: Source, whole: Source, first: Tensor
) -> ExcitedFilters | None:
    modules = dict(named_parts(model))
    keys = layer_layouts(model, [first])
    layer = next((name for name, _ in keys if isinstance(modules.get(name), nn.Conv2d)), None)
    if layer is None:
        return None
    batches = evaluation_batches(source, _BATCH, Pipeline(info.preprocessing), _device(model), workers=0)
    found = strongest(model, [layer], batches, TOP)[layer]
    if found.field is None:
        return None
    count, crops = min(len(found.values), CHANNELS), []
    for channel in range(count):
        pictures = _pixels(whole.fetch(found.indices[channel]).inputs)
        places = found.places[channel].tolist()
        windows = [found.field.window(*place) for place in places]
        crops.append([_cut(*pair) for pair in zip(pictures, windows, strict=True)])
    return ExcitedFilters(layer, np.array(crops), found.values[:count].numpy(), len(source))


def _embedded(model: nn.Module, info: DataInfo, source: Source, first: Tensor) -> Embedded:
    layer = last_features(model, first)
    batches = evaluation_batches(source, _BATCH, Pipeline(info.preprocessing), _device(model), workers=0)
    found = features(model, layer, batches)
    projected = project(found.vectors.numpy(), "pca")
    stored = source.fetch(torch.arange(len(source)))
    words = f"{len(source):,} pictures; {found.vectors.shape[1]} numbers a picture; {projected.words()}"
    small = thumbnails(stored.inputs.cpu(), _THUMBNAIL)
    return Embedded(layer, projected.places, class_labels(stored).astype(np.int64), small, words)


def _device(model: nn.Module) -> torch.device:
    return next((weight.device for weight in model.parameters()), torch.device("cpu"))


def _pixels(stored: Tensor) -> Pixels:
    if stored.dtype != torch.uint8 or stored.shape[1] not in (1, 3):
        raise InputError(f"only grey and RGB pictures can be shown; these are {tuple(stored.shape[1:])}")
    pixels: Pixels = stored.cpu().numpy()
    return pixels


def _cut(picture: Pixels, window: tuple[int, ...]) -> Pixels:
    """The window's pixels; beyond the picture's edge those of the edge, so that all crops have one size."""
    top, left, bottom, right = window
    rows = np.clip(np.arange(top, bottom), 0, picture.shape[1] - 1)
    columns = np.clip(np.arange(left, right), 0, picture.shape[2] - 1)
    crop: Pixels = picture[:, rows[:, None], columns[None]]
    return crop
