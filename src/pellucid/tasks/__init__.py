"""Tasks: one file each, losses + decoding + metrics of one kind of question. Listing them imports nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.types.registry import Registry

if TYPE_CHECKING:
    from pellucid.tasks.task import TaskSettings

TASKS: Registry[type[TaskSettings]] = Registry(
    "task",
    package="pellucid.tasks",
    table="TASKS",
    families={
        "classification": {"classification": "which class, or which of several labels, a picture shows"},
        "segmentation": {"segmentation": "a class for every pixel of a picture"},
        "stylisation": {"stylisation": "any picture painted in one style, as a fixed network judges it"},
        "autoencoding": {"autoencoding": "a picture itself, through a code: autoencoders of every kind"},
        "diffusion": {"diffusion": "pictures made of noise, step by step, by who can tell noise in pictures"},
        "generation": {"generation": "samples made of noise, by two players: GANs of every kind"},
        "regression": {"regression": "one number for each sample, in the unit of the data"},
    },
)
