"""Variational autoencoders: the code of a picture is a distribution, and any code can be decoded.

Kingma & Welling, "Auto-encoding variational Bayes", ICLR 2014. The encoder gives mean and log variance of
q(z|x), the decoder p(x|z); training maximises the evidence lower bound, E_q log p(x|z) − KL(q(z|x) ‖ N(0,
1)). A conditional one is told the class on both ways, one-hot beside what it gets: Sohn, Lee & Yan, "Learning
structured output representation using deep conditional generative models", NIPS 2015.

`vae` has the sizes of PyTorch's own example (784–400–20 for MNIST: 652,824 parameters), and takes its
weights.

Where we deviate: rectified units for the paper's tanh; forward alone decodes the posterior's mean. The draw
from the posterior is the task's, so that it can be repeated.

b batch · f features, all numbers of a picture · n units of the layer before mean and variance · k numbers of
a code · y classes
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.models.autoencoder import Autoencoder
from pellucid.models.autoencoder_conv import Down, Up
from pellucid.models.mlp import Hidden, Mlp
from pellucid.models.shapes import picture_shape
from pellucid.types.errors import InputError

HIDDEN = 400


class VariationalAutoencoder(Autoencoder):
    """The encoder gives features (b, n), of which two dense layers make mean and log variance."""

    def __init__(
        self,
        *,
        encoder: nn.Module,
        features: int,
        decoder: nn.Module,
        shape: tuple[int, int, int],
        code: int,
    ) -> None:
        super().__init__(encoder=encoder, decoder=decoder, shape=shape, code=code)
        self.mean = nn.Linear(features, code)
        self.log_variance = nn.Linear(features, code)

    def posterior(self, x: Tensor, classes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        features = self.encoder(x)  # (b, n)
        return self.mean(features), self.log_variance(features)


class ConditionalVariationalAutoencoder(VariationalAutoencoder):
    """Dense, and told one of `conditions` classes; without classes said, all inputs for them are 0."""

    def __init__(self, *, shape: tuple[int, int, int], code: int, conditions: int) -> None:
        features = math.prod(shape)
        super().__init__(
            encoder=_hidden(features + conditions, [HIDDEN]),
            features=HIDDEN,
            decoder=Mlp(features=code + conditions, hidden=[HIDDEN], outputs=features),
            shape=shape,
            code=code,
        )
        self.conditions = conditions

    def posterior(self, x: Tensor, classes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return super().posterior(self._beside(x.flatten(1), classes), None)

    def decode(self, code: Tensor, classes: Tensor | None = None) -> Tensor:
        return super().decode(self._beside(code, classes), None)

    def _beside(self, x: Tensor, classes: Tensor | None) -> Tensor:
        """(b, n) → (b, n + y)."""
        if classes is None:
            told = x.new_zeros(x.shape[0], self.conditions)
        elif len(classes) and not 0 <= int(classes.min()) <= int(classes.max()) < self.conditions:
            raise InputError(
                f"this network knows the classes 0 to {self.conditions - 1}, got {classes.tolist()}"
            )
        else:
            told = F.one_hot(classes.long(), self.conditions).to(x.dtype)
        return torch.cat([x, told], 1)


def _hidden(features: int, sizes: Sequence[int]) -> nn.Sequential:
    """(b, …) → (b, n) through dense layers of rectified units."""
    layers = [Hidden(inputs=n, units=units) for n, units in zip([features, *sizes], sizes, strict=False)]
    return nn.Sequential(nn.Flatten(), *layers)


def _dense(*, inputs: tuple[int, ...], outputs: int) -> VariationalAutoencoder:
    shape = picture_shape(inputs)
    features = math.prod(shape)
    return VariationalAutoencoder(
        encoder=_hidden(features, [HIDDEN]),
        features=HIDDEN,
        decoder=Mlp(features=outputs, hidden=[HIDDEN], outputs=features),
        shape=shape,
        code=outputs,
    )


def _conv(*, inputs: tuple[int, ...], outputs: int) -> VariationalAutoencoder:
    shape = picture_shape(inputs)
    down = Down(shape=shape)
    return VariationalAutoencoder(
        encoder=down,
        features=down.features,
        decoder=Up(code=outputs, shape=shape),
        shape=shape,
        code=outputs,
    )


def _conditional(
    *, inputs: tuple[int, ...], outputs: int, conditions: int = 10
) -> ConditionalVariationalAutoencoder:
    return ConditionalVariationalAutoencoder(shape=picture_shape(inputs), code=outputs, conditions=conditions)


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "vae": _dense,
    "vae-conv": _conv,
    "vae-conditional": _conditional,
}

_LAYERS = {
    "fc1": "encoder.1.linear",
    "fc21": "mean",
    "fc22": "log_variance",
    "fc3": "decoder.hidden.0.linear",
    "fc4": "decoder.output",
}


def _from_example(name: str) -> str:
    """PyTorch's example (pytorch/examples, vae) calls its layers by numbers."""
    layer, _, kind = name.rpartition(".")
    return f"{_LAYERS.get(layer, layer)}.{kind}"


PUBLISHED = {"vae": {"pytorch/examples": _from_example}}
