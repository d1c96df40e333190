"""Contestants that take turns, and what their turns cost.

On a machine that others use as well, seconds mean little and ratios mean something only between neighbours in
time. So the contestants go A B C A B C …, each turn is timed in processor seconds (of all threads of its
process) and on the wall clock, and a contestant is compared with the first one round by round.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of malloc.h


@dataclass(frozen=True)
class Options:
    """`quick` shows that a bench works, in too few rounds to mean much; `data`, `epochs`: see `precision`."""

    quick: bool = False
    threads: int = 1
    data: Path | None = None
    epochs: int = 4

    @property
    def rounds(self) -> int:
        return 2 if self.quick else 7


@dataclass(frozen=True)
class Spent:
    """Seconds of processor time, and of the wall clock."""

    cpu: float
    wall: float


Turn = Callable[[], Spent]
Pause = Callable[[], None]
Turns = Mapping[str, Sequence[Spent]]


def nothing(turns: Turns) -> dict[str, object]:
    return {}


@dataclass(frozen=True)
class Work:
    """What every contestant does in a turn: `amount` `unit`s. All are compared with the first of `turns`.

    `skipped` says of those that cannot take part why. `findings` draws from the measured turns what the table
    does not show.
    """

    title: str
    unit: str
    amount: int
    turns: Mapping[str, Turn]
    rounds: int
    skipped: Mapping[str, str] = field(default_factory=dict)
    findings: Callable[[Turns], Mapping[str, object]] = nothing


@dataclass(frozen=True)
class Summary:
    """One contestant: units per second of either kind, medians over the rounds; how many times as fast as the
    first one in processor time, as median, least and greatest of the rounds; and what its first turn cost,
    start-up included."""

    per_cpu_second: float
    per_second: float
    ratio: float
    least: float
    greatest: float
    first: Spent


def interleave(work: Work) -> dict[str, list[Spent]]:
    """The turns of each contestant: a first one, which warms up, and `work.rounds` more."""
    spent: dict[str, list[Spent]] = {name: [] for name in work.turns}
    for _ in range(work.rounds + 1):
        for name, turn in work.turns.items():
            spent[name].append(turn())
    return spent


def ratios(turns: Turns, one: str, other: str) -> list[float]:
    """How many times as fast as `other` was `one`, in processor time, by round; without the first turns."""
    pairs = zip(turns[one][1:], turns[other][1:], strict=True)
    return [theirs.cpu / ours.cpu for ours, theirs in pairs]


def summarise(turns: Turns, amount: int) -> dict[str, Summary]:
    """What `interleave` measured, by contestant; the first turn of each counts as start-up."""
    baseline = next(iter(turns))
    summaries = {}
    for name, (first, *later) in turns.items():
        compared = ratios(turns, name, baseline)
        summaries[name] = Summary(
            amount / statistics.median(turn.cpu for turn in later),
            amount / statistics.median(turn.wall for turn in later),
            statistics.median(compared),
            min(compared),
            max(compared),
            first,
        )
    return summaries


def timed(function: Callable[[], object]) -> Turn:
    """A turn that calls `function` here, in this process."""

    def turn() -> Spent:
        stopwatch = _Stopwatch()
        function()
        return stopwatch.read()

    return turn


class _Stopwatch:
    """Starts when it is made."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def read(self) -> Spent:
        return Spent(time.process_time() - self._cpu, time.perf_counter() - self._wall)


@contextmanager
def in_processes(contestants: Mapping[str, Callable[[Pause], None]]) -> Iterator[dict[str, Turn]]:
    """Each contestant in a fresh process of its own, of which only the one whose turn it is runs.

    So none meets another's global settings, allocator or caches, and a framework that owns its loop can be
    stopped in the middle of it. A contestant, which has to be picklable, calls `pause` when it is ready to
    begin, and again whenever a turn is done. Raises RuntimeError when one fails; its traceback is on stderr.
    """
    context = multiprocessing.get_context("spawn")
    started: dict[str, tuple[Any, Connection]] = {}
    try:
        for name, contestant in contestants.items():
            here, there = context.Pipe()
            process = context.Process(target=_take_turns, args=(contestant, there), daemon=True)
            process.start()
            there.close()
            started[name] = process, here
        for name, (_, connection) in started.items():
            _receive(name, connection)
        yield {name: _turn_of(name, connection) for name, (_, connection) in started.items()}
    finally:
        for process, connection in started.values():
            process.kill()  # Lightning has a handler of its own for the polite signal
            process.join()
            connection.close()


def keep_freed_memory() -> None:
    """Tell glibc's allocator never to give memory back to the system, where glibc is what there is.

    Otherwise it depends on the accidents of a process's heap whether a training step faults its pages in
    anew, which makes a quarter's difference between runs of the same loop.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, -1)


def _take_turns(contestant: Callable[[Pause], None], connection: Connection) -> None:
    keep_freed_memory()
    stopwatch = _Stopwatch()

    def pause() -> None:
        nonlocal stopwatch
        connection.send(stopwatch.read())
        connection.recv()
        stopwatch = _Stopwatch()

    contestant(pause)


def _turn_of(name: str, connection: Connection) -> Turn:
    def turn() -> Spent:
        connection.send(None)
        return _receive(name, connection)

    return turn


def _receive(name: str, connection: Connection) -> Spent:
    try:
        spent = connection.recv()
    except EOFError:
        raise RuntimeError(f"{name} ended before its turn was done") from None
    if not isinstance(spent, Spent):
        raise TypeError(f"{name} sent {type(spent).__name__}")
    return spent
