"""What a user can set about data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pellucid.types.errors import InputError


@dataclass(frozen=True)
class DataSettings:
    """Which data, and how they are split and brought to size. A path is recognised by what is in it."""

    name: str = ""
    """A named set (`pellucid list datasets`); a path, if given, is where it lies."""

    path: Path | None = None
    """A folder of classes, a CSV file, an .npz file, or a folder of IDX files."""

    download: bool = False
    """Fetch a named set that is not on disk yet."""

    size: int | None = None
    """Height and width pictures are brought to; by default their own if they all agree, otherwise 224."""

    channels: Literal["", "L", "RGB"] = ""
    """Grey or colour; by default as the pictures are."""

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
        for field, good, expected in (
            ("size", self.size is None or self.size >= 1, "at least 1"),
            ("smallest_crop", 0 < self.smallest_crop <= 1, "in (0, 1]"),
            ("validation", 0 <= self.validation < 1, "in [0, 1)"),
            ("folds", self.folds == 0 or self.folds >= 2, "0, or at least 2"),
            (
                "fold",
                0 <= self.fold < max(1, self.folds),
                f"from 0 to {max(0, self.folds - 1)} with {self.folds} folds",
            ),
        ):
            if not good:
                raise InputError(f"data.{field} must be {expected}; got {getattr(self, field)}")
