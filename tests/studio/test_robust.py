"""Many at once, anything that may be sent, and a studio that goes away during a training."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from starlette.testclient import TestClient

from pellucid.studio.app import House, create_app
from pellucid.studio.networks import Networks
from pellucid.studio.pictures import Pictures

NETWORK = "cifar-resnet8"
LAYERS = ("conv1", "layer1.0.conv1", "layer2.0", "layer3.0.conv2")


def questions(pictures: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Routes that a walk through a network asks, mixed."""
    for picture, layer in itertools.product(pictures, LAYERS):
        asked = {"network": NETWORK, "picture": picture}
        yield "layer/values", {**asked, "address": layer, "channel": "1"}
        yield "layer", {**asked, "address": layer}
        yield "layer/values", {**asked, "address": layer, "of": "gradient"}
        yield "unit", {**asked, "address": f"{layer}[1, 2, 3]"}
        yield "channel", {**asked, "address": f"{layer}[1]"}
        yield "prediction", {**asked, "most": "3"}
        yield "thumbnails", {**asked, "address": layer}
        yield "graph", {"network": NETWORK}


def answered(client: TestClient, question: tuple[str, dict[str, str]]) -> bytes:
    answer = client.get(f"/api/{question[0]}", params=question[1])
    assert answer.status_code == 200, answer.text
    if question[0] == "prediction":  # which says how long it took
        return str(answer.json()["classes"]).encode()
    return answer.content


def load(asking: TestClient, pictures: list[str], clients: int, seconds: float) -> int:
    """All clients ask in an order of their own; how many answers came. Every one is as it is without them."""
    alone = {str(each): answered(asking, each) for each in questions(pictures)}
    asked = list(questions(pictures))
    end = time.monotonic() + seconds
    wrong: list[str] = []

    def client(number: int) -> int:
        done = 0
        while done < 6 or time.monotonic() < end:
            question = asked[(number * 7 + done * 5) % len(asked)]
            if answered(asking, question) != alone[str(question)]:
                wrong.append(str(question))
            done += 1
        return done

    with ThreadPoolExecutor(clients) as pool:
        counts = list(pool.map(client, range(clients)))
    assert wrong == []
    return sum(counts)


def test_many_at_once_get_what_they_would_get_alone(asking: TestClient, pictures: list[str]) -> None:
    assert load(asking, pictures, clients=8, seconds=1) >= 48


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_thirty_two_for_a_minute(asking: TestClient, pictures: list[str]) -> None:
    assert load(asking, pictures, clients=32, seconds=60) >= 32 * 6


KNOWN = {"network": NETWORK, "address": LAYERS[1], "name": "digits", "split": "test", "recipe": "digits-mlp"}


def never_falls(runs: Path, examples: int) -> None:
    """Whatever is sent to any route, the answer is no fault of the studio's. Half asks of what exists."""
    house = House(Networks(runs, (NETWORK,)), Pictures())
    easy = settings(
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
        database=None,
        derandomize=True,
        max_examples=examples,
    )
    asked = set()

    def ask(case: schemathesis.Case) -> None:
        if len(str(case.query)) % 2:
            case.query = {**case.query, **{name: KNOWN[name] for name in KNOWN if name in case.query}}
        answer = case.call(timeout=120)
        asked.add(answer.status_code)
        assert answer.status_code < 500, case.as_curl_command()

    app = create_app(house)
    for found in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations():
        operation = found.ok()
        if operation.path != "/api/events":  # which never ends
            easy(given(case=operation.as_strategy())(ask))()
    house.close()
    assert {200, 422} <= asked


def test_whatever_is_sent(tmp_path: Path) -> None:
    never_falls(tmp_path, examples=4)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_whatever_is_sent_often(tmp_path: Path) -> None:
    never_falls(tmp_path, examples=200)


class Process:
    """`pellucid studio` as a person starts it."""

    def __init__(self, runs: Path, port: int = 0) -> None:
        words = ["studio", str(runs), "--port", str(port), "--token", "t", "--no-browser"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pellucid", *words], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        link = self.process.stdout.readline()
        self.port = int(link.partition("127.0.0.1:")[2].partition("/")[0])
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}/api", headers={"authorization": "Bearer t"}, timeout=60
        )

    def kill(self, how: signal.Signals) -> None:
        self.client.close()
        self.process.send_signal(how)
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def steps(self, name: str) -> int:
        curves = self.client.get(f"/runs/{name}/curves").json()["curves"]
        return max((curve["steps"][-1] for curve in curves if curve["steps"]), default=0)

    def state(self, name: str) -> str:
        runs = self.client.get("/runs").json()
        return next(str(run["state"]) for run in runs if run["name"] == name)


def wait_for(holds, seconds: float = 120) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.05)


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_a_training_outlives_a_studio_that_is_killed(tmp_path: Path) -> None:
    first = Process(tmp_path)
    values = {"epochs": "2000", "recorder.probes": "0"}
    name = first.client.post("/runs", json={"recipe": "digits-mlp", "values": values}).json()["name"]
    wait_for(lambda: first.steps(name) > 0)
    first.kill(signal.SIGKILL)
    again = Process(tmp_path, first.port)
    before = again.steps(name)
    wait_for(lambda: again.steps(name) > before)
    assert again.state(name) == "running"
    assert again.client.post(f"/runs/{name}/pause").json()["state"] == "paused"
    assert again.client.post(f"/runs/{name}/resume").json()["state"] == "running"
    assert again.client.post(f"/runs/{name}/stop").status_code == 200
    wait_for(lambda: again.state(name) == "stopped")
    assert again.client.post(f"/runs/{name}/resume").json()["state"] == "running"
    again.client.post(f"/runs/{name}/stop")
    wait_for(lambda: again.state(name) == "stopped")
    again.kill(signal.SIGTERM)


def test_a_studio_that_stops_lets_its_listeners_go(tmp_path: Path) -> None:
    """A page that listens does not keep it."""
    studio = Process(tmp_path)
    begun, ended = threading.Event(), threading.Event()

    def listen() -> None:
        with studio.client.stream("GET", "/events") as answer:
            for _ in answer.iter_lines():
                begun.set()
        ended.set()

    listener = threading.Thread(target=listen)
    listener.start()
    assert begun.wait(30)
    studio.process.send_signal(signal.SIGINT)
    studio.process.wait(10)
    assert ended.wait(10)
    studio.kill(signal.SIGTERM)
