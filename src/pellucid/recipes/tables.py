"""Recipes on tables of numbers: dense networks without pictures."""

from __future__ import annotations

from dataclasses import replace

from pellucid.data.settings import DataSettings
from pellucid.recipes.recipe import ModelSettings, Recipe
from pellucid.tasks.regression import RegressionSettings
from pellucid.training.settings import OptimSettings, ScheduleSettings, Settings


def diabetes_mlp() -> Recipe:
    """Disease progression from ten measurements: `pellucid train diabetes-mlp --data.fold 0`, … 4."""
    return Recipe(
        "diabetes-mlp",
        model=ModelSettings("mlp"),
        data=DataSettings(name="diabetes", folds=5),
        task=RegressionSettings(),
        training=Settings(
            epochs=60,
            batch_size=32,
            optim=OptimSettings("adamw", lr=1e-3, weight_decay=0.1),
            schedule=ScheduleSettings("cosine"),
        ),
    )


def table_mlp() -> Recipe:
    """One hidden layer on any table of numbers: `pellucid train table-mlp --data houses.csv --data.target
    price`.
    """
    return replace(diabetes_mlp(), name="table-mlp", data=DataSettings())


RECIPES = {"diabetes-mlp": diabetes_mlp, "table-mlp": table_mlp}
