"""`pellucid studio`: walk through networks in the browser."""

from __future__ import annotations

import secrets
import socket
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
    import uvicorn

    from pellucid.data.classes import read_classes
    from pellucid.studio.app import NOT_BUILT, STATIC, House, create_app, guarded
    from pellucid.studio.networks import Networks
    from pellucid.studio.pictures import Pictures

    if (call.weights or call.classes) and not call.model:
        raise InputError("--weights and --classes are for a network; name it with --model")
    listening = _listening(call.host, call.port)
    port = listening.getsockname()[1]
    classes = read_classes(call.classes).names if call.classes else ()
    networks = Networks(call.runs, call.model, call.weights, classes)
    house = House(networks, Pictures(call.image), call.data)
    for name in call.model:
        house.networks[name]  # a name that is wrong is told now
    token = call.token or secrets.token_urlsafe(24)
    hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]", call.host))
    link = f"http://{'127.0.0.1' if call.host == '0.0.0.0' else call.host}:{port}/?token={token}"
    if not (STATIC / "index.html").exists():
        print(f"pellucid: {NOT_BUILT}", file=sys.stderr)
    print(f"the studio is open at {link}", flush=True)
    if call.browser:
        webbrowser.open(link)
    app = guarded(create_app(house), token=token, hosts=hosts)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on"))
    server.run(sockets=[listening])
    return 0


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise InputError(f"port {port} of {host} cannot be taken ({error.strerror}); try --port 0") from error
    return listening
