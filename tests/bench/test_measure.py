"""The shared piece of the benches: turns, ratios, processes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from bench.measure import Pause, Spent, Turn, Work, in_processes, interleave, ratios, summarise, timed


def scripted(log: list[str], name: str, cpu: list[float]) -> Turn:
    """A contestant whose turns cost what `cpu` says, and twice that on the wall clock."""
    costs: Iterator[float] = iter(cpu)

    def turn() -> Spent:
        log.append(name)
        seconds = next(costs)
        return Spent(seconds, 2 * seconds)

    return turn


def test_contestants_take_turns_and_the_first_turn_warms_up() -> None:
    log: list[str] = []
    turns = {"a": scripted(log, "a", [9, 1, 2, 4]), "b": scripted(log, "b", [7, 2, 1, 1])}
    spent = interleave(Work("work", "units", 10, turns, rounds=3))
    assert "".join(log) == "abababab"
    assert [turn.cpu for turn in spent["b"]] == [7, 2, 1, 1]


def test_a_summary_is_the_median_of_the_rounds() -> None:
    turns = {
        "a": [Spent(cpu, 2 * cpu) for cpu in (9, 1, 2, 4)],
        "b": [Spent(cpu, 2 * cpu) for cpu in (7, 2, 1, 1)],
    }
    summaries = summarise(turns, amount=10)
    assert summaries["a"].per_cpu_second == 5
    assert summaries["a"].per_second == 2.5
    assert (summaries["a"].ratio, summaries["a"].least, summaries["a"].greatest) == (1, 1, 1)
    # Round by round, 1/2, 2/1 and 4/1: not the ratio of the medians.
    assert ratios(turns, "b", "a") == [0.5, 2, 4]
    assert (summaries["b"].ratio, summaries["b"].least, summaries["b"].greatest) == (2, 0.5, 4)
    assert summaries["b"].first == Spent(7, 14)


def test_a_turn_is_timed_in_processor_seconds_and_on_the_wall_clock() -> None:
    slept = timed(lambda: time.sleep(0.1))()
    assert slept.wall >= 0.1
    assert slept.cpu < 0.05

    def work() -> None:
        began = time.process_time()
        while time.process_time() - began < 0.05:
            pass

    assert timed(work)().cpu >= 0.05


def tells_where_it_is(path: Path, pause: Pause) -> None:
    pause()
    while True:
        with path.open("a") as file:
            file.write(f"{os.getpid()}\n")
        began = time.process_time()
        while time.process_time() - began < 0.02:
            pass
        pause()


def fails(pause: Pause) -> None:
    pause()
    raise SystemExit(3)


def test_processes_run_only_in_their_turn(tmp_path: Path) -> None:
    paths = {name: tmp_path / name for name in ("a", "b")}
    with in_processes({name: partial(tells_where_it_is, path) for name, path in paths.items()}) as turns:
        assert not any(path.exists() for path in paths.values())  # both are ready, and wait
        spent = [turns["a"](), turns["a"](), turns["b"]()]
        lines = [path.read_text().splitlines() for path in paths.values()]
    assert all(0.02 <= turn.cpu < 5 for turn in spent)
    assert [len(each) for each in lines] == [2, 1]
    numbers = {int(line) for each in lines for line in each}
    assert len(numbers) == 2
    assert os.getpid() not in numbers
    for number in numbers:  # they are gone
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


def test_a_contestant_that_ends_early_is_named() -> None:
    with in_processes({"the one": fails}) as turns, pytest.raises(RuntimeError, match="the one ended"):
        turns["the one"]()
