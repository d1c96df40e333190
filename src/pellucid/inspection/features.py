"""What a layer says of every picture of a data set, as one vector each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid.inspection.capture import Key, capture, unwrapped
from pellucid.inspection.layout import Layout, channels_first, layer_layouts
from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.parts import named_parts
from pellucid.inspection.running import run
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError


@dataclass(frozen=True, eq=False)
class Features:
    """`vectors` (n, channels) float32 on the CPU, `indices` (n,) where the samples are in their split."""

    vectors: Tensor
    indices: Tensor


def features_in_batches(
    model: nn.Module, layers: Sequence[str], batches: Iterable[Batch]
) -> Iterator[tuple[Batch, dict[str, Tensor]]]:
    """For each batch what the layers' channels give, averaged over a map's or sequence's places: (b,
    channels) float32. Of a layer that runs several times, its first call.

    The network runs in evaluation mode and is left as it was, also between the batches. Raises `InputError`
    for a layer that is not there, did not run, or gives something else.
    """
    for batch in batches:
        found: dict[str, Tensor] = {}
        known = layer_layouts(model, [batch.inputs[:1]])

        def keep(
            name: str,
            output: Tensor,
            found: dict[str, Tensor] = found,
            known: Mapping[Key, Layout] = known,
        ) -> None:
            if name not in found:
                maps = channels_first(known, (name, 0), output).float()
                found[name] = maps.flatten(2).mean(2) if maps.ndim > 2 else maps

        with torch.inference_mode(), evaluation_mode(unwrapped(model)), capture(model, layers, keep=keep):
            run(model, batch.inputs)
        for name in layers:
            if name not in found:
                raise InputError(f"{name or 'the network'} gave no tensor: it did not run for these pictures")
        yield batch, found


def features(model: nn.Module, layer: str, batches: Iterable[Batch]) -> Features:
    """One layer's, of all batches. Raises `InputError` where there is no picture."""
    vectors, indices = [], []
    for batch, found in features_in_batches(model, [layer], batches):
        vectors.append(found[layer].cpu())
        indices.append(batch.indices.cpu())
    if not vectors:
        raise InputError("at least one picture was expected; there is none")
    return Features(torch.cat(vectors), torch.cat(indices))


def feature_layers(model: nn.Module, inputs: Tensor, most: int = 32) -> tuple[str, ...]:
    """The layers worth comparing, at most about `most`, in the order in which they end: those that give one
    tensor with a vector, tokens or a map for each picture, as deep inside as keeps them so few.
    """
    inner = unwrapped(model)
    parts = {name: any(module.children()) for name, module in named_parts(inner) if name}

    def usable(name: str, output: Tensor) -> bool:
        return output.ndim in (2, 3, 4) and len(output) == len(inputs) and output.is_floating_point()

    with torch.inference_mode(), evaluation_mode(inner), capture(model, list(parts), keep=usable) as seen:
        run(model, inputs)
    order = tuple(dict.fromkeys(name for (name, _), found in seen.outputs.items() if found is True))
    chosen: tuple[str, ...] = ()
    for depth in range(max((name.count(".") for name in order), default=0) + 1):
        level = tuple(n for n in order if n.count(".") == depth or (n.count(".") < depth and not parts[n]))
        if chosen and len(level) > most:
            break
        chosen = level or chosen
    return chosen


def last_features(model: nn.Module, inputs: Tensor) -> str:
    """The layer before the classifier: the last to end before the last dense layer or convolution."""
    modules, layers = dict(named_parts(unwrapped(model))), feature_layers(model, inputs, most=10**6)
    if not layers:
        raise InputError("this network has no layer that gives vectors, tokens or maps")
    weighted = [at for at, name in enumerate(layers) if isinstance(modules[name], (nn.Linear, nn.Conv2d))]
    before = layers[: weighted[-1]] if weighted else ()
    known = [name for name in before if not isinstance(modules[name], (nn.Dropout, nn.Flatten, nn.Identity))]
    return known[-1] if known else layers[-1]
