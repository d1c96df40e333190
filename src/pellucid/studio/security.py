"""Who may ask the studio what: a token as Jupyter's, the right Host and Origin, and not too much at once."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from pellucid.studio.pictures import LARGEST_FILE

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "pellucid_token"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


@dataclass
class Allowance:
    """How many requests may come: `rate` a second in the long run, `burst` at once."""

    rate: float = 400.0
    burst: float = 800.0
    left: float = field(default=800.0)
    at: float = field(default_factory=time.monotonic)

    def take(self) -> bool:
        now = time.monotonic()
        self.left = min(self.burst, self.left + (now - self.at) * self.rate)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Guard:
    """Stands before the application. `hosts` are the names, with port, under which it may be asked."""

    def __init__(self, app: App, *, token: str, hosts: frozenset[str]) -> None:
        self._app, self._token, self._hosts = app, token, hosts
        self._allowance = Allowance()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refused = self._refusal(scope, headers)
        if refused is not None:
            await _answer(send, *refused)
            return
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if "token" in query and scope["method"] == "GET":
            await self._welcome(scope, send, query)
            return
        await self._app(scope, _bounded(receive), _with_headers(send))

    def _refusal(self, scope: Scope, headers: dict[bytes, str]) -> tuple[int, str] | None:
        if headers.get(b"host", "") not in self._hosts:
            return 403, "this studio does not answer under that host name"
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin).netloc not in self._hosts:
            return 403, "requests from other sites are refused"
        if not self._known(scope, headers):
            return 401, "open the studio by the link that it printed when it started: it has the token"
        if not self._allowance.take():
            return 429, "too many requests at once; wait a second"
        length = headers.get(b"content-length", "0")
        if not length.isdigit() or int(length) > LARGEST_FILE:
            return 413, f"at most {LARGEST_FILE // 2**20} MiB can be sent"
        return None

    def _known(self, scope: Scope, headers: dict[bytes, str]) -> bool:
        """Whether the token is there: in the link, a cookie or a bearer header."""
        given = [headers.get(b"authorization", "").removeprefix("Bearer ")]
        given += parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        try:
            cookies = SimpleCookie(headers.get(b"cookie", ""))
        except CookieError:
            cookies = SimpleCookie()
        if self._cookie in cookies:
            given.append(cookies[self._cookie].value)
        return any(hmac.compare_digest(each.encode(), self._token.encode()) for each in given)

    @property
    def _cookie(self) -> str:
        """Cookies do not know ports: each studio of a machine has its own."""
        return f"{COOKIE}_{min(self._hosts).rpartition(':')[2]}"

    async def _welcome(self, scope: Scope, send: Send, query: dict[str, list[str]]) -> None:
        """Keep the token in a cookie and lead to the same page without it in its address."""
        rest = urlencode(
            [(name, each) for name, values in query.items() if name != "token" for each in values]
        )
        target = f"{scope['path']}{'?' if rest else ''}{rest}"
        cookie = f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict"
        headers = [
            (b"location", target.replace("//", "/").encode()),
            (b"set-cookie", cookie.encode()),
            *HEADERS,
        ]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


async def _answer(send: Send, status: int, words: str) -> None:
    body = f'{{"detail": "{words}"}}'.encode()
    headers = [(b"content-type", b"application/json"), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *HEADERS]
        await send(message)

    return sending


class TooLargeError(Exception):
    """More came than was announced, or than may come."""


def _bounded(receive: Receive) -> Receive:
    """A body that does not say its length is cut off where it becomes too large."""
    came = 0

    async def receiving() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > LARGEST_FILE:
            raise TooLargeError
        return message

    return receiving
