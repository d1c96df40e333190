"""Studies: one question each, answered by running networks side by side. Listing them imports nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.types.registry import Registry

if TYPE_CHECKING:
    from pellucid.studies.study import Study

STUDIES: Registry[type[Study]] = Registry(
    "study",
    package=__name__,
    table="STUDIES",
    families={
        "backpropagation": {
            "backpropagation": "values forward and gradients back through a small computation, step by step",
        },
        "faithfulness": {
            "faithfulness": "which explanations are true of a network, over a data set, beside random maps",
        },
        "gan": {
            "gan": "which GANs cover all of eight Gaussians, and which forget some, over several seeds",
        },
        "initialisation": {
            "initialisation": "how far signals and gradients come, by how weights begin and by activation",
        },
        "upsampling": {
            "upsampling": "which up-samplings draw a checkerboard by themselves, and how strongly",
        },
    },
)
