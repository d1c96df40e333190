"""`pellucid excite`: what a layer, channel, unit or class wants to see."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import torch
import tyro
from rich.console import Console

from pellucid.cli.figures import check_out, write_figure
from pellucid.cli.run_or_network import NetworkCall, open_called, read_network_call
from pellucid.data.loading import Pipeline, evaluation_batches
from pellucid.data.source import Data
from pellucid.inspection.parts import unregistered
from pellucid.inspection.strongest import Strongest, strongest
from pellucid.ops.normalisation import normalised
from pellucid.recipes.opened import OpenedNetwork, open_seen
from pellucid.synthesis.excite import QUICK, Ascent, ascend
from pellucid.synthesis.objective import check_index, exciting
from pellucid.types.address import Address
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError, unknown_name
from pellucid.types.excitation import Excitation
from pellucid.views.axes import number
from pellucid.views.excitation import Example, channel_sheet, excited, excited_and_found
from pellucid.views.figure import Figure

ABOUT = """What a layer, channel, unit or class wants to see: pictures optimised until it answers as strongly
as it can, and, with --data, the pictures of a data set that excite it most.

Example: pellucid excite runs/shapes-resnet "layer3.1.conv2[7]" --data shapes

Example: pellucid excite resnet50 "layer4[37]" --weights torchvision/resnet50 --out unit.png
"""
_CHANNELS, _BATCH = 30, 32  # channels on a layer's sheet; pictures at a time


@dataclass(frozen=True, kw_only=True)
class Call(NetworkCall):
    address: Annotated[str, tyro.conf.Positional]
    """What to excite: layer4.1.conv2 (with --data: each of its channels), layer4.1.conv2[37] a channel,
    layer4.1.conv2[37, 5, 6] a unit, [340] or the name of a class an output.
    """
    data: str = ""
    """Show what excites it most in these data, too: a path or a name of `pellucid list datasets`."""
    split: str = "test"
    """Which split of the data."""
    top: int = 8
    """How many pictures of the data."""
    count: int = 4
    """How many pictures to make."""
    steps: int = 256
    """Steps of the optimisation."""
    diversity: float = 0.05
    """How unlike one another the pictures are to be; 0: they may come out the same."""
    canvas: int = 0
    """Height and width of the pictures made; by default as the network is used to."""
    quick: bool = False
    """Small and rough, in a second or two."""
    seed: int = 0
    """Decides the random start and moves."""
    out: Path = Path("excited.png")
    """What to write: a picture (.png), a page (.html) or the figure's data (.json); one that is there is
    replaced.
    """


def main(arguments: Sequence[str]) -> int:
    call = read_network_call(Call, arguments, command="excite", about=ABOUT)
    check_out(call.out)
    network = open_called(call)
    address = _address(call.address, network)
    console = Console(soft_wrap=True, highlight=False)
    data = open_seen(network, call.data) if call.data else None
    found = None if data is None else _strongest(call, network, data, address)
    if data is not None and found is not None and not address.index:
        figure = _sheet(call, network, data, address, found)
        console.print(f"{address}: the first {len(figure.panels)} of {len(found.values)} channels")
    else:
        made = _made(call, network, address, console)
        examples = _examples(data, address.index[0], found, call.top, call.split) if data and found else []
        figure = _figure(made, examples)
        console.print(_line(network, address, made, examples))
    write_figure(figure, call.out)
    console.print(f"picture: {call.out}")
    return 0


def _address(text: str, network: OpenedNetwork) -> Address:
    """What is said on the command line; a class by its name is an output of the network."""
    classes = network.info.classes
    if text in classes:
        return Address(index=(classes.index(text),))
    plain = [_plain(name).lower() for name in classes]
    if text.lower() in plain:
        return Address(index=(plain.index(text.lower()),))
    address = Address.parse(text)
    layers = [name for name, _ in network.model.named_modules(remove_duplicate=False)]
    layers += unregistered(network.model)
    if address.layer not in layers:
        raise unknown_name("layer or class", text, [*layers[1:], *map(_plain, classes)])
    return address


def _plain(name: str) -> str:
    """A class as people say it: without ImageNet's number."""
    return re.sub(r"^n\d{8}[_ ]", "", name).replace("_", " ")


def _made(call: Call, network: OpenedNetwork, address: Address, console: Console) -> Excitation:
    size = (call.canvas, call.canvas) if call.canvas else None
    how = Ascent(call.count, call.steps, size, diversity=call.diversity, seed=call.seed)
    if call.quick:
        how = replace(
            QUICK, pictures=call.count, diversity=call.diversity, seed=call.seed, size=size or QUICK.size
        )
    text = str(address)
    if not address.layer and address.index and address.index[0] < len(network.info.classes):
        text = f"{_plain(network.info.classes[address.index[0]])} {address}"
    objective, preprocessing = exciting(address, text), network.preprocessing
    with console.status("optimising") as status:
        for found in ascend(network.model, objective, preprocessing, how):
            status.update(f"step {found.step} of {how.steps}: {number(max(found.scores), 3)}")
    return found


def _strongest(call: Call, network: OpenedNetwork, data: Data, address: Address) -> Strongest:
    if call.split not in data.splits:
        raise InputError(f"{data.info.name} has no split {call.split!r}; it has {', '.join(data.splits)}")
    pipeline = Pipeline(network.preprocessing)
    batches = evaluation_batches(data.splits[call.split], _BATCH, pipeline, "cpu", workers=0)
    found = strongest(network.model, [address.layer], batches, call.top)[address.layer]
    if address.index:
        check_index(replace(address, index=address.index[:1]), (len(found.values),))
    return found


def _examples(data: Data, channel: int, found: Strongest, top: int, split: str) -> list[Example]:
    indices = found.indices[channel, :top]
    batch = data.splits[split].fetch(indices)
    classes = data.info.classes
    examples = []
    for rank, index in enumerate(indices.tolist()):
        picture = batch.inputs[rank].numpy()
        truth = (
            batch.targets[rank]
            if isinstance(batch.targets, torch.Tensor) and batch.targets.ndim == 1
            else None
        )
        name = _plain(classes[int(truth)]) if truth is not None and classes else f"picture {index}"
        window = found.window(channel, rank, picture.shape[1:])
        examples.append(Example(picture, float(found.values[channel, rank]), name, window))
    return examples


def _figure(made: Excitation, examples: Sequence[Example]) -> Figure:
    told = ", ".join(f"{name} {value}" for name, value in made.options.items())
    caption = f"Optimised for {made.step} steps ({told}; torch {made.versions['torch']})."
    if not examples:
        return excited(made.pixels(), made.scores, made.target, caption)
    return excited_and_found(made.pixels(), made.scores, examples, made.target, caption)


def _sheet(call: Call, network: OpenedNetwork, data: Data, address: Address, found: Strongest) -> Figure:
    count = min(len(found.values), _CHANNELS)
    rows = {
        str(address.at(channel)): _examples(data, channel, found, min(call.top, 6), call.split)
        for channel in range(count)
    }
    caption = f"What the strongest unit of each channel sees, of {len(data.splits[call.split]):,} pictures."
    return channel_sheet(rows, f"What excites {address} most", caption)


def _line(network: OpenedNetwork, address: Address, made: Excitation, examples: Sequence[Example]) -> str:
    best = f"{made.target}: {number(max(made.scores), 4)} after {made.step} steps"
    if not examples:
        return best
    inputs = normalised(made.pictures * 255, network.preprocessing)
    batch = Batch(inputs, torch.empty(0), torch.arange(len(inputs)))
    peak = strongest(network.model, [address.layer], [batch], 1)[address.layer].values[address.index[0], 0]
    return (
        f"{best}; at its strongest place {number(float(peak), 4)}, "
        f"in the data's best picture {number(examples[0].value, 4)} ({examples[0].name})"
    )
