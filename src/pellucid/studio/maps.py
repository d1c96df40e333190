"""Feature maps as the page shows them: one honest scale a layer, tiles in one sheet."""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from torch import Tensor

from pellucid.inspection.capture import capture
from pellucid.inspection.looking import Looking
from pellucid.studio.schemas.seeing import LayerInfo
from pellucid.types.address import Address
from pellucid.types.errors import InputError
from pellucid.views.colours import MISSING, STEPS, ColourScale, fitting, palette

Maps = NDArray[np.float32]
SIDE = 64  # pixels of a thumbnail
THUMBNAILS = 4  # of one layer
LARGEST_TILE = 64  # pixels; of larger maps the sheet has every second, third … pixel averaged


def maps_of(looking: Looking, address: str) -> Maps:
    """(channels, height, width): what a layer or operation gave; tokens lie on their grid, and a vector is
    channels of one pixel. Raises `InputError` where there is no such layer, or what it gives has no channels.
    """
    found = looking.at(Address.parse(address).whole)
    return _laid_out(found.maps() if len(found.layout.grid) == 2 else found.channels())


def gradients_of(looking: Looking, address: str) -> Maps:
    """The same of how the likeliest output changes with what the layer gave. Raises `InputError` where it
    does not.
    """
    found = looking.at(Address.parse(address).whole)
    with capture(looking.model, [str(found.address.whole)], gradients=True) as seen:
        scores = first_tensor(looking.model(looking.picture))
        score = scores.flatten(2).mean(2) if scores.ndim > 2 else scores
        gradient = next(iter(seen.gradients_of(score.max()).values()))
    if not isinstance(gradient, Tensor):
        raise InputError(f"the likeliest output does not depend on what {found.address.whole} gives")
    given = replace(found, tensor=gradient)
    return _laid_out(given.maps() if len(found.layout.grid) == 2 else given.channels())


def first_tensor(output: Any) -> Tensor:
    """Of a network that gives several, the first."""
    while not isinstance(output, Tensor):
        output = next(iter(output.values() if isinstance(output, Mapping) else output))
    return output


def _laid_out(tensor: Tensor) -> Maps:
    values = tensor.detach().float().cpu().numpy()
    while values.ndim < 3:
        values = values[:, None]
    maps: Maps = values.reshape(len(values), -1, values.shape[-1])
    return maps


def output_of(looking: Looking) -> Tensor:
    """(classes,): the network's first output for the picture; what has places is averaged over them."""
    channels = looking.at("").channels().float()
    return channels.reshape(len(channels), -1).mean(1)


def scale_of(maps: Maps) -> ColourScale:
    return fitting(maps, "activation")


def layer_info(looking: Looking, address: str, maps: Maps) -> LayerInfo:
    found = looking.at(Address.parse(address).whole)
    scale = scale_of(maps)
    return LayerInfo(
        address=str(found.address),
        kind=found.kind,
        words=found.layout.words(),
        shape=list(maps.shape),
        extent=list(found.layout.extent),
        channelled=found.layout.channel is not None,
        scale=scale.kind,
        low=scale.low,
        high=scale.high,
        columns=columns_of(len(maps)),
        tile=[side // step for side, step in _steps(maps)],
        means=[round(each, 6) for each in maps.mean((1, 2)).tolist()],
        highest=[round(each, 6) for each in maps.max((1, 2)).tolist()],
        dead=int((maps <= 0).all((1, 2)).sum()),
    )


def columns_of(count: int) -> int:
    return max(1, math.ceil(math.sqrt(count)))


def sheet_of(maps: Maps) -> bytes:
    """All channels, `columns_of` a row, as a palette PNG."""
    scale, small = scale_of(maps), _reduced(maps)
    count, height, width = small.shape
    columns = columns_of(count)
    rows = -(-count // columns)
    indices = np.full((rows * columns, height, width), MISSING, np.uint8)
    indices[:count] = scale.indices(small)
    joined = indices.reshape(rows, columns, height, width).transpose(0, 2, 1, 3)
    return _palette_png(joined.reshape(rows * height, columns * width), scale)


def thumbnails(looking: Looking, addresses: Sequence[str]) -> bytes:
    """(addresses × 64, 4 × 64) pixels; a row is transparent where an address has no maps."""
    sheet = np.zeros((max(1, len(addresses)) * SIDE, THUMBNAILS * SIDE, 4), np.uint8)
    for row, address in enumerate(addresses):
        try:
            maps = maps_of(looking, address)
        except InputError:
            continue  # it has no maps, which is what the empty row says
        scale = scale_of(maps)
        for place, channel in enumerate(_telling(maps)):
            tile = scale.rgba(_fitted(maps[channel]))
            sheet[row * SIDE : (row + 1) * SIDE, place * SIDE : (place + 1) * SIDE] = tile
    stream = io.BytesIO()
    PIL.Image.fromarray(sheet).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _telling(maps: Maps) -> list[int]:
    """The channels that vary most over the picture, at most four, in their order."""
    spread = maps.std((1, 2))
    return sorted(np.argsort(-spread, kind="stable")[:THUMBNAILS].tolist())


def _fitted(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(64, 64), the nearest pixel of each place."""
    rows = (np.arange(SIDE) * values.shape[0] // SIDE)[:, None]
    fitted: NDArray[np.float32] = values[rows, np.arange(SIDE) * values.shape[1] // SIDE]
    return fitted


def _steps(maps: Maps) -> list[tuple[int, int]]:
    """Height and width, and how many pixels of each are one pixel of a tile."""
    factor = math.ceil(max(maps.shape[1:]) / LARGEST_TILE)
    return [(side, min(factor, side)) for side in maps.shape[1:]]


def _reduced(maps: Maps) -> Maps:
    (height, down), (width, across) = _steps(maps)
    if down == across == 1:
        return maps
    rows, columns = height // down, width // across
    blocks = maps[:, : rows * down, : columns * across].reshape(len(maps), rows, down, columns, across)
    averaged: Maps = blocks.mean((2, 4))
    return averaged


def _palette_png(indices: NDArray[np.uint8], scale: ColourScale) -> bytes:
    picture = PIL.Image.fromarray(indices)
    colours = np.zeros((256, 3), np.uint8)
    colours[:STEPS] = palette(scale.kind)
    picture.putpalette(colours.tobytes())
    stream = io.BytesIO()
    # Runs of equal pixels are all that is worth looking for: nearly as small, in half the time.
    picture.save(stream, "PNG", transparency=MISSING, compress_level=1, compress_type=zlib.Z_RLE)
    return stream.getvalue()
