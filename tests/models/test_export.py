"""What is exported gives what the network gives, for every network there is; what cannot be is told."""

from __future__ import annotations

import copy
import importlib.util
import io
import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from pellucid.blocks.initialisation import initialise
from pellucid.models import MODELS
from pellucid.models import export as exporting
from pellucid.models.export import FORMATS, TOLERANCE, Card, NotExportableError, export
from pellucid.models.naming import build_model
from pellucid.models.weights import read_weights
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError

QUICK = ("mlp", "lenet5", "cifar-resnet8")
OTHERS = (
    "torchvision/vit_b_16",
    "torchvision/swin_t",
    "torchvision/convnext_tiny",
    "torchvision/mobilenet_v3_small",
    "timm/vit_tiny_patch16_224",
    "timm/swin_tiny_patch4_window7_224",
    "timm/convnext_tiny",
    "timm/efficientnet_b0",
    "unet/resnet18",
    "unet/timm/convnext_atto",
)
CARD = Card("it", Preprocessing((0.1,), (0.2,), channels="L", size=(8, 8)), ("zero", "öne"))


def shape(name: str) -> tuple[int, ...]:
    """Of small inputs that the network takes."""
    if "points" in name:
        return (2,)
    tall = 224 if "vit_" in name or "timm/swin" in name else 76 if "inception" in name else 32
    return (3, *[64 if "alexnet" in name else tall] * 2)


def ready(name: str, inputs: tuple[int, ...]) -> nn.Module:
    """A network that gives numbers of usual size: with statistics of its own, and no head of zeros."""
    torch.manual_seed(0)
    model = build_model(name, inputs=inputs, outputs=7)
    if "/" in name or "ddpm" in name:
        initialise(model, "xavier-uniform")
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model(torch.randn(16, *inputs))  # of fewer, statistics divide by next to nothing
    return model


def run_onnx(path: Path, x: Tensor) -> Tensor:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"input": x.numpy()})[0])


def run_program(path: Path, x: Tensor) -> Tensor:
    with open(path, "rb") as file:
        outputs: Tensor = torch.export.load(file).module()(x)
    return outputs


RUN: dict[str, Callable[[Path, Tensor], Tensor]] = {"onnx": run_onnx, "torch-export": run_program}


@pytest.mark.parametrize("format", RUN)
@pytest.mark.parametrize(
    "name",
    [*QUICK, *(pytest.param(n, marks=pytest.mark.slow) for n in (*MODELS, *OTHERS) if n not in QUICK)],
)
def test_every_network(
    name: str,
    format: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    inputs = shape(name)
    model, path = ready(name, inputs), tmp_path / "it"
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    export(model, path, format=format, inputs=inputs, card=Card(name))
    assert model.training, "left as it was"
    assert all(torch.equal(state[key], tensor) for key, tensor in model.state_dict().items())
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    with torch.no_grad():
        for batch in (1, 5):
            x = torch.randn(batch, *inputs)
            expected = model.eval()(x)
            assert expected.abs().max() > 0
            rounding = (expected - copy.deepcopy(model).double()(x.double())).abs().max()
            allowed = max(TOLERANCE * expected.abs().max(), 3 * rounding)
            assert (RUN[format](path, x) - expected).abs().max() <= allowed


def test_onnx_says_what_is_needed_to_use_it(tmp_path: Path) -> None:
    path = tmp_path / "it.onnx"
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    export(model, path, format="onnx", inputs=(1, 8, 8), card=CARD)
    written = onnx.load(path)
    (given,), (output,) = written.graph.input, written.graph.output
    assert (given.name, output.name) == ("input", "output")
    shapes = [
        [dimension.dim_param or dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        for value in (given, output)
    ]
    assert shapes == [["batch", 1, 8, 8], ["batch", 2]]
    (about,) = (json.loads(each.value) for each in written.metadata_props if each.key == "pellucid")
    assert about["classes"] == ["zero", "öne"]
    assert about["preprocessing"]["mean"] == [0.1]
    assert about["preprocessing"]["size"] == [8, 8]
    assert ".py" not in path.read_bytes().decode("latin-1"), "no places in somebody's source code"


def test_torch_export_says_it_too(tmp_path: Path) -> None:
    path = tmp_path / "it.pt2"
    export(nn.Flatten(), path, format="torch-export", inputs=(1, 8, 8), card=CARD)
    found = {"pellucid.json": ""}
    torch.export.load(io.BytesIO(path.read_bytes()), extra_files=found)
    assert json.loads(found["pellucid.json"])["classes"] == ["zero", "öne"]
    assert b".py" not in path.read_bytes()


def test_safetensors_are_read_again(tmp_path: Path) -> None:
    path, model = tmp_path / "it.safetensors", nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    assert export(model, path, format="safetensors", inputs=(1, 8, 8), card=CARD) == 0
    found = read_weights(path)
    assert (found.preprocessing, found.classes) == (CARD.preprocessing, CARD.classes)
    assert all(torch.equal(found.state[key], tensor) for key, tensor in model.state_dict().items())
    with pytest.raises(InputError, match="how their network wants pictures"):
        export(model, path, format="safetensors", inputs=(1, 8, 8), card=Card("it"))


class Branch(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) if x.sum() > 0 else -x.flatten(1)


class TwoOnly(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) if x.shape[0] == 1 else x.reshape(2, -1)


class Numpy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(np.cos(x.cpu().numpy())).flatten(1)


class Decomposed(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.svd(x.flatten(2))[2].sum(1)


class Random(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) + torch.rand_like(x).flatten(1)


class Named(nn.Module):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"out": x}


class Infinite(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) / 0


@pytest.mark.parametrize(
    ("network", "format", "said"),
    [
        (Branch(), "torch-export", r"stops at `.*if x.sum\(\) > 0.*` \(test_export.py:\d+\)"),
        (TwoOnly(), "torch-export", "takes batches of 2 only"),
        (Numpy(), "torch-export", r"stops at `.*numpy\(\)"),
        (Decomposed(), "onnx", r"aten._linalg_svd; use --format torch-export"),
        (Random(), "torch-export", "gives other outputs, off by 0"),
        (Named(), "torch-export", "gives a dict"),
        (Infinite(), "torch-export", "not finite"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, nn.Module) else None,
)
def test_what_cannot_be_exported_is_told(
    network: nn.Module, format: str, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotExportableError, match=said) as raised:
        export(network, tmp_path / "it", format=format, inputs=(1, 3, 3), card=Card("it"))
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400
    assert capfd.readouterr() == ("", "")


def test_an_input_that_does_not_fit_is_no_fault_of_the_format(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expects 4 channels") as raised:
        export(nn.Conv2d(4, 2, 1), tmp_path / "it", format="onnx", inputs=(3, 8, 8), card=Card("it"))
    assert not isinstance(raised.value, NotExportableError)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"onnx and onnxscript and onnxruntime: pip install 'pellucid\[export\]'"
    ):
        export(nn.Flatten(), tmp_path / "it", format="onnx", inputs=(1, 8, 8), card=Card("it"))


def test_what_no_file_of_onnx_holds_is_refused_before_it_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_LARGEST_ONNX", 100)
    with pytest.raises(NotExportableError, match="GiB of weights"):
        export(nn.Linear(8, 8), tmp_path / "it", format="onnx", inputs=(8,), card=Card("it"))


def test_each_format_has_a_suffix_of_its_own() -> None:
    assert len({format.suffix for format in FORMATS.values()}) == len(FORMATS)
