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
        "initialisation": {
            "initialisation": "how far signals and gradients come, by how weights begin and by activation",
        },
        "mixture": {
            "mixture": "a mixture of Gaussians fitted to points of the plane, iteration by iteration",
        },
        "codes": {
            "codes": "what comes back of a picture by the length of its code: PCA beside autoencoders",
        },
        "pretraining": {
            "pretraining": "a deep autoencoder trained layer by layer first, beside end to end",
        },
        "compression": {
            "compression": "what pictures cost and lose: JPEG, WebP, PCA and an autoencoder on one curve",
        },
        "upsampling": {
            "upsampling": "which up-samplings draw a checkerboard by themselves, and how strongly",
        },
    },
)
