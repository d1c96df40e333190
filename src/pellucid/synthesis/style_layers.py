"""Which layers say what a picture shows, and which how it is painted, in any network.

Gatys et al. take, of VGG-19, the first convolution at each of its five resolutions for style, and one at the
fourth, an eighth of the picture, for content. The same of any network: at each octave of resolution the first
rectified map that has as many channels as any there. Where a layer is a block (ResNet's, SqueezeNet's fire),
that is the block's output.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid.inspection.capture import Key, capture, key_of, named_layers, unwrapped
from pellucid.inspection.layout import layer_layouts, layout_of_shape
from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.parts import named_parts
from pellucid.inspection.running import run
from pellucid.types.address import Address
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError

_MOST = 5  # layers for style
_CONTENT = 3  # octaves below the picture: an eighth of its sides


@dataclass(frozen=True)
class _Answer:
    """What a layer gives: its channels, and whether none of its numbers is negative."""

    key: Key
    channels: int
    rectified: bool


def keys_of(model: nn.Module, addresses: tuple[str, ...]) -> tuple[Key, ...]:
    """The layers that addresses name. Raises `InputError` for one that there is not, and for an index."""
    keys = []
    for text in addresses:
        named = text in dict(named_parts(unwrapped(model)))
        address = Address(text) if named else Address.parse(text)
        if address.index:
            raise InputError(f"style and content are told by whole layers; got {text}: leave the index out")
        named_layers(unwrapped(model), [address])
        keys.append(key_of(address))
    return tuple(dict.fromkeys(keys))


def address_of(key: Key) -> str:
    """The layer as one writes it."""
    name, call = key
    return f"{name}#{call}" if call else name


def chosen_layers(model: nn.Module, preprocessing: Preprocessing) -> tuple[tuple[Key, ...], tuple[Key, ...]]:
    """Layers for content and for style, chosen as above from what the network answers to a picture of noise
    in the size that it is used to.

    Raises `InputError` for a network in which no layer gives maps.
    """
    octaves = _answers(model, preprocessing)
    style: dict[int, Key] = {}
    for octave in sorted(octaves)[:_MOST]:
        there = [each for each in octaves[octave] if each.rectified] or octaves[octave]
        most = max(each.channels for each in there)
        style[octave] = next(each.key for each in there if each.channels == most)
    if not style:
        raise InputError(
            f"no layer of {type(unwrapped(model)).__name__} gives maps, which style and content are told by; "
            "take a convolutional network, or name the layers"
        )
    deep = min(_CONTENT, max(style))
    content = style[max(octave for octave in style if octave <= deep)]
    return (content,), tuple(style.values())


def _answers(model: nn.Module, preprocessing: Preprocessing) -> dict[int, list[_Answer]]:
    """The maps that activations and blocks give, by how often they halve the picture, in order."""
    size = preprocessing.size or (224, 224)
    inner = unwrapped(model)
    some = next((p for p in inner.parameters() if p.is_floating_point()), torch.empty(0))
    noise = torch.rand(1, len(preprocessing.mean), *size, generator=torch.Generator().manual_seed(0))
    inputs = ((noise - 0.5) * 4).to(some)  # as normalised pictures are, about

    layouts = layer_layouts(inner, [inputs])

    def met(name: str, output: Tensor) -> tuple[int, int, bool] | None:
        layout = layouts.get((name, 0)) or layout_of_shape(tuple(output.shape))
        if output.ndim != 4 or layout.channel != 1 or min(output.shape[2:]) < 2:
            return None
        octave = round(math.log2(max(size) / max(output.shape[2:])))
        return octave, output.shape[1], bool((output >= 0).all())

    def looked_for(name: str, module: nn.Module) -> bool:
        return bool(name) and (any(module.children()) or _is_activation(module))

    with evaluation_mode(inner), torch.no_grad(), capture(inner, looked_for, keep=met) as seen:
        output = run(inner, inputs)
    said = output.shape[1] if isinstance(output, Tensor) and output.ndim == 2 else 0
    octaves: dict[int, list[_Answer]] = defaultdict(list)
    for key, found in seen.outputs.items():
        # Maps of the classes, before they are averaged, are an answer, not a layer to see with.
        if isinstance(found, tuple) and len(found) == 3 and isinstance(found[0], int) and found[1] != said:
            octaves[max(0, found[0])].append(_Answer(key, *found[1:]))
    return octaves


def _is_activation(module: nn.Module) -> bool:
    return type(module).__module__ == nn.ReLU.__module__
