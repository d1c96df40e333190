"""Carrying out a recipe: a run folder from the first step to the report."""

from __future__ import annotations

import contextlib
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from torch import nn

import pellucid
from pellucid.data.loading import normalise
from pellucid.data.source import Data
from pellucid.inspection.cost import parameter_count
from pellucid.inspection.modes import evaluation_mode
from pellucid.models.naming import build_model, keep_source, source_of
from pellucid.models.weights import load_state
from pellucid.recipes.insight import has_insight, look_into
from pellucid.recipes.recipe import Prepared, Recipe, prepare
from pellucid.recipes.serial import first_difference, from_dict, to_dict
from pellucid.reports.report import write_report
from pellucid.runs import checkpoint as checkpoints
from pellucid.runs.folder import RunFolder
from pellucid.runs.insight import write_insight
from pellucid.tasks.classification import Classification
from pellucid.tasks.task import Task
from pellucid.training.evaluation import evaluate
from pellucid.training.events import Evaluated, Event, Finished, Noted, Started
from pellucid.training.execution import choose_execution
from pellucid.training.feed import Feed
from pellucid.training.loop import fit, never
from pellucid.training.processes import Processes, current_processes
from pellucid.training.settings import Settings
from pellucid.types.data_info import DataInfo
from pellucid.types.errors import InputError
from pellucid.types.evaluation import Evaluation


def run_recipe(
    recipe: Recipe,
    path: Path,
    *,
    resume: bool = False,
    stop: Callable[[], bool] = never,
    command: Sequence[str] = (),
) -> Iterator[Event]:
    """Train into the run folder `path`, then evaluate the best weights on the test split and write the
    report.

    Yields the events of `fit`, and at the end an `Evaluated` of the test split. `resume` goes on with the run
    in `path`, or begins it where there is none yet. Under torchrun every process calls this; the first one
    writes.
    """
    processes, run = current_processes(), RunFolder(path)
    with contextlib.ExitStack() as stack:
        if processes.first:
            stack.enter_context(run.locked())
            resume = resume and run.begun
            check_same(recipe, run) if resume else RunFolder.check_free(path)
        resume = processes.from_first(resume)
        prepared = prepare(recipe)
        task, data = prepared.task, prepared.data
        events = fit(prepared.model, task, data, recipe.training, run=run, resume=resume, stop=stop)
        stack.enter_context(contextlib.closing(events))
        for event in events:
            if isinstance(event, Started) and processes.first and not resume:
                # Only now, when nothing is left that could be refused.
                RunFolder.create(path, describe(recipe, prepared, command))
                keep_source(recipe.model.name, path)
            yield event
            if isinstance(event, Started):
                yield from map(Noted, prepared.notes)
            if isinstance(event, Finished) and event.reason != "stopped":
                yield _conclude(recipe, prepared, run, processes)


def describe(recipe: Recipe, prepared: Prepared, command: Sequence[str]) -> dict[str, Any]:
    """What run.json says: enough to know what was run, and to run it again."""
    return {
        "recipe": to_dict(recipe),
        "command": list(command),
        "data": to_dict(prepared.data.info),
        "versions": {
            "pellucid": pellucid.__version__,
            "torch": str(torch.__version__),
            "torchvision": str(torchvision.__version__),
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "parameters": parameter_count(prepared.model),
        "platform": platform.platform(),
        "code": _code_state(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _code_state() -> dict[str, Any] | None:
    """The commit of the folder the run is started in, and whether it has changes; None outside git."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True, timeout=10)
        return done.stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


def check_same(recipe: Recipe, run: RunFolder) -> None:
    """Raise `InputError` unless the run is of this very recipe.

    What decides neither weights nor data may differ: where the files lie (the data's fingerprint is
    compared), how many workers read ahead, how often is saved.
    """
    difference = first_difference(_deciding(from_dict(Recipe, run.describe()["recipe"])), _deciding(recipe))
    if difference:
        raise InputError(
            f"{run.path} holds a run of another recipe ({difference}); "
            "resume it as it was, or use another --out"
        )


def _deciding(recipe: Recipe) -> Any:
    free = Settings()
    hardware = replace(recipe.training.hardware, workers=free.hardware.workers)
    training = replace(
        recipe.training, hardware=hardware, save_every=free.save_every, tensorboard=free.tensorboard
    )
    model = replace(recipe.model, name=recipe.model.name.rpartition("/")[2], weights=None)
    return to_dict(replace(recipe, data=replace(recipe.data, path=None), model=model, training=training))


def _conclude(recipe: Recipe, prepared: Prepared, run: RunFolder, processes: Processes) -> Evaluated:
    """Evaluate the best weights on the test split, keep what the report needs, and write the report."""
    began = time.monotonic()
    info = prepared.data.info
    model, step = restore(run, recipe, info, processes)
    evaluation = evaluate_on(model, prepared.task, prepared.data, recipe.training, split="test", step=step)
    if processes.first:
        keep_evaluation(run, model, prepared.task, prepared.data, evaluation)
        write_report(run, prepared.task)
    epoch = step / max(1, info.counts["train"] // recipe.training.batch_size)
    seconds = time.monotonic() - began
    return Evaluated(step, epoch, "test", evaluation.metrics, prepared.task.primary[0], True, seconds)


def evaluate_on(
    model: nn.Module, task: Task, data: Data, settings: Settings, *, split: str, step: int = 0
) -> Evaluation:
    """Evaluate `model` on a split, on the device training would choose; in fp32 unless a precision was set.

    What is reported of weights should be theirs alone, to the last sample: bf16 rounds some decisions away.
    """
    if split not in data.splits:
        raise InputError(f"{data.info.name} has no split {split!r}; it has {', '.join(data.splits)}")
    processes = current_processes()
    precision = settings.hardware.precision
    hardware = replace(settings.hardware, precision="fp32" if precision == "auto" else precision)
    execution = choose_execution(model, data.info.shape, hardware, processes, steps=0)
    model.to(execution.device)
    if execution.channels_last:
        model.to(memory_format=torch.channels_last)
    with execution.applied():
        batches = Feed(data, settings, execution, processes).evaluation(split)
        return evaluate(model, task, batches, execution, split=split, step=step, processes=processes)


def keep_evaluation(run: RunFolder, model: nn.Module, task: Task, data: Data, evaluation: Evaluation) -> None:
    """Write an evaluation of `model` into the run, with the pictures that the task asks for and its exhibits,
    and where the pictures have a class each, what is seen inside the network.

    They are run one by one: a whole batch of label maps may be more than the memory holds.
    """
    pictures, exhibits, told = {}, {}, list(task.telling(evaluation))
    for index in told:
        stored, exhibits[index] = exhibit(model, task, data, evaluation.split, index)
        if stored.dtype == np.uint8:
            pictures[index] = stored
    run.write_evaluation(replace(evaluation, exhibits=exhibits), pictures)
    if has_insight(data.info):
        wrong = told if isinstance(task, Classification) else []  # others have no wrong answers
        write_insight(run, look_into(model, data, evaluation, wrong))


def exhibit(
    model: nn.Module, task: Task, data: Data, split: str, index: int
) -> tuple[NDArray[Any], Mapping[str, NDArray[np.uint8]]]:
    """One sample of a split as it is stored, and what the task shows of what `model` says of it."""
    stored = data.splits[split].fetch(torch.tensor([index])).to(next(model.parameters()).device)
    batch = normalise(stored, data.info.preprocessing)
    with evaluation_mode(model), torch.inference_mode():
        shown = task.exhibits(task.forward(model, batch), batch)
    return stored.inputs[0].cpu().numpy(), {name: maps[0].cpu().numpy() for name, maps in shown.items()}


@dataclass(frozen=True)
class OpenedRun:
    """A run folder read back: its recipe, and what its data were, without opening them."""

    folder: RunFolder
    recipe: Recipe
    info: DataInfo


def open_run(path: Path) -> OpenedRun:
    """Read a run folder's description. Raises `InputError` where `path` is none."""
    folder = RunFolder.open(path)
    description = folder.describe()
    return OpenedRun(
        folder, from_dict(Recipe, description["recipe"]), from_dict(DataInfo, description["data"])
    )


def restore(run: RunFolder, recipe: Recipe, info: DataInfo, processes: Processes) -> tuple[nn.Module, int]:
    """The run's network with its best weights, or the last where none were judged yet, and their step."""
    name = source_of(recipe.model.name, run.path)
    outputs, conditions = recipe.task.outputs(info), len(info.classes)
    model = build_model(name, inputs=info.shape, outputs=outputs, conditions=conditions)
    found = None
    if processes.first:
        best, last = (checkpoints.load_newest(run.checkpoints, name)[0] for name in ("best", "last"))
        found = best or last
    found = processes.from_first(found)
    if found is None:
        raise InputError(f"{run.path} has no whole checkpoint to take weights from")
    load_state(model, found.weights, str(run.path))
    return model, int(found.state["step"])
