"""Where a layer's output keeps its channels, and which of its dimensions are places in the picture."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from pellucid.types.errors import InputError


def channel_dimension(shape: Sequence[int], picture: Sequence[int]) -> int:
    """Which dimension of an output (b, …) holds the channels, for inputs of `picture` (height, width) pixels.

    (b, c) vectors and (b, c, h, w) maps: 1; tokens (b, t, c) and maps that keep channels last, as Swin's:
    the last. A map's two places are recognised by being in the picture's proportion; where both readings
    are, channels come first. Raises `InputError` for outputs that are none of these.
    """
    if len(shape) == 2:
        return 1
    if len(shape) == 3:
        return 2
    if len(shape) != 4:
        raise InputError(
            f"a layer that gives (b, c), (b, tokens, c) or (b, c, h, w) was expected; got {tuple(shape)}"
        )
    first, last = (_distortion(shape[at : at + 2], picture) for at in (2, 1))
    return 1 if first <= last else 3


def channels_first(output: Tensor, picture: Sequence[int]) -> Tensor:
    """The same output as (b, c), (b, c, tokens) or (b, c, h, w)."""
    return output.movedim(channel_dimension(output.shape, picture), 1)


def _distortion(sides: Sequence[int], picture: Sequence[int]) -> float:
    """How far the proportion of a map is from the picture's, 1 if it is the same; rounding of odd sizes
    counts little.
    """
    ratio = sides[0] * picture[1] / (sides[1] * picture[0])
    return round(max(ratio, 1 / ratio), 3)
