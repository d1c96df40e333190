"""Networks with trained weights on ImageNet's thousand classes (Russakovsky et al., 2015)."""

from __future__ import annotations

from pellucid.data.settings import DataSettings
from pellucid.recipes.recipe import ModelSettings, Recipe


def imagenet_squeezenet() -> Recipe:
    """SqueezeNet 1.0 (Iandola et al., 2016) with its authors' weights, which want pictures as Caffe gave
    them: blue first, 0 to 255, minus a mean, the middle 227 of 256 pixels.

    `pellucid evaluate imagenet-squeezenet --weights FILE --data FOLDER`: top-1 0.64 and top-5 0.83 on 100
    pictures of 100 classes, 5 s on two cores; its authors' are 0.575 and 0.803 on all 50,000. To train it on
    others: `pellucid train imagenet-squeezenet --model.weights FILE --model.classifier new --data FOLDER`.
    """
    return Recipe(
        "imagenet-squeezenet",
        model=ModelSettings(
            "torchvision/squeezenet1_0",
            mean=(104.0, 117.0, 123.0),
            std=(1.0, 1.0, 1.0),
            scale=1.0,
            channels="BGR",
        ),
        data=DataSettings(size=227, channels="RGB", keep=227 / 256),
    )


RECIPES = {"imagenet-squeezenet": imagenet_squeezenet}
