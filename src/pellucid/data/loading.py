"""From a split to the batches a network sees, their order and randomness depending on the seed alone.

The batch of step k is a function of (seed, k): the same for any number of workers and after any restart, and
any number of processes share the same global batches. A split that lies in memory is brought to the device
once and augmented there, a batch at a time; a streamed one is decoded and augmented by worker processes.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import Tensor

from pellucid.data.augment import Augmentation, augment_pixels, augment_values, mix
from pellucid.data.source import Source
from pellucid.data.workers import stream
from pellucid.ops.normalisation import normalised
from pellucid.ops.random import keys, seed_of
from pellucid.types.batch import Batch
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError

_MIXING = -1  # in the place of a sample's index: keeps the draws of a batch apart from those of its samples
_MOST_WORKERS = 8

Request = tuple[int | None, Tensor]  # epoch and indices; without an epoch: the samples as they are


@lru_cache(maxsize=2)
def _permutation(count: int, seed: int, epoch: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed_of(seed, epoch)))


@dataclass(frozen=True)
class Order:
    """Which samples each step takes: every epoch a new permutation of `count` samples, in batches of `batch`.

    What does not fill a batch is left out of its epoch, a different part each time. Process `rank` of `world`
    gets its share of the same global batch; shares differ by one sample at most.
    """

    count: int
    batch: int
    seed: int
    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InputError("the training split is empty; there is nothing to train on")
        if self.batch < 1:
            raise InputError(f"batch-size must be at least 1, got {self.batch}")
        if min(self.count, self.batch) < self.world:
            smallest = min(self.count, self.batch)
            raise InputError(f"{self.world} processes cannot share a batch of {smallest} samples; use fewer")

    @property
    def steps_per_epoch(self) -> int:
        return max(1, self.count // self.batch)

    def at(self, step: int) -> Request:
        """The epoch that `step` (from 0) belongs to, and this process's indices (b,) int64."""
        epoch, position = divmod(step, self.steps_per_epoch)
        whole = _permutation(self.count, self.seed, epoch)[
            position * self.batch : (position + 1) * self.batch
        ]
        return epoch, whole[_share(len(whole), self.rank, self.world)].clone()


def _share(count: int, rank: int, world: int) -> slice:
    return slice(rank * count // world, (rank + 1) * count // world)


@dataclass(frozen=True)
class Pipeline:
    """What happens to samples between their source and the network; `augmentation` None: nothing random.

    `classes` is the number of classes, needed by mixup and CutMix.
    """

    preprocessing: Preprocessing
    augmentation: Augmentation | None = None
    seed: int = 0
    classes: int = 0
    channels_last: bool = False

    def prepare(self, source: Source, request: Request) -> Batch:
        """Fetch the samples and augment their pixels."""
        epoch, indices = request
        if epoch is None:
            return source.fetch(indices)
        own = keys(self.seed, epoch, indices)
        batch = source.fetch(indices, own)
        return batch if self.augmentation is None else augment_pixels(batch, self.augmentation, own)

    def finish(self, batch: Batch, request: Request, step: int) -> Batch:
        """Normalise, then augment what depends on normalised values or on the whole batch."""
        batch = normalise(batch, self.preprocessing)
        epoch, indices = request
        if epoch is not None and self.augmentation is not None:
            if self.augmentation.cutout:
                batch = augment_values(batch, self.augmentation, keys(self.seed, epoch, indices))
            batch = mix(batch, self.augmentation, seed_of(self.seed, step, _MIXING), self.classes)
        if self.channels_last and batch.inputs.ndim == 4:
            inputs = batch.inputs.contiguous(memory_format=torch.channels_last)
            batch = Batch(inputs, batch.targets, batch.indices)
        return batch


def normalise(batch: Batch, preprocessing: Preprocessing) -> Batch:
    """The batch as a network of this preprocessing sees it: `ops.normalisation.normalised`."""
    return Batch(normalised(batch.inputs, preprocessing), batch.targets, batch.indices)


def training_batches(
    source: Source,
    order: Order,
    start_step: int,
    stop_step: int,
    pipeline: Pipeline,
    device: torch.device | str,
    workers: int,
) -> Generator[Batch, None, None]:
    """The batches of the steps from `start_step` up to, not including, `stop_step`, on `device`.

    Closing the generator ends its workers. Raises what the source raises, and `OSError` for a dead worker.
    """
    steps = range(start_step, stop_step)
    prepared = _prepared(source, map(order.at, steps), pipeline, torch.device(device), workers)
    with closing(prepared):
        for step, batch in zip(steps, prepared, strict=True):
            yield pipeline.finish(batch, (step // order.steps_per_epoch, batch.indices), step)


def evaluation_batches(
    source: Source,
    batch_size: int,
    pipeline: Pipeline,
    device: torch.device | str,
    workers: int,
    rank: int = 0,
    world: int = 1,
) -> Generator[Batch, None, None]:
    """Every sample as it is, exactly once over all processes: this one's share, in order."""
    own = torch.arange(len(source))[_share(len(source), rank, world)]
    requests: list[Request] = [(None, own[i : i + batch_size]) for i in range(0, len(own), batch_size)]
    prepared = _prepared(source, requests, pipeline, torch.device(device), workers)
    with closing(prepared):
        for request, batch in zip(requests, prepared, strict=True):
            yield pipeline.finish(batch, request, 0)


def choose_workers(source: Source, requested: int | None = None) -> int:
    """How many processes load the data: as requested; else none for a split in memory, one a spare core."""
    if requested is not None:
        if requested < 0:
            raise InputError(f"workers must be 0 or more, got {requested}")
        return requested
    if not source.streamed:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # torchrun's processes on this machine
    return max(0, min(_MOST_WORKERS, cores // beside - 1))


def _prepared(
    source: Source, requests: Iterable[Request], pipeline: Pipeline, device: torch.device, workers: int
) -> Generator[Batch, None, None]:
    """The requests' batches with augmented pixels, in order, on the device."""
    if not source.streamed:
        source = source.to("cpu" if workers else str(device))
    prepare = partial(pipeline.prepare, source)
    if workers:
        batches = stream(prepare, requests, workers, pin=device.type == "cuda")
    else:
        batches = (prepare(request) for request in requests)
    with closing(batches):
        for batch in batches:
            yield batch.to(device, non_blocking=True)
