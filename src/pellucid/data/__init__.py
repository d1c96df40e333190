"""Data sets, formats, transforms and loading. `DATASETS` lists the named sets without importing anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pellucid.types.registry import Registry

if TYPE_CHECKING:
    from pellucid.data.settings import DataSettings
    from pellucid.data.source import Data

DATASETS: Registry[Callable[[DataSettings], Data]] = Registry(
    "dataset",
    package=__name__,
    table="DATASETS",
    families={
        "embedded": {
            "digits": "1,797 scanned digits, grey 32 × 32, built in",
            "shapes": "10,000 generated scenes of textured shapes, colour 64 × 64, built in",
            "shapes-masks": "the same scenes with the shape, or background, of every pixel",
        },
        "tabular": {
            "diabetes": "442 patients, 10 measurements and a disease's progression (regression), built in",
        },
        "planar": {
            "gaussians8": "10,000 points of the plane from eight Gaussians on a circle, built in",
            "rings": "10,000 points of two rings, one in the other, built in",
            "swiss-roll": "10,000 points along a spiral, built in",
            "moons": "10,000 points of two half circles that reach into one another, built in",
        },
        "mask_sets": {
            "oxford-pets-masks": "7,349 photographs of cats and dogs with pet, background and border",
            "voc2012": "PASCAL VOC 2012: 2,913 photographs with 20 kinds of things and background",
            "cityscapes": "3,475 street scenes of 1024 × 2048 with 19 classes (to be fetched by yourself)",
        },
        "vision": {
            "mnist": "70,000 handwritten digits, grey 28 × 28",
            "fashion-mnist": "70,000 articles of clothing, grey 28 × 28",
            "kmnist": "70,000 handwritten Japanese characters, grey 28 × 28, 10 classes",
            "emnist": "131,600 handwritten letters and digits (balanced), grey 28 × 28, 47 classes",
            "qmnist": "MNIST with its lost 50,000 test digits",
            "usps": "9,298 digits from envelopes, grey 16 × 16",
            "cifar10": "60,000 photographs, colour 32 × 32, 10 classes",
            "cifar100": "60,000 photographs, colour 32 × 32, 100 classes",
            "svhn": "99,289 house numbers, colour 32 × 32, 10 classes",
            "stl10": "13,000 labelled photographs, colour 96 × 96, 10 classes",
            "food101": "101,000 photographs of dishes, 101 classes",
            "oxford-pets": "7,349 photographs of cats and dogs, 37 breeds",
            "flowers102": "8,189 photographs of flowers, 102 classes",
            "dtd": "5,640 photographs of textures, 47 classes",
            "gtsrb": "39,270 German traffic signs, 43 classes",
            "aircraft": "10,000 photographs of aircraft, 100 variants",
            "sun397": "108,754 photographs of places, 397 classes",
            "eurosat": "27,000 satellite pictures, colour 64 × 64, 10 kinds of land use",
            "caltech101": "8,677 photographs of objects, 101 classes",
            "imagenette": "13,394 photographs, ten easy ImageNet classes",
            "country211": "63,300 photographs, 211 countries",
            "rendered-sst2": "9,613 film reviews as pictures of text, 2 classes",
        },
    },
)
