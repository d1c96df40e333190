"""Who is let in, and what may be sent."""

from __future__ import annotations

import socket
import struct
import zlib

import pytest
from starlette.testclient import TestClient

from pellucid.studio.app import House
from pellucid.studio.security import Allowance
from pellucid.studio.serving import serving

HOST = "127.0.0.1:8765"
TOKEN = "a secret"


def test_without_the_token_nothing_is_told(stranger: TestClient) -> None:
    for path in ("/", "/api/session", "/api/events", "/favicon.svg", "/api/graph?network=resnet18"):
        assert stranger.get(path).status_code == 401
    assert stranger.get("/api/session", headers={"authorization": "Bearer another"}).status_code == 401
    assert stranger.get("/api/session?token=another").status_code == 401


def test_the_link_becomes_a_cookie_and_leaves_the_address(stranger: TestClient) -> None:
    answer = stranger.get(f"/?page=training&token={TOKEN}".replace(" ", "%20"), follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/?page=training"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


def test_a_link_cannot_lead_to_another_site(asking: TestClient) -> None:
    answer = asking.get("//evil.example/", params={"token": TOKEN}, follow_redirects=False)
    assert not answer.headers.get("location", "/").startswith("//")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:80", "", "localhost.evil.example:8765"])
def test_another_host_name_is_refused(asking: TestClient, host: str) -> None:
    """As a page does whose name was made to mean this machine."""
    assert asking.get("/api/session", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "file://"])
def test_another_origin_is_refused(asking: TestClient, png: bytes, origin: str) -> None:
    answer = asking.post("/api/pictures", content=png, headers={"origin": origin})
    assert answer.status_code == 403
    assert asking.get("/api/session", headers={"origin": f"http://{HOST}"}).status_code == 200


def test_every_answer_forbids_foreign_scripts(asking: TestClient, stranger: TestClient) -> None:
    for answer in (asking.get("/api/session"), stranger.get("/api/session"), asking.get("/api/nowhere")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["permissions-policy"].startswith("camera=(self), microphone=()")


def bomb(side: int) -> bytes:
    """A PNG that announces `side` × `side` pixels and has none."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (bomb(50_000), "too large"),
        (b"not a picture at all", "picture"),
        (b"", "picture"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "picture"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(asking: TestClient, content: bytes, words: str) -> None:
    answer = asking.post("/api/pictures", params={"name": "text.png"}, content=content)
    assert answer.status_code == 422
    assert "text.png" in answer.json()["detail"] or words in answer.json()["detail"]


def test_what_is_too_large_is_refused(asking: TestClient) -> None:
    assert asking.post("/api/pictures", content=bytes(21 * 2**20)).status_code == 413

    def pieces():  # type: ignore[no-untyped-def]
        yield from (bytes(2**20) for _ in range(22))

    assert asking.post("/api/pictures", content=pieces()).status_code == 413  # a body of unsaid length


@pytest.mark.parametrize(
    "name", ["run:../../etc", "run:..", "run:/etc", "../x.py:f", "/tmp/evil.py:f", "run:"]
)
def test_no_path_leads_out(asking: TestClient, name: str) -> None:
    for route in ("network", "graph", "table"):
        assert asking.get(f"/api/{route}", params={"network": name}).status_code == 422
    answer = asking.get(f"/api/runs/{name.removeprefix('run:')}/curves")
    assert answer.status_code in (404, 405, 422)
    assert asking.get("/assets/../../app.py").status_code == 404


def test_too_much_at_once_is_refused_and_then_allowed_again() -> None:
    allowance = Allowance(rate=0.0, burst=3, left=3)
    assert [allowance.take() for _ in range(4)] == [True, True, True, False]
    allowance.rate = 1e9
    assert allowance.take()


def test_no_answer_waits_for_its_second_part(house: House) -> None:
    """asyncio switches Nagle's algorithm off only where the protocol is named; 40 ms a click were lost so."""
    listening = serving(house).listening
    with listening, socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
        assert accepted.proto == socket.IPPROTO_TCP
