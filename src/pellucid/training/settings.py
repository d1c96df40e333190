"""What a user can set about training. Every field is checked here, so that a wrong value never reaches the
loop.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pellucid.data.augment import Augmentation
from pellucid.types.errors import InputError
from pellucid.types.optim import Optimiser as Optimiser
from pellucid.types.optim import OptimSettings as OptimSettings
from pellucid.types.optim import check


@dataclass(frozen=True)
class ScheduleSettings:
    name: Literal["constant", "step", "cosine", "one-cycle", "plateau"] = "cosine"
    """How the learning rate changes: see `pellucid.training.schedule`."""
    warmup: float = 0.0
    """Epochs over which the rate rises linearly from near zero, before the schedule begins."""
    milestones: tuple[float, ...] = ()
    """step: the epochs after which the rate is multiplied by `gamma`."""
    gamma: float = 0.1
    """step and plateau: the factor."""
    patience: int = 5
    """plateau: how many evaluations without improvement before the rate falls."""
    floor: float = 0.0
    """cosine and plateau: the lowest rate, as a fraction of optim.lr."""
    peak: float = 0.3
    """one-cycle: the fraction of the training after which the rate is highest."""

    def __post_init__(self) -> None:
        check(
            self,
            {"warmup": 0, "gamma": 0, "patience": 0, "floor": 0, "peak": 0},
            {"gamma": 1, "floor": 1, "peak": 1},
        )
        if self.name == "step" and not self.milestones:
            raise InputError(
                "the step schedule needs schedule.milestones, the epochs at which the rate falls"
            )
        rising = list(self.milestones) == sorted(self.milestones)
        if not rising or not all(0 <= milestone < math.inf for milestone in self.milestones):
            raise InputError(f"milestones must be epochs that rise, got {self.milestones}")


@dataclass(frozen=True)
class HardwareSettings:
    device: str = "auto"
    """cpu, cuda, cuda:1, mps; auto takes an accelerator where there is one."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 where the hardware multiplies it much faster, if one step in it agrees with fp32."""
    memory_format: Literal["auto", "contiguous", "channels-last"] = "auto"
    """How pictures lie in memory; auto: channels last where convolutions do most of the work."""
    threads: int = 0
    """Processor threads of this process; 0: all it may use, divided among the processes of this machine."""
    workers: int = -1
    """Processes that read and decode pictures ahead; -1: chosen by the data, 0: none."""
    compile: Literal["auto", "on", "off"] = "auto"
    """torch.compile: the first step takes tens of seconds, the others less. auto: on GPUs for 2,000 steps or
    more.
    """
    parallel: Literal["ddp", "fsdp"] = "ddp"
    """Under torchrun: copy the network into each process (ddp) or shard it over them (fsdp)."""
    sync_batch_norm: bool = False
    """Under torchrun on GPUs: batch norm over the whole batch, not each process's share."""

    def __post_init__(self) -> None:
        check(self, {"threads": 0, "workers": -1})


@dataclass(frozen=True)
class RecorderSettings:
    """What is kept of the network at log-spaced steps and after each epoch."""

    probes: int = 16
    """How many pictures are watched through the training; 0: nothing is recorded."""
    per_decade: int = 4
    """Recorded steps from 1 to 10, from 10 to 100, and so on, beside the ends of the epochs."""

    def __post_init__(self) -> None:
        check(self, {"probes": 0, "per_decade": 1}, {"probes": 256, "per_decade": 100})


@dataclass(frozen=True)
class Settings:
    epochs: int = 10
    """Passes over the training split."""
    batch_size: int = 128
    """Samples of one step, over all processes."""
    accumulate: int = 1
    """Parts in which a batch passes through the network: less memory, the same gradient, batch norm aside."""
    clip_norm: float = 0.0
    """Scale gradients down to this norm where they exceed it; 0: never."""
    ema: float = 0.0
    """Decay of the moving average of the weights, which is then evaluated and saved as best; 0: none. It is
    less in the first steps.
    """
    dropout: float | None = None
    """Probability for every dropout layer of the network; None: as the network has it."""
    early_stopping: int = 0
    """Stop after so many evaluations without improvement; 0: never."""
    evaluate_every: int = 1
    """Epochs between evaluations; the last epoch is always evaluated."""
    save_every: float = 60.0
    """Seconds between checkpoints within an epoch; each epoch ends with one anyway."""
    seed: int = 0
    """Decides the initial weights, the order of the samples and all other randomness."""
    tensorboard: bool = False
    """Also write an event file that TensorBoard opens."""
    optim: OptimSettings = field(default_factory=OptimSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    augment: Augmentation = field(default_factory=Augmentation)
    hardware: HardwareSettings = field(default_factory=HardwareSettings)
    recorder: RecorderSettings = field(default_factory=RecorderSettings)

    def __post_init__(self) -> None:
        least = {"epochs": 1, "batch_size": 1, "accumulate": 1, "clip_norm": 0, "ema": 0, "early_stopping": 0}
        check(self, least | {"evaluate_every": 1, "save_every": 0, "seed": 0}, {"ema": 0.999999})
        if self.dropout is not None:
            check(self, {"dropout": 0}, {"dropout": 0.999})
        if self.accumulate > self.batch_size:
            raise InputError(f"accumulate ({self.accumulate}) must not exceed batch-size ({self.batch_size})")


_USED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "optim": {
        "momentum": ("momentum", "nesterov", "rmsprop", "muon"),
        "beta1": ("adam", "adamw", "muon"),
        "beta2": ("adam", "adamw", "muon"),
    },
    "schedule": {
        "milestones": ("step",),
        "gamma": ("step", "plateau"),
        "patience": ("plateau",),
        "floor": ("cosine", "plateau"),
        "peak": ("one-cycle",),
    },
}


def ignored(settings: Settings) -> list[tuple[str, str]]:
    """What was set away from its default without having any effect, and why it has none."""
    found = []
    for group, fields in _USED.items():
        chosen = getattr(settings, group)
        default = type(chosen)()
        for field_name, names in fields.items():
            changed = getattr(chosen, field_name) != getattr(default, field_name)
            if changed and chosen.name not in names:
                found.append((f"{group}.{field_name}", f"{chosen.name} does not use it"))
    return found
