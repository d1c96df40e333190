"""`pellucid evaluate`: measure a run, or a network with weights from a file, on a test split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from pellucid.cli.arguments import parse
from pellucid.cli.tables import metrics_table
from pellucid.cli.train import with_data
from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.recipes.experiment import OpenedRun, evaluate_on, keep_evaluation, open_run, restore
from pellucid.recipes.general import find_recipe
from pellucid.recipes.recipe import prepare
from pellucid.runs.log import json_text
from pellucid.training.processes import Processes, join_processes
from pellucid.types.data_info import DataInfo
from pellucid.types.errors import InputError
from pellucid.types.evaluation import Evaluation

ABOUT = """Measure a run's best weights, or a network with weights from a file, on a test split.

Example: pellucid evaluate runs/digits-lenet5

Example: pellucid evaluate cifar-resnet20 --weights resnet20.th --data cifar10.npz
"""


@dataclass(frozen=True)
class Call:
    what: Annotated[str, tyro.conf.Positional]
    """A run folder, or the name of a recipe or network."""
    weights: Path | None = None
    """A file of weights, for a recipe or network."""
    data: str = ""
    """Other data: a path or a name of `pellucid list datasets`."""
    split: str = "test"
    """Which split."""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps; auto takes an accelerator where there is one."""
    json: bool = False
    """Print the numbers as JSON."""


def main(arguments: Sequence[str]) -> int:
    call = parse(Call, arguments, command="evaluate", about=ABOUT)
    with join_processes(call.device) as processes:
        evaluation = (
            _of_run(call, processes) if (Path(call.what) / "run.json").exists() else _of_network(call)
        )
    if processes.first:
        if call.json:
            print(json_text({"split": call.split, "samples": len(evaluation.indices), **evaluation.metrics}))
        else:
            title = f"{call.what} on {call.split}, {len(evaluation.indices):,} samples"
            Console(soft_wrap=True).print(metrics_table(evaluation.metrics, title=title))
    return 0


def _of_run(call: Call, processes: Processes) -> Evaluation:
    """A run on its own data, where the result goes into the run, or on other data with the same classes."""
    if call.weights is not None:
        raise InputError(f"{call.what} is a run and has its own weights; leave --weights out")
    opened = open_run(Path(call.what))
    model, step = restore(opened.folder, opened.recipe, opened.info, processes)
    data = open_data(
        _like(opened, with_data(opened.recipe.data, call.data)) if call.data else opened.recipe.data
    )
    if not call.data and data.info.fingerprint != opened.info.fingerprint:
        raise InputError(
            f"the data changed since {call.what} was trained; name them by --data to evaluate on them"
        )
    if (data.info.classes, data.info.shape) != (opened.info.classes, opened.info.shape):
        raise InputError(
            f"{data.info.name} does not fit {call.what}: {_kind(data.info)}, "
            f"where the network knows {_kind(opened.info)}"
        )
    data = replace(data, info=replace(data.info, preprocessing=opened.info.preprocessing))
    task, settings = opened.recipe.task.build(opened.info), opened.recipe.training
    settings = replace(settings, hardware=replace(settings.hardware, device=call.device))
    evaluation = evaluate_on(model, task, data, settings, split=call.split, step=step)
    if processes.first and not call.data:
        keep_evaluation(opened.folder, task, data, evaluation)
    return evaluation


def _like(opened: OpenedRun, settings: DataSettings) -> DataSettings:
    """`settings` that bring other pictures to the size and channels that the run's network knows."""
    shape, channels = opened.info.shape, opened.info.preprocessing.channels
    if len(shape) != 3 or shape[1] != shape[2]:
        return settings
    return replace(settings, size=shape[1], channels="L" if channels == "L" else "RGB", folds=0)


def _kind(info: DataInfo) -> str:
    classes = f"{len(info.classes)} classes ({', '.join(info.classes[:3])}, …) and " if info.classes else ""
    return f"{classes}inputs of shape {info.shape}"


def _of_network(call: Call) -> Evaluation:
    """A recipe's or network's weights from a file."""
    recipe = find_recipe(call.what)
    if call.weights is None:
        raise InputError(
            f"{call.what} has no trained weights of its own; give --weights FILE, or a run folder"
        )
    hardware = replace(recipe.training.hardware, device=call.device)
    prepared = prepare(
        replace(
            recipe,
            model=replace(recipe.model, weights=call.weights),
            data=with_data(recipe.data, call.data),
            training=replace(recipe.training, hardware=hardware),
        )
    )
    return evaluate_on(
        prepared.model,
        prepared.task,
        prepared.data,
        replace(recipe.training, hardware=hardware),
        split=call.split,
    )
