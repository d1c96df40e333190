"""Data made to fit a network: what its weights say of pictures and classes, unless the user says otherwise.

Where nobody says anything, pictures keep the data's own size and are normalised by the data's own statistics.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Literal

from pellucid.data.arranged import arranged, places
from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.models.weights import Weights
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError


@dataclass(frozen=True, kw_only=True)
class InputSettings:
    """What a network expects of its inputs; what is not said is as its weights say, or as the data are."""

    mean: tuple[float, ...] = ()
    """What the network expects to be subtracted from each channel, by default in [0, 1]; otherwise as the
    weights say, or the training pictures' mean.
    """
    std: tuple[float, ...] = ()
    """What it expects each channel to be divided by; otherwise as the weights say, or the training pictures'
    deviation.
    """
    scale: float | None = None
    """What pixels, 0 to 255, are multiplied by before that: 1 leaves them as they are; by default 1/255,
    which brings them to [0, 1].
    """
    channels: Literal["", "RGB", "BGR"] = ""
    """The order in which it takes a picture's channels, and in which mean and std are; by default RGB."""

    @classmethod
    def of(cls, settings: InputSettings) -> InputSettings:
        """These alone of `settings` that have more."""
        return InputSettings(
            mean=settings.mean, std=settings.std, scale=settings.scale, channels=settings.channels
        )

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or any(not value > 0 for value in self.std):
            raise InputError(
                "model.mean and model.std need a number for each channel, the latter positive; "
                f"got {self.mean}, {self.std}"
            )
        if (self.scale is not None or self.channels) and not self.mean:
            raise InputError("model.scale and model.channels go with model.mean and model.std; say these too")
        if self.scale is not None and not self.scale > 0:
            raise InputError(f"model.scale must be positive, got {self.scale:g}")
        if self.channels and len(self.mean) != 3:
            raise InputError(
                f"model.channels is {self.channels}, but model.mean has {len(self.mean)} numbers"
            )


def sized_for(settings: DataSettings, expected: Preprocessing | None) -> DataSettings:
    """`settings`, which bring pictures to the size and channels `expected` wherever they say nothing."""
    if expected is None or not expected.channels:
        return settings
    height, width = expected.size or (0, 0)
    return replace(
        settings,
        size=settings.size or (height if height == width else None) or None,
        channels=settings.channels or ("L" if expected.channels == "L" else "RGB"),
        keep=settings.keep or expected.keep,
        interpolation=settings.interpolation or _known(expected.interpolation),
    )


def _known(interpolation: str) -> Literal["bilinear", "bicubic"]:
    return "bicubic" if interpolation == "bicubic" else "bilinear"


def normalised_for(settings: InputSettings, preprocessing: Preprocessing) -> Preprocessing:
    """`preprocessing` with what `settings` say."""
    return replace(
        preprocessing,
        mean=settings.mean or preprocessing.mean,
        std=settings.std or preprocessing.std,
        scale=settings.scale if settings.scale is not None else preprocessing.scale,
        channels=settings.channels or preprocessing.channels,
    )


def expected_by(settings: InputSettings, data: Data, record: Preprocessing | None = None) -> Data:
    """`data`, normalised as `settings` say, else as the weights' `record`, else by its own statistics.

    Raises `InputError` where that is for other channels.
    """
    own = data.info.preprocessing
    if record is not None:
        record = replace(record, size=own.size, keep=own.keep, interpolation=own.interpolation)
    preprocessing = normalised_for(settings, record or own)
    expected, there = len(preprocessing.mean), data.info.shape[0]
    if expected != there:
        advice = {1: "; --data.channels L reads it in grey", 3: "; --data.channels RGB reads it in colour"}
        raise InputError(
            f"the network expects {expected} channels ({'model.mean' if settings.mean else 'its weights'}), "
            f"{data.info.name} has {there}{advice.get(expected, '')}"
        )
    return replace(data, info=replace(data.info, preprocessing=preprocessing))


def open_fitting(
    settings: DataSettings, inputs: InputSettings, weights: Weights | None, *, own_classes: bool
) -> tuple[Data, list[str]]:
    """The data that `settings` name, as `inputs` and `weights` want them, and what the user should know of
    that.

    With `own_classes` the data's classes stand, otherwise those of the weights, where they come with any.
    """
    if weights is None:
        return expected_by(inputs, open_data(settings)), []
    record = weights.preprocessing
    data = expected_by(inputs, open_data(sized_for(settings, record)), record)
    notes = list(_said_of_pictures(weights, inputs, data.info.preprocessing))
    if weights.classes and data.info.classes and not own_classes:
        data, note = classed_as(weights, data)
        notes += [note] if note else []
    return data, notes


def classed_as(weights: Weights, data: Data) -> tuple[Data, str]:
    """`data` with its classes in the order of the weights', and a note where that is not plain.

    As many classes that nowhere contradict the order are taken to be in it: names are spelt in many ways.
    """
    own, theirs = data.info.classes, weights.classes
    found = places(own, theirs)
    same = sum(number == place for place, number in enumerate(found))
    if len(own) == len(theirs) and same == sum(number is not None for number in found):
        others = [(a, b) for a, b in zip(own, theirs, strict=True) if places([a], [b]) != [0]]
        if not others:
            return data, ""
        examples = ", ".join(f"{a!r} for {b!r}" for a, b in others[:2])
        return data, (
            f"{len(others):,} of the {len(own):,} classes of {data.info.name} are called otherwise in "
            f"{weights.where} ({examples}{', …' if len(others) > 2 else ''}); "
            "they are taken to be in the same order"
        )
    data = arranged(data, theirs)
    if len(own) == len(theirs):
        return data, f"the classes of {data.info.name} are put into the order of {weights.where}"
    return data, f"{data.info.name} has {len(own):,} of the {len(theirs):,} classes of {weights.where}"


def _said_of_pictures(weights: Weights, inputs: InputSettings, used: Preprocessing) -> Iterator[str]:
    record = weights.preprocessing
    if record is None:
        if used.channels and not inputs.mean:
            yield (
                f"{weights.where} does not say how its network wants pictures; they are normalised by the "
                f"mean {_shown(used.mean)} and deviation {_shown(used.std)}, unless --model.mean and "
                "--model.std say otherwise"
            )
        return
    differences = [
        f"{field.name} {_shown(theirs)}, here {_shown(here)}"
        for field in fields(Preprocessing)
        if (theirs := getattr(record, field.name)) is not None
        and theirs != (here := getattr(used, field.name))
    ]
    if differences:
        yield f"{weights.where} was trained with {'; '.join(differences)}"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_shown, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
