"""Inside a network along its training: filters, feature maps, gradients, activations.

Colour scales are never chosen picture by picture: filters share one scale, a layer's maps share one, and both
may be shared by all recorded steps (`filter_scale`, `map_scales`), so that growth is seen as growth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.types.recording import LayerStatistics, Probes, Recording
from pellucid.views.axes import Axis, number, thin
from pellucid.views.colours import ColourScale, fitting, joined, series, signed, unsigned
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Bars, Heat, Image, Lines, Mark, Tiles
from pellucid.views.pictures import rgb_pixels
from pellucid.views.words import counted

Statistic = Callable[[LayerStatistics], float | None]


def filter_scale(recordings: Sequence[Recording]) -> ColourScale | None:
    """The zero-centred scale that holds the filters of all these steps; None if there are none."""
    scales = [
        signed(recording.filters, "weight") for recording in recordings if recording.filters is not None
    ]
    return joined(scales) if scales else None


def map_scales(recordings: Sequence[Recording]) -> dict[str, ColourScale]:
    """For each layer the scale that holds its feature maps of all these steps."""
    names = dict.fromkeys(name for recording in recordings for name in recording.maps)
    return {
        name: joined(
            [
                fitting(recording.maps[name], "activation")
                for recording in recordings
                if name in recording.maps
            ]
        )
        for name in names
    }


def filters(weights: NDArray[np.floating[Any]], scale: ColourScale | None = None, most: int = 64) -> Figure:
    """The first convolution's kernels (out, in, h, w), one tile each, at most `most`.

    With three input channels a tile is RGB: grey is zero, and the strongest weight of the scale is full
    colour. With one it is drawn through the signed scale. With any other number, there is a row of tiles, one
    for each input channel.
    """
    scale = scale or signed(weights, "weight")
    outputs, inputs = weights.shape[:2]
    if inputs == 3:
        share = weights.transpose(0, 2, 3, 1) / (2 * scale.high or 1.0) + 0.5
        tiles_of, columns = np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8), _columns(outputs)
    else:
        tiles_of = weights.reshape(-1, *weights.shape[2:])
        columns = _columns(outputs) if inputs == 1 else inputs
    shown = min(len(tiles_of), most)
    ranges = (weights if inputs == 3 else tiles_of)[:shown]
    names = tuple(
        f"filter {index * outputs // len(tiles_of)}: {_range(each)}" for index, each in enumerate(ranges)
    )
    tiles = Tiles(tiles_of[:shown], min(columns, shown), None if inputs == 3 else scale, names)
    legend = [f"Grey is zero; full colour is ±{number(scale.high, 3)}."] * (inputs == 3)
    limit = [f"The first {shown} of {len(tiles_of)}."] * (shown < len(tiles_of))
    panel = Panel(
        (tiles,),
        frame=_tile_frame(tiles),
        aspect=_tile_aspect(tiles),
        width=max(76 * tiles.columns, 260),
        key=None if inputs == 3 else scale,
        caption=" ".join(legend + limit),
    )
    return Figure((panel,), columns=1)


def _range(values: NDArray[np.floating[Any]]) -> str:
    return f"{number(float(values.min()))} … {number(float(values.max()))}"


def _columns(count: int) -> int:
    return count if count <= 8 else 8 if count <= 32 else 16


def _tile_frame(tiles: Tiles) -> tuple[float, float]:
    return float(tiles.rows), float(tiles.columns)


def _tile_aspect(tiles: Tiles) -> float:
    height, width = tiles.values.shape[1:3]
    return float(tiles.columns * width / (tiles.rows * height))


def feature_maps(
    recording: Recording,
    probe: int = 0,
    *,
    picture: NDArray[Any] | None = None,
    scales: Mapping[str, ColourScale] | None = None,
    columns: int = 4,
) -> Figure:
    """What each recorded layer answers to one probe picture: its first channels as tiles, in the order of
    execution.

    `picture` is the probe itself, uint8, shown first. `scales` come from `map_scales`; without them each
    layer gets the one of this step.
    """
    scales = scales or map_scales([recording])
    panels = []
    if picture is not None:
        pixels = rgb_pixels(picture)
        panels.append(
            Panel(
                (Image(pixels),),
                "input",
                frame=pixels.shape[:2],
                caption=f"{pixels.shape[1]} × {pixels.shape[0]}",
            )
        )
    for name, maps in recording.maps.items():
        values = np.asarray(maps[probe], np.float32)
        told = tuple(
            f"{name}[{index}]: {number(float(each.min()))} … {number(float(each.max()))}"
            for index, each in enumerate(values)
        )
        tiles = Tiles(values, int(np.ceil(np.sqrt(len(values)))), scales[name], told)
        size = f"{len(values)} channels of {values.shape[2]} × {values.shape[1]}"
        panels.append(
            Panel(
                (tiles,),
                name,
                frame=_tile_frame(tiles),
                aspect=_tile_aspect(tiles),
                key=scales[name],
                caption=size,
            )
        )
    return Figure(tuple(panels), columns=columns)


def gradient_flow(recordings: Sequence[Recording]) -> Figure:
    """How strong the gradient is in each layer along training, on a log scale: a vanishing one shows as
    darkness towards the input.
    """
    flow = _over_time(recordings, lambda layer: layer.gradient_norm, "log₁₀ of the gradient norm", log=True)
    values, names = _table(recordings, lambda layer: layer.gradient_norm)
    at, places, axis = step_lines(recordings)
    chosen = dict.fromkeys((0, len(names) - 1))
    positive = np.where(values > 0, values, np.nan)
    ends = Lines(
        tuple(at for _ in chosen),
        tuple(positive[index] for index in chosen),
        tuple(names[index] for index in chosen),
        ("blue", "orange")[: len(chosen)],
        places=places,
    )
    lines = Panel((ends,), "First and last layer", x=axis, y=Axis("gradient norm", "log"), height=flow.height)
    return Figure((flow, lines), "Gradient flow")


def activation_statistics(recordings: Sequence[Recording]) -> Figure:
    """How widely each layer's activations spread along training, and their mean by depth at the first and the
    last step.
    """
    spread = _over_time(recordings, lambda layer: layer.activation_std, "standard deviation")
    first, last = recordings[0], recordings[-1]
    names = tuple(layer.name for layer in last.layers)
    depth = np.arange(len(names)) + 0.5
    lines: list[Mark] = [
        Lines(
            (depth,),
            (np.array([layer.activation_mean for layer in recording.layers], np.float64),),
            (f"step {recording.step:,}",),
            (colour,),
            places=names,
        )
        for recording, colour in ((first, "cyan"), (last, "blue"))
    ]
    mean = Panel(
        tuple(lines),
        "Mean activation by depth",
        x=Axis(
            "layer", limits=(0, len(names)), ticks=thin([str(index + 1) for index in range(len(names))], 8)
        ),
        y=Axis("mean activation"),
        height=spread.height,
    )
    return Figure((spread, mean), "Activations")


def dead_units(recordings: Sequence[Recording]) -> Figure:
    """The share of units that stay at zero on all probe pictures: each activation layer along training, and
    at the end.
    """
    return _shares(recordings, lambda layer: layer.dead, "share of dead units", "dead", "Dead units")


def saturation(recordings: Sequence[Recording]) -> Figure:
    """The share of a sigmoid's or tanh's values near the ends of its range: each layer along training, and at
    the end.
    """
    label = "share of values near an end"
    return _shares(recordings, lambda layer: layer.saturated, label, "saturated", "Saturation")


def _shares(
    recordings: Sequence[Recording], statistic: Statistic, label: str, word: str, title: str
) -> Figure:
    share = ColourScale("unsigned", 0.0, 1.0, label)
    panel = _over_time(recordings, statistic, label, scale=share)
    values, names = _table(recordings, statistic)
    at = np.arange(len(names))[::-1] + 0.5
    told = tuple(
        f"{name}: {100 * value:.1f} % {word}" for name, value in zip(names, values[:, -1], strict=True)
    )
    bars = Bars(at, values[:, -1], "bad", told, lying=True)
    ticks = tuple((len(names) - place, word) for place, word in thin(names))
    last = Panel(
        (bars,),
        f"At step {recordings[-1].step:,}",
        x=Axis(label, limits=(0, 1)),
        y=Axis("layer", ticks=ticks, limits=(0, len(names))),
        height=panel.height,
    )
    return Figure((panel, last), title)


def weight_norms(recordings: Sequence[Recording]) -> Figure:
    """The L2 norm of each layer's weights along training."""
    return Figure(
        (_over_time(recordings, lambda layer: layer.weight_norm, "weight norm"),), "Weights", columns=1
    )


def probe_confidence(recordings: Sequence[Recording], probes: Probes) -> Figure:
    """The probability given to the true class, of each probe picture along training, with the mean.

    `probes.targets` are labels (p,).
    """
    at, places, axis = step_lines(recordings)
    truths = probes.targets.tolist()
    rows = np.arange(len(truths))
    chosen = np.stack([recording.predictions[rows, truths] for recording in recordings]).astype(np.float64)
    each = Lines(
        tuple(at for _ in truths),
        tuple(chosen.T),
        tuple("" for _ in truths),
        tuple(series(truth) for truth in truths),
        width=1.25,
        opacity=0.4,
    )
    mean = Lines((at,), (chosen.mean(axis=1),), ("mean",), ("ink",), width=2.5, places=places)
    quarters = tuple((value, f"{value:g}") for value in (0, 0.25, 0.5, 0.75, 1))
    panel = Panel(
        (each, mean),
        x=axis,
        y=Axis(limits=(-0.01, 1.01), ticks=quarters),
        caption=f"A thin line for each of {counted(len(truths), 'probe picture')}, coloured by its class.",
    )
    return Figure((panel,), "Probability of the true class", columns=1)


def _over_time(
    recordings: Sequence[Recording],
    statistic: Statistic,
    label: str,
    *,
    log: bool = False,
    scale: ColourScale | None = None,
) -> Panel:
    """Layers, the input's on top, × recorded steps, one cell each."""
    values, names = _table(recordings, statistic)
    if log:
        values = np.log10(np.where(values > 0, values, np.nan))
    scale = scale or (unsigned(values, label) if log else fitting(values, label))
    words = _step_words(recordings)
    return Panel(
        (Heat(values, scale),),
        "Layer by layer",
        frame=(len(names), len(words)),
        x=Axis("step", ticks=thin(words, 6)),
        y=Axis("layer", ticks=thin(names)),
        height=_height(names),
        key=scale,
    )


def _height(names: Sequence[str]) -> float:
    """A readable row for each layer's name, as far as the page allows."""
    return float(min(max(240, 18 * len(names)), 520))


def _table(
    recordings: Sequence[Recording], statistic: Statistic
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """(layers, steps) of one statistic and the names of the layers that have it."""
    if not recordings:
        raise ValueError("expected at least one recording; got none")
    having = [layer.name for layer in recordings[-1].layers if statistic(layer) is not None]
    if not having:
        raise ValueError("no recorded layer has this statistic")
    columns = [{layer.name: statistic(layer) for layer in recording.layers} for recording in recordings]
    table = [[_value(column.get(name)) for column in columns] for name in having]
    return np.array(table, np.float64), tuple(having)


def _value(value: float | None) -> float:
    return float("nan") if value is None else value


def _step_words(recordings: Sequence[Recording]) -> tuple[str, ...]:
    return tuple(f"{recording.step:,}" for recording in recordings)


def step_lines(recordings: Sequence[Recording]) -> tuple[NDArray[np.float64], tuple[str, ...], Axis]:
    """Where lines along training have their points, in words too, and the axis: one place for each recorded
    step, since these are log-spaced and start at 0.
    """
    words = _step_words(recordings)
    at = np.arange(len(words), dtype=np.float64) + 0.5
    return (
        at,
        tuple(f"step {word}" for word in words),
        Axis("step", limits=(0, len(words)), ticks=thin(words, 6)),
    )
