"""One picture painted in the style of another, by optimising its pixels.

Gatys, Ecker & Bethge, "Image style transfer using convolutional neural networks", CVPR 2016, on any network.
The picture is optimised as it is shown, in [0, 1]; what leaves that range costs. Coarse pictures come first,
whose strokes the finer ones keep (Gatys et al., "Controlling perceptual factors in neural style transfer",
CVPR 2017, section 6).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.ops.precision import multiplies_bf16_fast
from pellucid.ops.random import seed_of
from pellucid.synthesis.onlooker import Onlooker
from pellucid.synthesis.style_colour import coloured, luminance, matched
from pellucid.synthesis.style_descent import Painting, disagreement
from pellucid.synthesis.style_layers import address_of, chosen_layers, keys_of
from pellucid.synthesis.style_loss import gram
from pellucid.synthesis.style_settings import StyleSettings
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError
from pellucid.types.stylisation import Stylised

_FIRST = 96  # pixels at least of the shorter side of the first canvas, where the last has as many


def stylise(
    model: nn.Module,
    content: Tensor,
    style: Tensor,
    preprocessing: Preprocessing,
    how: StyleSettings | None = None,
) -> Iterator[Stylised]:
    """The picture `content` painted more and more in the style of `style`, as it grows; the last is finished.

    Both are (1 or 3, h, w) uint8 RGB, of any two sizes. The network, which sees them as `preprocessing` says,
    is left as it was. The same seed gives the same picture on the same machine. Raises `InputError` for
    layers that the network does not have, pictures that are too small for it, and losses that overflow.
    """
    how = how or StyleSettings()
    with torch.inference_mode(False), torch.no_grad():
        scenes = _Scenes(model, content, style, preprocessing, how)
    sizes = scales(scenes.size, how.scales)
    counts = steps_of(how.steps, len(sizes))
    before, done, evaluations = None, 0, 0
    for size, count in zip(sizes, counts, strict=True):
        with torch.inference_mode(False), torch.no_grad():
            painting = scenes.painting(size, before)
        for step in painting.steps(count):
            yield scenes.stylised(painting, done + step, sum(counts), evaluations)
        before, done = painting.canvas.detach(), done + count
        evaluations += painting.evaluations


def scales(size: tuple[int, int], count: int = 0) -> list[tuple[int, int]]:
    """The sizes (height, width) of the canvases, the last of them `size`, each half the next."""
    height, width = size
    count = count or max(1, math.floor(math.log2(min(size) / _FIRST)) + 1)
    factors = [2.0**back for back in reversed(range(count))]
    return [(max(1, round(height / factor)), max(1, round(width / factor))) for factor in factors]


def steps_of(first: int, count: int) -> list[int]:
    """How many iterations each of `count` canvases takes."""
    return [max(1, first >> number) for number in range(count)]


class _Scenes:
    """What there is before anything is painted: the two pictures, the network, the layers."""

    def __init__(
        self,
        model: nn.Module,
        content: Tensor,
        style: Tensor,
        preprocessing: Preprocessing,
        how: StyleSettings,
    ) -> None:
        self.how, self.exact = how, Onlooker(model, preprocessing)
        self.content, self.style = (
            _shown_picture(each, self.exact, name) for name, each in (("content", content), ("style", style))
        )
        height, width = self.content.shape[-2:]
        factor = how.side / max(height, width) if how.side else 1.0
        self.size = max(1, round(height * factor)), max(1, round(width * factor))
        self.keep = how.colours == "content" and self.content.shape[1] == 3
        self.content_layers = keys_of(model, how.content_layers)
        self.style_layers = keys_of(model, how.style_layers)
        if not (self.content_layers and self.style_layers):
            content_layers, style_layers = chosen_layers(model, preprocessing)
            self.content_layers = self.content_layers or content_layers
            self.style_layers = self.style_layers or style_layers
        self.onlooker, self.notes = self._quick(model)

    def _quick(self, model: nn.Module) -> tuple[Onlooker, tuple[str, ...]]:
        """The network in the precision asked for; "auto": in bf16 where that is quick, and agrees on the
        first canvas.
        """
        if self.how.precision == "fp32" or not (
            self.how.precision == "bf16" or multiplies_bf16_fast(self.exact.device)
        ):
            return self.exact, ()
        quick = Onlooker(model, self.exact.preprocessing, "bf16")
        if self.how.precision == "bf16":
            return quick, ()
        size = scales(self.size, self.how.scales)[0]
        one, other = (self.painting(size, None, onlooker) for onlooker in (self.exact, quick))
        note = disagreement(one, other)
        return (self.exact, (note,)) if note else (quick, ())

    def painting(
        self, size: tuple[int, int], before: Tensor | None, onlooker: Onlooker | None = None
    ) -> Painting:
        """A canvas of this size that begins as the one before ended, with what is wanted of it."""
        onlooker, how = onlooker or self.onlooker, self.how
        content = resized(self.content, size)
        area = (size[0] * size[1] / self.style[0, 0].numel()) ** 0.5 * how.brush
        height, width = (max(1, round(side * area)) for side in self.style.shape[-2:])
        style = resized(self.style, (height, width))
        if self.keep:
            content = luminance(content)
            style = matched(luminance(style), content)
        start = content if before is None else resized(before, size)
        if before is None and how.start == "noise":
            generator = torch.Generator().manual_seed(seed_of(how.seed))
            start = torch.rand(content.shape, generator=generator).to(content)
        painted = {key: gram(maps) for key, maps in onlooker(style, self.style_layers).items()}
        shown = {key: maps.float() for key, maps in onlooker(content, self.content_layers).items()}
        return Painting(onlooker, start, shown if how.content else {}, painted if how.style else {}, how)

    def stylised(self, painting: Painting, step: int, steps: int, evaluations: int) -> Stylised:
        finished = step == steps
        with torch.inference_mode(False), torch.no_grad():
            picture, losses = painting.canvas.detach().clamp(0, 1), painting.losses
            size = (picture.shape[-2], picture.shape[-1])
            if finished:
                losses = self.painting(size, None, self.exact).measured(picture)
            if self.keep:
                picture = coloured(picture, resized(self.content, size))
        options = {name: value for name, value in asdict(self.how).items() if not isinstance(value, tuple)}
        return Stylised(
            picture[0].float().cpu(),
            losses,
            step,
            steps,
            evaluations + painting.evaluations,
            finished,
            tuple(map(address_of, self.content_layers)),
            tuple(map(address_of, self.style_layers)),
            self.onlooker.precision,
            options,
            self.notes,
            {"torch": str(torch.__version__)},
        )


def _shown_picture(picture: Tensor, onlooker: Onlooker, name: str) -> Tensor:
    """(1 or 3, h, w) uint8 as (1, c, h, w) in [0, 1], c as the network takes."""
    if picture.ndim != 3 or picture.dtype != torch.uint8 or picture.shape[0] not in (1, 3):
        raise InputError(
            f"the {name} picture must be (1 or 3, height, width) uint8; "
            f"got {tuple(picture.shape)} {picture.dtype}"
        )
    if onlooker.channels not in (1, 3):
        raise InputError(
            f"the network takes pictures of {onlooker.channels} channels; style goes over in grey or RGB"
        )
    values = picture[None].to(onlooker.device, torch.float32) / 255
    return luminance(values) if onlooker.channels == 1 else values.expand(-1, 3, -1, -1)


def resized(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """Bicubic, antialiased, within [0, 1]."""
    if pictures.shape[-2:] == size:
        return pictures
    return F.interpolate(pictures, size, mode="bicubic", antialias=True).clamp(0, 1)
