"""What a network says of one sample, as values with units."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Classified:
    """One picture's classes, most probable first. Probabilities are in [0, 1]; they add up to 1 unless the
    task is multi-label.
    """

    index: int
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]

    def __str__(self) -> str:
        pairs = zip(self.labels[:3], self.probabilities[:3], strict=True)
        return ", ".join(f"{label} {100 * probability:.1f} %" for label, probability in pairs)


@dataclass(frozen=True)
class Regressed:
    """One sample's predicted value, in the unit of the data's target column."""

    index: int
    value: float

    def __str__(self) -> str:
        return f"{self.value:.4g}"
