"""Several processes as one: what each has to know of the others, and the few things they say to one another.

Started by torchrun, on one machine or many; alone otherwise, when every function here is free.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """`rank` of `world` processes in all, `local_rank` of `local_world` on this machine."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def mean(self, values: Tensor) -> Tensor:
        """Average over the processes."""
        if self.world > 1:
            dist.all_reduce(values)
            values /= self.world
        return values

    def gather(self, value: T) -> list[T]:
        """Everybody's value, by rank, in every process. Values are pickled between processes of one run,
        never from files.
        """
        if self.world == 1:
            return [value]
        values: list[T] = [value] * self.world
        dist.all_gather_object(values, value)
        return values

    def from_first(self, value: T) -> T:
        """Rank 0's value, in every process."""
        if self.world == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]


ALONE = Processes()


def current_processes() -> Processes:
    """The processes this one has joined; a single one without torchrun."""
    if not (dist.is_available() and dist.is_initialized()):
        return ALONE
    local_rank, local_world = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    return Processes(dist.get_rank(), dist.get_world_size(), local_rank, local_world)


@contextmanager
def join_processes(device: str) -> Iterator[Processes]:
    """The processes that torchrun started, joined for the duration; a single one without torchrun.

    The back end is NCCL on GPUs and gloo on CPUs.
    """
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ or dist.is_initialized():
        yield current_processes()  # alone, or joined already
        return
    local_rank = int(os.environ["LOCAL_RANK"])
    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    if on_gpu:
        torch.cuda.set_device(local_rank)
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield current_processes()
    finally:
        dist.destroy_process_group()
