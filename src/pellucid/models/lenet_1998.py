"""LeNet-5 as it was published.

LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", Proceedings of the
IEEE 1998, section II.B and appendices A and C.

Convolution (C) and subsampling (S) take turns, then dense layers (F) follow, all squashed by a scaled tanh.
Each of the sixteen maps of C3 sees only some of the six of S2 (table I), so that they have to find different
things. The last hidden layer learns to draw: its 84 units are compared with a fixed picture of 7×12 pixels of
each class, and the class with the nearest picture wins.

Where we deviate: the pictures of the digits are our own drawings, and classes beyond ten have random ones. A
logit is minus the squared distance, so that cross-entropy is the paper's second criterion (equation 9), less
its class of rubbish. Inputs of another size are brought to 32×32 as in `lenet`, where today's LeNet-5 stands.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.models.lenet import to_32
from pellucid.models.shapes import picture_shape

CONNECTIONS = (
    *((i, (i + 1) % 6, (i + 2) % 6) for i in range(6)),
    *((i, (i + 1) % 6, (i + 2) % 6, (i + 3) % 6) for i in range(6)),
    *((i, (i + 1) % 6, (i + 3) % 6, (i + 4) % 6) for i in range(3)),
    (0, 1, 2, 3, 4, 5),
)
"""Table I: which maps of S2 each of the sixteen maps of C3 sees."""

DIGITS = """
..###.. ...#... ..###.. ..###.. ....##. ####### ..####. ####### ..###.. ..###..
.#...#. ..##... .#...#. .#...#. ....##. #...... .#..... ......# .#...#. .#...#.
#.....# .#.#... #.....# ......# ...#.#. #...... #...... ......# #.....# #.....#
#.....# ...#... ......# ......# ...#.#. #...... #...... .....#. #.....# #.....#
#.....# ...#... ......# ......# ..#..#. #...... #...... .....#. .#...#. #.....#
#.....# ...#... .....#. ...###. ..#..#. #####.. #.###.. ....#.. ..###.. .#...##
#.....# ...#... ....#.. ......# .#...#. .....#. ##...#. ....#.. .#...#. ..###.#
#.....# ...#... ...#... ......# #....#. ......# #.....# ...#... #.....# ......#
#.....# ...#... ..#.... ......# ####### ......# #.....# ...#... #.....# ......#
#.....# ...#... .#..... ......# .....#. ......# #.....# ..#.... #.....# ......#
.#...#. ...#... #...... .#...#. .....#. #....#. .#...#. ..#.... .#...#. .....#.
..###.. .#####. ####### ..###.. .....#. .####.. ..###.. .#..... ..###.. .####..
"""


def codes(outputs: int) -> list[list[float]]:
    """`outputs` rows of 84 numbers, 1 for ink and -1 for paper: the digits, then random ones."""
    rows = [line.split() for line in DIGITS.split("\n") if line]
    digits = [[1.0 if pixel == "#" else -1.0 for row in rows for pixel in row[digit]] for digit in range(10)]
    draw = random.Random(1998)
    return [*digits, *(draw.choices((-1.0, 1.0), k=84) for _ in range(outputs - 10))][:outputs]


@torch.no_grad()
def initialise(parameter: Tensor, inputs: int | Tensor) -> None:
    """Uniform in ±2.4 / the number of inputs of the unit that it belongs to (appendix A)."""
    parameter.uniform_(-2.4, 2.4).div_(inputs)


class ScaledTanh(nn.Module):
    """1.7159 · tanh(2x/3), which takes 1 to 1 and -1 to -1 (appendix A)."""

    def forward(self, x: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(x * (2 / 3))


class Subsampling(nn.Module):
    """(b, c, h, w) → (b, c, h/2, w/2): the sum of 2×2 values times a weight, plus a bias; each channel learns
    its own two.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mean = nn.AvgPool2d(2)
        self.weight = nn.Parameter(torch.empty(channels, 1, 1))
        self.bias = nn.Parameter(torch.empty(channels, 1, 1))
        initialise(self.weight, 4)
        initialise(self.bias, 4)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = 4 * self.mean(x) * self.weight + self.bias
        return output


class PartialConvolution(nn.Module):
    """(b, 6, h, w) → (b, 16, h - 4, w - 4): each map sees those of its `CONNECTIONS`.

    There is a window of 5×5 weights for each connection. They are put among zeros to compute with, since
    convolution in sixteen groups takes several times longer than one of all maps.
    """

    source: Tensor
    target: Tensor

    def __init__(self) -> None:
        super().__init__()
        pairs = [(source, target) for target, sources in enumerate(CONNECTIONS) for source in sources]
        source, target = torch.tensor(pairs).T
        self.register_buffer("source", source, persistent=False)
        self.register_buffer("target", target, persistent=False)
        self.weight = nn.Parameter(torch.empty(len(pairs), 5, 5))
        self.bias = nn.Parameter(torch.empty(len(CONNECTIONS)))
        inputs = 25 * torch.tensor([len(sources) for sources in CONNECTIONS])
        initialise(self.weight, inputs[target, None, None])
        initialise(self.bias, inputs)

    def forward(self, x: Tensor) -> Tensor:
        zeros = self.weight.new_zeros(len(CONNECTIONS), 6, 5, 5)
        return F.conv2d(x, zeros.index_put((self.target, self.source), self.weight), self.bias)


class Distances(nn.Module):
    """(b, 84) → (b, k): minus the squared distance to the code of each class, which is not learnt."""

    codes: Tensor

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.register_buffer("codes", torch.tensor(codes(outputs)))

    def forward(self, x: Tensor) -> Tensor:
        return -(x[:, None] - self.codes).square().sum(2)


class LeNet1998(nn.Module):
    """(b, c, h, w) → (b, k)."""

    def __init__(self, *, channels: int, height: int, width: int, outputs: int) -> None:
        super().__init__()
        self.input = to_32(height, width)
        self.c1 = nn.Conv2d(channels, 6, kernel_size=5)
        self.squash1 = ScaledTanh()
        self.s2 = Subsampling(6)
        self.squash2 = ScaledTanh()
        self.c3 = PartialConvolution()
        self.squash3 = ScaledTanh()
        self.s4 = Subsampling(16)
        self.squash4 = ScaledTanh()
        self.c5 = nn.Conv2d(16, 120, kernel_size=5)
        self.squash5 = ScaledTanh()
        self.flatten = nn.Flatten()
        self.f6 = nn.Linear(120, 84)
        self.squash6 = ScaledTanh()
        self.output = Distances(outputs)
        for layer in (self.c1, self.c5, self.f6):
            for parameter in layer.parameters():
                initialise(parameter, layer.weight[0].numel())

    def forward(self, x: Tensor) -> Tensor:
        x = self.squash1(self.c1(self.input(x)))  # (b, 6, 28, 28)
        x = self.squash2(self.s2(x))  # (b, 6, 14, 14)
        x = self.squash3(self.c3(x))  # (b, 16, 10, 10)
        x = self.squash4(self.s4(x))  # (b, 16, 5, 5)
        x = self.squash5(self.c5(x))  # (b, 120, 1, 1)
        x = self.squash6(self.f6(self.flatten(x)))  # (b, 84)
        logits: Tensor = self.output(x)
        return logits


def lenet_1998(*, inputs: tuple[int, ...], outputs: int) -> LeNet1998:
    channels, height, width = picture_shape(inputs)
    return LeNet1998(channels=channels, height=height, width=width, outputs=outputs)


VARIANTS: dict[str, Callable[..., nn.Module]] = {"lenet5-1998": lenet_1998}
