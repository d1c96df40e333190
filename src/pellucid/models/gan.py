"""Two players: a generator that makes samples of noise, and a critic that tells them from real ones.

Goodfellow et al., "Generative adversarial nets", NIPS 2014 (arXiv:1406.2661). With more than one class both
are told which: Mirza & Osindero, "Conditional generative adversarial nets", 2014 (arXiv:1411.1784), whose
concatenation of a one-hot code is used for dense and convolutional networks alike.

Here are the container, which every GAN of Pellucid is, and dense networks for pictures. Where we deviate: the
critic's units are leaky rectifiers, not maxout, its output is a logit or score, and the generator ends in
tanh, for pictures that are normalised to [-1, 1].

b batch · z numbers of a latent code · k classes, 0 where nothing is said of them · f numbers of a sample
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.models.shapes import picture_shape

SLOPE = 0.2  # of the leaky rectifiers
_ITERATIONS = 15  # of spectral norm, as many as torch takes itself, to find a new weight's singular value


class Gan(nn.Module):
    """`generator` makes (b, *shape) of (b, z + k), `critic` makes (b, 1) of (b, c + k, …)."""

    def __init__(
        self,
        *,
        generator: nn.Module,
        critic: nn.Module,
        latent: int,
        classes: int,
        deviation: float = 0.0,
    ) -> None:
        """With a `deviation`, convolutions and dense layers begin normal with it, norms around 1 (DCGAN,
        §3).
        """
        super().__init__()
        self.generator, self.critic = generator, critic
        self.latent, self.classes = latent, classes
        if deviation:
            for module in self.modules():
                _begin(module, deviation)

    def generate(self, codes: Tensor, labels: Tensor | None = None) -> Tensor:
        """Samples of `codes` (b, z), of the classes `labels` (b,) where there are some."""
        samples: Tensor = self.generator(self._told(codes, labels))
        return samples

    def score(self, samples: Tensor, labels: Tensor | None = None) -> Tensor:
        """(b,): how real each sample looks; the higher, the more."""
        scores: Tensor = self.critic(self._told(samples, labels))
        return scores.float().flatten()

    def forward(self, samples: Tensor) -> Tensor:
        """(b, 1): the critic's score of samples whose class is not said."""
        return self.score(samples)[:, None]

    def _told(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """`x` with the class as further channels; all alike where it is not said."""
        if not self.classes:
            return x
        if labels is None:
            hot = x.new_full((x.shape[0], self.classes), 1 / self.classes)
        else:
            hot = F.one_hot(labels, self.classes).to(x.dtype)
        return torch.cat([x, hot.reshape(*hot.shape, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])], 1)


@torch.no_grad()
def _begin(module: nn.Module, deviation: float) -> None:
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        parametrized = getattr(module, "parametrizations", None)
        if parametrized is None:
            module.weight.normal_(0, deviation)
        else:
            parametrized.weight.original.normal_(0, deviation)
            for _ in range(_ITERATIONS):  # in training mode, as a network begins
                parametrized.weight()
        if module.bias is not None:
            module.bias.zero_()
    elif isinstance(module, nn.BatchNorm2d):
        module.weight.normal_(1, deviation)
        module.bias.zero_()


def conditions(outputs: int) -> int:
    """The classes both players are told: as many as there are outputs, none where that is one."""
    return outputs if outputs > 1 else 0


def dense(
    sizes: Sequence[int], *, linear: Callable[[int, int], nn.Module] = nn.Linear, slope: float = SLOPE
) -> nn.Sequential:
    """Dense layers with rectifiers between them, leaky ones unless their `slope` below zero is 0."""
    layers: list[nn.Module] = [nn.Flatten()]
    for place, (inputs, units) in enumerate(pairwise(sizes)):
        layers += [nn.LeakyReLU(slope) if slope else nn.ReLU()] * bool(place) + [linear(inputs, units)]
    return nn.Sequential(*layers)


def _of_pictures(*, inputs: tuple[int, ...], outputs: int, latent: int = 100) -> Gan:
    picture_shape(inputs)
    classes, numbers = conditions(outputs), math.prod(inputs)
    seen = numbers + classes * math.prod(inputs[1:])
    return Gan(
        generator=nn.Sequential(
            *dense([latent + classes, 256, 512, 1024, numbers]), nn.Tanh(), nn.Unflatten(1, inputs)
        ),
        critic=dense([seen, 1024, 512, 256, 1]),
        latent=latent,
        classes=classes,
    )


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "gan": _of_pictures,
}
