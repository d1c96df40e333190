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
        "lenet_1998": {
            "lenet5-1998": "LeNet-5 as published, 60 thousand parameters and fixed drawings of the digits",
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
            "cifar-resnet1202": "1202-layer residual network for small pictures: 19 million parameters",
        },
        "alexnet": {
            "alexnet": "AlexNet in a single tower, as torchvision has it, 61.1 million parameters",
        },
        "alexnet_2012": {
            "alexnet-2012": "AlexNet as published, its convolutions in two groups, 61.0 million parameters",
        },
        "vgg": {
            "vgg11": "8 convolutions and 3 dense layers, 132.9 million parameters",
            "vgg13": "10 convolutions and 3 dense layers, 133.0 million parameters",
            "vgg16": "13 convolutions and 3 dense layers, 138.4 million parameters",
            "vgg19": "16 convolutions and 3 dense layers, 143.7 million parameters",
            "vgg11-bn": "VGG-11 with batch normalisation, 132.9 million parameters",
            "vgg13-bn": "VGG-13 with batch normalisation, 133.1 million parameters",
            "vgg16-bn": "VGG-16 with batch normalisation, 138.4 million parameters",
            "vgg19-bn": "VGG-19 with batch normalisation, 143.7 million parameters",
        },
        "googlenet": {
            "googlenet": "GoogLeNet as published, 7.0 million parameters, with two classifiers for training",
            "googlenet-bn": "GoogLeNet with batch norm, as torchvision has it, 6.6 million parameters",
        },
        "inception_v3": {
            "inception-v3": "convolutions taken apart, 27.2 million parameters, one classifier for training",
            "se-inception-v3": "Inception v3 with squeeze-and-excitation, 28.8 million parameters",
        },
        "resnet_preact": {
            "preact-resnet164": "164 layers with pre-activation, for small pictures: 1.7 million parameters",
            "preact-resnet1001": "1001 layers with pre-activation, for small pictures: 10 million parameters",
        },
        "resnet": {
            "resnet18": "18-layer residual network for ImageNet, 11.7 million parameters",
            "resnet34": "34-layer residual network, 21.8 million parameters",
            "resnet50": "50-layer residual network with bottlenecks, 25.6 million parameters",
            "resnet101": "101-layer residual network with bottlenecks, 44.5 million parameters",
            "resnet152": "152-layer residual network with bottlenecks, 60.2 million parameters",
            "resnext50-32x4d": "ResNeXt-50, 32 groups of 4 channels, 25.0 million parameters",
            "resnext101-32x8d": "ResNeXt-101, 32 groups of 8 channels, 88.8 million parameters",
            "resnext101-64x4d": "ResNeXt-101, 64 groups of 4 channels, 83.5 million parameters",
            "wide-resnet50-2": "ResNet-50 with bottlenecks twice as wide, 68.9 million parameters",
            "wide-resnet101-2": "ResNet-101 with bottlenecks twice as wide, 126.9 million parameters",
            "se-resnet18": "ResNet-18 with squeeze-and-excitation, 11.8 million parameters",
            "se-resnet34": "ResNet-34 with squeeze-and-excitation, 22.0 million parameters",
            "se-resnet50": "ResNet-50 with squeeze-and-excitation, 28.1 million parameters",
            "se-resnet101": "ResNet-101 with squeeze-and-excitation, 49.3 million parameters",
            "se-resnet152": "ResNet-152 with squeeze-and-excitation, 66.8 million parameters",
            "se-resnext50-32x4d": "ResNeXt-50 with squeeze-and-excitation, 27.6 million parameters",
            "se-resnext101-32x4d": "ResNeXt-101 with squeeze-and-excitation, 49.0 million parameters",
        },
        "senet": {
            "senet154": "the squeeze-and-excitation network that won ILSVRC 2017, 115 million parameters",
        },
        "densenet": {
            "densenet121": "121-layer densely connected network, 8.0 million parameters",
            "densenet161": "161-layer densely connected network, 28.7 million parameters",
            "densenet169": "169-layer densely connected network, 14.1 million parameters",
            "densenet201": "201-layer densely connected network, 20.0 million parameters",
            "se-densenet121": "DenseNet-121 with squeeze-and-excitation, 8.3 million parameters",
        },
        "densenet_cifar": {
            "cifar-densenet40-12": "40-layer dense network for small pictures: 1.0 million parameters",
            "cifar-densenet100-12": "100-layer dense network for small pictures: 7.0 million parameters",
            "cifar-densenet100-24": "the same with twice the growth: 27 million parameters",
            "cifar-densenet-bc100-12": "100 layers with bottlenecks and compression: 0.77 million parameters",
            "cifar-densenet-bc250-24": "250 layers with bottlenecks and compression: 15 million parameters",
            "cifar-densenet-bc190-40": "190 layers with bottlenecks and compression: 26 million parameters",
        },
        "xception": {
            "xception": "separable convolutions beside shortcuts, 22.9 million parameters",
        },
        "inception_resnet_v2": {
            "inception-resnet-v2": "Inception modules as residuals, 55.8 million parameters",
            "se-inception-resnet-v2": "the same with squeeze-and-excitation, 64.4 million parameters",
        },
    },
)
