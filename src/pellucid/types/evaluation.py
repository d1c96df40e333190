"""What an evaluation found: the numbers, and what the network said of every sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Evaluation:
    """`indices` (n,) are positions in `split`, rising. `outputs` (n, numbers) float32 is the task's `probe`
    of each: probabilities for classification. `targets` (n,) or (n, numbers) are the truth where the task's
    targets are one such tensor, else empty (0,): whole label maps would fill the memory.

    `exhibits` are the task's, (h, w) or (h, w, 3) uint8 by name, of the few samples that a
    report shows, by index.
    """

    split: str
    step: int
    metrics: Mapping[str, float]
    indices: NDArray[np.int64]
    targets: NDArray[np.generic]
    outputs: NDArray[np.float32]
    exhibits: Mapping[int, Mapping[str, NDArray[np.uint8]]] = field(default_factory=dict)
