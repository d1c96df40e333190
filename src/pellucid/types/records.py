"""What a network says of one sample, as values with units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Record:
    """What is said of sample `index`: in words by `str`, in full by `numbers` and `pictures`."""

    index: int

    def numbers(self) -> dict[str, Any]:
        """All that can be written as JSON; arrays are lists of numbers there."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def pictures(self) -> Mapping[str, NDArray[np.uint8]]:
        """What is better looked at, by name: (h, w) class numbers, or (h, w, 3) colours."""
        return {}


@dataclass(frozen=True)
class Classified(Record):
    """One picture's classes, most probable first. Probabilities are in [0, 1]; they add up to 1 unless the
    task is multi-label.
    """

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]

    def __str__(self) -> str:
        pairs = zip(self.labels[:3], self.probabilities[:3], strict=True)
        return ", ".join(f"{label} {100 * probability:.1f} %" for label, probability in pairs)


@dataclass(frozen=True)
class Regressed(Record):
    """One sample's predicted value, in the unit of the data's target column."""

    value: float

    def __str__(self) -> str:
        return f"{self.value:.4g}"


@dataclass(frozen=True)
class Painted(Record):
    """One picture painted in another style, (h, w, 3) uint8, and the losses that a fixed network finds."""

    losses: Mapping[str, float]
    painted: NDArray[np.uint8]

    def __str__(self) -> str:
        return ", ".join(f"{name} {loss:.3g}" for name, loss in self.losses.items())

    def numbers(self) -> dict[str, Any]:
        return {"index": self.index, "losses": dict(self.losses)}

    def pictures(self) -> Mapping[str, NDArray[np.uint8]]:
        return {"painted": self.painted}


@dataclass(frozen=True)
class Segmented(Record):
    """`label_map` (h, w) uint8 has each pixel's class, a position in `classes`; `shares` are those of the
    pixels, in [0, 1], in the same order.
    """

    classes: tuple[str, ...]
    shares: tuple[float, ...]
    label_map: NDArray[np.uint8]

    def __str__(self) -> str:
        pairs = sorted(zip(self.shares, self.classes, strict=True), reverse=True)
        return ", ".join(f"{name} {100 * share:.1f} %" for share, name in pairs if share)

    def numbers(self) -> dict[str, Any]:
        return {"index": self.index, "shares": dict(zip(self.classes, self.shares, strict=True))}

    def pictures(self) -> Mapping[str, NDArray[np.uint8]]:
        return {"mask": self.label_map}


@dataclass(frozen=True)
class Reconstructed(Record):
    """One picture's code and what came back of it: `error` is summed over the picture, in the unit of the
    task's loss; `picture` is (h, w, 3) uint8.
    """

    error: float
    code: tuple[float, ...]
    picture: NDArray[np.uint8]

    def __str__(self) -> str:
        return f"error {self.error:.4g}, code of {len(self.code)}"

    def numbers(self) -> dict[str, Any]:
        return {"index": self.index, "error": self.error, "code": list(self.code)}

    def pictures(self) -> Mapping[str, NDArray[np.uint8]]:
        return {"reconstruction": self.picture}
