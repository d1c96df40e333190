"""Networks by name. `MODELS` lists ours without importing torch; `naming.build_model` takes others too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pellucid.types.registry import Registry

if TYPE_CHECKING:
    from torch import nn

# A class for every pixel instead of numbers for the picture.
_SEGMENTATION = {
    "unet": {
        "unet-valid": "U-Net as published, convolutions without borders, 31.0 million parameters",
        "unet": "U-Net with padded convolutions, 31.0 million parameters",
        "unet-bn": "U-Net with batch norm, 31.0 million parameters",
        "unet-residual": "U-Net of residual blocks, 32.4 million parameters",
        "unet-dense": "U-Net of densely connected blocks, 21.2 million parameters",
        "unet-se": "U-Net with squeeze-and-excitation, 31.3 million parameters",
        "unet-16": "U-Net with padded convolutions, 16 channels in its first block, 1.9 million",
        "unet-8": "U-Net with padded convolutions, 8 channels in its first block, 0.49 million",
        "unet-bn-16": "U-Net with batch norm, 16 channels in its first block, 1.9 million",
        "unet-bn-8": "U-Net with batch norm, 8 channels in its first block, 0.49 million",
        "unet-residual-16": "U-Net of residual blocks, 16 channels in its first block, 2.0 million",
        "unet-residual-8": "U-Net of residual blocks, 8 channels in its first block, 0.51 million",
        "unet-dense-16": "U-Net of densely connected blocks, 16 channels in its first block, 1.3 million",
        "unet-dense-8": "U-Net of densely connected blocks, 8 channels in its first block, 0.33 million",
        "unet-se-16": "U-Net with squeeze-and-excitation, 16 channels in its first block, 2.0 million",
        "unet-se-8": "U-Net with squeeze-and-excitation, 8 channels in its first block, 0.49 million",
        "unet-bn-16-bilinear": "U-Net with batch norm and bilinear up-sampling, 2.2 million",
        "unet-bn-16-nearest": "U-Net with batch norm and nearest-neighbour up-sampling, 2.2 million",
        "unet-bn-16-transposed-3": "U-Net with batch norm and transposed convolutions of 3×3, 2.2 million",
        "unet-bn-16-transposed-4": "U-Net with batch norm and transposed convolutions of 4×4, 2.5 million",
        "unet-bn-16-sub-pixel": "U-Net with batch norm and sub-pixel convolutions, 3.3 million",
        "unet-bn-16-unpooling": "U-Net with batch norm and unpooling, 2.0 million",
    },
    "mnet": {
        "mnet": "M-Net: pictures of many sizes in, answers of many sizes out, 9.0 million parameters",
        "mnet-16": "M-Net, 16 channels in its first block, 2.3 million parameters",
        "mnet-8": "M-Net, 8 channels in its first block, 0.57 million parameters",
    },
    "fcn": {
        "fcn32s": "VGG-16 made to slide, scaled 32-fold, 136.2 million parameters",
        "fcn16s": "the same, with what its fourth stage says, 134.8 million parameters",
        "fcn8s": "the same, with what its third stage says as well, 134.5 million parameters",
        "fcn8s-512": "FCN-8s with 512 units for 4,096, 28.0 million parameters",
    },
    "deconvnet": {
        "deconvnet": "VGG-16 and its mirror image, with unpooling, 251.8 million parameters",
    },
    "segnet": {
        "segnet": "VGG-16's convolutions there and back, with unpooling, 29.4 million parameters",
    },
    "enet": {
        "enet": "segmentation in real time, 0.36 million parameters",
    },
    "deeplab": {
        "fcn-resnet50": "fully convolutional head on ResNet-50, 35.3 million parameters",
        "fcn-resnet101": "fully convolutional head on ResNet-101, 54.3 million parameters",
        "deeplabv3-resnet18": "DeepLab v3 on ResNet-18, 16.1 million parameters",
        "deeplabv3-resnet50": "DeepLab v3 on ResNet-50, 42.0 million parameters",
        "deeplabv3-resnet101": "DeepLab v3 on ResNet-101, 61.0 million parameters",
        "deeplabv3-resnet50-16": "the same at output stride 16, 42.0 million parameters",
        "deeplabv3plus-resnet18": "DeepLab v3+ on ResNet-18, 16.6 million parameters",
        "deeplabv3plus-resnet50": "DeepLab v3+ on ResNet-50, 40.4 million parameters",
        "deeplabv3plus-resnet101": "DeepLab v3+ on ResNet-101, 59.3 million parameters",
        "deeplabv3plus-resnet50-8": "the same at output stride 8, 40.4 million parameters",
    },
}

# A picture in answer to a picture.
_PICTURES = {
    "style_transformer": {
        "style-transformer": "paints pictures in one style, 1.7 million parameters (Johnson 2016)",
        "style-transformer-16": "the same, half as wide, 0.42 million parameters",
    },
}

# A code for a picture, and the picture again.
_AUTOENCODERS = {
    "autoencoder": {
        "autoencoder-linear": "one linear layer there and one back: principal components, learned",
        "autoencoder": "one hidden layer of 256 units to either side of the code",
        "autoencoder-deep": "hidden layers of 512 and 256 units to either side",
        "autoencoder-sigmoid": "a code of logistic units, which can be sparse or contractive",
        "autoencoder-stacked": "logistic layers of 512, 256 and 128 units, to be trained layer by layer",
    },
    "autoencoder_conv": {
        "autoencoder-conv": "three convolutions to a code and three back, for pictures of any size",
    },
    "vae": {
        "vae": "variational, 400 hidden units to either side; takes PyTorch's example's weights",
        "vae-conv": "variational, convolutional",
        "vae-conditional": "variational, told the class, 400 hidden units to either side",
    },
}

# Pictures or points that are made, not judged.
_GENERATIVE = {
    "gan": {
        "gan": "dense generator and critic for pictures (Goodfellow 2014)",
    },
    "gan_points": {
        "gan-points": "dense generator and critic for points of the plane, 68 thousand parameters",
        "gan-points-spectral": "the same with spectral norm in the critic",
    },
    "dcgan": {
        "dcgan": "convolutional generator and critic, 3.6 and 2.8 million parameters at 64 × 64 pixels",
        "dcgan-32": "the same with half the channels",
        "dcgan-plain": "DCGAN without norms in its critic, for a gradient penalty",
        "dcgan-plain-32": "the same with half the channels",
        "dcgan-spectral": "DCGAN with spectral norm in its critic",
        "dcgan-spectral-32": "the same with half the channels",
    },
    "ddpm": {
        "ddpm": "a small U-Net that finds the noise in pictures and is told how much there is, 2.8 million",
        "ddpm-32": "the same with half the channels, 0.69 million parameters",
    },
}

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
            "se-googlenet-bn": "the same with squeeze-and-excitation, 7.1 million parameters",
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
        **_SEGMENTATION,
        **_PICTURES,
        **_AUTOENCODERS,
        **_GENERATIVE,
    },
)

SEGMENTATION = frozenset(name for names in _SEGMENTATION.values() for name in names)
"""The names of `MODELS` whose networks take (b, c, h, w) and give (b, k, h, w), a number for each class and
pixel, in training also a tuple of that and what auxiliary classifiers say; all others but those of
`PICTURES`, `AUTOENCODERS` and `GENERATIVE` give (b, k)."""

PICTURES = frozenset(name for names in _PICTURES.values() for name in names)
"""Those whose networks give pictures (b, k, h, w) in [0, 1]."""

AUTOENCODERS = frozenset(name for names in _AUTOENCODERS.values() for name in names)
"""The names of `MODELS` that are `models.autoencoder.Autoencoder`s: `outputs` is the length of their code,
and they give (b, c, h, w) back."""

CONDITIONAL = frozenset({"vae-conditional"})
"""Those that are told a class beside the picture: they are built with `conditions`, how many classes there
are.
"""

GENERATIVE = frozenset(name for names in _GENERATIVE.values() for name in names)
"""The names of `MODELS` whose networks make samples of noise; tasks of their own know how to call them."""
