"""The space in which pictures are optimised: frequencies of uncorrelated colours.

Olah, Mordvintsev & Schubert, "Feature Visualization", Distill 2017. Gradient ascent takes the steepest way,
and which way that is depends on the space. In pixels it leads to high-frequency noise. Where every frequency
is scaled to the energy it has in natural pictures (1/f), and the three colour axes to their deviations, large
shapes are as easy to change as fine ones, and grey as saturated colours.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Principal axes of RGB within photographs, times their standard deviations, over the largest of these:
# brightness, blue against red, green against both. Computed from 100 pictures of 100 ImageNet classes, at
# 128², each less its own mean.
PHOTOGRAPHS = (
    (0.578, -0.183, 0.043),
    (0.583, 0.010, -0.092),
    (0.571, 0.175, 0.050),
)
CONTRAST = 1.6  # the most that a picture's logits may spread; those of photographs do by 1.1
_FALL = 1.4  # amplitudes fall with frequency ** this: a little faster than in photographs, against noise
_START = 0.01  # standard deviation of the first spectrum
_REACH = 0.25  # how far from grey, in logits, a spectrum of numbers near 1 reaches


class Canvas:
    """`count` pictures (count, channels, height, width), drawn as a `spectrum`, which is what is optimised.

    Colours are uncorrelated where there are three channels; nothing is known of any other number of them.
    The random start is a faint cloud, since plain grey gives nothing to grow from. Contrast grows no further
    than a photograph's and half as much again, whatever the spectrum: else every pixel would end black or
    white, in the loudest colours.
    """

    def __init__(
        self,
        shape: tuple[int, int, int, int],
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        count, channels, self._height, self._width = shape
        # Height, then half the width, as torch.fft.rfft2 keeps real pictures.
        rows = torch.fft.fftfreq(self._height)[:, None]
        columns = torch.fft.rfftfreq(self._width)
        frequency = torch.hypot(rows, columns)
        least = 1 / max(self._height, self._width)
        scale = _REACH * (self._height * self._width) ** 0.5 / frequency.clamp(min=least) ** _FALL
        self._scale = scale.to(device)[..., None]
        size = (count, channels, *frequency.shape, 2)
        start = torch.randn(size, generator=generator) * _START
        self.spectrum = start.to(device).requires_grad_()
        self._colours = torch.tensor(PHOTOGRAPHS, device=device) if channels == 3 else None

    def pictures(self) -> Tensor:
        """(count, channels, height, width) in (0, 1)."""
        waves = torch.view_as_complex(self.spectrum * self._scale)
        logits = torch.fft.irfft2(waves, s=(self._height, self._width), norm="ortho")
        spread = logits.flatten(1).std(1)[:, None, None, None]
        logits = logits * (CONTRAST / spread).clamp(max=1)
        if self._colours is not None:
            logits = torch.einsum("rc,bchw->brhw", self._colours, logits)
        return torch.sigmoid(logits)
