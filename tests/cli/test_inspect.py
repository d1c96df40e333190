"""`pellucid inspect`."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from pellucid.cli import main


def test_table_totals_and_depth(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("inspect resnet152 --depth 1 --input 3x64x64".split()) == 0
    said = capsys.readouterr().out
    assert "60,192,808" in said
    assert "layer4" in said
    assert "conv2" not in said


def test_json_and_csv_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = "inspect lenet5 --input 1x28x28 --outputs 10".split()
    assert main([*arguments, "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert main([*arguments, "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert table["rows"][0]["parameters"] == 61_706
    assert [int(row["multiply_adds"]) for row in rows] == [row["multiply_adds"] for row in table["rows"]]
    assert [row["address"] for row in rows][1:3] == ["input", "c1"]


@pytest.mark.parametrize("ending", [".html", ".json", ".png"])
def test_the_graph_is_written(ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"graph{ending}"
    assert main(["inspect", "cifar-resnet8", "--input", "3x32x32", "--depth", "2", "--graph", str(path)]) == 0
    content = path.read_bytes()
    if ending == ".json":
        assert {"layer1.0", "layer3.0", ":output"} <= {
            node["address"] for node in json.loads(content)["nodes"]
        }
    else:
        assert len(content) > 5000


def test_networks_of_other_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("inspect timm/vit_tiny_patch16_224 --depth 1".split()) == 0
    assert "5,717,416" in capsys.readouterr().out
    assert main("inspect torchvision/regnet_y_400mf --depth 0".split()) == 0  # not to be built on meta
    assert "4,344,144" in capsys.readouterr().out


def test_detectors_and_segmenters(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = "inspect torchvision/ssdlite320_mobilenet_v3_large --input 3x320x320 --outputs 91 --depth 1"
    assert main(arguments.split()) == 0
    said = capsys.readouterr().out
    assert "3,440,060" in said  # as published, and 0.583 G
    assert "multiply-adds 583,171,904" in said
    assert "note: run with zeros" in said
    assert main("inspect torchvision/lraspp_mobilenet_v3_large --outputs 21 --depth 1".split()) == 0
    assert "3,221,538" in capsys.readouterr().out
    assert main("train torchvision/fcos_resnet50_fpn --data digits".split()) == 2
    assert "finds boxes" in capsys.readouterr().err


_BRANCHING = """
from torch import nn

class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        y = self.conv(x)
        return [2 * y] * 5 if y.mean().item() < 100 else y

def branching(*, inputs, outputs):
    return Branching()
"""


def test_a_network_that_looks_at_values_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "branching.py"
    path.write_text(_BRANCHING, encoding="utf-8")
    assert main(["inspect", f"{path}:branching", "--input", "3x16x16"]) == 0
    said = capsys.readouterr().out
    assert f"multiply-adds {4 * 27 * 14 * 14:,}" in said
    assert "note: run with zeros" in said
    assert main(["compare-models", f"{path}:branching", "resnet18", "--input", "3x32x32"]) == 0


def test_many_inputs_leave_room_for_the_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """torchvision's dense layers take a list of all maps before them."""
    assert main("inspect torchvision/densenet121 --input 3x64x64 --depth 3".split()) == 0
    said = capsys.readouterr().out
    assert "multiply-adds" in said.splitlines()[2]
    assert "24 in all" in said
    assert max(map(len, said.splitlines())) < 240


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("resnet51", "resnet50"),
        ("resnet18 --input 3by224", "3x224x224"),
        ("resnet18 --input 3x0x224", "3x224x224"),
        ("resnet18 --graph g.svg", ".html"),
        ("resnet18 --depth -1", "depth"),
        ("resnet18 --json --csv", "one of them"),
        ("resnet18 --outputs 0", "at least one"),
        ("timm/resnet18.nope", "a1_in1k"),
        ("torchvision/vit_b_16 --input 3x200x200", "200"),
        ("alexnet --input 3x32x32", "at least 63"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", *arguments.split()]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error


_LISTED = """
from torch import nn

class Listed(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = [nn.Sequential(nn.Conv2d(3, 4, 3))]

    def forward(self, x):
        return self.blocks[0](x[0]).mean((1, 2))

def listed(*, inputs, outputs):
    return Listed()
"""


def test_plain_lists_and_shapes_without_a_batch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "listed.py"
    path.write_text(_LISTED, encoding="utf-8")
    assert main(["inspect", f"{path}:listed", "--input", "3x8x10"]) == 0
    said = capsys.readouterr().out
    cells = [line.split() for line in said.splitlines() if line.strip()]
    assert ["blocks.0", "Sequential", "3×8×10", "4×6×8", "112"] in [each[:5] for each in cells]
    assert ["0", "Conv2d", "3×8×10", "4×6×8", "112"] in [each[:5] for each in cells]
    assert ["mean", "mean", "4×6×8", "4"] in [each[:4] for each in cells]
    assert "note: blocks.0 is in a plain list" in said
