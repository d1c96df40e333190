"""Recipes that make samples: GANs on points, digits and shapes, and a small diffusion network.

Costs are in seconds of one processor core; what is not measured yet says so.
"""

from __future__ import annotations

from dataclasses import replace

from pellucid.data.settings import DataSettings
from pellucid.recipes.recipe import ModelSettings, Recipe
from pellucid.tasks.diffusion import DiffusionSettings
from pellucid.tasks.generation import GenerationSettings
from pellucid.training.settings import OptimSettings, RecorderSettings, ScheduleSettings, Settings

_PLAIN = GenerationSettings()
_WGAN_GP = GenerationSettings(loss="wasserstein", constraint="penalty", critic_steps=5)
_POINTS_GP = replace(_WGAN_GP, penalty=1.0, critic_steps=1)
_ADAM = OptimSettings("adam", lr=2e-4, beta1=0.5)  # Radford et al., §4
_WATCHED = RecorderSettings(probes=64)


def _points(name: str, data: str, task: GenerationSettings) -> Recipe:
    """3,000 steps of both players, the critic four times as fast, as in the study of GANs."""
    return Recipe(
        name,
        model=ModelSettings("gan-points"),
        data=DataSettings(name=data),
        task=replace(task, critic_lr=4e-3),
        training=Settings(
            epochs=96,
            batch_size=256,
            evaluate_every=8,
            optim=OptimSettings("adam", lr=1e-3, beta1=0.5, beta2=0.9),
            schedule=ScheduleSettings("cosine"),
            recorder=_WATCHED,
        ),
    )


def gaussians_gan() -> Recipe:
    """The original GAN on eight Gaussians: `pellucid train gaussians-gan`, 30 s of a core. It forgets some: 2
    to 4 of the 8 are left, by the seed (`pellucid study gan`).
    """
    return _points("gaussians-gan", "gaussians8", _PLAIN)


def gaussians_wgan_gp() -> Recipe:
    """WGAN with gradient penalty on the same: `pellucid train gaussians-wgan-gp`, 35 s of a core. All 8 are
    covered and 92 to 95 % of the samples good, by the seed (`pellucid study gan`).
    """
    return _points("gaussians-wgan-gp", "gaussians8", _POINTS_GP)


def rings_gan() -> Recipe:
    """The original GAN on two rings: `pellucid train rings-gan`, 26 s of a core. It covers 0.77 of the real
    points after 8 epochs, and 0.44 at the end.
    """
    return _points("rings-gan", "rings", _PLAIN)


def rings_wgan_gp() -> Recipe:
    """WGAN with gradient penalty on the same: `pellucid train rings-wgan-gp`, 32 s of a core. It covers 0.68
    of the real points at the end, and never less than 0.53 on the way.
    """
    return _points("rings-wgan-gp", "rings", _POINTS_GP)


def _pictures(
    name: str, model: str, data: DataSettings, task: GenerationSettings, training: Settings
) -> Recipe:
    """Pictures normalised to [-1, 1], where the generator's tanh ends."""
    channels = 1 if data.name == "mnist" else 3
    half = (0.5,) * channels
    return Recipe(name, ModelSettings(model, mean=half, std=half), data, task, training)


_MNIST = DataSettings(name="mnist")
_LONG = Settings(
    epochs=8,
    batch_size=128,
    ema=0.999,  # after each of the critic's steps: Karras et al., arXiv:1710.10196, appendix A
    optim=_ADAM,
    schedule=ScheduleSettings("constant"),
    recorder=RecorderSettings(16),
)


def mnist_gan() -> Recipe:
    """The original GAN, dense, on MNIST: `pellucid train mnist-gan --data FOLDER`, 16 minutes of a core.

    It forgets most of the digits, which is noted at step 1,000: our LeNet-5 takes 42 % of what it makes at
    the end for ones, 20 % for sevens and 1 % for zeros, being 96 % sure. FID 217.
    """
    return _pictures("mnist-gan", "gan", _MNIST, _PLAIN, replace(_LONG, epochs=30))


def mnist_dcgan() -> Recipe:
    """DCGAN on MNIST: `pellucid train mnist-dcgan --data FOLDER`, 14 minutes of a core.

    Judged by our LeNet-5 (`--task.judge runs/mnist-lenet5`, 84 features) on 10,000 samples, FID falls from
    233 after an epoch to 92, 51, 37, 29, 23, 19, 16, 13 and 12; the classifier sees all ten digits, each 7 to
    14 % of the time, and is 93 % sure on average.
    """
    return _pictures("mnist-dcgan", "dcgan-32", _MNIST, _PLAIN, replace(_LONG, epochs=10, batch_size=64))


def mnist_wgan() -> Recipe:
    """WGAN with clipped weights, by RMSprop as published: `pellucid train mnist-wgan --data FOLDER`, 10
    minutes of a core.

    Judged as `mnist-dcgan`, FID falls from 246 after an epoch to 126, 77, 61, 52, 48, 44 and 40; all ten
    digits, each 7 to 14 % of the time, and the classifier is 89 % sure on average. As published, with five of
    the critic's steps to each of the generator's and a quarter of this rate, FID is 198 after as many epochs.
    """
    task = GenerationSettings(loss="wasserstein", constraint="clip", critic_steps=2)
    optim = OptimSettings("rmsprop", lr=2e-4, momentum=0.0)
    return _pictures("mnist-wgan", "dcgan-32", _MNIST, task, replace(_LONG, batch_size=64, optim=optim))


def mnist_wgan_gp() -> Recipe:
    """WGAN with gradient penalty: `pellucid train mnist-wgan-gp --data FOLDER`, 21 minutes of a core.

    Judged by our LeNet-5 (`--task.judge runs/mnist-lenet5`, 84 features) on 10,000 samples, FID falls from
    157 after an epoch to 70, 43, 25, 18, 14, 12, 9, 7 and 6; the classifier sees all ten digits, each 9 to
    12 % of the time, and is 93 % sure on average. Here the critic steps once for each of the generator's.
    """
    task = replace(_WGAN_GP, critic_steps=1, critic_lr=6e-4)
    optim = OptimSettings("adam", lr=3e-4, beta1=0.0, beta2=0.9)
    training = replace(_LONG, epochs=10, batch_size=64, optim=optim)
    return _pictures("mnist-wgan-gp", "dcgan-plain-32", _MNIST, task, training)


def mnist_ddpm() -> Recipe:
    """A small diffusion network on MNIST: `pellucid train mnist-ddpm --data FOLDER`, 30 minutes of a core
    with `--hardware.memory-format contiguous`, a quarter quicker here than what is chosen by itself.

    The mean squared error of the noise is 0.040 on the test digits: 0.087 where there is little noise, 0.009
    where there is much. Most of what is made can be read; a few have specks.
    """
    half = (0.5,)
    return Recipe(
        "mnist-ddpm",
        ModelSettings("ddpm-32", mean=half, std=half),
        _MNIST,
        DiffusionSettings(schedule="cosine"),
        Settings(
            epochs=5,
            batch_size=128,
            ema=0.999,
            clip_norm=1.0,
            optim=OptimSettings("adamw", lr=1e-3),
            schedule=ScheduleSettings("cosine", warmup=0.2),
        ),
    )


def shapes_dcgan() -> Recipe:
    """DCGAN on the generated shapes, 64 × 64 in colour: `pellucid train shapes-dcgan`, 10 minutes of a core.

    The critic has spectral norm and a hinge loss: with batch norm, to which the contrast of a whole batch is
    nothing, the generator was an even grey after 6 epochs. FID of 16 × 16 pixels falls from 97 after 2 to
    83, 79, 15, 7 and 6.5; there are grounds with bright spots of one colour each, hardly shapes yet.
    """
    task = replace(_PLAIN, loss="hinge", critic_lr=4e-4)
    training = replace(_LONG, epochs=12, batch_size=64)
    return _pictures("shapes-dcgan", "dcgan-spectral-32", DataSettings(name="shapes"), task, training)


RECIPES = {
    "gaussians-gan": gaussians_gan,
    "gaussians-wgan-gp": gaussians_wgan_gp,
    "rings-gan": rings_gan,
    "rings-wgan-gp": rings_wgan_gp,
    "mnist-gan": mnist_gan,
    "mnist-dcgan": mnist_dcgan,
    "mnist-wgan": mnist_wgan,
    "mnist-wgan-gp": mnist_wgan_gp,
    "mnist-ddpm": mnist_ddpm,
    "shapes-dcgan": shapes_dcgan,
}
