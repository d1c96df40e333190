"""The two players of a GAN, dense, for points of the plane: small enough to be watched while they learn.

Three layers of rectifiers in both, without a norm, as in the authors' code of WGAN-GP for such points
(github.com/igul222/improved_wgan_training, gan_toy.py; there 512 units, here 128, and a code of 8 numbers,
not 2). The generator is continuous, so between separate parts of a distribution it must cross over
somewhere; how abruptly it can decides how many samples lie between. On eight Gaussians 93 % of WGAN-GP's
samples are good with rectifiers, 85 % with leaky ones of slope 0.2, which never switch a unit off (3,000
steps, one seed).

b batch · z numbers of a latent code · f numbers of a point
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from pellucid.models.gan import Gan, conditions, dense
from pellucid.types.errors import InputError


def spectral_linear(inputs: int, outputs: int) -> nn.Module:
    """A dense layer whose weights are divided by their greatest singular value: Miyato et al., "Spectral
    normalization for generative adversarial networks", ICLR 2018 (arXiv:1802.05957), torch's own.
    """
    return spectral_norm(nn.Linear(inputs, outputs))


def _of_points(
    *,
    inputs: tuple[int, ...],
    outputs: int,
    latent: int = 8,
    units: int = 128,
    linear: Callable[[int, int], nn.Module] = nn.Linear,
) -> Gan:
    if len(inputs) != 1:
        raise InputError(
            f"gan-points makes points, tables of numbers; these are {inputs}: take 'gan' or 'dcgan'"
        )
    classes = conditions(outputs)
    return Gan(
        generator=dense([latent + classes, units, units, units, *inputs], slope=0),
        critic=dense([inputs[0] + classes, units, units, units, 1], linear=linear, slope=0),
        latent=latent,
        classes=classes,
    )


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "gan-points": _of_points,
    "gan-points-spectral": partial(_of_points, linear=spectral_linear),
}
