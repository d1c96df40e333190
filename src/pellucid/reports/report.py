"""A run's report: one page that a person enjoys reading, complete in itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.inspection.health import diagnose
from pellucid.reports.insight import embedding_section, filter_section, mistake_section
from pellucid.runs.atomic import write_file
from pellucid.runs.folder import RunFolder
from pellucid.runs.insight import read_insight
from pellucid.runs.recordings import read_probes, read_recordings
from pellucid.tasks.task import Task
from pellucid.types.errors import InputError
from pellucid.types.evaluation import Evaluation
from pellucid.types.recording import Probes, Recording
from pellucid.views.contents import Code, Content, KeyNumber, KeyNumbers, Steps, Table
from pellucid.views.curves import Curve, learning_rate, over_training
from pellucid.views.figure import beside, even_columns
from pellucid.views.layers import (
    activation_statistics,
    dead_units,
    feature_maps,
    filter_scale,
    filters,
    gradient_flow,
    map_scales,
    saturation,
    weight_norms,
)
from pellucid.views.page import Page, Section
from pellucid.views.words import counted

_STEPS = 20  # as many recorded steps go into the page
_ACROSS = 6  # panels beside one another
_PROBES = 3  # whose feature maps are shown


def write_report(run: RunFolder, task: Task) -> None:
    """Write `report.html` from what the run holds. Raises `InputError` if nothing was logged yet."""
    write_file(run.report, build_report(run, task).to_html())


def build_report(run: RunFolder, task: Task) -> Page:
    description = run.describe()
    evaluations = run.log.read("evaluation")
    if not evaluations:
        raise InputError(
            f"{run.path} has not been evaluated yet, so there is nothing to report; train on with --resume"
        )
    kept = run.read_evaluation("test")
    probes = read_probes(run.recordings)
    recordings = thinned(read_recordings(run.recordings), _STEPS)
    insight = read_insight(run)
    recipe, data = description["recipe"], description["data"]
    sections = [
        Section(
            "In short",
            (_key_numbers(run, description, task, kept), _metrics_table(evaluations, kept)),
            _caveats(run, evaluations),
        ),
        Section("Training", tuple(_training_curves(run, evaluations, task.primary))),
        *(task.sections(*kept, probes, recordings) if kept else []),
        *mistake_section(insight),
        *_learned(recordings, probes),
        *filter_section(insight),
        *embedding_section(insight, data["classes"]),
        *_health(recordings),
        Section("Data", (_data_table(data),), _left_out(data)),
        _reproduce(description),
    ]
    versions = " · ".join(f"{name} {version}" for name, version in description["versions"].items())
    started = description["started"][:16].replace("T", " ")
    subtitle = f"{recipe['model']['name']} on {data['name']}, started {started}"
    return Page(recipe["name"], subtitle, tuple(sections), f"{versions} · {description['platform']}")


def thinned(recordings: Sequence[Recording], most: int) -> list[Recording]:
    """At most `most` of the recordings: the first, the last, and others spread evenly over their order."""
    if len(recordings) <= most:
        return list(recordings)
    places = np.unique(np.linspace(0, len(recordings) - 1, most).round().astype(int))
    return [recordings[place] for place in places]


def _caveats(run: RunFolder, evaluations: Sequence[Mapping[str, Any]]) -> str:
    """What a reader should know before the numbers."""
    said = [f"{note[0].upper()}{note[1:]}." for note in run.log.notes()]
    if evaluations[-1]["split"] == "test":
        said.append(
            "The best weights were chosen on the test split, since nothing else was held out, so its numbers "
            "flatter them a little; data.validation holds a part of the training samples out for that."
        )
    return "\n\n".join(said)


def _key_numbers(
    run: RunFolder, description: Mapping[str, Any], task: Task, kept: tuple[Evaluation, Any] | None
) -> KeyNumbers:
    finished, last = run.log.read("finished"), run.log.read("evaluation")[-1]
    numbers = []
    if kept is not None and task.primary[0] in kept[0].metrics:
        value = kept[0].metrics[task.primary[0]]
        numbers.append(
            KeyNumber(f"{value:.4f}", f"{task.primary[0]} on test", f"best weights, step {kept[0].step:,}")
        )
    if finished:
        seconds, epochs = finished[-1]["seconds"], last["epoch"]
        numbers.append(
            KeyNumber(
                f"{seconds / 60:.1f} min" if seconds > 90 else f"{seconds:.0f} s",
                "training",
                "1 epoch" if epochs == 1 else f"{epochs:g} epochs",
            )
        )
    taken, noun = counted(last["step"], "step").split()
    numbers.append(KeyNumber(taken, noun, f"batches of {description['recipe']['training']['batch_size']}"))
    numbers.append(
        KeyNumber(f"{description['parameters']:,}", "weights", description["recipe"]["model"]["name"])
    )
    return KeyNumbers(tuple(numbers))


def _metrics_table(evaluations: Sequence[Mapping[str, Any]], kept: tuple[Evaluation, Any] | None) -> Table:
    last = evaluations[-1]
    best = kept[0].metrics if kept else {}
    rows = tuple((name, value, best.get(name)) for name, value in last["metrics"].items())
    return Table(("metric", f"last, on {last['split']}", "best weights, on test"), rows)


def _training_curves(
    run: RunFolder, evaluations: Sequence[Mapping[str, Any]], primary: tuple[str, bool]
) -> list[Content]:
    steps = run.log.read("step")
    at = [line["epoch"] for line in evaluations]
    name, higher = primary
    losses = _by_name(steps, "losses")
    if all("loss" in line["metrics"] for line in evaluations):
        losses.append(
            Curve(at, [line["metrics"]["loss"] for line in evaluations], part=evaluations[-1]["split"])
        )
    split = evaluations[-1]["split"]
    judged = Curve(at, [line["metrics"].get(name, np.nan) for line in evaluations], part=split)
    metric = over_training(name, [judged], best="max" if higher else "min")
    if not losses:
        return [metric]
    rate = learning_rate([line["step"] for line in steps], [line["lr"] for line in steps])
    shown: list[Content] = [beside(over_training("Loss", losses, smooth=9), metric)]
    norms = _by_name(steps, "gradient_norms")
    if len(norms) > 1:  # players, whose balance it shows
        shown.append(over_training("Norm of the gradient", norms, scale="log", smooth=9))
    return [*shown, rate]


def _by_name(steps: Sequence[Mapping[str, Any]], kind: str) -> list[Curve]:
    """One curve for each of the logged values of a `kind`, over the steps that have it."""
    names = dict.fromkeys(name for line in steps for name in line[kind])
    curves = []
    for name in names:
        lines = [line for line in steps if name in line[kind]]
        at, values = [line["epoch"] for line in lines], [line[kind][name] for line in lines]
        curves.append(Curve(at, values, part="train" if name == "loss" else name))
    return curves


def _learned(recordings: Sequence[Recording], probes: Probes | None) -> list[Section]:
    """Filters and feature maps at the recorded steps."""
    sections = []
    with_filters = [recording for recording in recordings if recording.filters is not None]
    if with_filters:
        scale = filter_scale(with_filters)
        frames = {
            each.step: filters(each.filters, scale) for each in with_filters if each.filters is not None
        }
        lead = "The first convolution's filters, from the random start to the end, on one colour scale."
        sections.append(Section("First filters", (Steps(frames),), lead))
    with_maps = [recording for recording in recordings if recording.maps]
    if with_maps and probes is not None:
        scales = map_scales(with_maps)
        columns = even_columns(1 + len(with_maps[0].maps), _ACROSS)
        count = min(_PROBES, *(len(maps) for maps in with_maps[0].maps.values()))
        contents = tuple(
            Steps(
                {
                    each.step: feature_maps(each, probe, picture=picture, scales=scales, columns=columns)
                    for each in with_maps
                }
            )
            for probe, picture in enumerate(probes.pictures[:count])
        )
        lead = "What layers answer to a picture, in the order of execution, each on one scale for all steps."
        sections.append(Section("Feature maps", contents, lead))
    return sections


def _health(recordings: Sequence[Recording]) -> list[Section]:
    """Gradients, activations and dead units over time."""
    trained = [each for each in recordings if any(layer.gradient_norm is not None for layer in each.layers)]
    if not trained:
        return []
    shown: list[Content] = [gradient_flow(trained), activation_statistics(recordings)]
    if any(layer.dead is not None for layer in recordings[-1].layers):
        shown.append(dead_units(recordings))
    if any(layer.saturated is not None for layer in recordings[-1].layers):
        shown.append(saturation(recordings))
    shown.append(weight_norms(recordings))
    lead = ["Each row of a map is a layer, from the input at the top."]
    lead += [
        f"{found.words[0].upper()}{found.words[1:]}. {found.advice[0].upper()}{found.advice[1:]}."
        for found in diagnose(recordings)
    ]
    return [Section("Inside the network", tuple(shown), "\n\n".join(lead))]


def _data_table(data: Mapping[str, Any]) -> Table:
    rows: list[tuple[str, str]] = [
        ("name", data["name"]),
        ("one input", " × ".join(str(side) for side in data["shape"])),
        *((f"{split} samples", f"{count:,}") for split, count in data["counts"].items()),
    ]
    if data["classes"]:
        pairs = zip(data["classes"], data["class_counts"], strict=True)
        names = ", ".join(f"{name} ({count:,})" for name, count in list(pairs)[:30])
        rows.append((f"{len(data['classes'])} classes", names + (", …" if len(data["classes"]) > 30 else "")))
    rows.append(("fingerprint", data["fingerprint"]))
    return Table(("", ""), tuple(rows))


def _left_out(data: Mapping[str, Any]) -> str:
    left = data["left_out"]
    if not left:
        return ""
    named = "; ".join(f"{each['path']} ({each['reason']})" for each in left[:5])
    verb = "was" if len(left) == 1 else "were"
    more = "; …" if len(left) > 5 else ""
    return f"{counted(len(left), 'file')} could not be used and {verb} left out: {named}{more}."


def _reproduce(description: Mapping[str, Any]) -> Section:
    command = "pellucid train " + " ".join(description["command"]) if description["command"] else ""
    contents: list[Content] = [Code(command, "The command")] if command else []
    contents.append(Code(json.dumps(description["recipe"], indent=2), "The resolved recipe"))
    code = description["code"]
    state = (
        f"Code at commit {code['commit'][:12]}{', with changes' if code['changed'] else ''}." if code else ""
    )
    return Section("How to reproduce", tuple(contents), state)
