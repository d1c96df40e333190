"""Guided Grad-CAM: Selvaraju et al. 2017, "Grad-CAM: visual explanations from deep networks via
gradient-based localization", ICCV (arXiv:1610.02391), section 3.2.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from pellucid.explain.cam_gradient import grad_cam
from pellucid.explain.gradients import Channels
from pellucid.explain.layers import LayerNames
from pellucid.explain.maps import resized
from pellucid.explain.rectifiers import guided_backpropagation
from pellucid.explain.target import Target
from pellucid.types.heatmap import Heatmap


def guided_grad_cam(
    model: nn.Module,
    inputs: Tensor,
    target: Target | None = None,
    *,
    layer: LayerNames = None,
    channels: Channels = "largest",
) -> Heatmap:
    """Guided back-propagation times Grad-CAM's positive part: edges from the one, where from the other.
    Raises `InputError` for a network without rectifiers, as the one does.
    """
    guided = guided_backpropagation(model, inputs, target, channels=channels)
    cam = grad_cam(model, inputs, target, layer=layer)
    return replace(
        cam,
        values=guided.values * resized(cam.values.clamp(min=0), guided.size),
        method="guided-grad-cam",
        options={**cam.options, **guided.options},
        notes=tuple(dict.fromkeys((*cam.notes, *guided.notes))),
    )


METHODS = {"guided-grad-cam": guided_grad_cam}
