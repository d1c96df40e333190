"""The sets that come with Pellucid, opened as the settings ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pellucid.data.arrays import Arrays, open_arrays
from pellucid.data.digits import open_digits as digits
from pellucid.data.settings import DataSettings
from pellucid.data.shapes import open_shapes as shapes
from pellucid.data.source import Data
from pellucid.data.tensors import InMemory
from pellucid.types.errors import InputError


def open_digits(settings: DataSettings) -> Data:
    return _arranged(digits(), settings)


def open_shapes(settings: DataSettings) -> Data:
    """The world is drawn at the size asked for, not resized."""
    data = shapes() if settings.size is None else shapes(settings.size)
    if not data.splits["train"].streamed:
        return _arranged(data, settings)
    if settings.channels == "L" or settings.validation or settings.folds:
        raise InputError(
            f"shapes of {settings.size} pixels are drawn while training, coloured, with the splits they have;"
            " leave out channels, validation and folds, or lower size"
        )
    return data


def open_shapes_masks(settings: DataSettings) -> Data:
    """The same scenes with a class for every pixel, at the size asked for."""
    if settings.channels == "L" or settings.validation or settings.folds:
        raise InputError(
            "shapes-masks are coloured, with the splits they have; leave out channels, validation and folds"
        )
    return shapes(settings.size or 64, masks=True)


def _arranged(data: Data, settings: DataSettings) -> Data:
    splits = {
        split: (source.inputs, source.targets)
        for split, source in data.splits.items()
        if isinstance(source, InMemory)
    }
    return open_arrays(Arrays(data.info.name, data.info.name, splits, data.info.classes), settings)


DATASETS: Mapping[str, Callable[[DataSettings], Data]] = {
    "digits": open_digits,
    "shapes": open_shapes,
    "shapes-masks": open_shapes_masks,
}
