"""What a command that takes a run takes as well: a recipe or network."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, TypeVar

import tyro

from pellucid.cli.arguments import parse
from pellucid.data.classes import read_classes
from pellucid.data.settings import PictureSettings
from pellucid.recipes.fitting import InputSettings
from pellucid.recipes.general import find_recipe
from pellucid.recipes.opened import OpenedNetwork, is_run, open_network
from pellucid.types.errors import InputError


@dataclass(frozen=True, kw_only=True)
class NetworkCall:
    """What such a command is asked: which network, with which weights, and how it sees pictures."""

    what: Annotated[str, tyro.conf.Positional]
    """A run folder, or the name of a recipe or network."""
    weights: str = ""
    """For a recipe or network: a file of weights, or published ones by name, torchvision/NAME[.WEIGHTS] or
    timm/NAME[.TAG]. Without any the network is as it begins, untrained.
    """
    classes: Path | None = None
    """A file with the names of its classes, one a line, in the order of its outputs; by default as the
    weights say.
    """
    model: InputSettings = field(default_factory=InputSettings)
    pictures: Annotated[PictureSettings, tyro.conf.arg(name="data")] = field(default_factory=PictureSettings)


C = TypeVar("C", bound=NetworkCall)


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


def open_called(call: NetworkCall) -> OpenedNetwork:
    """The network that `call` names; that it is not trained is said."""
    return tell(_opened(call))


def open_trained(call: NetworkCall, classes: Sequence[str] = ()) -> OpenedNetwork:
    """The network that `call` names, whose outputs are `classes` unless it says others. Raises `InputError`
    for one without trained weights.
    """
    network = _opened(call, classes)
    if not network.trained:
        raise InputError(
            f"{call.what} has no trained weights of its own; give --weights FILE, or a run folder"
        )
    return network


def _opened(call: NetworkCall, classes: Sequence[str] = ()) -> OpenedNetwork:
    if is_run(call.what):
        return open_network(call.what)
    return open_network(
        call.what,
        weights=call.weights,
        classes=class_names(call.classes) or classes,
        model=call.model,
        pictures=call.pictures,
    )


def tell(network: OpenedNetwork) -> OpenedNetwork:
    """The network; that it is not trained is said."""
    if not network.trained:
        print(f"note: {network.name} is {'; '.join(network.notes)}", file=sys.stderr)
    return network


def class_names(path: Path | None) -> tuple[str, ...]:
    """What --classes says."""
    return read_classes(path).names if path else ()


def check_says_nothing(run: str, weights: str, model: InputSettings, pictures: PictureSettings) -> None:
    """Raise `InputError` for options that are the run's own to know."""
    if weights:
        raise InputError(f"{run} is a run and has its own weights; leave --weights out")
    if (model, pictures) != (type(model)(), type(pictures)()):
        raise InputError(f"{run} is a run and knows how it sees pictures; leave --model.… and --data.… out")
