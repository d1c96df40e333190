"""Writes what `fit` yields into the run folder, and into a TensorBoard event file on request."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Protocol

from pellucid.runs.folder import RunFolder
from pellucid.runs.recordings import write_probes, write_recording
from pellucid.training.events import Diverged, Evaluated, Event, Finished, Noted, Recorded, Stepped, Watching
from pellucid.types.errors import InputError

_LINES_PER_EPOCH = 50


class _Board(Protocol):
    def add_scalar(self, tag: str, value: float, step: int) -> None: ...

    def close(self) -> None: ...


class Keeper:
    """Without a run (or in a process that does not write) it keeps nothing.

    Steps are logged at most 50 times an epoch, the first ten all the same.
    """

    def __init__(self, run: RunFolder | None, steps_per_epoch: int, tensorboard: bool) -> None:
        self._run = run
        self._every = max(1, steps_per_epoch // _LINES_PER_EPOCH)
        self._tensorboard = tensorboard and run is not None
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
            case Stepped() if event.step <= 10 or event.step % self._every == 0:
                values = {"losses": event.losses, "gradient_norms": event.gradient_norms}
                numbers = {"epoch": event.epoch, "lr": event.lr, "rate": event.rate}
                self._run.log.append("step", event.step, {**values, **numbers})
                self._show(event.step, {f"train/{k}": v for k, v in event.losses.items()} | {"lr": event.lr})
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
            case Diverged():
                self._run.log.append("diverged", event.step, {"description": event.description})
            case Noted():
                self._run.log.append("note", 0, {"message": event.message})

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
