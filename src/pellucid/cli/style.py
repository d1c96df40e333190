"""`pellucid style`: one picture painted in the style of another."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from torch import nn

from pellucid.cli.figures import write_figure
from pellucid.cli.run_or_network import NetworkCall, class_names, open_trained, read_network_call
from pellucid.data.decode import decode
from pellucid.recipes.general import find_recipe
from pellucid.recipes.opened import is_run, some_classes
from pellucid.runs.atomic import write_file
from pellucid.synthesis.style import stylise
from pellucid.synthesis.style_settings import QUICK, StyleSettings
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError
from pellucid.types.stylisation import Stylised
from pellucid.views.axes import number
from pellucid.views.style import Frame, styled

ABOUT = """One picture painted in the style of another, by optimising its pixels until a network sees in it
the content of the one and the style of the other. Any classifier of pictures will do.

Example: pellucid style photo.jpg painting.jpg --out painted.png

Example: pellucid style photo.jpg painting.jpg --network imagenet-squeezenet --weights squeezenet.pt
"""
_PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_PAGES = (".html", ".json")


@dataclass(frozen=True, kw_only=True)
class Call(NetworkCall):
    content: Annotated[Path, tyro.conf.Positional]
    """The picture to paint."""
    style: Annotated[Path, tyro.conf.Positional]
    """The picture in whose style; of any size."""
    what: Annotated[str, tyro.conf.arg(name="network")] = "torchvision/vgg19"
    """The network that judges: a run folder, or the name of a recipe or network."""
    out: Path = Path("styled.png")
    """What to write: the picture (.png, .jpg, .webp), rewritten as it grows; or a page with the way to it
    (.html), or that as data (.json). One that is there is replaced.
    """
    quick: bool = False
    """Small and rough: 128 pixels, 60 steps."""
    how: Annotated[StyleSettings, tyro.conf.arg(name="")] = field(
        default_factory=lambda: StyleSettings(side=256)
    )


def main(arguments: Sequence[str]) -> int:
    call = read_network_call(Call, arguments, command="style", about=ABOUT)
    if call.out.suffix.lower() not in (*_PICTURES, *_PAGES):
        raise InputError(f"--out writes {', '.join((*_PICTURES, *_PAGES))}; got {call.out}")
    content, style = decode(call.content), decode(call.style)
    model, preprocessing = _network(call)
    how = _quick(call.how) if call.quick else call.how
    console = Console(soft_wrap=True, highlight=False)
    growing = stylise(model, content, style, preprocessing, how)
    frames, last = _painted(growing, call.out, console)
    for note in last.notes:
        console.print(f"  note: {note}", style="yellow")
    console.print(
        f"{_told(last)} after {last.steps} steps, {last.evaluations} evaluations in {last.precision}"
    )
    if call.out.suffix.lower() in _PAGES:
        caption = ", ".join(f"{name} {value}" for name, value in last.options.items() if value != "")
        title = f"{call.content.name} in the style of {call.style.name}"
        figure = styled(content.numpy(), style.numpy(), frames, title, f"{_layers(last)}. {caption}.")
        write_figure(figure, call.out)
    console.print(f"picture: {call.out}")
    return 0


def _network(call: Call) -> tuple[nn.Module, Preprocessing]:
    """The network that judges, and how it sees pictures."""
    if not is_run(call.what) and not call.weights and call.what.startswith(("torchvision/", "timm/")):
        call = replace(call, weights=call.what)
    weights = "" if is_run(call.what) else call.weights or find_recipe(call.what).model.weights or ""
    names = class_names(call.classes) or (some_classes(weights) if weights else ())
    network = open_trained(call, names)
    return network.model, network.preprocessing


def _quick(how: StyleSettings) -> StyleSettings:
    """As `QUICK`, but for what was said."""
    usual = Call(content=Path(), style=Path()).how
    said = {
        each.name: getattr(how, each.name)
        for each in fields(how)
        if getattr(how, each.name) != getattr(usual, each.name)
    }
    return replace(QUICK, **said)


def _painted(growing: Iterable[Stylised], out: Path, console: Console) -> tuple[list[Frame], Stylised]:
    """Follow the picture as it grows, on the terminal and in `out`; all that was seen, and the last."""
    frames: list[Frame] = []
    with console.status("painting") as status:
        for last in growing:
            if not frames:
                console.print(_layers(last))
            frames.append(Frame(last.step, last.pixels(), last.losses))
            status.update(f"step {last.step} of {last.steps} · {_told(last)}")
            if out.suffix.lower() in _PICTURES:
                write_file(out, _file(frames[-1].picture, _PICTURES[out.suffix.lower()]))
    return frames, last


def _file(picture: NDArray[np.uint8], kind: str) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(picture.transpose(1, 2, 0) if len(picture) == 3 else picture[0])
    image.save(stream, kind, quality=95)
    return stream.getvalue()


def _layers(found: Stylised) -> str:
    return f"content by {', '.join(found.content_layers)}; style by {', '.join(found.style_layers)}"


def _told(found: Stylised) -> str:
    height, width = found.picture.shape[1:]
    losses = ", ".join(f"{name} {number(loss, 3)}" for name, loss in found.losses.items())
    return f"{height} × {width} · {losses}"
