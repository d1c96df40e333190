"""The two players of a GAN, dense, for points of the plane: small enough to be watched while they learn.

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
        generator=dense([latent + classes, units, units, units, *inputs]),
        critic=dense([inputs[0] + classes, units, units, units, 1], linear=linear),
        latent=latent,
        classes=classes,
    )


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "gan-points": _of_points,
    "gan-points-spectral": partial(_of_points, linear=spectral_linear),
}
