"""What `pellucid look` prints: the numbers, and maps as blocks of colour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pellucid.types.look import ChannelLook, Field, LayerLook, UnitLook
from pellucid.views.arithmetic_text import arithmetic_text
from pellucid.views.axes import number
from pellucid.views.colours import ColourScale, fitting
from pellucid.views.terminal import blocks

_TILE, _TILES, _MAP = 14, 5, 56  # letters
_ROWS = 16


def print_strip(console: Console, layers: Sequence[LayerLook], what: str) -> None:
    """The first channels of each layer side by side."""
    console.print(Text(what, "bold"))
    for layer in layers:
        console.print()
        print_maps(console, layer)


def print_layer(console: Console, layer: LayerLook) -> None:
    """The strongest channels' maps and a table of all the ranges, the widest first."""
    if layer.maps is not None:
        print_maps(console, layer)
    else:
        console.print(_heading(layer))
    spread = layer.values.reshape(len(layer.values), -1)
    order = np.argsort(-np.abs(spread).max(1), kind="stable")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("channel", "least", "mean", "greatest"):
        table.add_column(name, justify="right")
    for channel in order[:_ROWS].tolist():
        of = spread[channel]
        table.add_row(str(channel), *(number(float(each)) for each in (of.min(), of.mean(), of.max())))
    console.print(table)
    if len(order) > _ROWS:
        console.print(Text(f"the {_ROWS} strongest of {len(order):,} channels", "dim"))


def print_maps(console: Console, layer: LayerLook) -> None:
    """As many of the first channels as fit in a line."""
    console.print(_heading(layer))
    if layer.maps is None:
        return
    scale = fitting(layer.maps, "activation")
    shown = layer.maps[:_TILES]
    drawn = [_drawn(console, each, scale, _TILE).split("\n", allow_blank=True) for each in shown]
    for lines in zip(*drawn, strict=True):
        console.print(Text("  ").join(lines), no_wrap=True)
    console.print(Text(f"channels 0 to {len(shown) - 1}; colours {_range(scale)}", "dim"))


def print_channel(console: Console, look: ChannelLook) -> None:
    values = look.values
    console.print(Text(f"{look.layer.address}[{look.channel}]", "bold"), f" {look.layer.kind}")
    if look.map is not None:
        scale = fitting(look.layer.values, "activation")
        console.print(_drawn(console, look.map, scale, _MAP), no_wrap=True)
        console.print(Text(f"colours {_range(scale)}, as all channels of the layer", "dim"))
    low, mean, high = (number(float(each)) for each in (values.min(), values.mean(), values.max()))
    console.print(f"values     {low} … {high}, mean {mean}")
    console.print(Text(f"strongest  {look.strongest}"))
    console.print(f"it sees    {_field(look.field)}")
    if look.kernels is not None:
        shape = " × ".join(map(str, look.kernels.shape))
        ends = f"{number(float(look.kernels.min()))} … {number(float(look.kernels.max()))}"
        console.print(f"weights    {shape}, {ends}")


def print_unit(console: Console, look: UnitLook) -> None:
    console.print(Text(arithmetic_text(look.arithmetic)))
    console.print()
    if look.place:
        console.print("lies at    row {}, column {} of its map".format(*look.place))
    console.print(f"it sees    {_field(look.field)}")
    for note in look.notes:
        console.print(f"           {note}")


def _heading(layer: LayerLook) -> Text:
    return Text(layer.address or "output", "bold").append(f"  {layer.kind}, {layer.words}", "not bold")


def _drawn(console: Console, values: np.ndarray, scale: ColourScale, width: int) -> Text:
    return blocks(values, scale, width, colours=console.color_system is not None)


def _range(scale: ColourScale) -> str:
    return f"{number(scale.low, 3)} … {number(scale.high, 3)}"


def _field(field: Field | None) -> str:
    if field is None:
        return "nothing of the picture"
    top, left, bottom, right = field.window
    inside = "rows {0} to {2}, columns {1} to {3}".format(*field.seen)
    return f"{right - left} × {bottom - top} pixels ({field.status}): {inside} of the picture"
