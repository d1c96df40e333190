"""Weights from every kind of file, all or none of them; bad files in one line; what travels with them."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models.vision_transformer import MLPBlock

from pellucid.models.naming import build_model
from pellucid.models.weights import load_state, load_weights, read_weights, save_weights
from pellucid.types.data_info import Preprocessing
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
    "Lightning": lambda state: {"state_dict": {f"model.{name}": tensor for name, tensor in state.items()}},
    "a part": lambda state: {f"net.backbone.{name}": tensor for name, tensor in state.items()},
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


def test_weights_for_other_channels_say_how_to_read_pictures_so(tmp_path: Path) -> None:
    model, path = network(), tmp_path / "weights.pt"
    state = network(1).state_dict()
    state["conv1.weight"] = state["conv1.weight"].mean(1, keepdim=True)
    torch.save(state, path)
    with pytest.raises(InputError, match=r"trained on pictures of 1 channels\? --data\.channels L\)"):
        load_weights(model, path)
    state["linear.weight"] = torch.zeros(10, 64)
    torch.save(state, path)
    with pytest.raises(InputError, match=r"trained for other classes\? --model\.classifier new\)"):
        load_weights(model, path)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (torch.zeros(4, 64, dtype=torch.int32), "whole numbers"),
        (torch.zeros(4, 64, dtype=torch.complex64), "complex numbers"),
        (torch.zeros(4, 64).to_sparse(), "sparse"),
    ],
)
def test_numbers_of_another_kind_are_refused(given: Tensor, told: str) -> None:
    model = network()
    with pytest.raises(InputError, match=f"1 of another kind: linear.weight {told} instead of fractions$"):
        load_state(model, {**network(1).state_dict(), "linear.weight": given}, "these")


def test_half_and_double_precision_are_the_same_kind() -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        model = network()
        source = network(1).to(dtype)
        load_state(model, source.state_dict(), "these")
        assert torch.equal(model.linear.weight, source.linear.weight.float())


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder, expected a file of weights"):
        read_weights(tmp_path)


def test_a_long_list_is_shortened(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(build_model("cifar-resnet20", inputs=(3, 32, 32), outputs=4).state_dict(), path)
    with pytest.raises(InputError, match=r"72 unexpected: [^,]+, [^,]+, [^,]+, [^,]+, …$"):
        load_weights(network(), path)


def test_a_network_whose_own_names_have_the_prefix() -> None:
    source, model = (nn.ModuleDict({"model": network(seed)}) for seed in (1, 2))
    wrapped = {f"module.{name}": tensor for name, tensor in source.state_dict().items()}
    for state in (source.state_dict(), wrapped):
        load_state(model, state, "these")
    torch.testing.assert_close(model.state_dict(), source.state_dict(), rtol=0, atol=0)


def test_other_names_by_a_map() -> None:
    source, model = network(1), network(2)
    theirs = {name.replace("conv", "convolution"): tensor for name, tensor in source.state_dict().items()}
    maps = (str.upper, lambda name: name.replace("convolution", "conv"))
    with pytest.raises(InputError, match=r"7 missing: conv1\.weight"):
        load_state(model, theirs, "theirs", maps=maps[:1])
    load_state(model, theirs, "theirs", maps=maps)
    torch.testing.assert_close(model.state_dict(), source.state_dict(), rtol=0, atol=0)


def test_older_names_that_a_network_knows_itself() -> None:
    source, model = MLPBlock(4, 8, 0.0), MLPBlock(4, 8, 0.0)
    older = {"0.": "linear_1.", "3.": "linear_2."}
    state = {older[name[:2]] + name[2:]: tensor for name, tensor in source.state_dict().items()}
    load_state(model, state, "older")
    torch.testing.assert_close(model.state_dict(), source.state_dict(), rtol=0, atol=0)
    load_state(model, {**state, "linear_2.bias": torch.zeros(9)}, "older", but=["3.bias", "linear_2.bias"])
    with pytest.raises(InputError, match="4 missing"):
        load_state(model, {**state, "linear_3.bias": torch.zeros(4)}, "newer")


def test_a_network_that_asks_for_the_version_of_its_weights(tmp_path: Path) -> None:
    """MNASNet refuses a plain dict, without the versions that PyTorch keeps beside a state dict."""
    source, model = (build_model("torchvision/mnasnet0_5", inputs=(3, 32, 32), outputs=4) for _ in range(2))
    save_file(source.state_dict(), tmp_path / "weights.safetensors")
    load_weights(model, tmp_path / "weights.safetensors")
    torch.testing.assert_close(model.state_dict(), source.state_dict(), rtol=0, atol=0)


def test_auxiliary_classifiers_that_a_network_lacks_are_left_out() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    state = {name: torch.ones_like(tensor) for name, tensor in model.state_dict().items()}
    load_state(model, {**state, "aux1.fc.weight": torch.zeros(3)}, "these")
    assert all((tensor == 1).all() for tensor in model.state_dict().values())


PREPROCESSING = Preprocessing(
    (104.0, 117.5, 123.0), (1.0, 2.0, 1.0), 1.0, "BGR", (227, 200), 227 / 256, "bicubic"
)


def test_a_record_travels_with_the_weights(tmp_path: Path) -> None:
    source, model, path = network(1), network(2), tmp_path / "weights.safetensors"
    source.shared = source.linear  # tied weights
    classes = ("Käfer", "ant, emmet", "c", "d")
    for _ in range(2):  # the second replaces the first
        save_weights(source, path, preprocessing=PREPROCESSING, classes=classes, name="cifar-resnet8")
    del source.shared
    assert [entry.name for entry in tmp_path.iterdir()] == ["weights.safetensors"]
    found = read_weights(path)
    assert (found.preprocessing, found.classes) == (PREPROCESSING, classes)
    assert found.state.keys() >= model.state_dict().keys()
    load_state(model, {name: found.state[name] for name in model.state_dict()}, found.where)
    torch.testing.assert_close(model.state_dict(), source.state_dict(), rtol=0, atol=0)


def test_files_of_others_have_no_record(tmp_path: Path) -> None:
    save_file(network().state_dict(), tmp_path / "weights.safetensors", {"format": "pt"})
    found = read_weights(tmp_path / "weights.safetensors")
    assert (found.preprocessing, found.classes) == (None, ())


@pytest.mark.parametrize(
    "record", ["[", "[]", "{}", json.dumps({"preprocessing": {"mode": 1}, "classes": []}), '"words"']
)
def test_a_record_that_is_not_understood(tmp_path: Path, record: str) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(network().state_dict(), path, {"pellucid": record})
    with pytest.raises(InputError, match="words that this version does not know") as error:
        read_weights(path)
    assert "\n" not in str(error.value)


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
    for path in (tmp_path / "none.pt", tmp_path / "none.safetensors"):
        with pytest.raises(OSError, match=str(path)):
            load_weights(network(), path)
