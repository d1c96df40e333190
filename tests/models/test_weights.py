"""Weights from every kind of file, all or none of them; bad files in one line."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from pellucid.models.naming import build_model
from pellucid.models.weights import load_weights
from pellucid.types.errors import InputError


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build_model("cifar-resnet8", inputs=(3, 32, 32), outputs=4)


State = dict[str, Tensor]

WRAPPINGS: dict[str, Callable[[State], object]] = {
    "plain": lambda state: state,
    "checkpoint": lambda state: {"epoch": 3, "state_dict": state, "optimizer": {"lr": 0.1}},
    "model": lambda state: {"model": state},
    "nested": lambda state: {"model": {"model_state_dict": state}},
    "DataParallel": lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
    "compiled": lambda state: {f"_orig_mod.module.{name}": tensor for name, tensor in state.items()},
    "half": lambda state: {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()
    },
    "uncounted": lambda state: {name: tensor for name, tensor in state.items() if "num_batches" not in name},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("suffix", [".pt", ".th"])
def test_every_wrapping(tmp_path: Path, wrapping: str, suffix: str) -> None:
    source, model, path = network(1), network(2), tmp_path / f"weights{suffix}"
    torch.save(WRAPPINGS[wrapping](source.state_dict()), path)
    load_weights(model, path)
    tolerance = 1e-3 if wrapping == "half" else 0.0
    torch.testing.assert_close(model.state_dict(), source.state_dict(), rtol=tolerance, atol=tolerance)


def test_safetensors_and_wrapped_networks(tmp_path: Path) -> None:
    source, model, path = network(1), network(2), tmp_path / "weights.safetensors"
    save_file(source.state_dict(), path)
    load_weights(nn.DataParallel(model), str(path))
    torch.testing.assert_close(model.state_dict(), source.state_dict(), rtol=0, atol=0)


def test_a_mismatch_says_what_and_changes_nothing(tmp_path: Path) -> None:
    model, path = network(), tmp_path / "weights.pt"
    state = network(1).state_dict()
    state["linear.weight"], state["extra.weight"] = torch.zeros(10, 64), torch.zeros(1)
    for index in (1, 2):
        del state[f"layer1.0.conv{index}.weight"]
    torch.save(state, path)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(InputError) as error:
        load_weights(model, path)
    assert str(error.value) == (
        f"{path} does not hold the weights of this CifarResNet; "
        "2 missing: layer1.0.conv1.weight, layer1.0.conv2.weight; 1 unexpected: extra.weight; "
        "1 of another shape: linear.weight (10, 64) instead of (4, 64)"
    )
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_a_long_list_is_shortened(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(build_model("cifar-resnet20", inputs=(3, 32, 32), outputs=4).state_dict(), path)
    with pytest.raises(InputError, match=r"72 unexpected: [^,]+, [^,]+, [^,]+, [^,]+, …$"):
        load_weights(network(), path)


class Runs:
    """Unpickling this would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.mkdir, (str(self.path), 0o700)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    path, trap = tmp_path / "weights.pt", tmp_path / "created"
    torch.save({"state_dict": Runs(trap)}, path)
    with pytest.raises(InputError, match="never unpickled: save model"):
        load_weights(network(), path)
    assert not trap.exists()


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {}, {"state_dict": {}}, torch.zeros(3)], ids=repr)
def test_files_without_a_state_dict(tmp_path: Path, content: object) -> None:
    path = tmp_path / "weights.pt"
    torch.save(content, path)
    with pytest.raises(InputError, match="expected a state dict"):
        load_weights(network(), path)


@pytest.mark.parametrize("name", ["weights.pt", "weights.th", "weights.safetensors"])
def test_broken_files_are_told_in_one_line(tmp_path: Path, name: str) -> None:
    path, state = tmp_path / name, network(1).state_dict()
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=path.suffix == ".pt")
    whole, noise = path.read_bytes(), random.Random(0)
    cuts = [whole[: len(whole) * share // 8] for share in range(8)]
    others = [b"hello world", b"PK\x03\x04", *(noise.randbytes(200) for _ in range(40))]
    for content in [*cuts, *others]:
        path.write_bytes(content)
        with pytest.raises(InputError) as error:
            load_weights(network(), path)
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.pt", tmp_path / "none.safetensors"):
        with pytest.raises(OSError, match=str(path)):
            load_weights(network(), path)
