"""Dense networks: the perceptron and the multi-layer perceptron.

Rosenblatt, "The perceptron: a probabilistic model for information storage and organization in the brain",
Psychological Review 1958. Rumelhart, Hinton & Williams, "Learning representations by back-propagating
errors", Nature 1986.

A dense layer sees every input number at once and knows nothing of which pixels are neighbours: what a
convolutional network is compared with. One layer can only divide its inputs by hyperplanes; every hidden
layer bends them once more.

Where we deviate: the units are rectified (the perceptron's are threshold units, those of 1986 logistic), the
outputs are logits or values, and dropout (Srivastava et al., JMLR 2014) follows each hidden layer, switched
off (p = 0) until `naming.set_dropout` sets it.

b batch · f features, all numbers of one input, whatever its shape · n units of a layer · k outputs
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from torch import Tensor, nn


class Hidden(nn.Module):
    """(b, n) → (b, n'): a dense layer of rectified units."""

    def __init__(self, *, inputs: int, units: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, units)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(p=0.0)

    def forward(self, x: Tensor) -> Tensor:
        units: Tensor = self.dropout(self.relu(self.linear(x)))
        return units


class Mlp(nn.Module):
    """(b, …) → (b, k) through hidden layers of the given sizes; with none it is a perceptron."""

    def __init__(self, *, features: int, hidden: Sequence[int], outputs: int) -> None:
        super().__init__()
        sizes = [features, *hidden]
        self.flatten = nn.Flatten()
        self.hidden = nn.Sequential(*(Hidden(inputs=n, units=units) for n, units in pairwise(sizes)))
        self.output = nn.Linear(sizes[-1], outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.flatten(x)  # (b, f)
        x = self.hidden(x)
        logits: Tensor = self.output(x)
        return logits


def _build(hidden: Sequence[int], *, inputs: tuple[int, ...], outputs: int) -> Mlp:
    return Mlp(features=math.prod(inputs), hidden=hidden, outputs=outputs)


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    "perceptron": partial(_build, []),
    "mlp": partial(_build, [128]),
    "mlp-deep": partial(_build, [256, 256, 256, 256]),
}
