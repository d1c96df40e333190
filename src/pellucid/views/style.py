"""A picture painted in the style of another: from what, along which way, and what each layer carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.views.axes import Axis, number
from pellucid.views.colours import series
from pellucid.views.figure import Figure, Panel
from pellucid.views.marks import Image, Lines
from pellucid.views.pictures import rgb_pixels

Pixels = NDArray[np.uint8]
_FRAMES = 5  # on the way to a picture that are shown


@dataclass(frozen=True)
class Frame:
    """The picture (c, h, w) uint8 after `step` iterations, and its losses by name, unweighted."""

    step: int
    picture: Pixels
    losses: Mapping[str, float]


@dataclass(frozen=True)
class Carried:
    """What layer `layer` keeps of a picture: `content` rebuilt from its answers, `style` grown from noise by
    its Gram matrix, both uint8 (c, h, w), with their relative errors.
    """

    layer: str
    content: Pixels
    content_error: float
    style: Pixels
    style_error: float


def styled(content: Pixels, style: Pixels, frames: Sequence[Frame], title: str, caption: str = "") -> Figure:
    """The two pictures and the result, some pictures on the way to it, and how the losses fell."""
    *_, last = frames
    told = ", ".join(f"{name} {number(loss, 3)}" for name, loss in last.losses.items())
    first = (
        _panel(content, "Content"),
        _panel(style, "Style"),
        _panel(last.picture, "Painted", f"after {last.step} steps: {told}"),
    )
    chosen = sorted({round(at) for at in np.linspace(0, len(frames) - 1, min(_FRAMES, len(frames) - 1) + 1)})
    way = [_panel(frames[at].picture, caption=f"step {frames[at].step}") for at in chosen[:-1]]
    return Figure((*first, *way, *_losses(frames)), title, columns=3, caption=caption)


def carried(found: Sequence[Carried], content: Pixels, style: Pixels, caption: str = "") -> Figure:
    """A contact sheet: for each layer the content it keeps, and under it the style."""
    rows = [_panel(content, "Content", "the picture")]
    rows += [_panel(each.content, each.layer, f"error {number(each.content_error, 3)}") for each in found]
    rows += [_panel(style, "Style", "the picture")]
    rows += [_panel(each.style, each.layer, f"error {number(each.style_error, 3)}") for each in found]
    return Figure(tuple(rows), columns=len(found) + 1, caption=caption)


def repainted(pairs: Sequence[tuple[Pixels, Pixels]]) -> Figure:
    """Pictures, and below each what a network painted of it."""
    upper = [_panel(picture, "Picture") for picture, _ in pairs]
    lower = [_panel(painted, "Painted") for _, painted in pairs]
    return Figure((*upper, *lower), columns=len(pairs))


def _panel(picture: Pixels, title: str = "", caption: str = "") -> Panel:
    pixels = rgb_pixels(picture)
    return Panel((Image(pixels),), title, frame=pixels.shape[:2], caption=caption)


def _losses(frames: Sequence[Frame]) -> list[Panel]:
    """One panel a loss, against the steps, where there is more than one picture."""
    if len(frames) < 2:
        return []
    steps = np.array([float(frame.step) for frame in frames])
    panels = []
    for place, name in enumerate(frames[0].losses):
        values = np.array([frame.losses[name] for frame in frames])
        line = Lines((steps,), (values,), (name,), (series(place),))
        panels.append(
            Panel(
                (line,),
                f"{name.capitalize()} loss",
                x=Axis("step"),
                y=Axis(scale="log" if (values > 0).all() else "linear"),
            )
        )
    return panels
