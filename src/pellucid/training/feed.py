"""The data side of a training: which samples come when, normalised and on the device."""

from __future__ import annotations

from collections.abc import Generator
from functools import cached_property

from torch import Tensor

from pellucid.data.loading import Order, Pipeline, choose_workers, evaluation_batches, training_batches
from pellucid.data.source import Data, Source
from pellucid.training.execution import Execution
from pellucid.training.processes import Processes
from pellucid.training.settings import Settings
from pellucid.types.batch import Batch

_EVALUATED_AT_ONCE = 256  # at least: evaluation needs no memory for gradients


class Feed:
    """This process's share of the data, as `settings` and `execution` want them."""

    def __init__(self, data: Data, settings: Settings, execution: Execution, processes: Processes) -> None:
        self._settings, self._processes, self._device = settings, processes, str(execution.device)
        self._sources = {
            split: source if source.streamed else source.to(self._device)
            for split, source in data.splits.items()
        }
        self._pipeline = Pipeline(
            data.info.preprocessing,
            settings.augment,
            seed=settings.seed,
            classes=len(data.info.classes),
            channels_last=execution.channels_last,
        )
        self._label_maps, self._picture = data.info.label_maps, data.info.shape[-2:]
        self.watched = "val" if "val" in data.splits else "test"

    @cached_property
    def order(self) -> Order:
        """Which training samples each step takes."""
        count, processes = len(self._sources["train"]), self._processes
        return Order(count, self._settings.batch_size, self._settings.seed, processes.rank, processes.world)

    def describe(self) -> str:
        """The way of the training samples, in a few words."""
        source = self._sources["train"]
        workers = self._workers(source)
        by = f"{workers} worker{'s' if workers > 1 else ''}" if workers else "this process"
        return f"data streamed by {by}" if source.streamed or workers else "data in memory"

    def training(self, start: int, stop: int) -> Generator[Batch, None, None]:
        """This process's share of the batches of steps `start` to `stop`; close it to end its workers."""
        source = self._sources["train"]
        return training_batches(
            source, self.order, start, stop, self._pipeline, self._device, self._workers(source)
        )

    def evaluation(self, split: str) -> Generator[Batch, None, None]:
        """This process's share of a split, as it is."""
        source = self._sources[split]
        size = self._at_once()
        return evaluation_batches(
            source,
            size,
            self._pipeline,
            self._device,
            self._workers(source),
            rank=self._processes.rank,
            world=self._processes.world,
        )

    def _at_once(self) -> int:
        """Samples in a batch of evaluation: of label maps as many pixels as a training step has, since the
        network answers for each of them.
        """
        size = self._settings.batch_size
        if not self._label_maps:
            return max(_EVALUATED_AT_ONCE, size)
        if not self._settings.augment.window:
            return size
        height, width = self._picture
        return max(1, size * self._settings.augment.window**2 // (height * width))

    def stored(self, split: str, indices: Tensor) -> Batch:
        """Chosen samples of a split, as they are stored."""
        return self._sources[split].fetch(indices)

    def samples(self, split: str, indices: Tensor) -> Batch:
        """Chosen samples of a split, as the network sees them."""
        return self._pipeline.finish(self.stored(split, indices).to(self._device), (None, indices), 0)

    def _workers(self, source: Source) -> int:
        asked = self._settings.hardware.workers
        return choose_workers(source, None if asked < 0 else asked)
