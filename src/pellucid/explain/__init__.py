"""Explanations by name. `METHODS` lists them without importing torch.

A method is a function `method(model, inputs, target=None, *, layer=None, …its own options) → Heatmap`: of any
`nn.Module` and inputs (b, c, h, w) as the network sees them. Without a target each picture's likeliest
class is explained. It leaves the network as it was: everything is seen through `inspection.capture`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pellucid.types.registry import Registry

if TYPE_CHECKING:
    from pellucid.types.heatmap import Heatmap

METHODS: Registry[Callable[..., Heatmap]] = Registry(
    "method",
    package=__name__,
    table="METHODS",
    families={
        "gradients": {
            "saliency": "the gradient of the score at the pixels",
            "input-x-gradient": "the gradient times the pixels' values",
        },
        "smooth_grad": {
            "smooth-grad": "the mean gradient over noisy copies of the picture",
            "var-grad": "the gradient's variance over noisy copies of the picture",
        },
        "integrated_gradients": {
            "integrated-gradients": "the gradient along the way from a baseline, summing to what changes",
        },
        "rectifiers": {
            "guided-backpropagation": "positive gradients through rectifiers that are on (edge-like)",
            "deconvolution": "positive gradients through all rectifiers (edge-like)",
        },
        "lrp": {"lrp": "the score, handed down layer by layer to the pixels"},
        "occlusion": {"occlusion": "how far the score falls when a window is hidden"},
        "rise": {"rise": "how far the score is higher when a pixel is seen, over random masks"},
        "kernel_shap": {"kernel-shap": "Shapley values of the picture's parts"},
    },
)
