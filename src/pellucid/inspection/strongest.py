"""Which pictures of a data set, and where in them, excite each channel of some layers most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pellucid.inspection.capture import capture
from pellucid.inspection.layout import channels_first, layer_layouts, layouts
from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.receptive_field import ReceptiveField, receptive_fields
from pellucid.inspection.running import run
from pellucid.inspection.trace import trace
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError


@dataclass(frozen=True, eq=False)
class Strongest:
    """Of one layer's every channel the `k` pictures that excite it most, the strongest first, each once.

    `values` (channels, k) float32 is the greatest activation in the picture, `indices` (channels, k) the
    sample in its split, `places` (channels, k, places) where in the map it is: (row, column), (token,), or
    nothing. `field` is the layer's receptive field, None where it could not be followed.
    """

    values: Tensor
    indices: Tensor
    places: Tensor
    field: ReceptiveField | None

    def window(self, channel: int, rank: int, size: Sequence[int]) -> tuple[int, int, int, int]:
        """What the strongest unit sees: (top, left, bottom, right) in a picture of `size` (height, width)
        pixels. It is all of it where the field is not known or units have no place.
        """
        whole = (0, 0, size[0], size[1])
        place = tuple(self.places[channel, rank].tolist())
        if self.field is None or not place or len(self.field.dims) != len(place):
            return whole
        window = self.field.window(*place, clipped=True)
        found = (window[0], window[1], window[2], window[3])
        return found if found[2] > found[0] and found[3] > found[1] else whole


@torch.inference_mode()
def strongest(
    model: nn.Module, layers: Sequence[str], batches: Iterable[Batch], k: int = 9
) -> dict[str, Strongest]:
    """Look for them in `batches`, as the network sees them; no more than k pictures a channel are remembered.

    All channels of all `layers` in one pass; of a layer that runs several times, its first call. Vectors,
    tokens and maps will do, wherever the channels are. Raises `InputError` for another layer, or no batch.
    """
    if k < 1:
        raise InputError(f"at least 1 picture for each channel was expected, not {k}")
    best: dict[str, tuple[Tensor, Tensor, Tensor]] = {}
    picture: tuple[int, ...] = ()
    with evaluation_mode(model):
        for batch in batches:
            picture = tuple(batch.inputs.shape[1:])
            for name, (values, places) in _peaks_of(model, layers, batch.inputs).items():
                indices = batch.indices.to(values.device)[None].expand(len(values), -1)
                best[name] = _best((values, indices, places), best.get(name), k)
    missing = [name for name in layers if name not in best]
    if missing:
        raise InputError(
            f"{missing[0] or 'the network'} gave no tensor: it did not run, or there was no picture"
        )
    fields = _fields(model, layers, picture)
    found = {}
    for name in layers:
        values, indices, places = (part.cpu() for part in best[name])
        found[name] = Strongest(values, indices, places, fields.get(name))
    return found


def _peaks_of(model: nn.Module, layers: Sequence[str], inputs: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    found: dict[str, tuple[Tensor, Tensor]] = {}
    known = layer_layouts(model, [inputs[:1]])

    def keep(name: str, output: Tensor) -> None:
        if name not in found:
            found[name] = _peaks(channels_first(known, (name, 0), output).float())

    with capture(model, layers, keep=keep):
        run(model, inputs)
    return found


def _peaks(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Of (b, c, *places): (c, b) the greatest value of every channel in every picture, and (c, b, places)
    where it is.
    """
    values, flat = (
        maps.flatten(2).max(2) if maps.ndim > 2 else (maps, torch.zeros_like(maps, dtype=torch.int64))
    )
    places = torch.unravel_index(flat.mT, maps.shape[2:]) if maps.ndim > 2 else ()
    empty = flat.mT.new_empty(*flat.mT.shape, 0)
    return values.mT, torch.stack(places, 2) if places else empty


def _best(
    found: tuple[Tensor, Tensor, Tensor], before: tuple[Tensor, Tensor, Tensor] | None, k: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The k greatest of both, per channel, in order."""
    if before is not None:
        values, indices, places = (torch.cat(pair, 1) for pair in zip(before, found, strict=True))
    else:
        values, indices, places = found
    top, order = values.topk(min(k, values.shape[1]), dim=1)
    where = order[..., None].expand(-1, -1, places.shape[2])
    return top, indices.gather(1, order), places.gather(1, where)


def _fields(model: nn.Module, layers: Sequence[str], picture: tuple[int, ...]) -> dict[str, ReceptiveField]:
    """The receptive fields of what the layers give at their first call."""
    if len(picture) != 3:
        return {}
    run = trace(model, [torch.empty(1, *picture, device="meta")])
    fields, of = receptive_fields(run), layouts(run)
    found = {}
    for call in run.calls:
        if call.name in layers and call.number == 0 and call.outputs and call.outputs[0] in fields:
            field = fields[call.outputs[0]]
            if field.dims == of[call.outputs[0]].positions:
                found[call.name] = field
    return found
