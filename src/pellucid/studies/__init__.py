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
        "activations": {
            "activations": "activations and their slopes as curves",
        },
        "backpropagation": {
            "backpropagation": "values forward and gradients back through a small computation, step by step",
        },
        "convolution": {
            "convolution": "a kernel over a picture: what comes out, of which size, at which cost",
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
        "segmenters": {
            "segmenters": "networks that answer for pixels, after the same time of training",
        },
        "neuron": {
            "neuron": "a neuron, or a network of two layers, learns to part points of the plane",
        },
        "optimisers": {
            "optimisers": "optimisers race over a surface of two numbers, with torch's own steps",
        },
        "pooling": {
            "pooling": "how far poolings calm what a small move of the picture changes",
        },
        "style_layers": {
            "style-layers": "what each layer of a network keeps of a picture's content, and of its style",
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
