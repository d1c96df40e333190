"""The studio listening: for a person until it is stopped, or in a thread of its own while a block runs."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from pellucid.studio.app import House, create_app, guarded
from pellucid.types.errors import InputError

GOODBYE = 2  # seconds that answers under way get when the studio stops


class Server(uvicorn.Server):
    """One that lets its listeners go before it waits for answers to end: news have no end of their own."""

    def __init__(self, config: uvicorn.Config, house: House) -> None:
        super().__init__(config)
        self._house = house

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._house.news.close()
        await super().shutdown(sockets)


@dataclass(frozen=True)
class Serving:
    """A studio that has its port. `link` opens it, with the token."""

    server: Server
    listening: socket.socket
    link: str
    token: str

    def run(self) -> None:
        """Until it is told to stop."""
        self.server.run(sockets=[self.listening])


def serving(house: House, *, host: str = "127.0.0.1", port: int = 0, token: str = "") -> Serving:
    """Take the port, 0 a free one. Raises `InputError` where it cannot be taken."""
    listening = _listening(host, port)
    port = listening.getsockname()[1]
    token = token or secrets.token_urlsafe(24)
    hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]", host))
    app = guarded(create_app(house), token=token, hosts=hosts)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=GOODBYE
    )
    named = "127.0.0.1" if host == "0.0.0.0" else f"[{host}]" if ":" in host else host
    return Serving(Server(config, house), listening, f"http://{named}:{port}/?token={token}", token)


@contextmanager
def open_studio(house: House, *, port: int = 0, token: str = "") -> Iterator[Serving]:
    """A studio that answers while the block runs."""
    studio = serving(house, port=port, token=token)
    thread = threading.Thread(target=studio.run, name="studio", daemon=True)
    thread.start()
    try:
        yield studio
    finally:
        studio.server.should_exit = True
        thread.join(timeout=20)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only of sockets that name their protocol does asyncio switch Nagle's algorithm off; with it, an answer
    # in two parts may wait 40 ms for its second.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()  # what asks before the server runs waits for it
    except OSError as error:
        listening.close()
        raise InputError(f"port {port} of {host} cannot be taken ({error.strerror}); try --port 0") from error
    return listening
