"""Which methods of explaining are true of a network, over pictures of a data set.

Every method explains the same pictures' likeliest classes; its maps are then judged by what happens to the
network when they are taken at their word (`explain.faithfulness`), and so is a random map. Where the data
know the object's pixels, as the generated shapes do, the pointing game asks whether a map's maximum lies on
it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.data.loading import normalise
from pellucid.data.opening import open_data
from pellucid.data.shapes import Shapes, scene
from pellucid.data.source import Data
from pellucid.explain import METHODS
from pellucid.explain.faithfulness.check import BETTER, Effort, Judge, judge
from pellucid.explain.faithfulness.order import at_pixels, random_map
from pellucid.explain.faithfulness.pointing import MARGIN, pointing_game
from pellucid.recipes.experiment import open_run, restore
from pellucid.recipes.general import find_recipe
from pellucid.recipes.recipe import prepare
from pellucid.studies.study import Findings, Study
from pellucid.training.processes import ALONE
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap
from pellucid.views.contents import Table
from pellucid.views.faithfulness import faithfulness

POINTING, STRICTLY, HITS = "pointing", "on the object", "higher"
AT_ONCE = 8  # pictures

Scores = dict[str, list[float]]
"""A score's name → a number for each picture."""


@dataclass(frozen=True)
class FaithfulnessStudy(Study):
    network: str = "imagenet-squeezenet"
    """A run folder, or the name of a recipe or network with trained weights."""
    weights: str = ""
    """For a recipe or network: a file of weights, or published ones by name."""
    data: str = ""
    """A path; by default the network's own data."""
    split: str = "test"
    """Which split."""
    pictures: int = 25
    """How many, evenly spread over the split."""
    methods: tuple[str, ...] = (
        "grad-cam",
        "layer-cam",
        "saliency",
        "integrated-gradients",
        "guided-backpropagation",
        "lrp",
    )
    """Which methods, or all."""
    scores: tuple[str, ...] = ("deletion", "insertion", "infidelity")
    """deletion, insertion, infidelity and road, which takes longest."""
    steps: int = 20
    """Of a curve."""
    samples: int = 40
    """Of infidelity."""
    seed: int = 0
    """Of the random map and of samples."""

    def run(self) -> Findings:
        names = tuple(METHODS) if "all" in self.methods else self.methods
        chosen = {name: METHODS[name] for name in names}
        effort = Effort(self.scores, self.steps, self.samples, self.seed)
        if self.pictures < 1 or not chosen or not self.scores:
            raise InputError(
                f"expected pictures, methods and scores; got {self.pictures}, {names} and {self.scores}"
            )
        model, data = _opened(self)
        inputs, masks = _pictures(data, self.split, self.pictures)
        found: dict[str, Scores] = {}
        grains: dict[str, str] = {}  # of each method the random map that it is held against
        left_out: dict[str, str] = {}
        for part in torch.split(torch.arange(len(inputs)), AT_ONCE):
            by = judge(model, inputs[part], None, effort)
            own = None if masks is None else masks[part]
            told: set[str] = set()  # the random maps, one for each grain, that this part has
            for name, method in chosen.items():
                if name not in left_out:
                    heatmap = _explain(name, method, by, own, found, left_out)
                    if heatmap is not None:
                        grains[name] = _blind(by, heatmap, own, found, told)
        return _told(self, found, grains, left_out, len(inputs))


def _explain(
    name: str,
    method: Callable[..., Heatmap],
    by: Judge,
    masks: Tensor | None,
    found: dict[str, Scores],
    left_out: dict[str, str],
) -> Heatmap | None:
    """One method on one batch; one that does not apply is left out, with its reason."""
    try:
        heatmap = method(by.model, by.pictures)
    except InputError as error:
        left_out[name] = str(error)
        found.pop(name, None)
        return None
    print(f"{name}: {len(heatmap)} pictures", file=sys.stderr)
    _add(found.setdefault(name, {}), by.scores(at_pixels(heatmap)), heatmap, masks)
    return heatmap


def _blind(
    by: Judge, heatmap: Heatmap, masks: Tensor | None, found: dict[str, Scores], told: set[str]
) -> str:
    """The name of the random map of the grain of `heatmap`, whose scores are added once."""
    blind = random_map(heatmap, by.effort.seed)
    if blind.method not in told:
        told.add(blind.method)
        _add(found.setdefault(blind.method, {}), by.random(heatmap), blind, masks)
    return blind.method


def _add(
    scores: Scores, numbers: Mapping[str, tuple[float, ...]], heatmap: Heatmap, masks: Tensor | None
) -> None:
    for name, each in numbers.items():
        scores.setdefault(name, []).extend(each)
    if masks is not None:
        for score, tolerance in ((POINTING, MARGIN * min(heatmap.size)), (STRICTLY, 0.0)):
            hits = pointing_game(heatmap, masks, tolerance=tolerance)
            scores.setdefault(score, []).extend(hits.double().tolist())


def _opened(study: FaithfulnessStudy) -> tuple[nn.Module, Data]:
    """The network and the data, as the network sees them."""
    if (Path(study.network) / "run.json").exists():
        if study.weights:
            raise InputError(f"{study.network} is a run and has its own weights; leave --weights out")
        opened = open_run(Path(study.network))
        model, _ = restore(opened.folder, opened.recipe, opened.info, ALONE)
        settings = opened.recipe.data
        if study.data:
            settings = replace(settings, name="", path=Path(study.data))
        data = open_data(settings)
        return model, replace(data, info=replace(data.info, preprocessing=opened.info.preprocessing))
    recipe = find_recipe(study.network)
    settings = replace(recipe.data, path=Path(study.data)) if study.data else recipe.data
    weights = study.weights or recipe.model.weights
    if not weights:
        raise InputError(
            f"{study.network} has no trained weights of its own; give --weights, or a run folder"
        )
    network = replace(recipe.model, weights=weights, classifier="keep")
    prepared = prepare(replace(recipe, model=network, data=settings))
    return prepared.model, prepared.data


def _pictures(data: Data, split: str, count: int) -> tuple[Tensor, Tensor | None]:
    """Pictures as the network sees them, and the pixels of their main object where these are known."""
    if split not in data.splits or len(data.info.shape) != 3:
        raise InputError(
            f"{data.info.name} has no split {split!r} of pictures; it has {', '.join(data.splits)}"
        )
    source = data.splits[split]
    indices = torch.linspace(0, len(source) - 1, min(count, len(source))).long()
    batch = source.fetch(indices)
    return normalise(batch, data.info.preprocessing).inputs, _masks(data, split, indices, batch.inputs)


def _masks(data: Data, split: str, indices: Tensor, pictures: Tensor) -> Tensor | None:
    """Of the generated shapes, rendered anew: the splits are consecutive samples of one world."""
    if data.info.name != "shapes":
        return None
    before = list(data.splits)[: list(data.splits).index(split)]
    source = data.splits[split]
    start = source.start if isinstance(source, Shapes) else sum(len(data.splits[each]) for each in before)
    scenes = [scene(0, start + index, pictures.shape[2]) for index in indices.tolist()]
    same = all(
        np.array_equal(each.image, picture) for each, picture in zip(scenes, pictures.numpy(), strict=True)
    )
    return torch.from_numpy(np.stack([each.masks[0] for each in scenes])) if same else None


def _told(
    study: FaithfulnessStudy,
    found: dict[str, Scores],
    grains: dict[str, str],
    left_out: dict[str, str],
    count: int,
) -> Findings:
    if not grains:
        raise InputError("no method applies to this network: " + "; ".join(left_out.values()))
    better = {name: BETTER.get(name, HITS) for name in next(iter(found.values()))}
    means = {
        method: {name: float(np.mean(numbers)) for name, numbers in scores.items()}
        for method, scores in found.items()
    }
    columns = ["method"]
    for name in better:
        columns += [name, "wins"]
    ordered = sorted(found, key=lambda name: name in grains)  # the random maps first
    rows = tuple((method, *_cells(method, found, grains.get(method), better)) for method in ordered)
    words = (
        f"{study.network}, {count} pictures: the mean of each score, and at how many pictures a map beats a "
        "random one of the same grain."
    )
    reasons = " ".join(f"Left out {name}: {why}." for name, why in left_out.items())
    ways = ", ".join(f"{name}: {way} is better" for name, way in better.items())
    best: dict[str, Literal["max", "min"]] = {
        name: "min" if way == "lower" else "max" for name, way in better.items()
    }
    return Findings(
        "Which explanations are true",
        words,
        Table(
            tuple(columns),
            rows,
            f"{ways}. Wins are over the random map of the same grain. {reasons}".strip(),
            best=best,
        ),
        faithfulness(means, better, grains),
        {**asdict(study), "found": found, "random": grains, "left_out": left_out},
        "Beside a random map",
    )


def _cells(
    method: str, found: dict[str, Scores], random: str | None, better: dict[str, str]
) -> Sequence[Any]:
    """The mean of each score and the wins over `random`, which is None for a random map itself."""
    cells: list[Any] = []
    for name, way in better.items():
        ours = np.array(found[method][name])
        cells += [float(ours.mean()), None]
        if random is not None:
            theirs = np.array(found[random][name])
            wins = (ours < theirs if way == "lower" else ours > theirs).sum()
            cells[-1] = f"{wins}/{len(ours)}"
    return cells


STUDIES: dict[str, type[Study]] = {"faithfulness": FaithfulnessStudy}
