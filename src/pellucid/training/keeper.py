"""Writes what `fit` yields into the run folder, and into a TensorBoard event file on request."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping
from typing import Protocol

from pellucid.runs.folder import RunFolder
from pellucid.runs.log import Log
from pellucid.runs.recordings import write_probes, write_recording
from pellucid.training.events import (
    Diverged,
    Evaluated,
    Event,
    Finished,
    Noted,
    Recorded,
    Started,
    Stepped,
    Watching,
)
from pellucid.types.errors import InputError

_LINES_PER_EPOCH = 50
_BETWEEN = 0.05  # seconds between lines for who is looking on
_LIVE_BYTES = 2**18  # after which these begin anew


class _Board(Protocol):
    def add_scalar(self, tag: str, value: float, step: int) -> None: ...

    def close(self) -> None: ...


class Keeper:
    """Without a run (or in a process that does not write) it keeps nothing.

    Steps are logged at most 50 times an epoch, the first ten all the same. Where that is seldom, `live.jsonl`
    has steps between them, at most 20 a second, while the training lasts: for who is looking on.
    """

    def __init__(self, run: RunFolder | None, steps_per_epoch: int, tensorboard: bool) -> None:
        self._run = run
        self._every = max(1, steps_per_epoch // _LINES_PER_EPOCH)
        self._tensorboard = tensorboard and run is not None
        self._told = 0.0  # when a step was last written
        self._board: _Board | None = (
            None  # made when first written to: the run folder comes with the first event
        )
        if self._tensorboard and importlib.util.find_spec("tensorboard") is None:
            raise InputError(
                "tensorboard was asked for but is not installed: pip install 'pellucid[tensorboard]'"
            )

    def keep(self, event: Event) -> None:
        if self._run is None:
            return
        match event:
            case Started():
                self._run.live.path.unlink(missing_ok=True)
            case Stepped() if event.step <= 10 or event.step % self._every == 0:
                self._write(self._run.log, event)
                self._show(event.step, {f"train/{k}": v for k, v in event.losses.items()} | {"lr": event.lr})
            case Stepped() if time.monotonic() - self._told >= _BETWEEN:
                live = self._run.live
                if live.path.exists() and live.path.stat().st_size > _LIVE_BYTES:
                    live.path.unlink()
                self._write(live, event)
            case Evaluated():
                about = {
                    "epoch": event.epoch,
                    "split": event.split,
                    "best": event.best,
                    "seconds": event.seconds,
                }
                self._run.log.append("evaluation", event.step, {"metrics": event.metrics, **about})
                self._show(event.step, {f"{event.split}/{k}": v for k, v in event.metrics.items()})
            case Watching():
                write_probes(self._run.recordings, event.probes)
            case Recorded():
                write_recording(self._run.recordings, event.recording)
            case Finished():
                about = {"reason": event.reason, "best": event.best, "best_step": event.best_step}
                self._run.log.append("finished", event.step, {**about, "seconds": event.seconds})
                self._run.live.path.unlink(missing_ok=True)
            case Diverged():
                self._run.log.append("diverged", event.step, {"description": event.description})
            case Noted():
                self._run.log.append("note", 0, {"message": event.message})

    def _write(self, log: Log, event: Stepped) -> None:
        values = {"losses": event.losses, "gradient_norms": event.gradient_norms}
        log.append("step", event.step, {**values, "epoch": event.epoch, "lr": event.lr, "rate": event.rate})
        self._told = time.monotonic()

    def _show(self, step: int, values: Mapping[str, float]) -> None:
        if self._run is not None and self._tensorboard:
            self._board = self._board or open_board(self._run)
            for tag, value in values.items():
                self._board.add_scalar(tag, value, step)

    def close(self) -> None:
        if self._board is not None:
            self._board.close()


def open_board(run: RunFolder) -> _Board:
    """A writer of `tensorboard/` in the run folder."""
    from torch.utils.tensorboard import SummaryWriter

    board: _Board = SummaryWriter(str(run.path / "tensorboard"))
    return board
