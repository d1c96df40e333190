"""A recipe: one complete experiment as a frozen tree of values, built from data to network and task by
`prepare`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import torch
import tyro
from torch import nn

from pellucid.blocks.initialisation import initialise
from pellucid.data.listing import DEFAULT_SIZE, KEEP
from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.models import AUTOENCODERS
from pellucid.models.backbone import are_of_backbone, load_backbone
from pellucid.models.naming import build_model, gives_maps
from pellucid.models.published import key_maps, open_weights
from pellucid.models.transfer import all_but, classifier_of, freeze, freeze_batch_norms, names_before
from pellucid.models.weights import Weights, load_state
from pellucid.ops.random import seed_of
from pellucid.recipes.fitting import InputSettings, normalised_for, open_fitting, sized_for
from pellucid.tasks.classification import ClassificationSettings
from pellucid.tasks.task import Task, TaskSettings
from pellucid.training.settings import Settings
from pellucid.types.data_info import DataInfo, Preprocessing
from pellucid.types.errors import InputError


@dataclass(frozen=True)
class ModelSettings(InputSettings):
    name: str = "lenet5"
    """A name of `pellucid list models`, torchvision/NAME, timm/NAME, unet/NAME (a U-Net on the classifier of
    that name), or path/to/file.py:factory.
    """
    weights: str | None = None
    """What to start from: a file (.safetensors, .pt, .pth, .th), or published weights by name,
    torchvision/NAME[.WEIGHTS] or timm/NAME[.TAG].
    """
    initialisation: Literal[
        "own",
        "zeros",
        "naive-normal",
        "xavier-uniform",
        "xavier-normal",
        "he-uniform",
        "he-normal",
        "orthogonal",
    ] = "own"
    """How layers begin that no weights are loaded into; own: each as the network's file says."""
    classifier: Literal["keep", "new"] = "keep"
    """new: the weights' own classifier stays out, and one for these classes begins afresh."""
    train: Literal["all", "classifier"] = "all"
    """classifier: all that comes before it is frozen, with its batch norms' statistics."""
    train_from: str = ""
    """A layer (`layer4`, `features.9`): all that comes before it is frozen, with its batch norms' statistics.
    """
    freeze_norm: Literal["none", "statistics", "all"] = "none"
    """What of the batch norms of layers that are trained is frozen as well."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.train == "classifier" and self.train_from:
            raise InputError(
                f"model.train is classifier and model.train-from is {self.train_from}: give one of them"
            )


@dataclass(frozen=True)
class Recipe:
    """Every field can be set on the command line: those of `training` by their bare names (`--epochs 5`,
    `--optim.lr 0.1`).
    """

    name: str
    """What the run is called."""
    model: ModelSettings = field(default_factory=ModelSettings)
    data: DataSettings = field(default_factory=DataSettings)
    task: TaskSettings = field(default_factory=ClassificationSettings)
    training: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=Settings)


@dataclass(frozen=True)
class Prepared:
    """A recipe's data opened, its network built and initialised, its task bound to the data. `notes` are what
    the user should know of how they were brought together.
    """

    data: Data
    model: nn.Module
    task: Task
    notes: tuple[str, ...] = ()


def transfer(
    model: nn.Module,
    settings: ModelSettings,
    weights: Weights | None,
    shape: tuple[int, ...],
    outputs: int,
) -> None:
    """Load `weights` into the network that was built, and freeze what `settings` say."""
    classifier: frozenset[str] = frozenset()
    if settings.train == "classifier" or (weights and settings.classifier == "new"):
        classifier = classifier_of(settings.name, inputs=shape, outputs=outputs)
    if weights is not None:
        new = classifier if settings.classifier == "new" else ()
        maps = key_maps(settings.name)
        if not load_backbone(model, weights, maps):
            load_state(model, weights.state, weights.where, but=new, maps=maps)
    if settings.train == "classifier":
        freeze(model, all_but(model, classifier))
    elif settings.train_from:
        freeze(model, names_before(model, shape, settings.train_from))
    if settings.freeze_norm != "none":
        freeze_batch_norms(model, scale_and_shift=settings.freeze_norm == "all")


def check_fits(recipe: Recipe) -> None:
    """Raise `InputError` where the network gives another kind of answer than the task asks for."""
    codes = recipe.model.name in AUTOENCODERS
    if codes != recipe.task.asks_for_codes and ".py" not in recipe.model.name:
        raise InputError(
            f"{recipe.model.name} gives a code and a picture back, which is the task autoencoding's: begin "
            "with the recipe mnist-ae or mnist-vae, or take another network"
            if codes
            else f"autoencoding asks for a network that gives pictures back, and {recipe.model.name} does "
            "not; take autoencoder, autoencoder-conv or vae"
        )
    given, asked = gives_maps(recipe.model.name), recipe.task.asks_for_maps
    if given is None or given == asked:
        return
    kinds = {True: "a class for every pixel", False: "numbers for the whole picture"}
    task = type(recipe.task).__name__.removesuffix("Settings").lower()
    other = "unet-bn-16 or unet/resnet18" if asked else "resnet18 or cifar-resnet20"
    raise InputError(
        f"{recipe.model.name} gives {kinds[given]}, but {task} asks for {kinds[asked]}: take another "
        f"network, {other} say, or another task"
    )


def _of_its_own(weights: Weights, network: str) -> Weights:
    """`weights` without the classes and the size of a classifier, where the network is only built on it."""
    if not are_of_backbone(weights, network, key_maps(network)):
        return weights
    record = weights.preprocessing
    return replace(weights, classes=(), preprocessing=record and replace(record, size=None))


def prepare(recipe: Recipe) -> Prepared:
    """Open the data and build the rest for them. The initial weights are decided by `training.seed` alone.

    Raises `InputError` for anything in the recipe that cannot be done.
    """
    settings = recipe.model
    check_fits(recipe)
    weights = open_weights(settings.weights) if settings.weights else None
    if weights is not None and gives_maps(settings.name):
        weights = _of_its_own(weights, settings.name)
    data, notes = open_fitting(recipe.data, settings, weights, own_classes=settings.classifier == "new")
    model, more = _network(recipe, data.info, weights)
    return Prepared(data, model, recipe.task.build(data.info), (*notes, *more))


def prepare_without_data(recipe: Recipe, classes: Sequence[str] = ()) -> tuple[nn.Module, DataInfo]:
    """The recipe's network with its weights, and how it sees pictures: what can be known without any data.

    `classes`, by default those of the weights, are in the order of its outputs. Raises `InputError` where
    weights, classes, size or normalisation are not said.
    """
    settings = recipe.model
    if not settings.weights:
        raise InputError(f"{recipe.name} has no trained weights of its own; give --weights, or a run folder")
    weights = open_weights(settings.weights)
    classes = tuple(classes) or weights.classes
    if not classes:
        raise InputError(
            f"{weights.where} does not name its classes; give --classes FILE with one a line, in the order "
            "of the network's outputs"
        )
    preprocessing = _preprocessing(recipe, weights)
    shape = (len(preprocessing.mean), *(preprocessing.size or (DEFAULT_SIZE, DEFAULT_SIZE)))
    maps, nothing = recipe.task.asks_for_maps, (0,) * len(classes)
    info = DataInfo(recipe.name, shape, classes, {}, nothing, preprocessing, fingerprint="", label_maps=maps)
    return _network(recipe, info, weights)[0], info


def prepare_untrained(recipe: Recipe, classes: Sequence[str] = ()) -> tuple[nn.Module, DataInfo]:
    """The recipe's network as it begins, and pictures as ImageNet's are seen unless the recipe says
    otherwise: 224 × 224, or 32 × 32 where the network is for small ones. `classes` are a thousand without
    names, or ten.
    """
    inputs, small = recipe.model, recipe.model.name.startswith(_SMALL)
    maps = recipe.task.asks_for_maps
    size = recipe.data.size or (32 if small else DEFAULT_SIZE)
    mean, std = ((0.5,), (0.5,)) if inputs.name.startswith("lenet") else IMAGENET
    record = Preprocessing(inputs.mean or mean, inputs.std or std, size=(size, size))
    keep = recipe.data.keep or (1.0 if small or maps else KEEP)
    channels = "L" if len(record.mean) == 1 else "RGB"
    record = normalised_for(inputs, replace(record, channels=channels, keep=keep))
    names = tuple(classes) or tuple(f"class {number}" for number in range(10 if small or maps else 1000))
    shape, nothing = (len(record.mean), size, size), (0,) * len(names)
    info = DataInfo(recipe.name, shape, names, {}, nothing, record, fingerprint="", label_maps=maps)
    return _network(recipe, info, None)[0], info


_SMALL = ("lenet", "cifar-", "preact-", "mlp", "perceptron")
"""How the names of networks begin that are made for pictures of 32 × 32."""

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of its pictures, in [0, 1]."""


def _preprocessing(recipe: Recipe, weights: Weights) -> Preprocessing:
    """How the recipe's network wants pictures, by its settings and its weights alone."""
    inputs, sizes = recipe.model, sized_for(recipe.data, weights.preprocessing)
    record = weights.preprocessing or Preprocessing(inputs.mean, inputs.std)
    size = (sizes.size, sizes.size) if sizes.size else record.size
    maps = recipe.task.asks_for_maps  # of each picture as it is
    if not (size or maps) or not (inputs.mean or record.mean):
        raise InputError(
            f"{weights.where} does not say how its network wants pictures; say it: "
            f"{'' if maps else '--data.size, '}--model.mean, --model.std"
        )
    channels = "L" if len(inputs.mean or record.mean) == 1 else record.channels
    record = replace(
        record,
        channels=channels,
        size=None if maps else size,
        keep=sizes.keep or KEEP,
        interpolation=sizes.interpolation or record.interpolation,
    )
    return normalised_for(inputs, record)


def _network(recipe: Recipe, info: DataInfo, weights: Weights | None) -> tuple[nn.Module, list[str]]:
    """The network, and what the user should know of how it begins."""
    settings, outputs, left = recipe.model, recipe.task.outputs(info), tuple[str, ...]()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(recipe.training.seed))
        model = build_model(settings.name, inputs=info.shape, outputs=outputs, conditions=len(info.classes))
        if settings.initialisation != "own":
            left = initialise(model, settings.initialisation)
    transfer(model, settings, weights, info.shape, outputs)
    if settings.initialisation == "own":
        return model, []
    if weights is not None and settings.classifier == "keep":
        return model, [f"model.initialisation changes nothing: all weights are those of {weights.where}"]
    some = f"{', '.join(left[:3])}{', …' if len(left) > 3 else ''}"
    return model, [f"{some}: not layers that model.initialisation knows, left as they begin"] if left else []
