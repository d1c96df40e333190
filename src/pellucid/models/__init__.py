"""Networks by name. `MODELS` lists ours without importing torch; `naming.build_model` takes others too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pellucid.types.registry import Registry

if TYPE_CHECKING:
    from torch import nn

MODELS: Registry[Callable[..., nn.Module]] = Registry(
    "model",
    package=__name__,
    table="VARIANTS",
    families={
        "mlp": {
            "perceptron": "one linear layer (Rosenblatt 1958)",
            "mlp": "one hidden layer of 128 units (Rumelhart 1986)",
            "mlp-deep": "four hidden layers of 256 units, with dropout to switch on",
        },
        "lenet": {
            "lenet5": "LeNet-5 as it is built today, 62 thousand parameters (LeCun 1998)",
        },
        "resnet_cifar": {
            "cifar-resnet8": "8-layer residual network for small pictures: 75 thousand parameters",
            "cifar-resnet8-64": "the same for pictures of 64 × 64: its first convolution halves them",
            "cifar-resnet14": "14-layer residual network for small pictures: 173 thousand parameters",
            "cifar-resnet20": "20-layer residual network for small pictures: 0.27 million parameters",
            "cifar-resnet32": "32-layer residual network for small pictures: 0.46 million parameters",
            "cifar-resnet44": "44-layer residual network for small pictures: 0.66 million parameters",
            "cifar-resnet56": "56-layer residual network for small pictures: 0.85 million parameters",
            "cifar-resnet110": "110-layer residual network for small pictures: 1.7 million parameters",
        },
        "resnet": {
            "resnet18": "18-layer residual network for ImageNet, 11.7 million parameters",
        },
    },
)
