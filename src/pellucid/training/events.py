"""What `fit` yields. Consumers print them, plot them, stream them or keep them; stopping is `break`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pellucid.types.recording import Probes, Recording


@dataclass(frozen=True)
class Started:
    """`step` is 0, or where a resumed run goes on. Of the network's `parameters`, `trained` are not frozen.
    `execution` tells device, precision, memory format, threads and data path.
    """

    step: int
    total_steps: int
    steps_per_epoch: int
    parameters: int
    trained: int
    execution: str


@dataclass(frozen=True)
class Noted:
    """Something the user should know: a file left out, a fall-back taken, a checkpoint skipped."""

    message: str


@dataclass(frozen=True)
class Stepped:
    """One step done. `losses` are averages over the batch, "critic.loss" where there are several players.
    `gradient_norms` are L2 norms before clipping, by objective. `rate` is in samples per second since the
    last evaluation.
    """

    step: int
    epoch: float
    losses: Mapping[str, float]
    gradient_norms: Mapping[str, float]
    lr: float
    rate: float


@dataclass(frozen=True)
class Evaluated:
    """`primary` names the metric that decides whether this evaluation is the `best` so far."""

    step: int
    epoch: float
    split: str
    metrics: Mapping[str, float]
    primary: str
    best: bool
    seconds: float


@dataclass(frozen=True)
class Watching:
    """Which samples every `Recorded` is about."""

    probes: Probes


@dataclass(frozen=True)
class Recorded:
    step: int
    recording: Recording


@dataclass(frozen=True)
class Saved:
    step: int
    name: Literal["last", "best"]


@dataclass(frozen=True)
class Finished:
    """`best` is the primary metric's best value, `best_step` where it was reached."""

    step: int
    reason: Literal["epochs", "early-stopping", "stopped"]
    best: float | None
    best_step: int | None
    seconds: float


@dataclass(frozen=True)
class Diverged:
    """A loss or gradient became NaN or infinite before `step` was taken; the weights are still those of the
    step before.
    """

    step: int
    description: str


Event = Started | Noted | Stepped | Evaluated | Watching | Recorded | Saved | Finished | Diverged
