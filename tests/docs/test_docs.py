"""What the documentation says is so: links lead somewhere, commands exist, examples run."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import textwrap
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import get_args

import numpy as np
import pytest
import torch

import pellucid
from pellucid.cli import COMMANDS
from pellucid.cli.arguments import parse
from pellucid.cli.list import KINDS
from pellucid.cli.study import read_call as read_study
from pellucid.cli.train import read_call
from pellucid.data.digits import open_digits
from pellucid.models.naming import build_model
from pellucid.runs.folder import RunFolder
from pellucid.training.events import Event

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Block:
    """A fenced block of code: its page, language, `title="…"` and text."""

    page: Path
    language: str
    title: str
    text: str


def blocks(page: Path) -> list[Block]:
    fence = re.compile(r'^```(\w+)(?: title="([^"]*)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
    return [Block(page, *found) for found in fence.findall(page.read_text("utf-8"))]


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """As MkDocs makes them of headings; GitHub's are the same for these."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        plain = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode()
        found.add(re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower()))
    return found


ALL_BLOCKS = [block for page in PAGES for block in blocks(page)]
PYTHON = [block for block in ALL_BLOCKS if block.language == "python"]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"`[^`]*`", "", prose(page))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{named(page)} links to {target}"
        assert not anchor or anchor in anchors(linked), f"{named(page)} links to {target}"


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r"([\w/.-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert listed == {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}


def test_every_pitfall_has_its_test() -> None:
    page = (DOCS / "explanations" / "what-can-go-wrong.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("|")][2:]
    assert len(rows) == 33
    for row in rows:
        named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", row)
        assert named, row
        for file, test in named:
            assert f"def {test}(" in (ROOT / "tests" / file).read_text(), f"{file} has no {test}"


def test_pictures_are_small() -> None:
    for picture in (DOCS / "images").iterdir():
        assert picture.stat().st_size < 200_000, picture.name


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every call of pellucid in a block of shell, and in the running text: where it stands, and its words."""
    for page in PAGES:
        lines = [
            line
            for block in blocks(page)
            if block.language == "sh"
            for line in block.text.replace("\\\n", " ").splitlines()
        ]
        lines += [
            line[2:]
            for block in blocks(page)
            if block.language == "console"
            for line in block.text.splitlines()
            if line.startswith("$ ")
        ]
        lines += re.findall(r"`(pellucid [^`]+)`", prose(page))
        for line in lines:
            called = re.search(r"(?:^|/| -m )pellucid (.+)", line)
            if called:
                yield f"{named(page)}: {line}", shlex.split(called[1].partition(" > ")[0], comments=True)


NEW_NAMES = {"digits-autoencoder"}  # what a-new-task.md adds
WRONG_ON_PURPOSE = {"digits-lenet4"}


def is_placeholder(word: str) -> bool:
    return word.isupper() or "…" in word


@pytest.mark.parametrize(("where", "words"), [pytest.param(*found, id=found[0]) for found in commands()])
def test_every_command_can_be_said(where: str, words: list[str]) -> None:
    command, *rest = words
    if command in ("--version", "--help") or is_placeholder(command):
        return
    assert command in COMMANDS, where
    rest = [word for word in rest if word != "--help"]
    if not rest or any(is_placeholder(word) for word in rest):
        return
    if command == "list":
        assert rest[0] in KINDS, where
    elif command == "data":
        assert rest[0] == "check", where
    elif command == "train":
        if rest[0] not in NEW_NAMES | WRONG_ON_PURPOSE:
            read_call(rest)
    elif command == "study":
        read_study(rest)
    else:
        module = importlib.import_module(f"pellucid.cli.{command.replace('-', '_')}")
        parse(module.Call, rest, command=command, about="")


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: f"{named(block.page)} {block.title}".strip())
def test_python_compiles(block: Block) -> None:
    text = block.text
    if block.title.endswith("__init__.py"):  # a line to be added to a dict
        text = "{" + text + "}"
    compile(text, named(block.page), "exec")


def test_the_example_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = (block for block in PYTHON if block.page.name == "README.md")
    monkeypatch.chdir(tmp_path)
    Path("readme.py").write_text(block.text)
    runpy.run_path("readme.py")
    lines = capsys.readouterr().out.splitlines()
    assert lines, "it prints a line an epoch"
    assert all(re.fullmatch(r"epoch \d+: [01]\.\d{3} on val", line) for line in lines)
    assert float(lines[-1].split()[2]) > 0.85


def test_the_network_of_the_how_to_can_be_built(tmp_path: Path) -> None:
    (block,) = (block for block in PYTHON if block.title == "my_network.py")
    (tmp_path / "my_network.py").write_text(block.text)
    model = build_model(f"{tmp_path}/my_network.py:small", inputs=(3, 20, 24), outputs=4)
    assert model(torch.zeros(2, 3, 20, 24)).shape == (2, 4)


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_hooks", DOCS / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "kind",
    # The page of models runs every network to count; building the documentation does so, too.
    ["recipes", pytest.param("models", marks=pytest.mark.slow), "metrics", "datasets", "tasks", "methods"],
)
def test_the_reference_names_everything_there_is(hooks: ModuleType, kind: str) -> None:
    pages = [page for page in PAGES if f"<!-- {kind} -->" in page.read_text("utf-8")]
    assert len(pages) == 1
    filled = hooks.on_page_markdown(f"<!-- {kind} -->")
    for name in KINDS[kind]:
        assert re.search(rf"(?:^## |`){re.escape(name)}(?:$|`)", filled, re.MULTILINE), name


def test_the_reference_shows_every_command(hooks: ModuleType) -> None:
    page = (DOCS / "reference" / "command-line.md").read_text("utf-8")
    asked = re.findall(r"^<!-- help: (.+) -->$", page, re.MULTILINE)
    assert {words.split()[0] for words in asked} == set(COMMANDS)
    assert hooks.on_page_markdown("<!-- help: data check -->").startswith(
        "```text\nusage: pellucid data check"
    )


def test_every_event_is_explained() -> None:
    page = (DOCS / "explanations" / "the-loop.md").read_text("utf-8")
    for event in get_args(Event):
        assert f"| `{event.__name__}` |" in page


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """What a-new-task.md says, done: a copy of Pellucid with its files and lines, and its recipe trained."""
    path = tmp_path_factory.mktemp("new-task")
    shutil.copytree(Path(pellucid.__file__).parent, path / "pellucid")
    page = DOCS / "how-to" / "a-new-task.md"
    for block in blocks(page):
        if not block.title:
            continue
        file = path / Path(block.title).relative_to("src")
        if file.name != "__init__.py":
            file.write_text(block.text)
            continue
        text = file.read_text()
        assert text.count("families={\n") == 1
        added = textwrap.indent(block.text, " " * 8)
        file.write_text(text.replace("families={\n", f"families={{\n{added}"))
    program = "import sys; from pellucid import cli; sys.exit(max(cli.main(a.split()) for a in sys.argv[1:]))"
    train = "train digits-autoencoder --epochs 3 --hardware.threads 1 --hardware.device cpu --out run"
    words = [sys.executable, "-c", program, train, "evaluate run --device cpu"]
    done = subprocess.run(words, cwd=path, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert "digits-autoencoder" in done.stdout
    return RunFolder.open(path / "run")


def test_the_new_task_learns(autoencoder: RunFolder) -> None:
    found = autoencoder.read_evaluation("test")
    assert found is not None
    evaluation, pictures = found
    data = open_digits()
    digits = {split: data.splits[split].fetch(torch.arange(len(data.splits[split]))) for split in data.splits}
    train, test = ((digits[split].inputs.flatten(1) / 255).numpy() for split in ("train", "test"))

    def psnr(given: np.ndarray) -> float:
        return float(np.mean(-10 * np.log10(((given - test) ** 2).mean(1))))

    assert psnr(evaluation.outputs) == pytest.approx(evaluation.metrics["PSNR"], abs=1e-3)
    assert evaluation.metrics["PSNR"] > psnr(train.mean(0)) + 5, "better than always giving the mean picture"
    assert len(pictures) == 8
    assert (
        json.loads((autoencoder.path / "run.json").read_text())["recipe"]["task"]["kind"] == "reconstruction"
    )


def test_its_report_shows_its_sections(autoencoder: RunFolder) -> None:
    page = autoencoder.report.read_text("utf-8")
    assert "<h2>Given back</h2>" in page
    assert "<h2>Given back along training</h2>" in page


def test_the_run_folder_is_described_whole(autoencoder: RunFolder) -> None:
    page = (DOCS / "reference" / "run-folder.md").read_text("utf-8")
    for path in autoencoder.path.rglob("*"):
        name = "STEP.npz" if path.stem.isdecimal() else path.name
        assert name in page, f"{path} is not explained"
    for field in json.loads((autoencoder.path / "run.json").read_text()):
        assert f"`{field}`" in page, field
    kinds = {json.loads(line)["kind"] for line in autoencoder.log.path.read_text().splitlines()}
    for kind in kinds:
        assert f"| `{kind}` |" in page, kind
