"""Trainings that the studio starts and watches.

Each is `pellucid train` in a process of its own: it goes on when the studio stops, and what is watched is its
run folder, so that a run started anywhere else is watched just the same.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pellucid.recipes.form import form_of, options_of
from pellucid.recipes.general import find_recipe
from pellucid.runs.folder import RunFolder, free_path
from pellucid.studio.jobs import News
from pellucid.types.errors import InputError

State = Literal["running", "paused", "stopped", "finished", "failed"]
EVERY = 0.07  # seconds between looks at a run that is watched


@dataclass
class Training:
    """`process` is None once it has ended."""

    name: str
    process: subprocess.Popen[bytes] | None


class Trainings:
    """The runs of one folder; `trusted` networks and `data` folders are what may be trained with."""

    def __init__(self, runs: Path, news: News, trusted: Sequence[str], data: Sequence[Path]) -> None:
        self.runs, self._news = runs, news
        self._trusted, self._data = tuple(trusted), tuple(path.resolve() for path in data)
        self._started: dict[str, Training] = {}
        self._watching = threading.Event()
        self._tails: dict[str, list[Tail]] = {}
        self._thread = threading.Thread(target=self._watch, daemon=True, name="watching runs")
        self._thread.start()

    def start(self, recipe: str, values: Mapping[str, str]) -> str:
        """Begin a run; its name. `values` are the fields that differ from the recipe's. Raises `InputError`
        for what may not be set, and for what `pellucid train` refuses, in its words.
        """
        path = free_path(self.runs / find_recipe(recipe).name)
        self._spawn(path, [recipe, *self._options(recipe, values), "--out", str(path)])
        return path.name

    def _options(self, recipe: str, values: Mapping[str, str]) -> list[str]:
        fields = {each.name: each for each in form_of(find_recipe(recipe))}
        options: list[str] = []
        for name, value in values.items():
            if name not in fields:
                raise InputError(f"{recipe} has no setting {name[:60]!r}")
            if name in ("model.name", "model.weights") and value not in self._trusted and ".py" in value:
                raise InputError(
                    "a network from a file has to be named when the studio starts: --model FILE:FUNCTION"
                )
            if name == "data.path" and value and not self._allowed(Path(value)):
                raise InputError("data from a folder have to be named when the studio starts: --data FOLDER")
            options += options_of(name, fields[name].kind, value)
        return options

    def _allowed(self, path: Path) -> bool:
        return any(path.resolve().is_relative_to(folder) for folder in self._data)

    def _spawn(self, path: Path, words: Sequence[str]) -> None:
        self.runs.mkdir(parents=True, exist_ok=True)
        printed = path.with_name(f".{path.name}.log")
        with open(printed, "ab") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "pellucid", "train", *words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,  # it outlives the studio
            )
        self._started[path.name] = Training(path.name, process)
        self._tell(path.name)

    def pause(self, name: str) -> None:
        """Stop the process where it is; it goes on where it was."""
        process = self._process(name)
        _signal(process, signal.SIGSTOP)
        for _ in range(200):  # the system takes its time to stop it
            if _stopped(process):
                break
            time.sleep(0.01)
        self._tell(name)

    def stop(self, name: str) -> None:
        """Let it save and end; `resume` goes on from there."""
        process = self._process(name)
        _signal(process, signal.SIGTERM)
        _signal(process, signal.SIGCONT)  # one that is paused hears of it

    def resume(self, name: str) -> None:
        """Go on: from the pause, or from the last checkpoint, with the recipe as it was."""
        state = self.state(name)
        if state == "paused":
            _signal(self._process(name), signal.SIGCONT)
            self._tell(name)
            return
        if state in ("running", "finished"):
            raise InputError(f"{name} is {state}; there is nothing to go on with")
        path = self._path(name)
        words = list(RunFolder.open(path).describe()["command"])
        if not words:
            raise InputError(f"{name} was not started by a command, so it cannot be gone on with from here")
        self._spawn(path, [*_without(words, "--out", "--resume"), "--out", str(path), "--resume"])

    def state(self, name: str) -> State:
        path, process = self.runs / name, self._running(name)
        if process:
            return "paused" if _stopped(process) else "running"
        if not (path / "run.json").exists():
            return "failed"
        ends = list(_ends(path / "metrics.jsonl"))
        if ends and ends[-1].get("kind") == "diverged":
            return "failed"
        if ends and ends[-1].get("reason") in ("epochs", "early-stopping"):
            return "finished"
        return "stopped"

    def words(self, name: str) -> str:
        """The last that the process printed, for one that failed."""
        printed = (self.runs / name).with_name(f".{name}.log")
        if not printed.exists():
            return ""
        lines = printed.read_text(errors="replace").strip().splitlines()
        said = [line.removeprefix("pellucid: ") for line in lines if line.startswith("pellucid: ")]
        return said[-1] if said else (lines[-1] if lines else "")

    def started(self) -> list[str]:
        return list(self._started)

    def close(self) -> None:
        """Watch no longer; the trainings go on, paused ones too."""
        self._watching.set()
        for name in self._started:
            process = self._running(name)
            if process and _stopped(process):
                _signal(process, signal.SIGCONT)
        self._thread.join(timeout=5)

    def _running(self, name: str) -> int:
        """The process that trains this run, 0 where none does; a studio before this one may have begun it."""
        training = self._started.get(name)
        if training is not None and training.process is not None and training.process.poll() is None:
            return training.process.pid
        return RunFolder(self._path(name)).holder

    def _process(self, name: str) -> int:
        process = self._running(name)
        if not process:
            raise InputError(f"{name} does not train at this moment")
        return process

    def _path(self, name: str) -> Path:
        path = (self.runs / name).resolve()
        if path.parent != self.runs.resolve():
            raise InputError(f"no run is called {name[:80]!r}")
        return path

    def _watch(self) -> None:
        """Tell of every new line of every run that changes."""
        while not self._watching.wait(EVERY):
            for path in self.runs.glob("*/metrics.jsonl"):
                name = path.parent.name
                if name not in self._tails:
                    folder, known = RunFolder(path.parent), name not in self._started
                    self._tails[name] = [Tail(log.path, at_end=known) for log in (folder.log, folder.live)]
                lines = [line for tail in self._tails[name] for line in tail.new()]
                if lines:
                    self._news.tell("run", {"run": name, "lines": sorted(lines, key=_step)})
            for training in list(self._started.values()):
                process = training.process
                if process is not None and process.poll() is not None:
                    training.process = None
                    self._tell(training.name)

    def _tell(self, name: str) -> None:
        self._news.tell("state", {"run": name, "state": self.state(name), "words": self.words(name)})


@dataclass
class Tail:
    """The lines that a growing file got since one last looked; one that became shorter began anew."""

    path: Path
    at_end: bool = False
    _at: int = field(default=0, init=False)
    _rest: bytes = field(default=b"", init=False)

    def __post_init__(self) -> None:
        self._at = self.path.stat().st_size if self.at_end and self.path.exists() else 0

    def new(self) -> list[dict[str, Any]]:
        try:
            size = self.path.stat().st_size
            if size < self._at:
                self._at, self._rest = 0, b""
            if size == self._at:
                return []
            with open(self.path, "rb") as file:
                file.seek(self._at)
                content = file.read()
        except OSError:
            return []
        self._at += len(content)
        *whole, self._rest = (self._rest + content).split(b"\n")
        return list(_parsed(whole))


def _parsed(lines: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue  # torn by a kill
        if isinstance(value, dict):
            yield value


def _ends(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        for line in _parsed(path.read_bytes().splitlines()):
            if line.get("kind") in ("finished", "diverged", "step"):
                yield line


def _step(line: Mapping[str, Any]) -> int:
    step = line.get("step", 0)
    return step if isinstance(step, int) else 0


def _signal(process: int, number: int) -> None:
    """To a training and the processes that load its data; of one begun in a terminal, to it alone."""
    try:
        if os.getpgid(process) == process:
            os.killpg(process, number)
        else:
            os.kill(process, number)
    except ProcessLookupError:
        raise InputError("this training has just ended") from None


def _stopped(process: int) -> bool:
    """Whether a process is paused, as Linux tells and, for want of /proc, `ps`."""
    path = Path(f"/proc/{process}/stat")
    try:
        if Path("/proc/self").exists():
            return path.read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False  # it has just ended
    words = ["ps", "-o", "stat=", "-p", str(process)]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.startswith("T")


def _without(words: list[str], *options: str) -> list[str]:
    """The words of a command without these options and their values."""
    kept: list[str] = []
    skip = False
    for word in words:
        if skip and not word.startswith("--"):
            skip = False
            continue
        skip = word == "--out"
        if word not in options:
            kept.append(word)
    return kept
