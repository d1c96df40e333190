"""LeNet-5.

LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", Proceedings of the
IEEE 1998.

Two rounds of convolution and subsampling find strokes, then parts of figures, anywhere in a 32×32 picture;
three dense layers (C5 is a convolution whose kernel covers its whole input) tell which figure it is. The
letters are the paper's: C convolution, S subsampling, F fully connected, numbered through.

Where we deviate, as LeNet-5 is built today: C3 sees all six maps of S2 instead of a hand-chosen few (61,706
parameters with one input channel and ten outputs), subsampling is a maximum instead of a trainable mean,
units are rectified instead of tanh, the output layer is linear instead of distances to fixed bitmaps.
Pictures of another size are brought to 32×32 first: from 28 pixels on by repeating the border (the paper
centres its 28×28 digits on a background), otherwise by resizing.

b batch · c channels of the picture · h, w its size · k outputs
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from pellucid.models.shapes import picture_shape

SIZE = 32


def to_32(height: int, width: int) -> nn.Module:
    """(b, c, h, w) → (b, c, 32, 32)."""
    if height == width == SIZE:
        return nn.Identity()
    if max(height, width) > SIZE:
        return nn.AdaptiveAvgPool2d(SIZE)
    if min(height, width) < 28:
        return nn.Upsample(size=(SIZE, SIZE), mode="bilinear")
    top, left = (SIZE - height) // 2, (SIZE - width) // 2
    return nn.ReplicationPad2d((left, SIZE - width - left, top, SIZE - height - top))


class LeNet5(nn.Module):
    """(b, c, h, w) → (b, k)."""

    def __init__(self, *, channels: int, height: int, width: int, outputs: int) -> None:
        super().__init__()
        self.input = to_32(height, width)
        self.c1 = nn.Conv2d(channels, 6, kernel_size=5)
        self.relu1 = nn.ReLU(inplace=True)
        self.s2 = nn.MaxPool2d(2)
        self.c3 = nn.Conv2d(6, 16, kernel_size=5)
        self.relu3 = nn.ReLU(inplace=True)
        self.s4 = nn.MaxPool2d(2)
        self.c5 = nn.Conv2d(16, 120, kernel_size=5)
        self.relu5 = nn.ReLU(inplace=True)
        self.flatten = nn.Flatten()
        self.f6 = nn.Linear(120, 84)
        self.relu6 = nn.ReLU(inplace=True)
        self.output = nn.Linear(84, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.input(x)
        x = self.s2(self.relu1(self.c1(x)))  # (b, 6, 14, 14)
        x = self.s4(self.relu3(self.c3(x)))  # (b, 16, 5, 5)
        x = self.relu5(self.c5(x))  # (b, 120, 1, 1)
        x = self.relu6(self.f6(self.flatten(x)))  # (b, 84)
        logits: Tensor = self.output(x)
        return logits


def lenet5(*, inputs: tuple[int, ...], outputs: int) -> LeNet5:
    channels, height, width = picture_shape(inputs)
    return LeNet5(channels=channels, height=height, width=width, outputs=outputs)


VARIANTS: dict[str, Callable[..., nn.Module]] = {"lenet5": lenet5}
