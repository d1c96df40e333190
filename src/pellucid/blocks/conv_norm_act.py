"""Convolution, batch normalisation and rectification: the unit that the later Inception networks repeat."""

from __future__ import annotations

from torch import Tensor, nn


class ConvNormAct(nn.Module):
    """(b, c, h, w) → (b, c', h', w'): a convolution without bias, batch norm, ReLU.

    `kernel`, `stride` and `padding` are pixels, one number for both sides or (height, width). `eps` is what
    batch norm adds to the variance; TensorFlow's Inception networks, from which the published weights come,
    take 0.001.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        eps: float = 1e-3,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=eps)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.relu(self.bn(self.conv(x)))
        return output
