"""What a report shows of a segmentation: by class, by picture, and what it said along training."""

from __future__ import annotations

from collections.abc import Sequence


from pellucid.tasks.task import Pictures
from pellucid.types.evaluation import Evaluation
from pellucid.types.recording import Probes, Recording
from pellucid.views.page import Section


def telling(evaluation: Evaluation) -> list[int]:
    return []


def segmentation_sections(
    evaluation: Evaluation,
    pictures: Pictures,
    probes: Probes | None,
    recordings: Sequence[Recording],
    classes: Sequence[str],
) -> list[Section]:
    return []
