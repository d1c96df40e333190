"""Recipes that learn a picture's code by giving the picture back."""

from __future__ import annotations

from dataclasses import replace

from pellucid.data.settings import DataSettings
from pellucid.recipes.recipe import ModelSettings, Recipe
from pellucid.tasks.autoencoding import AutoencodingSettings
from pellucid.training.settings import OptimSettings, ScheduleSettings, Settings

_DATA = DataSettings(name="mnist")
# The network sees pixels in [0, 1], as they are.
_PIXELS = ((0.0,), (1.0,))


def _model(name: str) -> ModelSettings:
    return ModelSettings(name, mean=_PIXELS[0], std=_PIXELS[1])


def _training(epochs: int) -> Settings:
    return Settings(
        epochs=epochs,
        batch_size=128,
        optim=OptimSettings("adamw", lr=2e-3, weight_decay=0.0),
        schedule=ScheduleSettings("one-cycle"),
    )


def mnist_pca() -> Recipe:
    """Principal components of the digits, learned by a linear autoencoder: `pellucid train mnist-pca`."""
    return Recipe(
        "mnist-pca",
        model=_model("autoencoder-linear"),
        data=_DATA,
        task=AutoencodingSettings(code=32, loss="mse"),
        training=_training(10),
    )


def mnist_ae() -> Recipe:
    """784 pixels through 256 units to 32 numbers and back: `pellucid train mnist-ae`."""
    return Recipe(
        "mnist-ae",
        model=_model("autoencoder"),
        data=_DATA,
        task=AutoencodingSettings(code=32),
        training=_training(10),
    )


def mnist_dae() -> Recipe:
    """Digits under Gaussian noise of 0.5, and the clean ones to give back: `pellucid train mnist-dae`.

    PSNR 19.4 dB, where the noisy digits, clipped, have 9.4, for 130 seconds of one core.
    """
    return Recipe(
        "mnist-dae",
        model=_model("autoencoder-deep"),
        data=_DATA,
        task=AutoencodingSettings(code=64, noise=0.5),
        training=_training(10),
    )


def mnist_sae() -> Recipe:
    """A sparse code, each of 196 units active in one digit of twenty: `pellucid train mnist-sae`.

    Mean activity 0.052 where 0.05 is asked, PSNR 17.6 dB, for 51 seconds of one core.
    """
    return Recipe(
        "mnist-sae",
        model=_model("autoencoder-sigmoid"),
        data=_DATA,
        task=AutoencodingSettings(code=196, loss="mse", sparsity="kl", rate=0.05, sparsity_weight=10.0),
        training=_training(10),
    )


def mnist_vae() -> Recipe:
    """The variational autoencoder of PyTorch's example, 784–400–20: `pellucid train mnist-vae`.

    ELBO −102.6 nats a digit (reconstruction 77.0, KL 25.6) for 175 seconds of one core; −103.2 with the
    example's own weights.
    """
    return Recipe(
        "mnist-vae",
        model=_model("vae"),
        data=_DATA,
        task=AutoencodingSettings(code=20),
        training=_training(20),
    )


def mnist_cvae() -> Recipe:
    """The same, told which digit it is: `pellucid train mnist-cvae`."""
    return replace(mnist_vae(), name="mnist-cvae", model=_model("vae-conditional"))


def shapes_vae() -> Recipe:
    """A convolutional variational autoencoder on the generated shapes of 32 × 32 pixels, in colour:
    `pellucid train shapes-vae`, 4 minutes of a core.

    PSNR 19.9 dB, SSIM 0.55, KL 66 nats a picture: shapes come back as spots in the right places and colours.
    Pixels are Gaussian (squared error, β 0.1, a deviation of 0.22); with binary cross-entropy, which suits
    black and white, half of the code held next to nothing after 15 epochs (PSNR 17.6).
    """
    return Recipe(
        "shapes-vae",
        model=ModelSettings("vae-conv", mean=(0.0,) * 3, std=(1.0,) * 3),
        data=DataSettings(name="shapes", size=32),
        task=AutoencodingSettings(code=32, loss="mse", beta=0.1),
        training=_training(40),
    )


RECIPES = {
    "mnist-pca": mnist_pca,
    "mnist-ae": mnist_ae,
    "mnist-dae": mnist_dae,
    "mnist-sae": mnist_sae,
    "mnist-vae": mnist_vae,
    "mnist-cvae": mnist_cvae,
    "shapes-vae": shapes_vae,
}
