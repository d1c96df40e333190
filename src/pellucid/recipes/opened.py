"""A network opened to be looked at: built, with weights, how it sees pictures, what its outputs mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from pellucid.data.loading import normalise
from pellucid.data.opening import data_at, open_data
from pellucid.data.settings import DataSettings, PictureSettings
from pellucid.data.source import Data
from pellucid.models import MODELS
from pellucid.models.published import open_weights
from pellucid.recipes import RECIPES
from pellucid.recipes.experiment import open_run, restore
from pellucid.recipes.fitting import InputSettings, sized_for
from pellucid.recipes.general import find_recipe
from pellucid.recipes.recipe import Recipe, prepare_untrained, prepare_without_data
from pellucid.tasks.task import Task
from pellucid.training.processes import ALONE
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo, Preprocessing
from pellucid.types.errors import InputError


@dataclass(frozen=True)
class OpenedNetwork:
    """A network for pictures: what it is asked to do, what it knows (`info`, with how it sees pictures), and
    which data are its own. `trained` is whether it has weights of any kind, and `notes` are what a reader
    must know of them.
    """

    name: str
    model: nn.Module
    task: Task
    info: DataInfo
    data: DataSettings
    trained: bool
    notes: tuple[str, ...] = ()

    @property
    def preprocessing(self) -> Preprocessing:
        """How it sees pictures, all of one size: where it takes any, that of its first one."""
        record, (_, height, width) = self.info.preprocessing, self.info.shape
        return replace(record, size=record.size or (height, width))

    @property
    def classes(self) -> tuple[str, ...]:
        return self.info.classes

    @property
    def shape(self) -> tuple[int, int, int]:
        """One input's (channels, height, width)."""
        height, width = self.preprocessing.size or self.info.shape[1:]
        return self.info.shape[0], height, width

    def inputs(self, pictures: Tensor) -> Tensor:
        """(b, c, h, w) uint8 pictures, as `data.decode.load_picture` gives them, as the network sees them."""
        nothing = torch.empty(0)
        return normalise(Batch(pictures, nothing, torch.arange(len(pictures))), self.preprocessing).inputs

    def class_name(self, index: int) -> str:
        return self.classes[index] if index < len(self.classes) else f"class {index}"


def open_network(
    what: str,
    *,
    weights: str = "",
    classes: Sequence[str] = (),
    model: InputSettings | None = None,
    pictures: PictureSettings | None = None,
) -> OpenedNetwork:
    """The network of a run folder, or of a recipe or model with `weights`; without any weights it is as
    initialised, which is said. `model` and `pictures` say how a recipe's or model's sees pictures, by default
    as its weights do. Raises `InputError` for what cannot be opened, and for one that was trained on a table.
    """
    if is_run(what):
        return _of_run(Path(what))
    recipe = recipe_for(what, weights, model, pictures)
    task = recipe.task
    if not recipe.model.weights:
        net, info = prepare_untrained(recipe, classes)
        notes = (f"not trained: weights as they are initialised with seed {recipe.training.seed}",)
        return OpenedNetwork(what, net.eval(), task.build(info), info, recipe.data, False, notes)
    net, info = prepare_without_data(recipe, classes)
    return OpenedNetwork(what, net.eval(), task.build(info), info, recipe.data, True)


def recipe_for(
    what: str, weights: str = "", model: InputSettings | None = None, pictures: PictureSettings | None = None
) -> Recipe:
    """The recipe of a network that is opened as `open_network` says."""
    recipe = find_recipe(what)
    inputs, seen = model or InputSettings.of(recipe.model), pictures or PictureSettings.of(recipe.data)
    settings = replace(recipe.model, weights=weights or recipe.model.weights, classifier="keep")
    return replace(
        recipe,
        model=replace(settings, **asdict(inputs)),
        data=replace(recipe.data, **asdict(seen)),
    )


def open_seen(network: OpenedNetwork, given: str = "") -> Data:
    """The data set `given` (a path or a name), or the network's own, as the network sees pictures."""
    settings = replace(data_at(network.data, given), folds=0, fold=0) if given else network.data
    data = open_data(sized_for(settings, network.preprocessing))
    if data.info.shape[:1] != network.info.shape[:1] or len(data.info.shape) != 3:
        raise InputError(
            f"{data.info.name} does not fit the network: inputs of shape {data.info.shape}, "
            f"where it knows {network.info.shape}"
        )
    return replace(data, info=replace(data.info, preprocessing=network.preprocessing))


def is_run(what: str) -> bool:
    """Whether `what` is the folder of a run, not the name of a recipe or network. Raises `InputError` for
    any other folder.
    """
    if (Path(what) / "run.json").exists():
        return True
    if what and what not in (*RECIPES, *MODELS) and Path(what).is_dir():
        raise InputError(f"{what} is a folder, but no run: there is no run.json in it")
    return False


def some_classes(weights: str) -> tuple[str, ...]:
    """Numbers for the names of ImageNet's classes, where these weights do not name theirs: for who needs the
    layers of a network, not its answers. () where they do.
    """
    named = weights and open_weights(weights).classes
    return () if named else tuple(map(str, range(1000)))


def _of_run(path: Path) -> OpenedNetwork:
    opened = open_run(path)
    info = opened.info
    if len(info.shape) != 3:
        raise InputError(f"{path} was trained on a table, not on pictures")
    model, step = restore(opened.folder, opened.recipe, info, ALONE)
    if opened.recipe.task.any_size:
        info = replace(info, preprocessing=replace(info.preprocessing, size=None))
    elif not info.label_maps:  # networks that map every pixel take pictures of any size
        size = info.preprocessing.size or (info.shape[1], info.shape[2])
        info = replace(info, preprocessing=replace(info.preprocessing, size=size))
    task, notes = opened.recipe.task.build(info), (f"weights of step {step:,}",)
    return OpenedNetwork(str(path), model.eval(), task, info, opened.recipe.data, True, notes)
