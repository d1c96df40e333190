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
    """How a picture is painted."""

    content_layers: tuple[str, ...] = ()
    """Layers that tell content, by address; by default one at an eighth of the picture."""
    style_layers: tuple[str, ...] = ()
    """Layers that tell style; by default one at each resolution."""
    content: float = 1.0
    """Weight of the content's error."""
    style: float = 8.0
    """Weight of the style's error."""
    variation: float = 30.0
    """Weight of the total variation: the greater, the smoother."""
    optimiser: Optimiser = "lbfgs"
    """L-BFGS, or Adam."""
    lr: float = 0.02
    """adam: how far a pixel moves at a step, about."""
    steps: int = 200
    """Iterations on the first canvas; each other takes half as many as the one before."""
    side: int = 0
    """The longer side of the result in pixels; 0: as large as the content."""
    scales: int = 0
    """How many canvases, each twice the one before; 0: as many as leave the first 96 pixels."""
    brush: float = 1.0
    """How large the style's picture is looked at, against a picture of the canvas's area: with a larger one
    strokes are larger.
    """
    start: Start = "content"
    """What the first canvas begins as."""
    colours: Colours = "style"
    """Whose colours: content has only the brightness painted anew."""
    precision: Precision = "auto"
    """auto: bf16 where that is quick and agrees with fp32."""
    seed: int = 0
    """Decides the noise to begin with."""
    every: int = 10
    """Iterations between pictures to see."""

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
