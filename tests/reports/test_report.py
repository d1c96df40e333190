"""The report of a real run: complete, self-contained, small; and several runs side by side."""

import re
import shutil
from pathlib import Path

import pytest

from pellucid import cli
from pellucid.reports.comparison import build_comparison, distinct_names, read_compared
from pellucid.reports.report import build_report, thinned
from pellucid.runs.folder import RunFolder
from pellucid.types.errors import InputError

QUICK = ["--epochs", "3", "--hardware.threads", "1"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    calls = {
        "digits": ["digits-lenet5"],
        "linear": ["digits-mlp", "--model.name", "perceptron", "--recorder.probes", "0"],
        "table": ["diabetes-mlp"],
    }
    for name, call in calls.items():
        assert cli.main(["train", *call, *QUICK, "--out", str(folder / name)]) == 0
    return {name: folder / name for name in calls}


def headings(page: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", page)


def test_a_classifiers_report_has_every_section(runs):
    page = (runs["digits"] / "report.html").read_text()
    assert headings(page) == [
        "In short",
        "Training",
        "Where it errs",
        "Class by class",
        "Worst mistakes",
        "How sure it is",
        "What it said along training",
        "Why it erred",
        "First filters",
        "Feature maps",
        "What excites the first filters",
        "What it finds alike",
        "Inside the network",
        "Data",
        "How to reproduce",
    ]
    assert "pellucid train digits-lenet5 --epochs 3" in page
    assert "&quot;seed&quot;: 0" in page or '"seed": 0' in page


def test_a_page_asks_no_network_and_is_small(runs):
    for run in runs.values():
        page = (run / "report.html").read_text()
        assert len(page) < 5_000_000
        assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
        assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page


def test_a_picture_that_is_seen_often_is_written_once(runs):
    page = (runs["digits"] / "report.html").read_text()
    pictures = re.findall(r'<image [^>]*href="(data:[^"]*)"', page)
    assert len(pictures) == len(set(pictures))
    uses = re.findall(r'<use href="#(picture-\d+)"', page)
    assert uses
    assert all(f'id="{name}"' in page for name in set(uses))


def test_reports_of_what_has_no_filters_or_classes(runs):
    assert "First filters" not in headings((runs["linear"] / "report.html").read_text())
    table = headings((runs["table"] / "report.html").read_text())
    assert "Prediction against truth" in table
    assert "Where it errs" not in table


def test_a_run_without_an_evaluation_has_nothing_to_report(tmp_path):
    parts = ("recipe", "data", "command", "versions", "platform", "parameters", "code", "started")
    run = RunFolder.create(tmp_path / "run", {part: {} for part in parts})
    with pytest.raises(InputError, match="has not been evaluated yet"):
        build_report(run, task=None)


def test_a_damaged_recording_is_named(runs, tmp_path, capsys):
    copied = tmp_path / "copy"
    shutil.copytree(runs["digits"], copied)
    damaged = sorted((copied / "recordings").glob("0*.npz"))[1]
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert cli.main(["report", str(copied)]) == 2
    error = capsys.readouterr().err
    assert damaged.name in error
    assert error.count("\n") == 1


def test_comparing_says_what_was_different(runs):
    compared = read_compared([RunFolder.open(runs["digits"]), RunFolder.open(runs["linear"])])
    page = build_comparison(compared).to_html()
    assert "model.name" in page
    assert headings(page) == ["Results", "Training", "What was different"]


def test_comparing_runs_of_different_tasks_shows_what_each_has(runs):
    compared = read_compared([RunFolder.open(runs["digits"]), RunFolder.open(runs["table"])])
    page = build_comparison(compared).to_html()
    assert "MSE" in page
    assert "top-1" in page


def test_names_tell_runs_apart(tmp_path):
    runs = [RunFolder(tmp_path / name) for name in ("a/run", "b/run", "c/other")]
    assert distinct_names(runs) == ["a/run", "b/run", "c/other"]
    with pytest.raises(InputError, match="named twice"):
        distinct_names([runs[0], runs[0]])


def test_thinning_keeps_the_ends():
    assert thinned(list(range(100)), 5)[0] == 0
    assert thinned(list(range(100)), 5)[-1] == 99
    assert len(thinned(list(range(100)), 5)) == 5
    assert thinned([1, 2], 5) == [1, 2]
