"""`pellucid explain`: where in pictures the evidence for what a network says lies."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro
from rich.console import Console
from torch import Tensor, nn

from pellucid.cli.method_options import read_options
from pellucid.cli.run_or_network import NetworkCall, open_called, read_network_call
from pellucid.data.decode import load_picture
from pellucid.explain import METHODS
from pellucid.explain.faithfulness.check import judge
from pellucid.explain.running import fitting, settle
from pellucid.explain.target import Target, likeliest
from pellucid.explain.target_text import parse_target
from pellucid.runs.atomic import write_file
from pellucid.runs.log import json_text
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError
from pellucid.types.heatmap import Heatmap
from pellucid.views.explanation import contact_sheet, details, explanation, record, summary_table
from pellucid.views.page import Page, Section

Method = Callable[..., Heatmap]

ABOUT = """Where in pictures the evidence for what a network says lies, by one method or all of them.

Example: pellucid explain runs/digits-lenet5 seven.png --method grad-cam

Example: pellucid explain resnet50 --weights torchvision/resnet50 dog.jpg --method all --target beagle-basset
"""

AT_ONCE = 16  # pictures


@dataclass(frozen=True, kw_only=True)
class Call(NetworkCall):
    images: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Picture files."""
    method: str = "grad-cam"
    """A name of `pellucid list methods`, or all."""
    target: str | None = None
    """What to explain: a class by number or name, or several, as 2*207+0.5*208 or 207-208; likeliest, second
    and third are what the network finds so. By default each picture's likeliest class.
    """
    layer: tuple[str, ...] = ()
    """The layers to look at, as `pellucid inspect` names them, or operations, layer1.0:add; by default the
    last map before the head.
    """
    option: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A setting of the method, as NAME=VALUE; once for each."""
    out: Path | None = None
    """The picture to write, .png or .html; explanation.png by default."""
    scale: Literal["shared", "each"] = "shared"
    """Whether one scale holds the maps of all pictures, or each has its own."""
    opacity: float = 0.85
    """Of the map over the picture, 0 to 1."""
    check: bool = False
    """Score each map, and a random one beside it: how the network takes it when what the map points at is
    taken away, or is all there is (deletion, insertion, ROAD, infidelity).
    """
    json: bool = False
    """Print as JSON, one object a picture and method; then a picture is written only if --out is given."""


def main(arguments: Sequence[str]) -> int:
    call = read_network_call(Call, arguments, command="explain", about=ABOUT)
    methods = _asked(call)
    options = read_options(methods, call.option)
    network = open_called(call)
    classes, preprocessing = network.classes, network.info.preprocessing  # of its size, where it has one
    target = parse_target(call.target, classes) if call.target else likeliest(classes)
    pictures = _read(call.images, preprocessing)
    inputs = network.inputs(pictures)
    # What is wrong with the network, the pictures or the target is wrong for every method.
    settle(network.model, fitting(network.model, inputs[:1]), target)
    judged = judge(network.model, inputs, target if call.target else None) if call.check else None
    heatmaps, left_out = [], {}
    for name, method in methods.items():
        settings = options[name] | _where(method, call.layer, preprocessing)
        with _told(name, quiet=len(methods) == 1):
            try:
                made = _explained(method, network.model, inputs, target, settings)
                heatmaps.append(judged.check(made).beside(made) if judged else made)
            except InputError as error:
                if call.method != "all":
                    raise
                left_out[name] = str(error)
    if call.json:
        _print_json(call.images, heatmaps, left_out)
    if call.out is not None or not call.json:
        _write(call, pictures, heatmaps, left_out)
    return 0


def _asked(call: Call) -> dict[str, Method]:
    if not call.images:
        raise InputError("name at least one picture: pellucid explain RUN IMAGE…")
    if call.out is not None and call.out.suffix not in (".png", ".html"):
        raise InputError(f"--out writes a .png or .html file; got {call.out}")
    if not 0 <= call.opacity <= 1:
        raise InputError(f"--opacity is a number from 0 to 1; got {call.opacity:g}")
    names = list(METHODS) if call.method == "all" else [call.method]
    methods = {name: METHODS[name] for name in names}
    if call.layer and not any("layer" in inspect.signature(each).parameters for each in methods.values()):
        raise InputError(f"{call.method} looks at the whole network, not at a layer; leave --layer out")
    return methods


def _read(paths: Sequence[Path], preprocessing: Preprocessing) -> Tensor:
    """(b, c, h, w) uint8. Raises `InputError` where they differ in size and the network takes them so."""
    pictures = [load_picture(path, preprocessing) for path in paths]
    for path, picture in zip(paths, pictures, strict=True):
        if picture.shape != pictures[0].shape:
            sizes = [" × ".join(map(str, each.shape[-2:])) for each in (picture, pictures[0])]
            raise InputError(
                f"{path} has {sizes[0]} pixels and {paths[0]} {sizes[1]}; this network takes pictures as "
                "they are, so explain those of one size at a time"
            )
    return torch.stack(pictures)


def _explained(
    method: Method,
    model: nn.Module,
    inputs: Tensor,
    target: Target,
    settings: Mapping[str, Any],
) -> Heatmap:
    """A few pictures at a time, so that memory does not grow with their number."""
    return Heatmap.joined([method(model, part, target, **settings) for part in torch.split(inputs, AT_ONCE)])


def _where(method: Method, layer: tuple[str, ...], preprocessing: Preprocessing) -> dict[str, Any]:
    """What a method is told that its options do not say: where to look, and what pixels are to it."""
    given: dict[str, Any] = {"preprocessing": preprocessing}
    if layer:
        given["layer"] = layer[0] if len(layer) == 1 else layer
    return {name: value for name, value in given.items() if name in inspect.signature(method).parameters}


@contextmanager
def _told(name: str, *, quiet: bool) -> Iterator[None]:
    """Say how long a method took, where there are several."""
    started = time.perf_counter()
    yield
    if not quiet:
        print(f"{name}: {time.perf_counter() - started:.1f} s", file=sys.stderr)


def _print_json(paths: Sequence[Path], heatmaps: Sequence[Heatmap], left_out: Mapping[str, str]) -> None:
    for heatmap in heatmaps:
        for place, path in enumerate(paths):
            print(json_text({"image": str(path), **record(heatmap, place)}))
    for method, reason in left_out.items():
        print(json_text({"method": method, "left_out": reason}))


def _write(call: Call, pictures: Tensor, heatmaps: list[Heatmap], left_out: Mapping[str, str]) -> None:
    if not heatmaps:
        raise InputError("no method applies to this network: " + "; ".join(left_out.values()))
    path, names = call.out or Path("explanation.png"), [image.stem for image in call.images]
    drawn = list(pictures.numpy())
    if call.method == "all":
        figure = contact_sheet(drawn, heatmaps, names, left_out, scaling=call.scale, opacity=call.opacity)
    else:
        figure = explanation(drawn, heatmaps[0], names, scaling=call.scale, opacity=call.opacity)
    if path.suffix == ".png":
        write_file(path, figure._repr_png_())
    else:
        table = summary_table(heatmaps, left_out)
        subtitle = f"{call.what}: {', '.join(dict.fromkeys(heatmaps[0].targets))}"
        sections = (Section("Maps", (figure,)), Section("Methods", (table,)))
        write_file(path, Page(f"Explained by {call.method}", subtitle, sections).to_html())
    console = Console(soft_wrap=True, highlight=False)
    for heatmap in heatmaps if call.method != "all" else ():
        for place, name in enumerate(names):
            console.print(
                f"{name}: {heatmap.targets[place]} · {details(heatmap, place).replace(chr(10), ' · ')}"
            )
    for method, reason in left_out.items():
        console.print(f"left out {method}: {reason}")
    console.print(f"written: {path}")
