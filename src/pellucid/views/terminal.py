"""Maps as coloured blocks of text, for terminals; as grey letters where there are no colours."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.style import Style
from rich.text import Text

from pellucid.views.colours import ColourScale

RAMP = " .:-=+*#%@"


def blocks(values: NDArray[Any], scale: ColourScale, width: int, *, colours: bool = True) -> Text:
    """(h, w) numbers, at most `width` letters wide: two rows of them in each line. Without `colours`, letters
    are denser the further a number is from zero, or from the lower end of an unsigned scale.
    """
    small = averaged(values, width)
    if not colours:
        span = max(abs(scale.high), abs(scale.low)) if scale.kind == "signed" else scale.high - scale.low
        base = 0.0 if scale.kind == "signed" else scale.low
        share = np.abs(np.nan_to_num(small) - base) / (span or 1.0)
        rows = (np.clip(share, 0, 1) * (len(RAMP) - 1)).round().astype(int)[::2]
        return Text("\n".join("".join(RAMP[at] for at in row) for row in rows.tolist()))
    return painted(scale.rgba(small)[..., :3])


def painted(pixels: NDArray[np.uint8]) -> Text:
    """(h, w, 3) uint8, two rows in each line."""
    if len(pixels) % 2:
        pixels = np.concatenate([pixels, pixels[-1:]])
    text = Text()
    for above, below in zip(pixels[::2].tolist(), pixels[1::2].tolist(), strict=True):
        for one, other in zip(above, below, strict=True):
            text.append("▀", Style(color=Color.from_rgb(*one), bgcolor=Color.from_rgb(*other)))
        text.append("\n")
    return text[:-1]


def averaged(values: NDArray[Any], width: int) -> NDArray[Any]:
    """At most `width` columns, by averages over whole squares."""
    factor = math.ceil(values.shape[1] / width)
    if factor <= 1:
        return values
    height, across = (max(side // factor, 1) for side in values.shape[:2])
    cut = values[: height * factor, : across * factor]
    return np.asarray(cut.reshape(height, factor, across, factor, *values.shape[2:]).mean((1, 3)))
