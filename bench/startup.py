"""How long the commands take that only tell something, beside an interpreter that does nothing.

Aim: under 0.2 s.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.measure import Options, Spent, Turn, Turns, Work

CALLS: dict[str, tuple[str, ...]] = {
    "pellucid --help": ("--help",),
    "pellucid list": ("list",),
    "pellucid list --json": ("list", "--json"),
}
_COUNT = (
    "import sys; from pellucid.cli import main; main(sys.argv[1:]); print(len(sys.modules), file=sys.stderr)"
)


def works(options: Options) -> Iterator[Work]:
    script = str(Path(sysconfig.get_path("scripts")) / "pellucid")
    turns = {"python -c pass": started([sys.executable, "-c", "pass"])}
    turns |= {name: started([script, *arguments]) for name, arguments in CALLS.items()}
    yield Work("start-up", "starts", 1, turns, 3 * options.rounds, findings=findings)


def started(command: Sequence[str]) -> Turn:
    """A turn that runs `command` as a process of its own. Raises CalledProcessError when it fails."""

    def turn() -> Spent:
        cpu, wall = _children(), time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return Spent(_children() - cpu, time.perf_counter() - wall)

    return turn


def _children() -> float:
    """Processor seconds of all processes that this one has started and seen end."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def findings(turns: Turns) -> dict[str, object]:
    """Seconds and modules of each command."""
    found: dict[str, object] = {}
    for name, spent in turns.items():
        found[f"{name}, seconds"] = statistics.median(turn.wall for turn in spent[1:])
    for name, arguments in CALLS.items():
        found[f"{name}, modules"] = modules(arguments)
    return found


def modules(arguments: Sequence[str]) -> int:
    """How many modules a command has imported when it is done."""
    command = [sys.executable, "-c", _COUNT, *arguments]
    done = subprocess.run(command, check=True, text=True, capture_output=True)
    return int(done.stderr)
