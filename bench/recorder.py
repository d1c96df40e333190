"""What the recorder costs, as a fraction of the time that the training's steps take. Aim: 5 % at most.

A step of the training and a recording, written into a run folder, take turns. How many of each a whole
training has is known from its recipe; so the fraction is (set-up + recordings · cost of one) / (steps · cost
of one), evaluations left aside.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.measure import Options, Spent, Turns, Work, keep_freed_memory, timed
from pellucid.data.settings import DataSettings
from pellucid.recipes import RECIPES
from pellucid.recipes.recipe import ModelSettings, Recipe, prepare
from pellucid.runs.folder import RunFolder
from pellucid.runs.recordings import write_probes, write_recording
from pellucid.training.recorder import Recorder
from pellucid.training.session import Session
from pellucid.training.settings import HardwareSettings

STEP, RECORDING = "a step", "a recording"


def works(options: Options) -> Iterator[Work]:
    keep_freed_memory()
    demo = RECIPES["shapes-resnet"]()
    small = replace(demo, model=ModelSettings("resnet18"), data=DataSettings(name="shapes", size=32))
    for title, recipe in {"the demo": demo, "ResNet-18 on shapes of 32²": small}.items():
        hardware = HardwareSettings(device="cpu", threads=options.threads)
        yield from work(title, replace(recipe, training=replace(recipe.training, hardware=hardware)), options)


def work(title: str, recipe: Recipe, options: Options) -> Iterator[Work]:
    prepared = prepare(recipe)
    with TemporaryDirectory() as folder:
        run = RunFolder.create(Path(folder) / "run", {"bench": True})
        session = Session(prepared.model, prepared.task, prepared.data, recipe.training, run, False)
        with session.execution.applied():
            recorders: list[Recorder] = []
            set_up = timed(lambda: recorders.append(_set_up(session, recipe, run)))()
            recorder = recorders[0]
            recordings = sum(map(recorder.due, range(session.total_steps + 1)))
            turns = {
                STEP: timed(lambda: session.take_step(asked=False, due=False)),
                RECORDING: timed(lambda: _record(recorder, run)),
            }
            found = partial(cost, set_up, session.total_steps, recordings)
            yield Work(f"recorder: {title}", "turns", 1, turns, 2 * options.rounds, findings=found)
        session.close()


def _set_up(session: Session, recipe: Recipe, run: RunFolder) -> Recorder:
    recorder = Recorder(session, recipe.training.recorder)
    write_probes(run.recordings, recorder.watching())
    return recorder


def _record(recorder: Recorder, run: RunFolder) -> None:
    """All that the loop does where a recording is due."""
    recording = recorder.record()
    recorder.troubles(recording)
    write_recording(run.recordings, recording)


def cost(set_up: Spent, steps: int, recordings: int, turns: Turns) -> dict[str, object]:
    """Of the whole training, in processor time."""
    step, recording = (statistics.median(turn.cpu for turn in turns[name][1:]) for name in (STEP, RECORDING))
    return {
        "a recording costs as much as so many steps": recording / step,
        "steps": steps,
        "recordings": recordings,
        "cost of the recorder, per cent of training": 100
        * (set_up.cpu + recordings * recording)
        / (steps * step),
    }
