"""The training loop: one generator, one stream of events, any task.

Everything random is drawn from (seed, step, process) and everything else is in the checkpoint, so a run that
was killed and resumed is, bit for bit, the run that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from typing import Literal

from torch import nn

from pellucid.data.source import Data
from pellucid.runs.folder import RunFolder
from pellucid.tasks.task import Task
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
from pellucid.training.keeper import Keeper
from pellucid.training.player import NonFiniteError
from pellucid.training.recorder import Recorder
from pellucid.training.session import Session
from pellucid.training.settings import Settings


def never() -> bool:
    return False


def fit(
    model: nn.Module,
    task: Task,
    data: Data,
    settings: Settings,
    *,
    run: RunFolder | None = None,
    resume: bool = False,
    stop: Callable[[], bool] = never,
) -> Generator[Event]:
    """Train `model` in place on the "train" split, evaluating on "val" where the data have it, else on
    "test".

    Yields the events of `pellucid.training.events` as they happen. With a `run`, checkpoints, log and
    recordings are written into it, and `resume` goes on from its newest whole checkpoint. `stop` is asked
    after every step: when any process says yes, all of them save and finish. Leaving by `break` saves too.
    Under torchrun every process calls `fit` with the same arguments and gets the same events.

    What is frozen stays so: parameters that require no gradient, and modules that are in evaluation mode
    within a network in training mode, like batch norms that keep their statistics.

    Raises `InputError` for settings that do not fit the network or the data, OSError when the run cannot be
    written.
    """
    session = Session(model, task, data, settings, run, resume)
    keeper = Keeper(run if session.processes.first else None, session.steps_per_epoch, settings.tensorboard)
    with session.execution.applied():
        loop = _events(session, settings, stop)
        begun = diverged = False
        try:
            for event in loop:
                keeper.keep(event)
                diverged = isinstance(event, Diverged)
                yield event
                begun = True
        except GeneratorExit:  # the consumer broke off: leave something to resume from
            if begun and not diverged:
                session.save("last")
            raise
        finally:
            session.close()
            keeper.close()


def _events(session: Session, settings: Settings, stop: Callable[[], bool]) -> Iterator[Event]:
    position = session.state.position
    recorder = Recorder(session, settings.recorder)
    saved = time.monotonic()
    yield Started(
        position.step,
        session.total_steps,
        session.steps_per_epoch,
        session.parameters,
        session.trained,
        f"{session.execution.describe()} · {session.feed.describe()}",
    )
    yield from map(Noted, session.notes)
    if recorder.on:
        yield Watching(recorder.watching())
    if position.step == 0 and recorder.due(0):
        yield Recorded(0, recorder.record())
    asked: Literal["", "stopped"] = ""
    measured, done = time.monotonic(), 0
    while True:
        if position.step % session.steps_per_epoch == 0 and position.evaluated < position.step > 0:
            yield from _close_epoch(session)
            saved = measured = time.monotonic()
            done = 0
        reason = asked or session.ending()
        if reason:
            break
        try:
            taken = session.take_step(asked=stop(), due=time.monotonic() - saved >= settings.save_every)
        except NonFiniteError:
            yield Diverged(position.step + 1, session.diagnose())
            return
        done += session.batch_size
        rate = done / (time.monotonic() - measured)
        stepped = Stepped(position.step, session.epoch, taken.losses, taken.norms, taken.lr, rate)
        recorded = Recorded(position.step, recorder.record()) if recorder.due(position.step) else None
        yield stepped
        if recorded:
            yield recorded
            yield from map(Noted, recorder.troubles(recorded.recording))
        if taken.asked:
            asked = "stopped"
        if taken.due or asked:
            yield from session.save("last")
            saved = time.monotonic()
    stopping = session.state.stopping
    yield Finished(position.step, reason, stopping.best, stopping.best_step, session.state.seconds)


def _close_epoch(session: Session) -> Iterator[Event]:
    """Evaluate where this epoch is one to evaluate after, and save. Events come when all is on the disk."""
    position, events = session.state.position, list[Event]()
    if session.evaluates_now():
        began = time.monotonic()
        evaluation = session.evaluate()
        best = session.judge(evaluation.metrics)
        seconds = time.monotonic() - began
        events.append(
            Evaluated(
                position.step,
                session.epoch,
                evaluation.split,
                evaluation.metrics,
                session.task.primary[0],
                best,
                seconds,
            )
        )
        if best:
            events += session.save("best")
    position.evaluated = position.step
    yield from [*events, *session.save("last")]
