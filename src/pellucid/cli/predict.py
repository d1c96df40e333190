"""`pellucid predict`: what a trained network says of pictures."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from torch import Tensor

from pellucid.cli.arguments import parse
from pellucid.data.decode import load_picture
from pellucid.data.loading import normalise
from pellucid.inspection.modes import evaluation_mode
from pellucid.recipes.experiment import open_run, restore
from pellucid.training.processes import ALONE
from pellucid.types.batch import Batch
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError

ABOUT = """What a run's network says of pictures, the most probable class first.

Example: pellucid predict runs/digits-lenet5 seven.png eight.jpg
"""


@dataclass(frozen=True)
class Call:
    run: Annotated[Path, tyro.conf.Positional]
    """A run folder."""
    images: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Picture files."""
    json: bool = False
    """Print as JSON, one object a picture."""


def main(arguments: Sequence[str]) -> int:
    call = parse(Call, arguments, command="predict", about=ABOUT)
    if not call.images:
        raise InputError("name at least one picture: pellucid predict RUN IMAGE…")
    opened = open_run(call.run)
    if len(opened.info.shape) != 3:
        raise InputError(f"{call.run} was trained on a table, not on pictures")
    size = opened.info.preprocessing.size or (opened.info.shape[1], opened.info.shape[2])
    preprocessing = replace(opened.info.preprocessing, size=size)
    pictures = dict(_readable(call.images, preprocessing))
    if not pictures:
        return 1
    batch = Batch(torch.stack([*pictures.values()]), torch.empty(0), torch.arange(len(pictures)))
    batch = normalise(batch, preprocessing)
    model, _ = restore(opened.folder, opened.recipe, opened.info, ALONE)
    task = opened.recipe.task.build(opened.info)
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
