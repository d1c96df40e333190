"""What is chosen automatically, and when it is given up."""

from dataclasses import replace

import pytest
import torch

from pellucid.models.naming import build_model
from pellucid.tasks.task import Objective
from pellucid.training.execution import Execution, choose_device, choose_execution, guard
from pellucid.training.processes import ALONE, Processes
from pellucid.training.settings import HardwareSettings
from pellucid.types.batch import Batch
from pellucid.types.errors import InputError

CPU = HardwareSettings(device="cpu")
BF16 = Execution(torch.device("cpu"), "bf16")


def chosen(name: str, shape: tuple[int, ...], settings: HardwareSettings = CPU) -> Execution:
    return choose_execution(build_model(name, inputs=shape, outputs=10), shape, settings, ALONE, steps=10)


@pytest.fixture(params=[True, False], ids=["amx", "no-amx"])
def amx(request, monkeypatch) -> bool:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": request.param})
    return request.param


@pytest.mark.parametrize(
    ("name", "shape", "worth"),
    [
        ("cifar-resnet20", (3, 32, 32), True),
        ("resnet18", (3, 64, 64), True),
        ("resnet18", (3, 32, 32), False),  # each weight is used three times a picture
        ("lenet5", (1, 28, 28), False),  # too little work
        ("mlp", (3, 32, 32), False),
        ("mlp", (10,), False),
    ],
)
def test_bf16_where_the_hardware_and_the_work_are_worth_it(amx, name, shape, worth):
    assert chosen(name, shape).precision == ("bf16" if amx and worth else "fp32")


def test_what_the_user_sets_stays(amx):
    settings = replace(CPU, precision="bf16", memory_format="contiguous", threads=3)
    execution = chosen("lenet5", (1, 28, 28), settings)
    assert (execution.precision, execution.channels_last, execution.threads) == ("bf16", False, 3)
    assert chosen("resnet18", (3, 64, 64), replace(CPU, precision="fp32")).precision == "fp32"


def test_one_line_says_it():
    execution = Execution(torch.device("cpu"), "bf16", channels_last=True, threads=2)
    assert execution.describe() == "cpu · bf16 · channels-last · 2 threads"


def test_threads_are_divided_among_the_processes_of_a_machine():
    shape, model = (1, 28, 28), build_model("mlp", inputs=(1, 28, 28), outputs=10)
    alone = choose_execution(model, shape, CPU, ALONE, steps=10).threads
    shared = choose_execution(model, shape, CPU, Processes(0, 2, 0, 2), steps=10).threads
    assert shared == max(1, alone // 2)


def test_threads_are_put_back():
    before = torch.get_num_threads()
    with Execution(torch.device("cpu"), threads=before + 1).applied():
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("name", "told"), [("gpu", "auto, cpu, cuda"), ("cuda:99", "CUDA"), ("mps", "Apple")]
)
def test_devices_that_are_not_there(name, told):
    with pytest.raises(InputError, match=told):
        choose_device(name, ALONE)


def objective(scale: float) -> Objective:
    """A loss whose bf16 error is the greater, the larger numbers it takes differences of."""

    def loss(model, batch):
        output = model(batch.inputs)
        return {"loss": ((output + scale) - scale).square().mean()}

    return Objective("difference", loss)


def test_bf16_that_agrees_is_kept_and_the_network_untouched(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(0)
    batch = Batch(torch.randn(16, 1, 8, 8), torch.zeros(16), torch.arange(16))
    execution, why = guard(model, objective(0.0), batch, BF16)
    assert (execution, why) == (BF16, "")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_bf16_that_disagrees_is_given_up_and_said(model):
    torch.manual_seed(0)
    batch = Batch(torch.randn(16, 1, 8, 8), torch.zeros(16), torch.arange(16))
    execution, why = guard(model, objective(4096.0), batch, BF16)
    assert execution == replace(BF16, precision="fp32")
    assert "bf16 disagrees with fp32" in why
