"""Runs side by side: their curves in the same panels, their numbers and settings in the same tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.runs.folder import RunFolder
from pellucid.types.errors import InputError
from pellucid.views.contents import Content, Table
from pellucid.views.curves import Curve, over_training
from pellucid.views.page import Page, Section


@dataclass(frozen=True)
class Compared:
    """One run's part in a comparison: `metrics` of the best weights on the test split, or else of the last
    evaluation.
    """

    name: str
    description: Mapping[str, Any]
    steps: Sequence[Mapping[str, Any]]
    evaluations: Sequence[Mapping[str, Any]]
    metrics: Mapping[str, float]


def read_compared(runs: Sequence[RunFolder]) -> list[Compared]:
    """What is compared of each run, called by its folder. Raises `InputError` for a run that was never
    evaluated.
    """
    names = distinct_names(runs)
    return [_read(run, name) for run, name in zip(runs, names, strict=True)]


def distinct_names(runs: Sequence[RunFolder]) -> list[str]:
    """The folders' names, with as much of the path before them as tells them apart."""
    paths = [run.path.resolve().parts for run in runs]
    if len(set(paths)) < len(paths):
        raise InputError("the same run is named twice")
    length = 1
    while len({parts[-length:] for parts in paths}) < len(paths):
        length += 1
    return ["/".join(parts[-length:]) for parts in paths]


def _read(run: RunFolder, name: str) -> Compared:
    evaluations = run.log.read("evaluation")
    if not evaluations:
        raise InputError(f"{run.path} has not been evaluated yet, so there is nothing to compare")
    kept = run.read_evaluation("test")
    if kept:
        return Compared(name, run.describe(), run.log.read("step"), evaluations, kept[0].metrics)
    last = evaluations[-1]
    name = f"{name} (last weights, on {last['split']})"
    return Compared(name, run.describe(), run.log.read("step"), evaluations, last["metrics"])


def build_comparison(runs: Sequence[Compared]) -> Page:
    """A page with everything that tells the runs apart."""
    differing = different_settings(runs)
    sections = [
        Section(
            "Results",
            (metrics_table(runs),),
            "With the best weights, on the test split, unless said otherwise.",
        ),
        Section("Training", tuple(_curves(runs))),
        Section(
            "What was different",
            (Table(("setting", *(run.name for run in runs)), tuple(differing)),) if differing else (),
            "" if differing else "The recipes are the same.",
        ),
    ]
    return Page("Comparison", ", ".join(run.name for run in runs), tuple(sections))


def metrics_table(runs: Sequence[Compared]) -> Table:
    """One run a row; a metric that a run lacks is a dash."""
    names = list(dict.fromkeys(name for run in runs for name in run.metrics))
    rows = tuple((run.name, *(run.metrics.get(name) for name in names)) for run in runs)
    return Table(("run", *names), rows)


def _curves(runs: Sequence[Compared]) -> Iterator[Content]:
    losses = [
        Curve(
            [line["epoch"] for line in run.steps],
            [sum(line["losses"].values()) for line in run.steps],
            run=run.name,
            part="train",
        )
        for run in runs
        if run.steps
    ]
    if losses:
        yield over_training("Training loss", losses, smooth=9)
    for metric in dict.fromkeys(name for run in runs for line in run.evaluations for name in line["metrics"]):
        yield over_training(
            metric,
            [
                Curve(
                    [line["epoch"] for line in run.evaluations],
                    [line["metrics"].get(metric, np.nan) for line in run.evaluations],
                    run=run.name,
                    part=run.evaluations[-1]["split"],
                )
                for run in runs
            ],
        )


def different_settings(runs: Sequence[Compared]) -> list[tuple[str, ...]]:
    """One row for each field of the recipes, and each version, that is not the same in all runs."""
    flat = [
        {**dict(_flat(run.description["recipe"])), **dict(_flat(run.description["versions"]))} for run in runs
    ]
    fields = dict.fromkeys(field for each in flat for field in each)
    values = {field: [each.get(field, "–") for each in flat] for field in fields}
    return [(field, *each) for field, each in values.items() if len(set(each)) > 1]


def _flat(tree: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        name = f"{where}.{key}" if where else str(key)
        if isinstance(value, Mapping):
            yield from _flat(value, name)
        else:
            yield name, str(value)
