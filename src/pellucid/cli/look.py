"""`pellucid look`: inside a network with a picture, from all of it down to one unit's arithmetic."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from rich.console import Console

from pellucid.cli.figures import check_out, write_figure
from pellucid.cli.look_text import print_channel, print_layer, print_strip, print_unit
from pellucid.cli.run_or_network import NetworkCall, open_called, read_network_call
from pellucid.data.decode import header, load_picture
from pellucid.inspection.looking import Looking
from pellucid.runs.log import json_text
from pellucid.types.address import Address
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError
from pellucid.types.look import ChannelLook, LayerLook, UnitLook
from pellucid.views.figure import Figure
from pellucid.views.look import channel_figure, layer_figure, network_strip, unit_figure

ABOUT = """Look inside a network with a picture: all of it, a layer, a channel or one unit.

Example: pellucid look runs/demo --image shape.png

Example: pellucid look resnet18 layer2.0 --weights torchvision/resnet18 --image cat.jpg --out cat.html

Example: pellucid look resnet18 "layer4.1.conv2[37, 5, 6]" --image cat.jpg
"""

Seen = tuple[LayerLook, ...] | LayerLook | ChannelLook | UnitLook


@dataclass(frozen=True, kw_only=True)
class Call(NetworkCall):
    address: Annotated[str, tyro.conf.Positional] = ""
    """Where to look: a layer, layer1.0.conv1; an operation, layer1.0:add; a channel of it, layer1.0.conv1[3];
    one unit, layer1.0.conv1[3, 5, 6]. By default the whole network.
    """
    image: Path | None = None
    """The picture to look with."""
    out: Path | None = None
    """Draw it into this file: .html, .png or .json. By default it is printed."""
    json: bool = False
    """Print the numbers as JSON."""


def main(arguments: Sequence[str]) -> int:
    call = read_network_call(Call, arguments, command="look", about=ABOUT)
    if call.image is None:
        raise InputError("name a picture to look with: --image FILE")
    if call.out is not None:
        check_out(call.out)
    address = Address.parse(call.address)
    network = open_called(call)
    preprocessing = network.preprocessing
    _check_channels(call.image, preprocessing)
    stored = load_picture(call.image, preprocessing)
    looking = Looking(network.model, network.inputs(stored[None]), channels=preprocessing.channels)
    seen = _seen(looking, call.address, address)
    if call.out is not None:
        write_figure(_figure(stored.numpy(), seen, call.what), call.out)
        print(f"written: {call.out}", file=sys.stderr if call.json else sys.stdout)
    if call.json:
        print(json_text(_numbers(seen), indent=1))
    elif call.out is None:
        _print(seen, call.what)
    return 0


def _check_channels(image: Path, preprocessing: Preprocessing) -> None:
    """Raise `InputError` for a network that takes other channels than pictures have."""
    channels = len(preprocessing.mean)
    if channels not in (1, 3):
        raise InputError(
            f"the network takes {channels} channels; {image} is a picture ({header(image).mode}), seen as "
            "grey (1 channel) or RGB (3)"
        )


def _seen(looking: Looking, text: str, address: Address) -> Seen:
    if not text.strip():
        layers = looking.strip()
        if not layers:
            raise InputError("the network has no feature maps; name a layer (`pellucid inspect` shows them)")
        return layers
    found = looking.at(address)
    if not address.index:
        return looking.layer(address)
    if len(address.index) == len(found.layout.order):
        return looking.unit(address)
    return looking.channel(address)


def _figure(picture: np.ndarray, seen: Seen, what: str) -> Figure:
    match seen:
        case LayerLook():
            return layer_figure(picture, seen)
        case ChannelLook():
            return channel_figure(picture, seen)
        case UnitLook():
            return unit_figure(picture, seen)
    return network_strip(picture, seen, what)


def _print(seen: Seen, what: str) -> None:
    console = Console(soft_wrap=True, highlight=False)
    match seen:
        case LayerLook():
            print_layer(console, seen)
        case ChannelLook():
            print_channel(console, seen)
        case UnitLook():
            print_unit(console, seen)
        case _:
            print_strip(console, seen, what)


def _numbers(seen: Seen) -> dict[str, Any]:
    """What was seen as JSON's types, without arrays."""
    match seen:
        case UnitLook():
            return seen.to_dict()
        case ChannelLook():
            return {
                "address": f"{seen.layer.address}[{seen.channel}]",
                **_range(seen.values),
                "strongest": seen.strongest,
                "place": list(seen.place),
                "field": seen.field and asdict(seen.field),
            }
        case LayerLook():
            return {
                "address": seen.address,
                "kind": seen.kind,
                "words": seen.words,
                **_range(seen.values),
                "channels": [_range(each) for each in seen.values],
            }
    return {"layers": [_numbers(layer) for layer in seen]}


def _range(values: np.ndarray) -> dict[str, float]:
    return {"least": float(values.min()), "greatest": float(values.max()), "mean": float(values.mean())}
