"""What a run's report shows of the network's inside: why it erred, what its first filters look for, and which
pictures it finds alike.
"""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.types.insight import Embedded, ExcitedFilters, ExplainedMistakes, Insight
from pellucid.views.embedding import embedding_map
from pellucid.views.excitation import Example, channel_sheet
from pellucid.views.explanation import explanation
from pellucid.views.page import Section


def mistake_section(insight: Insight | None) -> list[Section]:
    if insight is None or insight.mistakes is None:
        return []
    shown: ExplainedMistakes = insight.mistakes
    figure = explanation(
        list(shown.pictures), shown.heatmap, [f"truly {truth}" for truth in shown.truths], scaling="each"
    )
    lead = (
        "Where the evidence for the wrong answer lies, by Grad-CAM: a picture that was taken for another "
        "class, and beside it a map for the class that was said. Each map has a scale of its own."
    )
    return [Section("Why it erred", (figure,), lead)]


def filter_section(insight: Insight | None) -> list[Section]:
    if insight is None or insight.filters is None:
        return []
    shown: ExcitedFilters = insight.filters
    rows = {
        f"{shown.layer}[{channel}]": [
            Example(crop, float(value), f"rank {rank}", (0, 0, *crop.shape[1:]))
            for rank, (crop, value) in enumerate(zip(crops, values, strict=True), 1)
        ]
        for channel, (crops, values) in enumerate(zip(shown.crops, shown.values, strict=True))
    }
    lead = (
        f"What the strongest unit of each channel of {shown.layer} sees, the strongest picture first, of "
        f"{shown.samples:,} pictures ({insight.split}), at most one place a picture. Beyond a picture's edge "
        "its last pixels go on."
    )
    return [Section("What excites the first filters", (channel_sheet(rows, ""),), lead)]


def embedding_section(insight: Insight | None, classes: Sequence[str]) -> list[Section]:
    if insight is None or insight.embedded is None:
        return []
    shown: Embedded = insight.embedded
    names = classes if len(shown.labels) else ()
    figure = embedding_map(shown.places, shown.labels, names, shown.pictures, caption=f"{shown.words}.")
    lead = (
        f"The {insight.split} split as {shown.layer} sees it: pictures that it finds alike lie near one "
        "another. Point at a dot to see its picture."
    )
    return [Section("What it finds alike", (figure,), lead)]
