"""Evaluate a network on a split: every sample exactly once, over any number of processes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.inspection.modes import evaluation_mode
from pellucid.tasks.task import Task
from pellucid.training.execution import Execution
from pellucid.training.processes import ALONE, Processes
from pellucid.types.batch import Batch
from pellucid.types.evaluation import Evaluation


def evaluate(
    model: nn.Module,
    task: Task,
    batches: Iterable[Batch],
    execution: Execution,
    *,
    split: str,
    step: int = 0,
    processes: Processes = ALONE,
) -> Evaluation:
    """What `model` says of `batches`, this process's share of the split; the result is of the whole split, in
    every process.
    """
    metrics = task.metrics()
    kept: list[tuple[Tensor, Tensor, Any]] = []
    with evaluation_mode(model), torch.inference_mode():
        for batch in batches:
            with execution.autocast():
                output = task.forward(model, batch)
            for metric in metrics:
                metric.update(output, batch)
            probed = task.probe(output, batch).float().cpu()
            kept.append((batch.indices.cpu(), probed, _few_numbers(batch.targets)))
    numbers: dict[str, float] = {}
    for mine, everyone in zip(metrics, zip(*processes.gather(metrics), strict=True), strict=True):
        for other in everyone[: processes.rank] + everyone[processes.rank + 1 :]:
            mine.merge(other)
        numbers |= mine.compute()
    indices, outputs, targets = _joined([item for share in processes.gather(kept) for item in share])
    return Evaluation(split, step, numbers, indices, targets, outputs)


def _few_numbers(targets: Any) -> Any:
    """Targets of a number, or a row of them, a sample; None for label maps and all that would fill memory."""
    return targets.cpu() if isinstance(targets, Tensor) and targets.ndim <= 2 else None


def _joined(kept: list[tuple[Tensor, Tensor, Any]]) -> tuple[Any, Any, Any]:
    """Indices, outputs and targets as arrays in the order of the split."""
    indices = torch.cat([item[0] for item in kept])
    order = torch.argsort(indices)
    targets = [item[2] for item in kept]
    truth = torch.cat(targets)[order].numpy() if all(t is not None for t in targets) else np.empty(0)
    return indices[order].numpy(), torch.cat([item[1] for item in kept])[order].numpy(), truth
