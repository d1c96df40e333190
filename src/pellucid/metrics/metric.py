"""What every metric is: a stateless function somewhere, and this thin accumulator around it."""

from __future__ import annotations

from typing import Any, Protocol, Self

from pellucid.types.batch import Batch


class Metric(Protocol):
    """Adds up what it needs batch by batch; exact over any split into batches and processes.

    `compute` returns named numbers, (“top-1”, 0.97) for instance; per-class tables and curves are attributes
    or methods of the concrete metric. What is kept lives on the CPU and can be pickled, so that processes can
    `merge`.
    """

    def update(self, output: Any, batch: Batch) -> None: ...

    def merge(self, other: Self) -> None: ...

    def compute(self) -> dict[str, float]: ...
