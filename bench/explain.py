"""Explanations beside pytorch-grad-cam's and Captum's.

Aims: Grad-CAM on ResNet-50, 16 pictures, at least 0.95 of the floor – a forward pass, and the gradient of one
layer – and three times as fast as pytorch-grad-cam; Score-CAM, Ablation-CAM and Eigen-CAM faster than theirs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from bench.measure import Options, Work, timed
from pellucid.explain.cam_eigen import eigen_cam
from pellucid.explain.cam_gradient import grad_cam
from pellucid.explain.cam_score import ablation_cam, score_cam
from pellucid.explain.target import class_logit

os.environ.setdefault("TQDM_DISABLE", "1")  # theirs draw progress bars


def works(options: Options) -> Iterator[Work]:
    torch.manual_seed(0)
    model = torchvision.models.resnet50(weights=None).eval()
    small = torchvision.models.resnet18(weights=None).eval()
    pictures = torch.randn(16, 3, 224, 224)
    few = torch.randn(1, 3, 128, 128)
    layer = [model.layer4]
    yield _work(
        "Grad-CAM of ResNet-50, 16 pictures",
        {
            "the floor": partial(floor, model, pictures),
            "pellucid": partial(grad_cam, model, pictures, class_logit(207)),
            "captum": partial(captum, model, pictures),
            "pytorch-grad-cam": partial(theirs, "GradCAM", model, layer, pictures),
        },
        len(pictures),
        options,
    )
    for title, ours, name in (
        ("Score-CAM", score_cam, "ScoreCAM"),
        ("Ablation-CAM", ablation_cam, "AblationCAM"),
    ):
        yield _work(
            f"{title} of ResNet-18, 512 channels of 128² pixels",
            {
                "pellucid": partial(ours, small, few, class_logit(207)),
                "pytorch-grad-cam": partial(theirs, name, small, [small.layer4], few),
            },
            len(few),
            options,
        )
    yield _work(
        "Eigen-CAM of ResNet-50's first stage, 56 × 56",
        {
            "pellucid": partial(eigen_cam, model, pictures[:1], layer="layer1", centred=True),
            "pytorch-grad-cam": partial(theirs, "EigenCAM", model, [model.layer1], pictures[:1]),
        },
        1,
        options,
    )


def _work(title: str, contestants: dict[str, Callable[[], object]], amount: int, options: Options) -> Work:
    turns = {name: timed(each) for name, each in contestants.items()}
    return Work(title, "pictures", amount, turns, options.rounds)


def floor(model: nn.Module, pictures: Tensor) -> Tensor:
    """What no implementation can do without: one pass forward, one back to the layer."""
    kept: list[Tensor] = []
    handle = model.get_submodule("layer4").register_forward_hook(
        lambda _, inputs, output: kept.append(output)
    )
    score = model(pictures)[:, 207].sum()
    handle.remove()
    return torch.autograd.grad(score, kept[0])[0]


def captum(model: nn.Module, pictures: Tensor) -> Any:
    from captum.attr import LayerGradCam

    return LayerGradCam(model, model.get_submodule("layer4")).attribute(pictures, target=207)


def theirs(name: str, model: nn.Module, layers: list[nn.Module], pictures: Tensor) -> Any:
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    with getattr(pytorch_grad_cam, name)(model, layers) as tool:
        return tool(pictures, [ClassifierOutputTarget(207)] * len(pictures))
