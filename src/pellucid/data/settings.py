"""What a user can set about data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pellucid.types.errors import InputError


@dataclass(frozen=True, kw_only=True)
class PictureSettings:
    """How pictures are read and brought to size."""

    size: int | None = None
    """Height and width pictures are brought to; by default what the weights were trained with, otherwise
    their own if they all agree, otherwise 224.
    """

    channels: Literal["", "L", "RGB"] = ""
    """Grey or colour; by default what the weights were trained with, otherwise as the pictures are."""

    keep: float | None = None
    """Part of each side of a larger picture that evaluation looks at, the centre, in (0, 1]; by default what
    the weights were measured with, otherwise 224/256.
    """

    interpolation: Literal["", "bilinear", "bicubic"] = ""
    """How pictures are resized; by default as the weights were measured with, otherwise bilinear."""

    @classmethod
    def of(cls, settings: PictureSettings) -> PictureSettings:
        """These alone of `settings` that have more."""
        return PictureSettings(
            size=settings.size,
            channels=settings.channels,
            keep=settings.keep,
            interpolation=settings.interpolation,
        )

    def __post_init__(self) -> None:
        _check("size", self.size, self.size is None or self.size >= 1, "at least 1")
        _check("keep", self.keep, self.keep is None or 0 < self.keep <= 1, "in (0, 1]")


@dataclass(frozen=True)
class DataSettings(PictureSettings):
    """Which data, and how they are split and brought to size. A path is recognised by what is in it."""

    name: str = ""
    """A named set (`pellucid list datasets`); a path, if given, is where it lies."""

    path: Path | None = None
    """A folder of classes, or of pictures and label maps; a CSV file, an .npz file, a folder of IDX files."""

    download: bool = False
    """Fetch a named set that is not on disk yet."""

    smallest_crop: float = 0.08
    """Random crops of streamed pictures cover at least this part of the area, in (0, 1]; 1 is all of it."""

    validation: float = 0.0
    """Part of the training samples held out as "val", in [0, 1)."""

    folds: int = 0
    """Cross-validation: number of parts, of which one is the test split; 0 is the set's own split."""

    fold: int = 0
    """Which of the parts is the test split, from 0."""

    target: str = ""
    """A table's column to predict; by default "target", or the last."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check("smallest_crop", self.smallest_crop, 0 < self.smallest_crop <= 1, "in (0, 1]")
        _check("validation", self.validation, 0 <= self.validation < 1, "in [0, 1)")
        _check("folds", self.folds, self.folds == 0 or self.folds >= 2, "0, or at least 2")
        last = max(0, self.folds - 1)
        _check("fold", self.fold, 0 <= self.fold <= last, f"from 0 to {last} with {self.folds} folds")


def _check(field: str, value: object, good: bool, expected: str) -> None:
    if not good:
        raise InputError(f"data.{field} must be {expected}; got {value}")
