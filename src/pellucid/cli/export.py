"""`pellucid export`: a network as a file for other programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from pellucid.cli.arguments import input_shape
from pellucid.cli.run_or_network import NetworkCall, class_names, read_network_call
from pellucid.data.settings import PictureSettings
from pellucid.models.export import FORMATS, Card, NotExportableError, export
from pellucid.models.naming import build_model
from pellucid.ops.random import seed_of
from pellucid.recipes.experiment import open_run, restore
from pellucid.recipes.fitting import InputSettings
from pellucid.recipes.general import find_recipe
from pellucid.recipes.opened import is_run, recipe_for
from pellucid.recipes.recipe import Recipe, prepare_without_data
from pellucid.runs.atomic import write_with
from pellucid.training.processes import ALONE
from pellucid.types.data_info import DataInfo
from pellucid.types.errors import InputError

ABOUT = """Write a network as a file for other programs, read it back, and compare what both give.

Example: pellucid export runs/digits-lenet5 --out digits.onnx

Example: pellucid export resnet50 --weights torchvision/resnet50 --format torch-export
"""

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Call(NetworkCall):
    format: Literal["onnx", "torch-export", "safetensors"] = "onnx"
    """ONNX, for most programs; torch.export's archive, for torch alone; safetensors, the weights alone."""
    out: Path | None = None
    """The file to write, by default NAME.onnx, NAME.pt2 or NAME.safetensors here; one that is there is
    replaced.
    """
    input: str = ""
    """The shape of one input, 3x224x224 say; by default what a run was trained on, or the weights say."""
    outputs: int = 1000
    """How many numbers a network without weights gives."""


def main(arguments: Sequence[str]) -> int:
    call = read_network_call(Call, arguments, command="export", about=ABOUT)
    model, shape, card = _of_run(call) if is_run(call.what) else _of_network(call)
    out = call.out or Path(f"{_stem(call.what)}{FORMATS[call.format].suffix}")
    found: list[float] = []

    def write(path: Path) -> None:
        found.append(export(model, path, format=call.format, inputs=shape, card=card))

    try:
        write_with(out, write)
    except NotExportableError as error:
        print(f"pellucid: {error}", file=sys.stderr)
        return 1
    same = f"off by {found[0]:.1g} of the largest" if found[0] else "the same to the last bit"
    print(f"{out}: inputs of {'×'.join(map(str, shape))}; outputs compared with the network's are {same}")
    return 0


def _of_run(call: Call) -> tuple[nn.Module, Shape, Card]:
    opened = open_run(Path(call.what))
    model, _ = restore(opened.folder, opened.recipe, opened.info, ALONE)
    return model, *_described(call, opened.recipe.model.name, opened.info)


def _of_network(call: Call) -> tuple[nn.Module, Shape, Card]:
    recipe = find_recipe(call.what)
    if not (call.weights or recipe.model.weights):
        return _untrained(call, recipe)
    if call.input and call.pictures.size is None:
        call = replace(call, pictures=replace(call.pictures, size=input_shape(call.input)[-1]))
    recipe = recipe_for(call.what, call.weights, call.model, call.pictures)
    model, info = prepare_without_data(recipe, class_names(call.classes))
    return model, *_described(call, recipe.model.name, info)


def _untrained(call: Call, recipe: Recipe) -> tuple[nn.Module, Shape, Card]:
    """The network as it begins, which nothing is known of but its shape."""
    name = recipe.model.name
    if call.format == "safetensors":
        raise InputError(f"{name} has no trained weights to write; give --weights, or a run folder")
    own = InputSettings.of(recipe.model), PictureSettings.of(recipe.data)
    if call.classes or (call.model, call.pictures) != own:
        raise InputError(f"--classes, --model.… and --data.… are of weights of {name}; give --weights, too")
    shape = input_shape(call.input or "3x224x224")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(0))
        model = build_model(name, inputs=shape, outputs=call.outputs)
    print(f"note: without --weights, {name} is exported as it begins", file=sys.stderr)
    return model, shape, Card(_plain(name))


def _described(call: Call, name: str, info: DataInfo) -> tuple[Shape, Card]:
    """The shape of an input and what travels along; another size than `info` says is written down, too."""
    shape, preprocessing = info.shape, info.preprocessing
    if call.input:
        shape = input_shape(call.input)
        if len(shape) != len(info.shape) or shape[0] != info.shape[0]:
            known = "x".join(map(str, info.shape))
            raise InputError(f"{call.what} takes inputs like {known}; got --input {call.input}")
    if len(shape) == 3:
        preprocessing = replace(preprocessing, size=(shape[1], shape[2]))
    return shape, Card(_plain(name), preprocessing, info.classes)


def _plain(name: str) -> str:
    """A network's name; of one in a file, without the folders around it."""
    return Path(name).name if ".py" in name else name


def _stem(what: str) -> str:
    return Path(what).resolve().name if is_run(what) else find_recipe(what).name
