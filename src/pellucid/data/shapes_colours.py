"""Colours of even lightness and vividness, chosen in OKLCH.

B. Ottosson, "A perceptual color space for image processing", 2020: the two matrices are his.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray


@functools.cache
def colour(lightness: int, chroma: int, hue: int) -> NDArray[np.float32]:
    """Red, green and blue (3, 1, 1) in [0, 255]; lightness and chroma in percent, hue in degrees.

    A colour that sRGB does not have gives way to the most vivid one of its lightness and hue.
    """
    a, b = math.cos(math.radians(hue)) / 100, math.sin(math.radians(hue)) / 100
    for vividness in range(chroma, -1, -1):
        linear = _linear_srgb(lightness / 100, vividness * a, vividness * b)
        if min(linear) >= 0 and max(linear) <= 1:
            break
    # Rounded, so that the last digit of another machine's power function is not seen.
    encoded = np.array([round(_encoded(min(max(part, 0), 1)), 2) for part in linear], np.float32)
    encoded.flags.writeable = False
    return encoded.reshape(3, 1, 1)


def _linear_srgb(lightness: float, a: float, b: float) -> tuple[float, float, float]:
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _encoded(linear: float) -> float:
    return 255 * (12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055)
