"""DCGAN: convolutions for both players of a GAN.

Radford, Metz & Chintala, "Unsupervised representation learning with deep convolutional generative adversarial
networks", ICLR 2016 (arXiv:1511.06434): no pooling, no dense layers, batch norm but at the generator's end
and the critic's beginning, rectifiers in the generator, leaky ones in the critic. At 64² with three channels
the generator has 3,576,704 parameters and the critic 2,765,568, as in PyTorch's example.

The critic has three forms: with batch norm, as published; plain, for a gradient penalty, which is of single
samples, while batch norm makes them depend on one another (Gulrajani et al., arXiv:1704.00028, §4); and with
spectral norm (Miyato et al., arXiv:1802.05957).

The critic halves a picture's side, rounding down, until it is at most 5, and the generator comes back the
same way: 4, 8, 16, 32, 64, or 3, 7, 14, 28.

b batch · z numbers of a latent code, and the class's · c channels of a picture · s its side · w channels
before the last layer
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from pellucid.models.gan import SLOPE, Gan, conditions
from pellucid.models.shapes import picture_shape
from pellucid.types.errors import InputError

LATENT = 100
_DEVIATION = 0.02
_SMALLEST = 5  # the greatest side of the smallest map


class Generator(nn.Module):
    """(b, z) → (b, c, s, s) in [-1, 1], where s is the first of `sides`, the others those of its maps."""

    def __init__(self, *, latent: int, channels: int, sides: Sequence[int], width: int) -> None:
        super().__init__()
        maps = width << (len(sides) - 2)
        self.start = nn.Sequential(
            nn.ConvTranspose2d(latent, maps, sides[-1], bias=False),
            nn.BatchNorm2d(maps),
            nn.ReLU(inplace=True),
        )
        self.up = nn.Sequential()
        for side, doubled in pairwise(reversed(sides[1:])):
            self.up.extend(
                [_doubling(maps, maps // 2, side, doubled), nn.BatchNorm2d(maps // 2), nn.ReLU(inplace=True)]
            )
            maps //= 2
        self.picture = nn.Sequential(_doubling(width, channels, sides[1], sides[0]), nn.Tanh())

    def forward(self, codes: Tensor) -> Tensor:
        maps = self.up(self.start(codes[:, :, None, None]))
        pictures: Tensor = self.picture(maps)
        return pictures


def _doubling(inputs: int, outputs: int, side: int, doubled: int) -> nn.ConvTranspose2d:
    odd = doubled - 2 * side
    return nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, output_padding=odd, bias=False)


def batch_normalised(inputs: int, outputs: int) -> list[nn.Module]:
    """A convolution that halves the map, with batch norm."""
    return [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(outputs)]


def plain(inputs: int, outputs: int) -> list[nn.Module]:
    """The same without a norm."""
    return [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)]


def spectral(inputs: int, outputs: int) -> list[nn.Module]:
    """The same, its weights divided by their greatest singular value."""
    return [spectral_norm(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1))]


Halving = Callable[[int, int], list[nn.Module]]


class Critic(nn.Module):
    """(b, c, s, s) → (b, 1)."""

    def __init__(self, *, channels: int, sides: Sequence[int], width: int, halving: Halving) -> None:
        super().__init__()
        first = spectral if halving is spectral else plain
        self.down = nn.Sequential(*first(channels, width), nn.LeakyReLU(SLOPE, inplace=True))
        if halving is batch_normalised:  # whose convolutions have no biases
            self.down[0] = nn.Conv2d(channels, width, 4, stride=2, padding=1, bias=False)
        for place in range(len(sides) - 2):
            self.down.extend(
                [*halving(width << place, 2 * width << place), nn.LeakyReLU(SLOPE, inplace=True)]
            )
        maps = width << (len(sides) - 2)
        last = nn.Conv2d(maps, 1, sides[-1], bias=halving is not batch_normalised)
        self.score = nn.Sequential(spectral_norm(last) if halving is spectral else last, nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.score(self.down(x))
        return scores


def _build(*, inputs: tuple[int, ...], outputs: int, halving: Halving, width: int = 64) -> Gan:
    channels, height, side = picture_shape(inputs)
    if height != side or side <= _SMALLEST:
        raise InputError(
            f"dcgan takes squares with a side of at least {_SMALLEST + 1} pixels; these are "
            f"{height} × {side}: bring them there with --data.size"
        )
    sides = [side]
    while sides[-1] > _SMALLEST:
        sides.append(sides[-1] // 2)
    classes = conditions(outputs)
    return Gan(
        generator=Generator(latent=LATENT + classes, channels=channels, sides=sides, width=width),
        critic=Critic(channels=channels + classes, halving=halving, sides=sides, width=width),
        latent=LATENT,
        classes=classes,
        deviation=_DEVIATION,
    )


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "dcgan": partial(_build, halving=batch_normalised),
    "dcgan-32": partial(_build, halving=batch_normalised, width=32),
    "dcgan-plain": partial(_build, halving=plain),
    "dcgan-plain-32": partial(_build, halving=plain, width=32),
    "dcgan-spectral": partial(_build, halving=spectral),
    "dcgan-spectral-32": partial(_build, halving=spectral, width=32),
}
