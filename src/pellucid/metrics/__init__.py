"""Metrics: one file each, stateless functions and a thin accumulator. Listing them imports nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.types.registry import Registry

if TYPE_CHECKING:
    from pellucid.metrics.metric import Metric

METRICS: Registry[type[Metric]] = Registry(
    "metric",
    package="pellucid.metrics",
    table="METRICS",
    families={
        "accuracy": {"top-k": "how often the true class is among the k highest scores"},
        "boundary": {"boundary-f": "how well the outlines of label maps agree, within a few pixels"},
        "calibration": {"calibration": "expected calibration error and the reliability diagram's bins"},
        "coding": {
            "likeness": "how like pictures are to what was wanted: MSE, PSNR, SSIM",
            "code": "what a code costs and carries: reconstruction, KL, ELBO, active units, activity",
        },
        "confusion": {"confusion": "confusion matrix; precision, recall and F1 of each class and on average"},
        "curves": {"curves": "ROC and precision–recall curves, the areas under them, mean average precision"},
        "diffusion": {"noise-error": "how well the noise in pictures is found, by how much of it there is"},
        "generated": {
            "sample-quality": "FID, precision, recall, density and coverage in named features",
            "duel": "how a GAN's critic stands: score gap, slope, the distance that it shows",
        },
        "loss": {"loss": "the mean of the training loss over a split"},
        "multilabel": {"multi-label": "label and subset accuracy, F1 where a sample has several labels"},
        "perceptual": {"perceptual": "content, style and variation as a fixed network sees them"},
        "regression": {"regression": "mean squared error, mean absolute error, R²"},
        "segmentation": {
            "segmentation": "pixel accuracy, IoU and Dice of label maps, by class and on average"
        },
    },
)
