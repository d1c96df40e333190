"""Complete experiments as functions that return a frozen `Recipe`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pellucid.types.registry import Registry

if TYPE_CHECKING:
    from pellucid.recipes.recipe import Recipe

RECIPES: Registry[Callable[[], Recipe]] = Registry(
    "recipe",
    package=__name__,
    table="RECIPES",
    families={
        "digits": {
            "digits-lenet5": "LeNet-5 on scikit-learn's scanned digits",
            "digits-mlp": "one hidden layer on the same digits, to compare",
        },
        "shapes": {
            "shapes-resnet": "a small ResNet on the generated shapes: the demo",
            "shapes-linear": "a linear model on the same shapes, which has to fail",
        },
        "mnist": {"mnist-lenet5": "LeNet-5 on MNIST"},
        "representation": {
            "mnist-pca": "principal components of MNIST, learned by a linear autoencoder",
            "mnist-ae": "MNIST through 32 numbers and back",
            "mnist-dae": "MNIST cleaned of noise by a denoising autoencoder",
            "mnist-sae": "a sparse code of MNIST",
            "mnist-vae": "a variational autoencoder on MNIST, 784–400–20",
            "mnist-cvae": "the same, told the digit",
            "shapes-vae": "a convolutional variational autoencoder on the generated shapes",
        },
        "generation": {
            "gaussians-gan": "the original GAN on eight Gaussians, of which it forgets some",
            "gaussians-wgan-gp": "WGAN with gradient penalty on the same",
            "rings-gan": "the original GAN on two rings",
            "rings-wgan-gp": "WGAN with gradient penalty on the same",
            "mnist-gan": "the original GAN, dense, on MNIST",
            "mnist-dcgan": "DCGAN on MNIST",
            "mnist-wgan": "WGAN with clipped weights on MNIST",
            "mnist-wgan-gp": "WGAN with gradient penalty on MNIST",
            "mnist-ddpm": "a small diffusion network on MNIST",
            "shapes-dcgan": "DCGAN on the generated shapes",
        },
        "cifar": {
            "cifar-resnet20": "the 20-layer ResNet of He et al. on CIFAR-10",
            "cifar-resnet32": "the same with 32 layers",
        },
        "imagenet": {"imagenet-squeezenet": "SqueezeNet 1.0 with its authors' weights, to evaluate"},
        "segmentation": {
            "pictures-unet": "U-Net on any pictures with label maps",
            "shapes-unet": "a U-Net on the generated shapes, a class for every pixel",
            "camvid-enet": "ENet on CamVid's road scenes, with its published weights to evaluate",
            "camvid-unet": "a narrow U-Net on CamVid from random weights",
            "membrane-unet": "U-Net on the neuronal membranes of ISBI 2012, with elastic deformation",
            "pets-unet-plain": "U-Net on Oxford-IIIT Pets: pet, background, border",
            "pets-unet-residual": "the same with residual blocks",
            "pets-unet-dense": "the same with dense blocks",
            "pets-unet-se": "the same with squeeze-and-excitation",
            "pets-mnet": "M-Net on the same, with deep supervision",
            "voc-deeplabv3plus": "DeepLab v3+ on PASCAL VOC 2012, from ResNet-50's weights",
        },
        "transfer": {
            "cifar-squeezenet-transfer": "SqueezeNet, trained on ImageNet, goes over to CIFAR-10",
            "cifar-squeezenet": "the same from random weights, to compare",
        },
        "style": {"style-feedforward": "a network that paints any picture in one style, in one pass"},
        "tables": {
            "diabetes-mlp": "regression on scikit-learn's diabetes table, five-fold",
            "table-mlp": "regression on any CSV table of numbers",
        },
    },
)
