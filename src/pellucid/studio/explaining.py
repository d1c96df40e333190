"""Explanations that a page asked for: several methods of one picture, one after the other in a job."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pellucid.data.decode import load_picture
from pellucid.explain import METHODS
from pellucid.explain.faithfulness.check import judge
from pellucid.explain.target import Target, likeliest
from pellucid.explain.target_text import parse_target
from pellucid.recipes.opened import OpenedNetwork
from pellucid.studio.called import Called
from pellucid.studio.jobs import Report
from pellucid.studio.pictures import Picture
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap
from pellucid.views.explanation import contact_sheet
from pellucid.views.figure import Figure


@dataclass(frozen=True)
class Question:
    """`target` as on the command line, "" for the likeliest class; `layer` "" for the method's own choice."""

    network: str
    picture: str
    methods: tuple[str, ...]
    target: str = ""
    layer: str = ""
    check: bool = False


@dataclass
class Explained:
    """What was found so far, by method: a heat map, or the reason why there is none."""

    question: Question
    called: Called
    found: dict[str, Heatmap | str] = field(default_factory=dict)

    def heatmap(self, method: str) -> Heatmap:
        found = self.found.get(method)
        if not isinstance(found, Heatmap):
            raise InputError(found or f"{method[:40]} is not explained yet")
        return found


def target_of(text: str, classes: Sequence[str]) -> Target:
    return parse_target(text, classes) if text else likeliest(classes)


def explain(explained: Explained, opened: OpenedNetwork, picture: Picture, report: Report) -> None:
    """Fill in `explained`, a method at a time."""
    question = explained.question
    target = target_of(question.target, opened.classes)
    inputs = opened.inputs(load_picture(picture.content, opened.preprocessing)[None])
    judged = judge(opened.model, inputs, target if question.target else None) if question.check else None
    for at, name in enumerate(question.methods):
        report(at / len(question.methods), name)
        method = METHODS[name]
        options: dict[str, Any] = {}
        if question.layer and "layer" in inspect.signature(method).parameters:
            options["layer"] = question.layer
        try:
            made = method(opened.model, inputs, target, **options)
            explained.found[name] = judged.check(made).beside(made) if judged else made
        except InputError as error:
            explained.found[name] = str(error)


def sheet_of(explained: Sequence[Explained], opened: OpenedNetwork, pictures: Sequence[Picture]) -> Figure:
    """The maps of all pictures beside one another, a row for each method that applies to all of them.

    Raises `InputError` where nothing is found yet, and for pictures that were asked different things.
    """
    first = explained[0].question
    if any(
        (each.question.network, each.question.methods) != (first.network, first.methods) for each in explained
    ):
        raise InputError("one sheet shows what the same methods say of one network")
    seen = [load_picture(picture.content, opened.preprocessing).numpy() for picture in pictures]
    if len({pixels.shape for pixels in seen}) > 1:
        raise InputError("the network sees these pictures in different sizes: save each by itself")
    made, left_out = [], {}
    for method in first.methods:
        found = [each.found.get(method, "not explained yet") for each in explained]
        maps = [each for each in found if isinstance(each, Heatmap)]
        if len(maps) == len(found):
            made.append(Heatmap.joined(maps))
        else:
            left_out[method] = next(each for each in found if isinstance(each, str))
    if not made:
        raise InputError("no method has found anything yet")
    return contact_sheet(seen, made, [picture.name for picture in pictures], left_out)


def python_of(explained: Explained, method: str) -> str:
    """A program that makes the same map."""
    question, called = explained.question, explained.called
    module = METHODS.module(method).__name__
    function = METHODS[method].__name__
    layer = f", layer={question.layer!r}" if question.layer else ""
    target = f"parse_target({question.target!r}, network.classes)" if question.target else "None"
    lines = [
        "from pathlib import Path",
        "",
        *(["from pellucid.explain.target_text import parse_target"] if question.target else []),
        f"from {module} import {function}",
        "from pellucid.data.decode import load_picture",
        called.imported,
        "",
        f"network = {called.opened}",
        'picture = load_picture(Path("PICTURE"), network.preprocessing)',
        f"heatmap = {function}(network.model, network.inputs(picture[None]), {target}{layer})",
    ]
    return "\n".join(lines)


def command_of(explained: Explained, method: str) -> str:
    """The command that makes the same picture."""
    question = explained.question
    words = ["pellucid explain", explained.called.words(), "PICTURE", f"--method {method}"]
    words += [f"--target {shlex.quote(question.target)}"] if question.target else []
    words += [f"--layer {shlex.quote(question.layer)}"] if question.layer else []
    words += ["--check"] if question.check else []
    return " ".join(words)
