"""Batches made ahead of time by other processes."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from typing import Any

from torch import Generator as RandomGenerator
from torch import Tensor
from torch.multiprocessing import get_context
from torch.utils.data import DataLoader, Dataset

from pellucid.types.batch import Batch, map_leaves
from pellucid.types.errors import InputError

_AHEAD = 2  # batches that each worker keeps ready; they lie in shared memory, of which containers have little
_DEATH = r"DataLoader worker .*(exited unexpectedly|killed by signal)"


def stream(
    prepare: Callable[[Any], Batch], requests: Iterable[Any], workers: int, *, pin: bool
) -> Generator[Batch, None, None]:
    """`prepare(request)` for each request, in order, by `workers` ≥ 1 processes with one thread each.

    `prepare` must pickle. An `InputError` or `OSError` of its own is raised here in the same words; a worker
    that dies raises `OSError`. `pin` puts the batches where a GPU can fetch them while it computes. Closing
    the generator ends the processes.
    """
    parcels: Iterator[_Parcel] = iter(
        DataLoader(
            _Requested(prepare),
            sampler=requests,
            batch_size=None,
            collate_fn=_as_it_is,
            num_workers=workers,
            prefetch_factor=_AHEAD,
            pin_memory=pin,
            worker_init_fn=_begin,
            multiprocessing_context=_context(),
            generator=RandomGenerator(),  # the loader draws a seed, but not from the caller's generator
        )
    )
    try:
        while (parcel := _next(parcels)) is not None:
            if parcel.error is not None:
                raise parcel.error
            if parcel.batch is not None:
                yield parcel.batch
    finally:
        del parcels  # ends the workers


@dataclass(frozen=True)
class _Parcel:
    """What a worker sends: a batch, or why there is none."""

    batch: Batch | None = None
    error: InputError | OSError | None = None

    def pin_memory(self) -> _Parcel:
        """`DataLoader` calls this, in a thread of its own."""
        if self.batch is None:
            return self
        parts = (self.batch.inputs, self.batch.targets, self.batch.indices)
        return _Parcel(Batch(*map_leaves(_pinned, parts)))


def _pinned(leaf: Any) -> Any:
    return leaf.pin_memory() if isinstance(leaf, Tensor) else leaf


@dataclass(frozen=True)
class _Requested(Dataset[_Parcel]):
    prepare: Callable[[Any], Batch]

    def __getitem__(self, request: Any) -> _Parcel:
        try:
            return _Parcel(self.prepare(request))
        # Made anew from their text: what a worker sends must survive pickling.
        except InputError as error:
            return _Parcel(error=InputError(str(error)))
        except OSError as error:
            return _Parcel(error=OSError(str(error)))


def _next(parcels: Iterator[_Parcel]) -> _Parcel | None:
    try:
        return next(parcels, None)
    except (RuntimeError, OSError, EOFError) as error:
        # A worker's own errors come in parcels; these are the loader's, or of a link to a dead worker.
        text = str(error) or type(error).__name__
        if isinstance(error, RuntimeError) and not re.search(_DEATH, text):
            raise
        reason = text.splitlines()[0].removesuffix(".")
    # Outside the handler: the other error's traceback would keep the loader, and so its processes, alive.
    raise OSError(
        f"a process that loads data died ({reason}); most often memory or shared memory (/dev/shm) ran out: "
        "use fewer workers, or none"
    )


def _as_it_is(parcel: Any) -> Any:
    return parcel


def _begin(worker: int) -> None:
    """A worker lives as long as the main process, no longer and no shorter."""
    # Ctrl-C is for the main process, which may want to finish its step; it ends the workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """A killed main process ends nobody; `DataLoader` watches only the fork server, and that waits for us."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _context() -> BaseContext:
    """Forking a process that has threads or uses a GPU can hang, so workers come from a clean one."""
    if sys.platform != "linux":
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])  # torch is imported once, not by every worker
    return context
