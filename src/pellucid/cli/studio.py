"""`pellucid studio`: walk through networks in the browser."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from pellucid.cli.arguments import parse
from pellucid.types.errors import InputError

ABOUT = """Walk through networks in the browser: a local web application, behind a token.

Example: pellucid studio --model resnet18 --image cat.jpg

Example: pellucid studio runs
"""


@dataclass(frozen=True)
class Call:
    runs: Annotated[Path, tyro.conf.Positional] = Path("runs")
    """The folder of runs."""
    model: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A network to begin with, once for each: a name of `pellucid list models`, torchvision/NAME, timm/NAME,
    path/to/file.py:factory, or a run's folder.
    """
    weights: str = ""
    """Trained weights for the first --model: a file, or published ones by name."""
    classes: Path | None = None
    """A file with the names of its classes, one a line; by default as the weights say."""
    image: tuple[Path, ...] = ()
    """Pictures to look at it with."""
    data: tuple[Path, ...] = ()
    """Folders of data that may be looked at and trained with."""
    port: int = 8765
    """The port; 0 takes a free one."""
    host: str = "127.0.0.1"
    """The address to listen at; others than this machine's own are reachable from the network."""
    token: str = ""
    """The secret in the link; by default a new one."""
    browser: bool = True
    """Open the browser."""


def main(arguments: Sequence[str]) -> int:
    call = parse(Call, arguments, command="studio", about=ABOUT)
    from pellucid.data.classes import read_classes
    from pellucid.studio.app import NOT_BUILT, STATIC, House
    from pellucid.studio.networks import Networks
    from pellucid.studio.pictures import Pictures
    from pellucid.studio.serving import serving

    if (call.weights or call.classes) and not call.model:
        raise InputError("--weights and --classes are for a network; name it with --model")
    classes = read_classes(call.classes).names if call.classes else ()
    networks = Networks(call.runs, call.model, call.weights, classes)
    house = House(networks, Pictures(call.image), call.data)
    studio = serving(house, host=call.host, port=call.port, token=call.token)
    for name in call.model:
        house.networks[name]  # a name that is wrong is told now
    if not (STATIC / "index.html").exists():
        print(f"pellucid: {NOT_BUILT}", file=sys.stderr)
    print(f"the studio is open at {studio.link}", flush=True)
    if call.browser:
        webbrowser.open(studio.link)
    studio.run()
    return 0
