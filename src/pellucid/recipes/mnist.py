"""Recipes on MNIST, 60,000 + 10,000 handwritten digits (LeCun et al., 1998)."""

from __future__ import annotations

from pellucid.data.settings import DataSettings
from pellucid.recipes.recipe import ModelSettings, Recipe
from pellucid.training.settings import OptimSettings, ScheduleSettings, Settings


def mnist_lenet5() -> Recipe:
    """LeNet-5 on MNIST: `pellucid train mnist-lenet5 --data FOLDER`, or with `--data.download`.

    Top-1 0.991 in 36 s on two cores.
    """
    return Recipe(
        "mnist-lenet5",
        model=ModelSettings("lenet5"),
        data=DataSettings(name="mnist"),
        training=Settings(
            epochs=5,
            batch_size=128,
            optim=OptimSettings("adamw", lr=3e-3, weight_decay=0.01),
            schedule=ScheduleSettings("one-cycle"),
        ),
    )


RECIPES = {"mnist-lenet5": mnist_lenet5}
