"""How a picture is painted in the style of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from pellucid.types.errors import InputError

Optimiser = Literal["lbfgs", "adam"]
Start = Literal["content", "noise"]
Colours = Literal["style", "content"]
Precision = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True)
class StyleSettings:
    """How a picture is painted. `content`, `style` and `variation` are weights of errors that
    `Stylised.losses` defines; layers are addresses, by default chosen (`style_layers.chosen_layers`). `side`
    is the longer side of the result in pixels, by default the content's own. The style's picture has the
    canvas's area, times `brush` each side: larger strokes with a larger one. `scales` is how many canvases
    there are, each twice the one before; 0: as many as leave the first 96 pixels. The first takes `steps`
    iterations, each other half as many as the one before. `lr` is Adam's. Every `every` iterations there is a
    picture to see.
    """

    content_layers: tuple[str, ...] = ()
    style_layers: tuple[str, ...] = ()
    content: float = 1.0
    style: float = 4.0
    variation: float = 30.0
    optimiser: Optimiser = "lbfgs"
    lr: float = 0.02
    steps: int = 200
    side: int = 0
    scales: int = 0
    brush: float = 1.0
    start: Start = "content"
    colours: Colours = "style"
    precision: Precision = "auto"
    seed: int = 0
    every: int = 10

    def __post_init__(self) -> None:
        for name, choices in (
            ("optimiser", Optimiser),
            ("start", Start),
            ("colours", Colours),
            ("precision", Precision),
        ):
            if getattr(self, name) not in get_args(choices):
                raise InputError(
                    f"{name} is one of {', '.join(get_args(choices))}; got {getattr(self, name)!r}"
                )
        weights = self.content, self.style, self.variation
        if not all(0 <= weight < float("inf") for weight in weights) or not self.content + self.style:
            raise InputError(
                "content, style and variation are weights from 0 on, the first two not both 0; "
                f"got {', '.join(f'{weight:g}' for weight in weights)}"
            )
        if min(self.steps, self.every) < 1 or min(self.side, self.scales) < 0:
            raise InputError(
                "steps and every are at least 1, side and scales at least 0; "
                f"got {self.steps}, {self.every}, {self.side} and {self.scales}"
            )
        if not (0 < self.lr < float("inf") and 0.1 <= self.brush <= 10):
            raise InputError(f"lr is above 0 and brush from 0.1 to 10; got {self.lr:g} and {self.brush:g}")


QUICK = StyleSettings(steps=60, side=128, every=5)
"""To look around: a small picture in a few seconds."""
