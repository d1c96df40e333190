"""Recipes that give every pixel a class.

U-Net: Ronneberger et al. 2015. ENet: Paszke et al. 2016. DeepLab v3+: Chen et al. 2018. M-Net: Mehta &
Sivaswamy, "M-net: a convolutional neural network for deep brain structure segmentation", ISBI 2017.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pellucid.data.augment import Augmentation
from pellucid.data.settings import DataSettings
from pellucid.recipes.recipe import ModelSettings, Recipe
from pellucid.tasks.segmentation import SegmentationSettings
from pellucid.training.settings import OptimSettings, RecorderSettings, ScheduleSettings, Settings

_WITH_DICE = SegmentationSettings(loss="cross-entropy+dice")
_FEW = RecorderSettings(probes=4, per_decade=2)

_BRIEF = Settings(
    clip_norm=1.0,
    optim=OptimSettings("adamw", lr=4e-3, weight_decay=0.05),
    schedule=ScheduleSettings("one-cycle"),
    augment=Augmentation(flip=True),
    recorder=_FEW,
)
"""For a narrow network that begins from nothing and has minutes."""

_LONG = replace(
    _BRIEF,
    optim=OptimSettings("adamw", lr=2e-3, weight_decay=0.05),
    schedule=ScheduleSettings("cosine", warmup=0.5),
)
"""For many passes over photographs."""


def pictures_unet() -> Recipe:
    """U-Net on any pictures with label maps: `pellucid train pictures-unet --data photos/`.

    Any other network that answers for pixels by `--model.name`. The masks of a new set are found as
    `pellucid data check` says.
    """
    return Recipe(
        "pictures-unet",
        model=ModelSettings("unet-bn-16"),
        data=DataSettings(smallest_crop=0.5),
        task=_WITH_DICE,
        training=replace(
            _LONG,
            epochs=40,
            batch_size=8,
            augment=Augmentation(flip=True, scale=0.25, rotate=10, colour=0.2),
            recorder=RecorderSettings(probes=4),
        ),
    )


def shapes_unet() -> Recipe:
    """A U-Net on ten generated shapes and background: `pellucid train shapes-unet`.

    A mean IoU of 0.951 to 0.956 on 2,000 other pictures, by the seed, after 160 s of training on two cores;
    the whole command, which generates 10,000 pictures first and writes the report last, takes 3 minutes and a
    quarter. Half of what is missing are outlines that are off by a pixel, half are shapes taken for others.
    """
    return Recipe(
        "shapes-unet",
        model=ModelSettings("unet-bn-16"),
        data=DataSettings(name="shapes-masks"),
        task=_WITH_DICE,
        training=replace(
            _BRIEF,
            epochs=3,
            batch_size=24,
            clip_norm=0.0,  # Muon's steps have their own size; clipping only costs accuracy here
            optim=OptimSettings("muon", lr=0.016, weight_decay=0.02),
            schedule=ScheduleSettings("one-cycle", peak=0.2),
            evaluate_every=3,
            recorder=replace(_FEW, probes=8),
        ),
    )


def camvid_enet() -> Recipe:
    """ENet on CamVid's road scenes: `pellucid train camvid-enet --data camvid`, or with the weights that
    davidtvs/PyTorch-ENet publishes `pellucid evaluate camvid-enet --weights enet_camvid.pt --data camvid`.

    Those give a mean IoU of 0.550 over the 11 classes of 39 of the test pictures, in a quarter of a minute.
    Training as they were trained takes hours without a GPU; we have not.
    """
    return Recipe(
        "camvid-enet",
        model=ModelSettings("enet", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
        data=DataSettings(),
        task=SegmentationSettings(class_weights="log", spare=1),
        training=Settings(
            epochs=300,
            batch_size=10,
            optim=OptimSettings("adam", lr=5e-4, weight_decay=2e-4),
            schedule=ScheduleSettings("step", milestones=(100, 200), gamma=0.1),
            augment=Augmentation(flip=True),
            evaluate_every=10,
            recorder=_FEW,
        ),
    )


def camvid_unet() -> Recipe:
    """A narrow U-Net on CamVid, on windows of 240 pixels: `pellucid train camvid-unet --data camvid`.

    From 62 pictures and in 17 minutes of processor time on one core, a mean IoU of 0.384 on 39 of the test
    pictures, where it says 84 % of the pixels right; the most frequent class everywhere would have 0.024, one
    drawn for every pixel 0.050. On the pictures held back, 0.19 after 10 epochs, 0.26 after 50, 0.37 after 80
    and 0.41 after 120: sky, road and buildings come first, poles and people last.
    """
    return Recipe(
        "camvid-unet",
        model=ModelSettings("unet-bn-16"),
        data=DataSettings(),
        task=_WITH_DICE,
        training=replace(
            _BRIEF,
            epochs=120,
            batch_size=8,
            augment=Augmentation(flip=True, window=240, balance=0.5, scale=0.3, colour=0.3),
            evaluate_every=10,
        ),
    )


def membrane_unet() -> Recipe:
    """U-Net on the neuronal membranes of ISBI 2012, bent elastically: `pellucid train membrane-unet --data
    isbi2012_membrane`.

    With 8 channels in its first block, a Dice of 0.799 for the membrane and 0.948 for the interior on 5
    slices held back, on which the best weights were chosen too; 270 s of processor time.
    Without the bending (`--augment.elastic 0`) 0.799 and 0.948 as well, from the same seed: turned, mirrored
    and cut out at random, 25 slices are not helped by it here.
    """
    return Recipe(
        "membrane-unet",
        model=ModelSettings("unet-bn-8"),
        data=DataSettings(folds=6),
        task=SegmentationSettings(loss="cross-entropy"),
        training=replace(
            _BRIEF,
            epochs=100,
            batch_size=5,
            augment=Augmentation(flip=True, window=256, rotate=180, elastic=10, colour=0.2),
            evaluate_every=25,
            recorder=replace(_FEW, probes=2),
        ),
    )


def pets_unet_plain() -> Recipe:
    """A U-Net on cats and dogs, their border a class of its own: `pellucid train pets-unet-plain
    --data.download`.

    Not trained by us, since the set is not at hand; 7,349 photographs at 128 pixels.
    """
    return Recipe(
        "pets-unet-plain",
        model=ModelSettings("unet-bn-16"),
        data=DataSettings(name="oxford-pets-masks", size=128, smallest_crop=0.4),
        task=_WITH_DICE,
        training=replace(
            _LONG,
            epochs=20,
            batch_size=16,
            augment=Augmentation(flip=True, colour=0.2),
            recorder=replace(_FEW, probes=8),
        ),
    )


def _pets(name: str, network: str) -> Recipe:
    return replace(pets_unet_plain(), name=name, model=ModelSettings(network))


def pets_unet_residual() -> Recipe:
    """The same with residual blocks: `pellucid train pets-unet-residual --data.download`.

    Not trained by us.
    """
    return _pets("pets-unet-residual", "unet-residual-16")


def pets_unet_dense() -> Recipe:
    """The same with dense blocks: `pellucid train pets-unet-dense --data.download`.

    Not trained by us.
    """
    return _pets("pets-unet-dense", "unet-dense-16")


def pets_unet_se() -> Recipe:
    """The same with squeeze-and-excitation: `pellucid train pets-unet-se --data.download`.

    Not trained by us.
    """
    return _pets("pets-unet-se", "unet-se-16")


def pets_mnet() -> Recipe:
    """M-Net on the same, each side output with a loss of weight 1: `pellucid train pets-mnet
    --data.download`. Not trained by us.
    """
    task = replace(_WITH_DICE, auxiliary=1.0)
    return replace(_pets("pets-mnet", "mnet-16"), task=task)


def voc_deeplabv3plus() -> Recipe:
    """DeepLab v3+ on PASCAL VOC 2012 from torchvision's ResNet-50: `pellucid train voc-deeplabv3plus
    --model.weights torchvision/resnet50 --data.download`.

    Not trained by us, since neither set nor weights are at hand; it wants a GPU. Whole pictures are judged
    without resizing, since none is larger than 513 pixels (Chen et al. 2018, section 4).
    """
    return Recipe(
        "voc-deeplabv3plus",
        model=ModelSettings("deeplabv3plus-resnet50"),
        data=DataSettings(name="voc2012", size=513, smallest_crop=0.25),
        task=SegmentationSettings(),
        training=Settings(
            epochs=50,
            batch_size=16,
            optim=OptimSettings("momentum", lr=7e-3, weight_decay=1e-4),
            schedule=ScheduleSettings("cosine", warmup=1),
            augment=Augmentation(flip=True, colour=0.2),
            recorder=_FEW,
        ),
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "pictures-unet": pictures_unet,
    "shapes-unet": shapes_unet,
    "camvid-enet": camvid_enet,
    "camvid-unet": camvid_unet,
    "membrane-unet": membrane_unet,
    "pets-unet-plain": pets_unet_plain,
    "pets-unet-residual": pets_unet_residual,
    "pets-unet-dense": pets_unet_dense,
    "pets-unet-se": pets_unet_se,
    "pets-mnet": pets_mnet,
    "voc-deeplabv3plus": voc_deeplabv3plus,
}
