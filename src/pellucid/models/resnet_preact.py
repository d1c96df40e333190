"""Pre-activation residual networks for small pictures, to a thousand layers.

He, Zhang, Ren & Sun, "Identity mappings in deep residual networks", ECCV 2016 (arXiv:1603.05027), table 4.

Normalisation and rectification come before each convolution, so that nothing stands on the path from block to
block: the signal, and the gradient, pass through any depth unchanged. Bottleneck blocks in three stages with
64, 128 and 256 channels at full, half and quarter resolution: 9n + 2 weighted layers.

Where we deviate: nowhere. Where the shape changes, the 1×1 projection takes the activated input, as in the
authors' code: it is the first activation of the block, before the paths part.

Batch norms begin with the variances that they meet before the first step. With ones in their place each
block would multiply what it is given in evaluation mode, and a thousand layers end in infinity.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from pellucid.models.shapes import picture_shape


class Block(nn.Module):
    """(b, c, h, w) → (b, c', ⌈h / stride⌉, ⌈w / stride⌉): 1×1, 3×3 and 1×1 convolution beside the input as
    it came, or beside its projection where the shape changes.
    """

    def __init__(self, *, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        width = outputs // 4
        self.bn1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(inputs, width, 1, stride=stride, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.relu3 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.shortcut: nn.Conv2d | None = None
        if inputs != outputs or stride != 1:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        activated = self.relu1(self.bn1(x))
        kept = x if self.shortcut is None else self.shortcut(activated)
        residual = self.conv1(activated)
        residual = self.conv2(self.relu2(self.bn2(residual)))
        residual = self.conv3(self.relu3(self.bn3(residual)))
        output: Tensor = kept + residual
        return output

    def expect(self, variance: float) -> float:
        """Have the batch norms begin with the variances that they meet at first, given that of the inputs.
        Returned is that of the outputs.
        """
        for norm, met in ((self.bn1, variance), (self.bn2, gain(self.conv1)), (self.bn3, gain(self.conv2))):
            norm.get_buffer("running_var").fill_(met)
        kept = variance if self.shortcut is None else gain(self.shortcut)
        return kept + gain(self.conv3)


def gain(convolution: nn.Conv2d) -> float:
    """The variance that He's weights, over the outputs, give what was normalised and rectified."""
    return convolution.in_channels / convolution.out_channels


def stage(blocks: int, *, inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """`blocks` blocks, the first of which changes the shape."""
    rest = (Block(inputs=outputs, outputs=outputs, stride=1) for _ in range(blocks - 1))
    return nn.Sequential(Block(inputs=inputs, outputs=outputs, stride=stride), *rest)


class PreActResNet(nn.Module):
    """(b, c, h, w) → (b, k). `blocks` is the number of each of the three stages."""

    def __init__(self, *, blocks: int, channels: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.layer1 = stage(blocks, inputs=16, outputs=64, stride=1)
        self.layer2 = stage(blocks, inputs=64, outputs=128, stride=2)
        self.layer3 = stage(blocks, inputs=128, outputs=256, stride=2)
        self.bn = nn.BatchNorm2d(256)
        self.relu = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(256, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        variance = 2 * gain(self.conv1)  # pictures are normalised, but not rectified
        for module in self.modules():
            if isinstance(module, Block):
                variance = module.expect(variance)
        self.bn.get_buffer("running_var").fill_(variance)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        x = self.layer1(x)  # (b, 64, h, w)
        x = self.layer2(x)  # (b, 128, h/2, w/2)
        x = self.layer3(x)  # (b, 256, h/4, w/4)
        x = self.relu(self.bn(x))
        logits: Tensor = self.linear(self.flatten(self.avgpool(x)))
        return logits


def _build(depth: int, *, inputs: tuple[int, ...], outputs: int) -> PreActResNet:
    channels, _, _ = picture_shape(inputs)
    return PreActResNet(blocks=(depth - 2) // 9, channels=channels, outputs=outputs)


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    f"preact-resnet{depth}": partial(_build, depth) for depth in (164, 1001)
}
