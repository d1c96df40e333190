"""`pellucid predict`: what a trained network says of pictures."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from torch import Tensor

from pellucid.cli.run_or_network import open_network, read_network_call
from pellucid.data.decode import load_picture
from pellucid.data.loading import normalise
from pellucid.data.settings import PictureSettings
from pellucid.inspection.modes import evaluation_mode
from pellucid.recipes.fitting import InputSettings
from pellucid.types.batch import Batch
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError

ABOUT = """What a trained network says of pictures, the most probable class first.

Example: pellucid predict runs/digits-lenet5 seven.png eight.jpg

Example: pellucid predict resnet50 --weights torchvision/resnet50 photos/*.jpg
"""


@dataclass(frozen=True)
class Call:
    what: Annotated[str, tyro.conf.Positional]
    """A run folder, or the name of a recipe or network."""
    images: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Picture files."""
    weights: str = ""
    """For a recipe or network: a file of weights, or published ones by name, torchvision/NAME[.WEIGHTS] or
    timm/NAME[.TAG].
    """
    classes: Path | None = None
    """A file with the names of its classes, one a line, in the order of its outputs; by default as the
    weights say.
    """
    json: bool = False
    """Print as JSON, one object a picture."""
    model: InputSettings = field(default_factory=InputSettings)
    pictures: Annotated[PictureSettings, tyro.conf.arg(name="data")] = field(default_factory=PictureSettings)


def main(arguments: Sequence[str]) -> int:
    call = read_network_call(Call, arguments, command="predict", about=ABOUT)
    if not call.images:
        raise InputError("name at least one picture: pellucid predict RUN IMAGE…")
    network = open_network(call)
    model, task, preprocessing = network.model, network.task, network.info.preprocessing
    pictures = dict(_readable(call.images, preprocessing))
    if not pictures:
        return 1
    batch = Batch(torch.stack([*pictures.values()]), torch.empty(0), torch.arange(len(pictures)))
    batch = normalise(batch, preprocessing)
    with evaluation_mode(model), torch.inference_mode():
        records = task.decode(task.forward(model, batch), batch)
    for path, record in zip(pictures, records, strict=True):
        if call.json:
            print(json.dumps({"image": str(path), **asdict(record)}, default=_numbers))
        else:
            print(f"{path}: {record}")
    return 0 if len(pictures) == len(call.images) else 1


def _readable(paths: Sequence[Path], preprocessing: Preprocessing) -> Iterator[tuple[Path, Tensor]]:
    """The pictures that can be read; what is wrong with the others is told, a line each."""
    for path in paths:
        try:
            yield path, load_picture(path, preprocessing)
        except (InputError, OSError) as error:
            print(f"pellucid: {error}", file=sys.stderr)


def _numbers(array: Any) -> Any:
    """Tensors and numpy arrays in a record as lists."""
    return array.tolist()
