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
        "cam": {"cam": "a linear head's class weights times the maps it averages"},
        "cam_gradient": {
            "grad-cam": "channels weighed by their mean gradient",
            "grad-cam++": "positions weighed too, so that several objects count alike",
            "xgrad-cam": "channels weighed by their gradient where they are active",
            "hires-cam": "gradient times activation at every position",
            "layer-cam": "positive gradients times activations; keeps detail in early layers",
        },
        "cam_score": {
            "score-cam": "channels weighed by what the network says of what they show",
            "ablation-cam": "channels weighed by what the target loses without them",
        },
        "cam_eigen": {
            "eigen-cam": "the first principal component of a layer; asks no class",
            "eigen-grad-cam": "the first principal component of gradient times activation",
        },
        "full_grad": {"full-grad": "input and biases of every layer times their gradients"},
        "attention": {
            "attention": "how much the class token attends to each patch, in one layer",
            "attention-rollout": "attention followed through all layers; asks no class",
            "attention-relevance": "attention followed as far as the target's gradient is positive",
        },
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
        "guided_grad_cam": {"guided-grad-cam": "guided back-propagation where Grad-CAM is positive"},
        "lrp": {"lrp": "the score, handed down layer by layer to the pixels"},
        "occlusion": {"occlusion": "how far the score falls when a window is hidden"},
        "rise": {"rise": "how far the score is higher when a pixel is seen, over random masks"},
        "kernel_shap": {"kernel-shap": "Shapley values of the picture's parts"},
    },
)
