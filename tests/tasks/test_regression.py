import math
from dataclasses import replace

import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from torch import nn

from pellucid.tasks import TASKS
from pellucid.tasks.regression import RegressionSettings
from pellucid.types.batch import Batch
from pellucid.types.data_info import DataInfo, Preprocessing
from pellucid.types.errors import InputError
from pellucid.types.records import Regressed

TABLE = Preprocessing(mean=(0.0,), std=(1.0,), scale=1.0, channels="")


def info(mean: float = 150.0, std: float = 77.0) -> DataInfo:
    return DataInfo("houses", (3,), (), {"train": 10}, (), TABLE, "00", target_mean=mean, target_std=std)


def batch(samples: int = 8, offset: float = 150.0) -> Batch:
    generator = torch.Generator().manual_seed(0)
    targets = offset + 77 * torch.randn(samples, generator=generator)
    return Batch(torch.randn(samples, 3, generator=generator), targets, torch.arange(samples) + 5)


def test_predictions_and_metrics_are_in_the_targets_unit():
    task, network, samples = RegressionSettings().build(info()), nn.Linear(3, 1), batch()
    output = task.forward(network, samples)
    raw = network(samples.inputs)[:, 0]
    torch.testing.assert_close(output, raw * 77 + 150)
    numbers: dict[str, float] = {}
    for metric in task.metrics():
        metric.update(output.detach(), samples)
        numbers |= metric.compute()
    assert numbers["MSE"] == pytest.approx((output - samples.targets).square().mean().item())
    assert set(numbers) == {"MSE", "MAE", "R2", "loss"}
    assert task.primary == ("MSE", False)
    (objective,) = task.objectives()
    (loss,) = objective.loss(network, samples).values()
    assert numbers["loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert numbers["loss"] == pytest.approx(numbers["MSE"] / 77**2, rel=1e-5)
    assert task.probe(output, samples).shape == (8, 1)
    assert task.decode(output, samples)[2] == Regressed(7, output[2].item())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mse", lambda e: e.square()),
        ("l1", lambda e: e.abs()),
        ("huber", lambda e: torch.where(e.abs() < 1, e.square() / 2, e.abs() - 0.5)),
    ],
)
def test_losses_of_the_standardised_error(name, expected):
    task, samples = RegressionSettings(name).build(info()), batch()
    errors = -(samples.targets - 150) / 77
    loss = task.loss(lambda x: torch.zeros(len(x), 1), samples)["loss"]
    assert loss.item() == pytest.approx(expected(errors).mean().item(), rel=1e-5)


def test_training_converges_to_the_closed_form_solution():
    inputs, targets = load_diabetes(return_X_y=True)
    inputs = inputs / inputs.std(axis=0)
    task = RegressionSettings().build(info(targets.mean(), targets.std()))
    samples = Batch(
        torch.tensor(inputs, dtype=torch.float32),
        torch.tensor(targets, dtype=torch.float32),
        torch.arange(442),
    )
    torch.manual_seed(0)
    network = nn.Linear(10, 1)
    optimiser = torch.optim.LBFGS(network.parameters(), max_iter=300, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = task.loss(network, samples)["loss"]
        loss.backward()
        return loss

    optimiser.step(closure)
    expected = LinearRegression().fit(inputs, targets)
    predictions = task.forward(network, samples).detach()
    torch.testing.assert_close(
        predictions, torch.tensor(expected.predict(inputs), dtype=torch.float32), rtol=1e-3, atol=0.05
    )
    errors = task.metrics()[0]
    errors.update(predictions, samples)
    assert errors.compute()["R2"] == pytest.approx(expected.score(inputs, targets), abs=1e-5)


def test_bfloat16_outputs_are_brought_to_float32():
    task = RegressionSettings().build(info())
    assert (
        task.forward(
            nn.Linear(3, 1).bfloat16(), Batch(batch().inputs.bfloat16(), batch().targets, batch().indices)
        ).dtype
        == torch.float32
    )


def test_bad_input():
    with pytest.raises(InputError, match="loss must be one of mse, l1, huber"):
        RegressionSettings("hinge")
    with pytest.raises(InputError, match="2 classes, not values; use the task classification"):
        RegressionSettings().outputs(replace(info(), classes=("a", "b")))
    for std in (0.0, math.nan, math.inf, -1.0):
        with pytest.raises(InputError, match="must vary over the training split"):
            RegressionSettings().build(info(std=std))
    task = RegressionSettings().build(info())
    with pytest.raises(InputError, match=r"one number a sample, got \(8, 2\)"):
        task.forward(nn.Linear(3, 2), batch())
    with pytest.raises(InputError, match=r"targets must be one number a sample, \(8,\), got \(8, 1\)"):
        task.loss(nn.Linear(3, 1), Batch(batch().inputs, batch().targets[:, None], batch().indices))


def test_it_is_listed():
    assert TASKS["regression"] is RegressionSettings
    assert RegressionSettings().outputs(info()) == 1
