"""`pellucid predict`: what a trained network says of pictures."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from torch import Tensor

from pellucid.cli.run_or_network import NetworkCall, open_trained, read_network_call
from pellucid.data.decode import load_picture
from pellucid.data.loading import normalise
from pellucid.inspection.changing import changing
from pellucid.inspection.modes import evaluation_mode
from pellucid.runs.atomic import write_file
from pellucid.types.batch import Batch
from pellucid.types.change import parse_change
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError, in_words
from pellucid.types.records import Record
from pellucid.views.raster import labelled_png, png

ABOUT = """What a trained network says of pictures, the most probable class first.

Example: pellucid predict runs/digits-lenet5 seven.png eight.jpg

Example: pellucid predict resnet50 --weights torchvision/resnet50 photos/*.jpg

Example: pellucid predict runs/camvid-unet street.png --out masks/

Example: pellucid predict resnet18 cat.jpg --change 'layer4.1.conv2[37] * 0'
"""

_AT_ONCE = 16  # pictures of one size that go through the network together


@dataclass(frozen=True, kw_only=True)
class Call(NetworkCall):
    images: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Picture files."""
    change: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Something to try on the network, once for each: 'layer4.1.conv2[37] * 0' switches a channel off,
    'conv1.weight[3, 0] = 1, 0, -1, …' writes a kernel anew. Nothing is saved into it.
    """
    json: bool = False
    """Print as JSON, one object a picture."""
    out: Path | None = None
    """The folder for answers that are pictures, such as label maps; by default beside each picture."""


def main(arguments: Sequence[str]) -> int:
    call = read_network_call(Call, arguments, command="predict", about=ABOUT)
    if not call.images:
        raise InputError("name at least one picture: pellucid predict RUN IMAGE…")
    network = open_trained(call)
    model, task, preprocessing = network.model, network.task, network.info.preprocessing
    changes, told = [*map(parse_change, call.change)], 0
    with evaluation_mode(model), torch.inference_mode():
        for paths, pictures in _together(_readable(call.images, preprocessing)):
            batch = Batch(torch.stack(pictures), torch.empty(0), torch.arange(told, told + len(paths)))
            batch = normalise(batch, preprocessing)
            with changing(model, changes, [batch.inputs]) if changes else nullcontext(model) as tried:
                output = task.forward(tried, batch)
            for path, record in zip(paths, task.decode(output, batch), strict=True):
                _tell(path, record, call)
            told += len(paths)
    return 0 if told == len(call.images) else 1


def _together(read: Iterable[tuple[Path, Tensor]]) -> Iterator[tuple[list[Path], list[Tensor]]]:
    """A few pictures of one size at a time, in order."""
    paths: list[Path] = []
    pictures: list[Tensor] = []
    for path, picture in read:
        if pictures and (picture.shape != pictures[0].shape or len(pictures) == _AT_ONCE):
            yield paths, pictures
            paths, pictures = [], []
        paths.append(path)
        pictures.append(picture)
    if pictures:
        yield paths, pictures


def _tell(path: Path, record: Record, call: Call) -> None:
    """Print what is said of a picture, and save what of it is to be looked at."""
    saved = {}
    for name, pixels in record.pictures().items():
        place = (call.out or path.parent) / f"{path.stem}.{name}.png"
        write_file(place, labelled_png(pixels) if pixels.ndim == 2 else png(pixels))
        saved[name] = str(place)
    if call.json:
        print(json.dumps({"image": str(path), **record.numbers(), **saved}, default=_numbers))
    else:
        print(f"{path}: {record}", *(f"→ {place}" for place in saved.values()))


def _readable(paths: Sequence[Path], preprocessing: Preprocessing) -> Iterator[tuple[Path, Tensor]]:
    """The pictures that can be read; what is wrong with the others is told, a line each."""
    for path in paths:
        try:
            yield path, load_picture(path, preprocessing)
        except (InputError, OSError) as error:
            print(f"pellucid: {in_words(error)}", file=sys.stderr)


def _numbers(array: Any) -> Any:
    """Tensors and numpy arrays in a record as lists."""
    return array.tolist()
