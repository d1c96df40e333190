"""Gradient methods beside Captum's. Aim: integrated gradients at least as fast, in memory that does not grow
with the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from bench.measure import Options, Work, timed
from pellucid.explain.gradients import saliency
from pellucid.explain.integrated_gradients import integrated_gradients
from pellucid.explain.occlusion import occlusion
from pellucid.explain.target import class_logit

STEPS, CLASS = 50, 207


def works(options: Options) -> Iterator[Work]:
    torch.manual_seed(0)
    model = torchvision.models.resnet18(weights=None).eval()
    size = 96 if options.quick else 160
    pictures = torch.randn(2, 3, size, size)
    target = class_logit(CLASS)
    yield _work(
        f"integrated gradients of ResNet-18, 2 pictures of {size}², {STEPS} steps",
        {
            "captum": partial(captum_integrated, model, pictures, None),
            "captum, 32 at once": partial(captum_integrated, model, pictures, 32),
            "pellucid": partial(
                integrated_gradients,
                model,
                pictures,
                target,
                baselines="zero",
                steps=STEPS,
                most_steps=STEPS,
            ),
        },
        options,
    )
    yield _work(
        "saliency of ResNet-18",
        {
            "captum": partial(captum_saliency, model, pictures),
            "pellucid": partial(saliency, model, pictures, target),
        },
        options,
    )
    window = size // 4
    yield _work(
        "occlusion of ResNet-18 by 16 windows",
        {
            "captum": partial(captum_occlusion, model, pictures, window),
            "pellucid": partial(
                occlusion, model, pictures, target, window=window, stride=window, hidden_by="zero"
            ),
        },
        options,
    )


def _work(title: str, contestants: dict[str, Callable[[], object]], options: Options) -> Work:
    turns = {name: timed(each) for name, each in contestants.items()}
    return Work(title, "pictures", 2, turns, options.rounds)


def captum_integrated(model: nn.Module, pictures: Tensor, at_once: int | None) -> Any:
    from captum.attr import IntegratedGradients

    tool = IntegratedGradients(model)
    return tool.attribute(
        pictures,
        target=CLASS,
        n_steps=STEPS,
        internal_batch_size=at_once,
        return_convergence_delta=True,  # as ours says how complete it is
    )


def captum_saliency(model: nn.Module, pictures: Tensor) -> Any:
    from captum.attr import Saliency

    return Saliency(model).attribute(pictures.clone().requires_grad_(), target=CLASS)


def captum_occlusion(model: nn.Module, pictures: Tensor, window: int) -> Any:
    from captum.attr import Occlusion

    shape = (3, window, window)
    return Occlusion(model).attribute(pictures, shape, strides=shape, target=CLASS, perturbations_per_eval=16)
