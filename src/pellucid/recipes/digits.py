"""Recipes on scikit-learn's 1,797 scanned digits, which come with Pellucid."""

from __future__ import annotations

from pellucid.data.augment import Augmentation
from pellucid.data.settings import DataSettings
from pellucid.recipes.recipe import ModelSettings, Recipe
from pellucid.training.settings import OptimSettings, ScheduleSettings, Settings

_DATA = DataSettings(name="digits")


def digits_lenet5() -> Recipe:
    """LeNet-5 on the digits: `pellucid train digits-lenet5`. Top-1 0.99 in ten seconds or so."""
    return Recipe(
        "digits-lenet5",
        model=ModelSettings("lenet5"),
        data=_DATA,
        training=Settings(
            epochs=30,
            batch_size=64,
            optim=OptimSettings("adamw", lr=2e-3, weight_decay=0.01),
            schedule=ScheduleSettings("one-cycle"),
            augment=Augmentation(crop=2),
        ),
    )


def digits_mlp() -> Recipe:
    """A network with one hidden layer on the digits: `pellucid train digits-mlp`."""
    return Recipe(
        "digits-mlp",
        model=ModelSettings("mlp"),
        data=_DATA,
        training=Settings(
            epochs=30,
            batch_size=32,
            optim=OptimSettings("adamw", lr=2e-3),
            schedule=ScheduleSettings("cosine"),
        ),
    )


RECIPES = {"digits-lenet5": digits_lenet5, "digits-mlp": digits_mlp}
