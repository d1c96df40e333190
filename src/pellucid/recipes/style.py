"""Recipes that paint pictures in a style."""

from __future__ import annotations

from pellucid.data.augment import Augmentation
from pellucid.data.settings import DataSettings
from pellucid.recipes.recipe import ModelSettings, Recipe
from pellucid.tasks.stylisation import StylisationSettings
from pellucid.training.settings import OptimSettings, Settings


def style_feedforward() -> Recipe:
    """The network of Johnson et al. (2016), which paints any picture in one style in one pass, on your own
    pictures: `pellucid train style-feedforward --data photos/ --task.style painting.jpg`.

    VGG-16 judges, whose weights are fetched. The paper trains on 80,000 pictures of 256², two epochs of four
    at a time, hours on a GPU of then. With SqueezeNet for a judge, 960 steps on pictures of 128² take 12
    minutes of a core, and the strokes and colours of the style are there; VGG-16's have not been measured.
    """
    return Recipe(
        "style-feedforward",
        model=ModelSettings("style-transformer"),
        data=DataSettings(size=256, channels="RGB", smallest_crop=0.5),
        task=StylisationSettings(),
        training=Settings(
            epochs=2,
            batch_size=4,
            clip_norm=10.0,
            optim=OptimSettings("adam", lr=1e-3),
            augment=Augmentation(flip=True),
        ),
    )


RECIPES = {"style-feedforward": style_feedforward}
