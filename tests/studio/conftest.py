"""A studio without a socket: the guarded application, asked directly."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from starlette.testclient import TestClient

from pellucid.studio.app import House, create_app, guarded
from pellucid.studio.networks import Networks
from pellucid.studio.pictures import Pictures

TOKEN = "a secret"
HOST = "127.0.0.1:8765"


def noise(height: int = 40, width: int = 60, seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    stream = io.BytesIO()
    PIL.Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    runs: Path = tmp_path_factory.mktemp("runs")
    return House(Networks(runs, ("cifar-resnet8",)), Pictures())


@pytest.fixture(scope="module")
def asking(house: House) -> Iterator[TestClient]:
    """A client that has the token."""
    app = guarded(create_app(house), token=TOKEN, hosts=frozenset({HOST}))
    headers = {"authorization": f"Bearer {TOKEN}"}
    with TestClient(app, base_url=f"http://{HOST}", headers=headers) as client:
        yield client


@pytest.fixture(scope="module")
def picture(asking: TestClient) -> str:
    """An uploaded picture's id."""
    found: str = asking.post("/api/pictures", params={"name": "noise.png"}, content=noise()).json()["id"]
    return found


@pytest.fixture(scope="module")
def pictures(asking: TestClient) -> list[str]:
    """Several uploaded pictures' ids."""
    found = (asking.post("/api/pictures", content=noise(seed=seed)) for seed in range(3))
    return [answer.json()["id"] for answer in found]


@pytest.fixture(scope="session")
def png() -> bytes:
    """A picture's file."""
    return noise()


@pytest.fixture
def stranger(asking: TestClient) -> TestClient:
    """A client without the token."""
    return TestClient(asking.app, base_url=f"http://{HOST}")
