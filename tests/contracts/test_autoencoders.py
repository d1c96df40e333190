"""What holds for every autoencoder in the registry."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pellucid.inspection.cost import parameter_count
from pellucid.models import AUTOENCODERS, CONDITIONAL
from pellucid.models.autoencoder import Autoencoder, StackedAutoencoder
from pellucid.models.naming import build_model
from pellucid.tasks.autoencoding import AutoencodingSettings
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo, Preprocessing
from pellucid.types.errors import InputError

NAMES = sorted(AUTOENCODERS)
CODE = 5


def build(name: str, shape: tuple[int, int, int] = (1, 12, 12)) -> Autoencoder:
    torch.manual_seed(0)
    model = build_model(name, inputs=shape, outputs=CODE, conditions=3)
    assert isinstance(model, Autoencoder)
    return model


def batch(shape: tuple[int, int, int] = (1, 12, 12), count: int = 4) -> Batch:
    inputs = torch.rand(count, *shape, generator=torch.Generator().manual_seed(1))
    return Batch(inputs, torch.arange(count) % 3, torch.arange(count))


def info(shape: tuple[int, int, int] = (1, 12, 12)) -> DataInfo:
    record = Preprocessing((0.0,) * shape[0], (1.0,) * shape[0], channels="L" if shape[0] == 1 else "RGB")
    return DataInfo("made up", shape, ("a", "b", "c"), {"train": 4}, (2, 1, 1), record, "")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 12, 12), (3, 13, 22)])
def test_pictures_of_any_size_come_back_through_a_code(name: str, shape: tuple[int, int, int]) -> None:
    model, given = build(name, shape).eval(), batch(shape)
    with torch.inference_mode():
        code = model.encode(given.inputs)
        assert code.shape == (4, CODE)
        assert torch.equal(model(given.inputs), model.decode(code))
        assert model(given.inputs).shape == given.inputs.shape
        alone = torch.cat([model(one[None]) for one in given.inputs])
    torch.testing.assert_close(alone, model(given.inputs).detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_reaches_every_parameter(name: str) -> None:
    model, task = build(name), AutoencodingSettings(code=CODE).build(info())
    torch.stack([*task.loss(model, batch()).values()]).sum().backward()
    for called, parameter in model.named_parameters():
        assert parameter.grad is not None, called
        assert parameter.grad.any(), called


@pytest.mark.parametrize("name", NAMES)
def test_evaluation_is_the_same_every_time_and_a_function_of_the_sample(name: str) -> None:
    model, task = build(name).eval(), AutoencodingSettings(code=CODE, noise=0.3, masking=0.2).build(info())
    whole = batch()
    with torch.inference_mode():
        first, again = task.forward(model, whole), task.forward(model, whole)
        part = task.forward(model, whole.slice(1, 3))
    for name in ("seen", "made", "code", "errors"):
        one, other = getattr(first, name), getattr(again, name)
        assert torch.equal(one, other)
        torch.testing.assert_close(getattr(part, name), one[1:3], rtol=1e-4, atol=1e-5)
    assert not torch.equal(first.seen, first.wanted)


@pytest.mark.parametrize("name", NAMES)
def test_a_state_dict_is_the_whole_network(name: str) -> None:
    model, given = build(name), batch().inputs
    twin = build_model(name, inputs=(1, 12, 12), outputs=CODE, conditions=3)
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin(given), model(given))


@pytest.mark.parametrize("name", NAMES)
def test_tables_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="pictures"):
        build_model(name, inputs=(10,), outputs=2)


def test_the_published_sizes() -> None:
    assert parameter_count(build_model("vae", inputs=(1, 28, 28), outputs=20)) == 652_824


@pytest.mark.parametrize("name", sorted(CONDITIONAL))
def test_a_class_that_is_told_matters_and_one_that_is_not_known_is_refused(name: str) -> None:
    model, code = build(name).eval(), torch.zeros(3, CODE)
    said = model.decode(code, torch.tensor([0, 1, 2]))
    assert not torch.allclose(said[0], said[1])
    with pytest.raises(InputError, match="0 to 2"):
        model.decode(code, torch.tensor([0, 1, 3]))


def test_parts_of_a_stack_share_its_weights() -> None:
    model = build("autoencoder-stacked")
    assert isinstance(model, StackedAutoencoder)
    given: Tensor = batch().inputs
    assert torch.equal(model.part(model.depth)(given), model(given))
    shallow = model.part(1)
    own = {id(parameter) for parameter in model.parameters()}
    assert all(id(parameter) in own for parameter in shallow.parameters())
    assert shallow.encode(given).shape == (4, 512)
    for depth in (0, 5):
        with pytest.raises(InputError, match="1 to 4"):
            model.part(depth)
