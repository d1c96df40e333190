"""What `pellucid train MODEL --data PATH` does without a recipe."""

from __future__ import annotations

from dataclasses import replace

from pellucid.data.augment import Augmentation
from pellucid.data.settings import DataSettings
from pellucid.models import AUTOENCODERS, MODELS
from pellucid.models.naming import gives_boxes, gives_maps
from pellucid.recipes import RECIPES
from pellucid.recipes.recipe import ModelSettings, Recipe
from pellucid.training.settings import OptimSettings, ScheduleSettings, Settings
from pellucid.types.errors import InputError, unknown_name


def find_recipe(name: str) -> Recipe:
    """The recipe called `name`, or for a network's name the general one. Raises `InputError` for neither."""
    if name in RECIPES:
        return RECIPES[name]()
    if name in MODELS or name.startswith(("torchvision/", "timm/", "unet/")) or ".py" in name:
        return for_model(name)
    raise unknown_name("recipe or model", name, [*RECIPES, *MODELS])


def for_model(name: str) -> Recipe:
    """AdamW with a short warm-up and a cosine, flips: a start that rarely fails, for any network on any
    pictures. A network that answers for pixels begins as the recipe `pictures-unet` does, an autoencoder as
    `mnist-ae`, on any pictures.
    """
    if gives_boxes(name):
        raise InputError(
            f"{name} finds boxes, and there is no task for these yet: `pellucid inspect` shows it, and "
            "in Python it is explained by a box as target, pellucid.explain.target_detection.detection"
        )
    called = name.rpartition("/")[2].rpartition(":")[2]
    if name in AUTOENCODERS:
        return replace(RECIPES["mnist-ae"](), name=called, model=ModelSettings(name), data=DataSettings())
    if gives_maps(name):
        return replace(RECIPES["pictures-unet"](), name=called, model=ModelSettings(name))
    return Recipe(
        called,
        model=ModelSettings(name),
        data=DataSettings(),
        training=Settings(
            epochs=10,
            batch_size=64,
            clip_norm=1.0,
            optim=OptimSettings("adamw", lr=1e-3, weight_decay=0.05),
            schedule=ScheduleSettings("cosine", warmup=0.5),
            augment=Augmentation(flip=True),
        ),
    )
