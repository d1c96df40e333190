"""Autoencoders: a picture becomes a few numbers, its code, and a picture again.

Hinton & Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science 2006. With one
linear layer to either side the best code spans the principal components (Baldi & Hornik, "Neural networks and
principal component analysis: learning from examples without local minima", Neural Networks 1989): every
further layer bends that plane. What the code has to be beside short (sparse, steady, robust to noise) is not
the network's matter but the task's.

Networks take (b, c, h, w) and give as much. What comes back are raw numbers: logits where the loss is a
cross-entropy, values where it is a squared error. `outputs`, for all of this family, is the length of the
code.

b batch · f features, all numbers of a picture · n units of a layer · k numbers of a code
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from torch import Tensor, nn

from pellucid.models.mlp import Mlp
from pellucid.models.shapes import picture_shape
from pellucid.types.errors import InputError


class Autoencoder(nn.Module):
    """An encoder (b, c, h, w) → (b, k) and a decoder (b, k) → (b, f).

    `conditions` is how many classes the network is told of beside its input, 0 for all but conditional ones.
    """

    conditions = 0

    def __init__(
        self, *, encoder: nn.Module, decoder: nn.Module, shape: tuple[int, int, int], code: int
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.shape, self.code = shape, code

    def posterior(self, x: Tensor, classes: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """(b, k) twice: the code, its mean where it is random, and its log variance, None where it is not.
        `classes` (b,) int64 are for conditional networks.
        """
        return self.encoder(x), None

    def encode(self, x: Tensor, classes: Tensor | None = None) -> Tensor:
        """The code (b, k), its mean where it is random."""
        return self.posterior(x, classes)[0]

    def decode(self, code: Tensor, classes: Tensor | None = None) -> Tensor:
        """(b, k) → (b, c, h, w), raw."""
        values: Tensor = self.decoder(code)
        return values.reshape(-1, *self.shape)

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))


class SigmoidAutoencoder(Autoencoder):
    """One layer of logistic units makes the code, in (0, 1): what can be sparse, and whose Jacobian is
    known.
    """

    def __init__(self, *, shape: tuple[int, int, int], code: int) -> None:
        features = math.prod(shape)
        linear = nn.Linear(features, code)
        encoder = nn.Sequential(nn.Flatten(), linear, nn.Sigmoid())
        super().__init__(encoder=encoder, decoder=nn.Linear(code, features), shape=shape, code=code)

    @property
    def weight(self) -> Tensor:
        """(k, f): of the layer that makes the code."""
        return self.encoder.get_parameter("1.weight")


class StackedAutoencoder(Autoencoder):
    """Layers of logistic units that can be trained one after the other, each on the codes of those before.

    Bengio et al., "Greedy layer-wise training of deep networks", NIPS 2006. `sizes` are those of the layers
    after the input; the last is the code, which like what comes back is linear.
    """

    def __init__(self, *, shape: tuple[int, int, int], sizes: Sequence[int]) -> None:
        layers = list(pairwise([math.prod(shape), *sizes]))
        ups = [_logistic(n, units, last=place == len(layers) - 1) for place, (n, units) in enumerate(layers)]
        downs = [_logistic(units, n, last=place == 0) for place, (n, units) in enumerate(layers)]
        super().__init__(
            encoder=nn.Sequential(nn.Flatten(), *ups),
            decoder=nn.Sequential(*reversed(downs)),
            shape=shape,
            code=sizes[-1],
        )
        self.sizes, self.depth = tuple(sizes), len(layers)

    def part(self, depth: int) -> Autoencoder:
        """The outermost `depth` layers of either side as an autoencoder, sharing their weights."""
        if not 1 <= depth <= self.depth:
            raise InputError(f"this network has 1 to {self.depth} layers to a side; {depth} were asked for")
        return Autoencoder(
            encoder=nn.Sequential(*list(self.encoder.children())[: depth + 1]),
            decoder=nn.Sequential(*list(self.decoder.children())[self.depth - depth :]),
            shape=self.shape,
            code=self.sizes[depth - 1],
        )


def _logistic(inputs: int, outputs: int, *, last: bool) -> nn.Sequential:
    linear = nn.Linear(inputs, outputs)
    return nn.Sequential(linear) if last else nn.Sequential(linear, nn.Sigmoid())


def _dense(hidden: Sequence[int], *, inputs: tuple[int, ...], outputs: int) -> Autoencoder:
    shape = picture_shape(inputs)
    features = math.prod(shape)
    return Autoencoder(
        encoder=Mlp(features=features, hidden=hidden, outputs=outputs),
        decoder=Mlp(features=outputs, hidden=[*reversed(hidden)], outputs=features),
        shape=shape,
        code=outputs,
    )


def _sigmoid(*, inputs: tuple[int, ...], outputs: int) -> SigmoidAutoencoder:
    return SigmoidAutoencoder(shape=picture_shape(inputs), code=outputs)


def _stacked(hidden: Sequence[int], *, inputs: tuple[int, ...], outputs: int) -> StackedAutoencoder:
    return StackedAutoencoder(shape=picture_shape(inputs), sizes=[*hidden, outputs])


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "autoencoder-linear": partial(_dense, []),
    "autoencoder": partial(_dense, [256]),
    "autoencoder-deep": partial(_dense, [512, 256]),
    "autoencoder-sigmoid": _sigmoid,
    "autoencoder-stacked": partial(_stacked, [512, 256, 128]),
}
