"""Inside a network with one picture: all of it, a layer, a channel, a unit.

One scale for all channels of a layer, from what is there, so that a weak channel looks weak.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.types.look import Box, ChannelLook, Field, LayerLook, UnitLook
from pellucid.views.arithmetic import arithmetic_figure
from pellucid.views.axes import Axis, number
from pellucid.views.colours import fitting, signed, unsigned
from pellucid.views.figure import Figure, Panel, even_columns
from pellucid.views.layers import filters
from pellucid.views.marks import Bars, Boxes, Heat, Image, Mark, Tiles
from pellucid.views.pictures import rgb_pixels
from pellucid.views.words import counted

Pixels = NDArray[np.uint8]
IN_A_ROW = 12  # channels of each layer in the strip
LARGEST_TILE = 112  # pixels a side; larger maps are averaged down in tiles
MOST_TILES = 1024
MOST_BARS = 16
FAINT = 0.02


def network_strip(picture: NDArray[Any], layers: Sequence[LayerLook], title: str = "") -> Figure:
    """The picture, then one row for each layer: the channels that vary most, on the layer's own scale."""
    pixels = rgb_pixels(picture)
    panels = [_picture(pixels, "input", width=240)]
    for layer in layers:
        maps = _maps(layer)
        varied = np.argsort(-maps.std((1, 2)), kind="stable")[:IN_A_ROW]
        limit = f"; the {len(varied)} that vary most" * (len(varied) < len(maps))
        told = f"{layer.kind}: {layer.words}{limit}"
        panels.append(_tiles(layer, np.sort(varied), IN_A_ROW, layer.address or "output", told))
    return Figure(tuple(panels), title, columns=1)


def layer_figure(picture: NDArray[Any], layer: LayerLook) -> Figure:
    """All channels as tiles on one scale, and beside them what makes them."""
    panels = [_picture(rgb_pixels(picture), "input", width=300)]
    if layer.maps is not None:
        shown = np.arange(min(len(layer.maps), MOST_TILES))
        limit = f" The first {MOST_TILES:,} of {len(layer.maps):,}." if len(shown) < len(layer.maps) else ""
        columns = even_columns(len(shown), max(12, math.ceil(math.sqrt(len(shown) * 2))))
        low, high = number(float(layer.maps.min())), number(float(layer.maps.max()))
        told = f"{layer.kind}: {layer.words}; {low} … {high} on this picture.{limit}"
        panels.append(_tiles(layer, shown, columns, "all channels, one scale", told))
    else:
        panels.append(_vector(layer))
    if layer.kernels is not None:
        panels.append(_weights(layer))
    return Figure(tuple(panels), layer.address or layer.kind, columns=1)


def channel_figure(picture: NDArray[Any], look: ChannelLook) -> Figure:
    """The channel's map by itself and over the picture, where it is strongest and what it sees there, and its
    kernels.
    """
    pixels = rgb_pixels(picture)
    values = look.values
    scale = fitting(look.layer.values, "activation")
    told = (
        f"{number(float(values.min()))} … {number(float(values.max()))}, mean {number(float(values.mean()))}"
    )
    panels = []
    if look.map is not None:
        frame = (float(look.map.shape[0]), float(look.map.shape[1]))
        spot = Boxes(_cell(look.place), colours=("green",))
        marks: tuple[Mark, ...] = (Heat(look.map, scale), spot)
        height, width = pixels.shape[:2]
        over = Heat(look.map, scale, extent=(0.0, float(width), 0.0, float(height)), opacity=0.7)
        caption = f"{told}; the scale is that of all channels. Green: where it is strongest"
        panels += [
            Panel(marks, "the map", frame=frame, aspect=width / height, key=scale, caption=caption),
            Panel((Image(pixels), over), "over the picture", frame=(height, width)),
        ]
    sees = _sees(look.field)
    panels.append(
        Panel(
            (Image(pixels), *_boxes(look.field, None)),
            "where it is strongest",
            frame=pixels.shape[:2],
            caption=f"{look.strongest} sees {sees}",
        )
    )
    if look.kernels is not None:
        panels.append(_kernels(look.kernels, look.layer.of_picture))
    return Figure(tuple(panels), f"{look.layer.address}[{look.channel}]", columns=2, caption=look.layer.words)


def unit_figure(picture: NDArray[Any], look: UnitLook) -> Figure:
    """What a unit can see and what really counts, where it is on its map, and its arithmetic."""
    pixels = rgb_pixels(picture)
    frame = pixels.shape[:2]
    where = " (blue); its place on the map is green" if look.patch else ""
    panels = [
        Panel(
            (Image(pixels), *_boxes(look.field, look.patch)),
            "receptive field",
            frame=frame,
            caption=f"It sees {_sees(look.field)}{where}",
        )
    ]
    if look.influence is not None:
        scale = unsigned(look.influence, "share of the influence", low=0.0)
        clear = np.where(look.influence < FAINT * look.influence.max(), np.nan, look.influence)
        middle = Heat(clear, scale, opacity=0.85)
        half = (
            f"{number(100 * _half(look.influence), 2)} % of the pixels hold half of the influence; those with"
            f" less than {FAINT:.0%} of the strongest's are left clear"
        )
        panels.append(
            Panel((Image(pixels), middle), "effective receptive field", frame=frame, key=scale, caption=half)
        )
    channel = look.channel.map
    if channel is not None:
        shades = fitting(look.channel.layer.values, "activation")
        here = Boxes(_cell(look.place), colours=("green",)) if look.place else None
        marks: tuple[Mark, ...] = (Heat(channel, shades), here) if here else (Heat(channel, shades),)
        sides = (float(channel.shape[0]), float(channel.shape[1]))
        aspect = frame[1] / frame[0]
        panels.append(
            Panel(marks, "its place on the map", frame=sides, aspect=aspect, key=shades, caption=_told(look))
        )
    opened = arithmetic_figure(look.arithmetic)
    return Figure((*panels, *opened.panels), opened.title, columns=2, caption=opened.caption)


def _picture(pixels: Pixels, title: str, width: float | None = None) -> Panel:
    height, across = pixels.shape[:2]
    return Panel((Image(pixels),), title, frame=(height, across), width=width, caption=f"{across} × {height}")


def _maps(layer: LayerLook) -> NDArray[Any]:
    if layer.maps is None:
        raise ValueError(f"{layer.address} has no maps: {layer.words}")
    return layer.maps


def _tiles(layer: LayerLook, chosen: NDArray[np.int64], columns: int, title: str, caption: str) -> Panel:
    """The `chosen` channels, on the scale of all."""
    scale = fitting(_maps(layer), "activation")
    maps = _maps(layer)[chosen]
    small = _smaller(maps)
    names = tuple(
        f"{layer.address}[{index}]: {number(float(each.min()))} … {number(float(each.max()))}"
        for index, each in zip(chosen.tolist(), maps, strict=True)
    )
    tiles = Tiles(small, min(columns, len(small)), scale, names)
    size = "" if small.shape == maps.shape else f"; drawn at {small.shape[2]} × {small.shape[1]}"
    return Panel(
        (tiles,),
        title,
        frame=(float(tiles.rows), float(tiles.columns)),
        aspect=tiles.columns * small.shape[2] / (tiles.rows * small.shape[1]),
        key=scale,
        caption=caption + size,
    )


def _smaller(maps: NDArray[Any]) -> NDArray[Any]:
    """Averaged over whole squares of pixels, so that a tile is no larger than it can be seen."""
    factor = math.ceil(max(maps.shape[1:]) / LARGEST_TILE)
    if factor == 1:
        return maps
    height, width = (side // factor * factor for side in maps.shape[1:])
    squares = maps[:, :height, :width].reshape(len(maps), height // factor, factor, width // factor, factor)
    return np.asarray(squares.mean((2, 4)))


def _vector(layer: LayerLook) -> Panel:
    """Channels without places: the strongest as bars; with other positions, everything as a table."""
    if layer.values.ndim > 1:
        flat = layer.values.reshape(len(layer.values), -1)
        scale = fitting(flat, "activation")
        return Panel(
            (Heat(flat, scale),),
            "all values",
            frame=(float(flat.shape[0]), float(flat.shape[1])),
            x=Axis("position"),
            y=Axis("channel"),
            height=320,
            key=scale,
            caption=layer.words,
        )
    order = np.argsort(-np.abs(layer.values), kind="stable")[:MOST_BARS]
    return _bars(
        layer.values[order],
        [f"[{index}]" for index in order.tolist()],
        "the strongest channels",
        f"{layer.kind}: {layer.words}",
    )


def _bars(
    values: NDArray[Any], names: Sequence[str], title: str, caption: str, label: str = "activation"
) -> Panel:
    at = np.arange(len(values), dtype=np.float64)[::-1] + 0.5
    told = tuple(f"{name}: {number(float(value))}" for name, value in zip(names, values, strict=True))
    ticks = tuple(zip(at.tolist(), names, strict=True))
    return Panel(
        (Bars(at, np.asarray(values, np.float64), "blue", told, lying=True),),
        title,
        x=Axis(label),
        y=Axis(ticks=ticks, limits=(0, len(values))),
        height=max(120.0, 20.0 * len(values)),
        caption=caption,
    )


def _weights(layer: LayerLook) -> Panel:
    """Its kernels where they see the picture or one channel each, else how strong each is."""
    kernels = np.asarray(layer.kernels)
    inputs, window = kernels.shape[1], kernels.shape[2:]
    if len(window) == 2 and (inputs == 1 or layer.of_picture) and max(window) > 1:
        (panel,) = filters(kernels, most=256).panels
        return replace(panel, title="filters")
    if math.prod(window) == 1:
        values, scale = kernels.reshape(len(kernels), inputs), signed(kernels, "weight")
        told = "Every output channel is a weighted sum of the input channels; these are the weights."
    else:
        values = np.sqrt((kernels.reshape(len(kernels), inputs, -1) ** 2).sum(-1))
        scale = unsigned(values, "L2 norm of the kernel", low=0.0)
        told = f"{counted(values.size, 'kernel')} of {' × '.join(map(str, window))}: how strong each is."
    return Panel(
        (Heat(values, scale),),
        "weights",
        frame=(float(values.shape[0]), float(values.shape[1])),
        width=560,
        x=Axis(f"input channel, 0 to {inputs - 1}", ticks=()),
        y=Axis(f"output channel, 0 to {len(kernels) - 1}", ticks=()),
        height=320,
        key=scale,
        caption=told,
    )


def _kernels(kernels: NDArray[Any], of_picture: bool) -> Panel:
    """Of one channel (in, *window)."""
    if kernels.ndim != 3 or max(kernels.shape[1:]) == 1:
        flat = kernels.reshape(len(kernels), -1)[:, 0]
        order = np.argsort(-np.abs(flat), kind="stable")[:MOST_BARS]
        names = [f"[{index}]" for index in order.tolist()]
        return _bars(
            flat[order], names, "its strongest weights", f"of {len(flat):,} input channels", "weight"
        )
    if of_picture:
        (panel,) = filters(kernels[None]).panels
        return replace(panel, title="its filter")
    shown = kernels[:MOST_TILES]
    scale = signed(kernels, "weight")
    columns = math.ceil(math.sqrt(len(shown)))
    tiles = Tiles(shown, columns, scale, tuple(f"input channel {index}" for index in range(len(shown))))
    return Panel(
        (tiles,),
        "its kernels, one for each input channel",
        frame=(float(tiles.rows), float(tiles.columns)),
        aspect=tiles.columns * shown.shape[2] / (tiles.rows * shown.shape[1]),
        key=scale,
        caption=f"{len(kernels):,} of {kernels.shape[2]} × {kernels.shape[1]}, input channel 0 first",
    )


def _boxes(field: Field | None, patch: Box | None) -> list[Mark]:
    boxes = [(field.seen, "blue")] if field is not None else []
    boxes += [(patch, "green")] if patch is not None else []
    if not boxes:
        return []
    corners = np.array([(left, top, right, bottom) for (top, left, bottom, right), _ in boxes], np.float64)
    around = Boxes(corners, colours=("paper",) * len(boxes), width=4.0)  # seen on dark pictures, too
    return [around, Boxes(corners, colours=tuple(colour for _, colour in boxes))]


def _cell(place: tuple[int, ...]) -> NDArray[np.float64]:
    row, column = place
    return np.array([[column, row, column + 1, row + 1]], np.float64)


def _sees(field: Field | None) -> str:
    if field is None:
        return "nothing of the picture"
    top, left, bottom, right = field.window
    inside = field.seen
    rows, columns = inside[2] - inside[0], inside[3] - inside[1]
    past = (
        ""
        if (rows, columns) == (bottom - top, right - left)
        else f", {columns} × {rows} of them in the picture"
    )
    doubt = "" if field.status.startswith(("exact", "uneven", "whole")) else f" ({field.status})"
    return f"{right - left} × {bottom - top} pixels{past}{doubt}"


def _half(influence: NDArray[np.float64]) -> float:
    """The least share of the pixels that holds half of the influence."""
    ordered = np.sort(influence, axis=None)[::-1].cumsum()
    return float((np.searchsorted(ordered, 0.5) + 1) / influence.size)


def _told(look: UnitLook) -> str:
    if not look.place:
        return "This token lies nowhere in the picture."
    row, column = look.place
    return f"row {row}, column {column}; the scale is that of all channels of {look.channel.layer.address}"
