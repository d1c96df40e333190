"""What a command that takes a run takes as well: a recipe or network, with trained weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from torch import nn

from pellucid.cli.arguments import parse
from pellucid.cli.train import with_data
from pellucid.data.classes import read_classes
from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings, PictureSettings
from pellucid.data.source import Data
from pellucid.recipes.experiment import open_run, restore
from pellucid.recipes.fitting import InputSettings, sized_for
from pellucid.recipes.general import find_recipe
from pellucid.recipes.recipe import Recipe, prepare_without_data
from pellucid.tasks.task import Task
from pellucid.training.processes import ALONE
from pellucid.types.data_info import DataInfo
from pellucid.types.errors import InputError


class NetworkCall(Protocol):
    """What such a command is asked: which network, with which weights, and how it sees pictures."""

    @property
    def what(self) -> str: ...
    @property
    def weights(self) -> str: ...
    @property
    def classes(self) -> Path | None: ...
    @property
    def model(self) -> InputSettings: ...
    @property
    def pictures(self) -> PictureSettings: ...


C = TypeVar("C", bound=Any)


def read_network_call(kind: type[C], arguments: Sequence[str], *, command: str, about: str) -> C:
    """Read `arguments` as the `NetworkCall` `kind`. The options of a network are those of its recipe, and by
    default as they are there; a run has none. Raises `InputError` for a mistake.
    """
    call = parse(kind, arguments, command=command, about=about)
    if is_run(call.what):
        check_says_nothing(call.what, call.weights, call.model, call.pictures)
        if call.classes:
            raise InputError(f"{call.what} is a run and knows its classes; leave --classes out")
        return call
    recipe = find_recipe(call.what)
    default = replace(call, model=InputSettings.of(recipe.model), pictures=PictureSettings.of(recipe.data))
    return parse(kind, arguments, command=command, about=about, default=default)


def asked_recipe(call: NetworkCall) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe of the network, with its weights and pictures as `call` says, and the classes it names."""
    recipe = find_recipe(call.what)
    weights = call.weights or recipe.model.weights
    settings = replace(recipe.model, weights=weights, classifier="keep", **asdict(call.model))
    recipe = replace(recipe, model=settings, data=replace(recipe.data, **asdict(call.pictures)))
    return recipe, read_classes(call.classes).names if call.classes else ()


@dataclass(frozen=True)
class OpenedNetwork:
    """A trained network for pictures: what it is asked to do, what it knows (`info`, with how it sees
    pictures and of which size), and which data are its own.
    """

    model: nn.Module
    task: Task
    info: DataInfo
    data: DataSettings


def open_network(call: NetworkCall) -> OpenedNetwork:
    """The network that `call` names, with its weights. Raises `InputError` for one that was trained on a
    table.
    """
    if not is_run(call.what):
        recipe, classes = asked_recipe(call)
        model, info = prepare_without_data(recipe, classes)
        return OpenedNetwork(model, recipe.task.build(info), info, recipe.data)
    opened = open_run(Path(call.what))
    if len(opened.info.shape) != 3:
        raise InputError(f"{call.what} was trained on a table, not on pictures")
    model, _ = restore(opened.folder, opened.recipe, opened.info, ALONE)
    size = opened.info.preprocessing.size or (opened.info.shape[1], opened.info.shape[2])
    info = replace(opened.info, preprocessing=replace(opened.info.preprocessing, size=size))
    return OpenedNetwork(model, opened.recipe.task.build(opened.info), info, opened.recipe.data)


def open_seen(network: OpenedNetwork, given: str) -> Data:
    """The data set `given` (a path or a name), or the network's own, as the network sees pictures."""
    settings = replace(with_data(network.data, given), folds=0, fold=0) if given else network.data
    data = open_data(sized_for(settings, network.info.preprocessing))
    if data.info.shape[:1] != network.info.shape[:1] or len(data.info.shape) != 3:
        raise InputError(
            f"{data.info.name} does not fit the network: inputs of shape {data.info.shape}, "
            f"where it knows {network.info.shape}"
        )
    return replace(data, info=replace(data.info, preprocessing=network.info.preprocessing))


def is_run(what: str) -> bool:
    """Whether `what` is the folder of a run, not the name of a recipe or network."""
    return (Path(what) / "run.json").exists()


def check_says_nothing(run: str, weights: str, model: InputSettings, pictures: PictureSettings) -> None:
    """Raise `InputError` for options that are the run's own to know."""
    if weights:
        raise InputError(f"{run} is a run and has its own weights; leave --weights out")
    if (model, pictures) != (type(model)(), type(pictures)()):
        raise InputError(f"{run} is a run and knows how it sees pictures; leave --model.… and --data.… out")
