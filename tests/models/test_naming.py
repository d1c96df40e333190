"""From names to networks, and what a user is told when a name is wrong."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from pellucid.models.naming import build_model, gives_boxes, gives_maps, set_dropout
from pellucid.types.errors import InputError


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    """A file whose functions build, fail, or return something else; it imports the file beside it."""
    (tmp_path / "parts_of_mine.py").write_text("from torch import nn\nLayer = nn.Linear\n")
    path = tmp_path / "mine.py"
    path.write_text(
        "import math\n"
        "from parts_of_mine import Layer\n"
        "def network(*, inputs, outputs):\n"
        "    return Layer(math.prod(inputs), outputs)\n"
        "def failing(*, inputs, outputs):\n"
        "    return network(inputs=inputs, outputs=1 // 0)\n"
        "def number(*, inputs, outputs):\n"
        "    return 7\n"
        "def positional(size):\n"
        "    return Layer(size, size)\n"
        "size = 3\n"
    )
    return path


def test_torchvision_and_timm() -> None:
    with torch.device("meta"):
        assert build_model("torchvision/resnet18", inputs=(3, 64, 64), outputs=5).fc.out_features == 5
        model = build_model("timm/resnet18", inputs=(1, 64, 64), outputs=5)
        assert model(torch.empty(2, 1, 64, 64)).shape == (2, 5)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_torchvision_networks_with_auxiliary_heads_give_one_output(name: str) -> None:
    with torch.device("meta"):
        model = build_model(f"torchvision/{name}", inputs=(3, 96, 96), outputs=5)
        assert model(torch.empty(2, 3, 96, 96)).shape == (2, 5)


@pytest.mark.parametrize("name", ["fcn_resnet50", "lraspp_mobilenet_v3_large"])
def test_torchvision_s_segmenters(name: str) -> None:
    assert gives_maps(f"torchvision/{name}")
    with torch.device("meta"):
        model = build_model(f"torchvision/{name}", inputs=(3, 64, 64), outputs=5).eval()
        assert model(torch.empty(2, 3, 64, 64))["out"].shape == (2, 5, 64, 64)


def test_the_kinds_of_torchvision_s_networks_are_known_without_it() -> None:
    from torchvision import models

    for home, maps, boxes in (
        (models, False, False),
        (models.segmentation, True, False),
        (models.detection, False, True),
    ):
        for name in models.list_models(module=home):
            asked = f"torchvision/{name}"
            assert (gives_maps(asked), gives_boxes(asked)) == (maps, boxes), name


def test_user_file(user_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = list(sys.path)
    model = build_model(f"{user_file}:network", inputs=(3, 4, 4), outputs=2)
    assert model(torch.zeros(1, 48)).shape == (1, 2)
    monkeypatch.chdir(user_file.parent)
    assert isinstance(build_model("mine.py:network", inputs=(5,), outputs=2), nn.Linear)
    assert sys.path == path


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("resnet19", "no model is called 'resnet19'; did you mean 'resnet18'"),
        ("LeNet5", "no model is called 'LeNet5'; did you mean 'lenet5' or"),
        ("torchvision/resnet19", "did you mean 'torchvision/resnet18'"),
        ("timm/resnet19", "no model is called 'timm/resnet19'; did you mean 'timm/resnet1"),
        ("timm/resnet18.a4_in1k", "no weights 'a4_in1k' are published for timm/resnet18; there are a1_in1k"),
        ("no/such.py:network", "no such file: no/such.py"),
        ("mine.py", "mine.py:FUNCTION"),
    ],
)
def test_names_that_do_not_exist(name: str, told: str) -> None:
    with pytest.raises(InputError) as error:
        build_model(name, inputs=(3, 32, 32), outputs=10)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["lenet5", "torchvision/resnet18", "timm/resnet18"])
def test_a_network_gives_at_least_one_number(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} has to give at least one number for an input; got 0"):
        build_model(name, inputs=(3, 32, 32), outputs=0)


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("netwrok", "{}: there is no function 'netwrok' in it, only network, failing, number, positional"),
        ("size", "{}: there is no function 'size' in it, only network, failing, number, positional"),
        (
            "failing",
            "{}:6: failing(inputs=(3, 4, 4), outputs=2) failed: ZeroDivisionError: integer division",
        ),
        ("number", "{}: number has to return a torch.nn.Module, it returned int"),
        (
            "positional",
            "{}: positional(inputs=(3, 4, 4), outputs=2) failed: TypeError: positional() got an unexpected",
        ),
    ],
)
def test_functions_that_do_not_build(user_file: Path, function: str, told: str) -> None:
    with pytest.raises(InputError) as error:
        build_model(f"{user_file}:{function}", inputs=(3, 4, 4), outputs=2)
    assert str(error.value).startswith(told.format(user_file))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "x = 1\nimport no_such_package_at_all\n",
            ":2: cannot be imported: ModuleNotFoundError: No module named",
        ),
        ("x = 1\ny = (\n", ":2: cannot be imported: SyntaxError: "),
        ("def f():\n  raise ValueError('one\\ntwo')\nf()\n", ":2: cannot be imported: ValueError: one"),
    ],
)
def test_files_that_do_not_run(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        build_model(f"{path}:network", inputs=(3, 4, 4), outputs=2)
    assert str(error.value).startswith(f"{path}{told}")
    assert "\n" not in str(error.value)


def test_torchvision_takes_three_channels() -> None:
    with pytest.raises(InputError, match=r"3 channels, these have 1.*RGB"):
        build_model("torchvision/resnet18", inputs=(1, 28, 28), outputs=10)


def test_timm_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "timm" else find(name))
    with pytest.raises(InputError, match=r"pip install 'pellucid\[timm\]'"):
        build_model("timm/resnet18", inputs=(3, 32, 32), outputs=10)


def test_dropout_is_set_everywhere_or_refused() -> None:
    model = build_model("mlp-deep", inputs=(8,), outputs=2)
    set_dropout(model, 0.25)
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.25] * 4
    x = torch.ones(4, 8)
    assert not torch.equal(model(x), model(x))
    assert torch.equal(model.eval()(x), model(x))
    with pytest.raises(InputError, match="no dropout layer"):
        set_dropout(build_model("lenet5", inputs=(1, 28, 28), outputs=2), 0.5)
    for p in (-0.1, 1.0, float("nan")):
        with pytest.raises(InputError, match="probability"):
            set_dropout(model, p)
