"""A network opened to be looked at: built, with weights, how it sees pictures, what its outputs mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from pellucid.data.loading import normalise
from pellucid.models.naming import build_model
from pellucid.models.published import open_weights
from pellucid.ops.random import seed_of
from pellucid.recipes.experiment import open_run, restore
from pellucid.recipes.general import find_recipe
from pellucid.recipes.recipe import prepare_without_data
from pellucid.training.processes import ALONE
from pellucid.types.batch import Batch
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError

IMAGENET = Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), size=(224, 224), keep=224 / 256)
_SMALL = ("lenet", "cifar-", "mlp", "perceptron")
"""Networks whose pictures have 32 pixels a side."""


@dataclass(frozen=True)
class OpenedNetwork:
    """`classes` are the names of its outputs, () where nobody says them; `notes` what a reader must know."""

    name: str
    model: nn.Module
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """One input's (channels, height, width)."""
        height, width = self.preprocessing.size or (224, 224)
        return len(self.preprocessing.mean), height, width

    def inputs(self, pictures: Tensor) -> Tensor:
        """(b, c, h, w) uint8 pictures, as `data.decode.load_picture` gives them, as the network sees them."""
        nothing = torch.empty(0)
        return normalise(Batch(pictures, nothing, torch.arange(len(pictures))), self.preprocessing).inputs

    def class_name(self, index: int) -> str:
        return self.classes[index] if index < len(self.classes) else f"class {index}"


def open_network(what: str, *, weights: str = "", classes: Sequence[str] = ()) -> OpenedNetwork:
    """The network of a run folder, or of a recipe or model with `weights`; without any weights it is as
    initialised, which is said. Raises `InputError` for what cannot be opened.
    """
    if (Path(what) / "run.json").exists():
        return _of_run(Path(what))
    recipe = find_recipe(what)
    weights = weights or recipe.model.weights or ""
    if not weights:
        return _untrained(what)
    recipe = replace(recipe, model=replace(recipe.model, weights=weights, classifier="keep"))
    model, info = prepare_without_data(recipe, classes)
    return OpenedNetwork(what, model.eval(), info.preprocessing, info.classes)


def some_classes(weights: str) -> tuple[str, ...]:
    """Numbers for the names of ImageNet's classes, where these weights do not name theirs: for who needs the
    layers of a network, not its answers. () where they do.
    """
    named = weights and open_weights(weights).classes
    return () if named else tuple(map(str, range(1000)))


def _of_run(path: Path) -> OpenedNetwork:
    opened = open_run(path)
    if len(opened.info.shape) != 3:
        raise InputError(f"{path} was trained on a table, not on pictures")
    model, step = restore(opened.folder, opened.recipe, opened.info, ALONE)
    size = opened.info.preprocessing.size or (opened.info.shape[1], opened.info.shape[2])
    preprocessing = replace(opened.info.preprocessing, size=size)
    notes = (f"weights of step {step:,}",)
    return OpenedNetwork(str(path), model.eval(), preprocessing, opened.info.classes, notes)


def _untrained(name: str) -> OpenedNetwork:
    """A network with its initial weights, which seed 0 decides."""
    recipe = find_recipe(name)
    small = recipe.model.name.startswith(_SMALL)
    sides = recipe.data.size or (32 if small else 224)
    preprocessing = replace(IMAGENET, size=(sides, sides), keep=1.0 if small else IMAGENET.keep)
    if recipe.data.channels == "L" or recipe.model.name.startswith("lenet"):
        preprocessing = replace(preprocessing, channels="L", mean=(0.5,), std=(0.5,))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(0))
        outputs = 10 if small else 1000
        shape = (len(preprocessing.mean), sides, sides)
        model = build_model(recipe.model.name, inputs=shape, outputs=outputs)
    notes = ("not trained: weights as they are initialised with seed 0",)
    return OpenedNetwork(name, model.eval(), preprocessing, (), notes)
