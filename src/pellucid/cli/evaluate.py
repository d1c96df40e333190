"""`pellucid evaluate`: measure a run, or a network with trained weights, on a test split."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from pellucid.cli.arguments import parse
from pellucid.cli.run_or_network import check_says_nothing
from pellucid.cli.tables import metrics_table
from pellucid.data.arranged import arranged
from pellucid.data.opening import data_at, open_data
from pellucid.data.settings import DataSettings
from pellucid.recipes.experiment import evaluate_on, keep_evaluation, open_run, restore
from pellucid.recipes.fitting import InputSettings, sized_for
from pellucid.recipes.general import find_recipe
from pellucid.recipes.opened import is_run
from pellucid.recipes.recipe import prepare
from pellucid.runs.log import json_text
from pellucid.training.processes import Processes, join_processes
from pellucid.types.errors import InputError
from pellucid.types.evaluation import Evaluation

ABOUT = """Measure a run's best weights, or a network with trained weights, on a test split.

Example: pellucid evaluate runs/digits-lenet5

Example: pellucid evaluate cifar-resnet20 --weights resnet20.th --data cifar10.npz

Example: pellucid evaluate resnet50 --weights torchvision/resnet50.IMAGENET1K_V2 --data photos/
"""


@dataclass(frozen=True)
class Call:
    what: Annotated[str, tyro.conf.Positional]
    """A run folder, or the name of a recipe or network."""
    weights: str = ""
    """For a recipe or network: a file of weights, or published ones by name, torchvision/NAME[.WEIGHTS] or
    timm/NAME[.TAG].
    """
    data: str = ""
    """Other data: a path or a name of `pellucid list datasets`."""
    split: str = "test"
    """Which split."""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps; auto takes an accelerator where there is one."""
    json: bool = False
    """Print the numbers as JSON."""
    model: InputSettings = field(default_factory=InputSettings)
    settings: Annotated[DataSettings, tyro.conf.arg(name="data")] = field(default_factory=DataSettings)


def main(arguments: Sequence[str]) -> int:
    call = read_call(arguments)
    with join_processes(call.device) as processes:
        evaluation = _of_run(call, processes) if is_run(call.what) else _of_network(call, processes)
    if processes.first:
        if call.json:
            print(json_text({"split": call.split, "samples": len(evaluation.indices), **evaluation.metrics}))
        else:
            title = f"{call.what} on {call.split}, {len(evaluation.indices):,} samples"
            Console(soft_wrap=True).print(metrics_table(evaluation.metrics, title=title))
    return 0


def read_call(arguments: Sequence[str]) -> Call:
    """The options of a network are those of its recipe, and by default as they are there."""
    call = parse(Call, arguments, command="evaluate", about=ABOUT)
    if is_run(call.what):
        check_says_nothing(call.what, call.weights, call.model, call.settings)
        return call
    recipe = find_recipe(call.what)
    default = replace(call, model=InputSettings.of(recipe.model), settings=recipe.data)
    return parse(Call, arguments, command="evaluate", about=ABOUT, default=default)


def _of_run(call: Call, processes: Processes) -> Evaluation:
    """A run on its own data, where the result goes into the run, or on other data with classes that it
    knows.
    """
    opened = open_run(Path(call.what))
    model, step = restore(opened.folder, opened.recipe, opened.info, processes)
    settings = opened.recipe.data
    if call.data:
        settings = replace(data_at(settings, call.data), folds=0, fold=0)
    data = open_data(sized_for(settings, opened.info.preprocessing))
    if not call.data and data.info.fingerprint != opened.info.fingerprint:
        raise InputError(
            f"the data changed since {call.what} was trained; name them by --data to evaluate on them"
        )
    fixed = slice(None) if opened.info.preprocessing.size else slice(1)  # else any size will do
    if data.info.shape[fixed] != opened.info.shape[fixed]:
        raise InputError(
            f"{data.info.name} does not fit {call.what}: inputs of shape {data.info.shape}, "
            f"where the network knows {opened.info.shape}"
        )
    data = arranged(data, opened.info.classes)
    data = replace(data, info=replace(data.info, preprocessing=opened.info.preprocessing))
    task, training = opened.recipe.task.build(opened.info), opened.recipe.training
    training = replace(training, hardware=replace(training.hardware, device=call.device))
    evaluation = evaluate_on(model, task, data, training, split=call.split, step=step)
    if processes.first and not call.data:
        keep_evaluation(opened.folder, model, task, data, evaluation)
    return evaluation


def _of_network(call: Call, processes: Processes) -> Evaluation:
    """A recipe's or network's weights from elsewhere."""
    recipe = find_recipe(call.what)
    weights = call.weights or recipe.model.weights
    if not weights:
        raise InputError(
            f"{call.what} has no trained weights of its own; give --weights FILE, or a run folder"
        )
    training = replace(recipe.training, hardware=replace(recipe.training.hardware, device=call.device))
    prepared = prepare(
        replace(
            recipe,
            model=replace(recipe.model, weights=weights, classifier="keep", **asdict(call.model)),
            data=data_at(call.settings, call.data),
            training=training,
        )
    )
    for note in prepared.notes if processes.first else ():
        print(f"note: {note}", file=sys.stderr)
    return evaluate_on(prepared.model, prepared.task, prepared.data, training, split=call.split)
