"""LeNet-5 of 1998 against the figures and formulas of the paper."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.inspection.cost import parameter_count
from pellucid.models.lenet_1998 import CONNECTIONS, Distances, codes, lenet_1998

TABLE_I = """
X...XXX..XXXX.XX
XX...XXX..XXXX.X
XXX...XXX..X.XXX
.XXX..XXXX..X.XX
..XXX..XXXX.XX.X
...XXX..XXXX.XXX
"""


def test_each_layer_has_the_papers_parameters() -> None:
    model = lenet_1998(inputs=(1, 32, 32), outputs=10)
    found = {name: parameter_count(module) for name, module in model.named_children()}
    published = {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164, "output": 0}
    assert {name: count for name, count in found.items() if count or name == "output"} == published
    assert parameter_count(model) == 60_000


def test_connections_are_table_i() -> None:
    rows = TABLE_I.split()
    assert [tuple(i for i in range(6) if rows[i][k] == "X") for k in range(16)] == [
        tuple(sorted(sources)) for sources in CONNECTIONS
    ]


def squash(a: np.ndarray) -> np.ndarray:
    return 1.7159 * np.tanh(2 / 3 * a)


def convolve(maps: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(c, h, w) with (c, 5, 5) → (h - 4, w - 4)."""
    windows = np.lib.stride_tricks.sliding_window_view(maps, (5, 5), axis=(1, 2))
    return np.einsum("chwij,cij->hw", windows, weight)


def subsample(maps: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    total = maps[:, ::2, ::2] + maps[:, 1::2, ::2] + maps[:, ::2, 1::2] + maps[:, 1::2, 1::2]
    return squash(total * weight.reshape(-1, 1, 1) + bias.reshape(-1, 1, 1))


def by_hand(w: dict[str, np.ndarray], picture: np.ndarray) -> np.ndarray:
    """Section II.B: minus the output of each radial basis function for one picture (1, 32, 32)."""
    c1 = squash(np.stack([convolve(picture, w["c1.weight"][k]) + w["c1.bias"][k] for k in range(6)]))
    s2 = subsample(c1, w["s2.weight"], w["s2.bias"])
    c3, place = [], 0
    for k, sources in enumerate(CONNECTIONS):
        weight = w["c3.weight"][place : place + len(sources)]
        c3.append(convolve(s2[list(sources)], weight) + w["c3.bias"][k])
        place += len(sources)
    s4 = subsample(squash(np.stack(c3)), w["s4.weight"], w["s4.bias"])
    c5 = squash(np.einsum("kcij,cij->k", w["c5.weight"], s4) + w["c5.bias"])
    f6 = squash(w["f6.weight"] @ c5 + w["f6.bias"])
    return -np.array([sum((f6[j] - code[j]) ** 2 for j in range(84)) for code in w["output.codes"]])


def test_logits_are_the_papers_formulas() -> None:
    torch.manual_seed(0)
    model = lenet_1998(inputs=(1, 32, 32), outputs=13)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)  # so that pictures matter as they do to a trained network
    x = torch.randn(3, 1, 32, 32)
    weights = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}
    expected = np.stack([by_hand(weights, picture) for picture in x.double().numpy()])
    np.testing.assert_allclose(model(x).detach().numpy(), expected, rtol=0, atol=1e-4)
    assert expected.std(0).min() > 0.1


def test_starting_weights_stay_within_what_appendix_a_says() -> None:
    torch.manual_seed(0)
    model = lenet_1998(inputs=(1, 32, 32), outputs=10)
    fan_in = {"c1": 25, "s2": 4, "s4": 4, "c5": 400, "f6": 120}
    for name, inputs in fan_in.items():
        for parameter in model.get_submodule(name).parameters():
            assert parameter.abs().max() <= 2.4 / inputs
        values = torch.cat([p.detach().flatten() for p in model.get_submodule(name).parameters()])
        assert values.abs().max() > 0.75 * 2.4 / inputs
    place = 0
    for sources in CONNECTIONS:
        part = model.c3.weight[place : place + len(sources)]
        assert 0.9 < part.abs().max() * 25 * len(sources) / 2.4 <= 1
        place += len(sources)


def test_codes_are_pictures_of_ink_and_paper_that_tell_classes_apart() -> None:
    digits = torch.tensor(codes(10)).reshape(10, 12, 7)
    assert set(digits.unique().tolist()) == {-1.0, 1.0}
    zero, one, eight = digits[0], digits[1], digits[8]
    assert torch.equal(zero, zero.flip(1))
    assert torch.equal(zero, zero.flip(0))
    assert torch.equal(eight, eight.flip(1))
    assert (one[:, 3] == 1).all()
    many = torch.tensor(codes(1000))
    assert torch.equal(many, torch.tensor(codes(1000)))
    assert torch.equal(many[:10], digits.flatten(1))
    assert torch.equal(many[:4], torch.tensor(codes(4)))
    apart = (84 - many @ many.T) / 2 + 84 * torch.eye(1000)
    assert apart.min() >= 8, "pixels in which two classes differ"


def test_drawing_a_digit_is_answering_it() -> None:
    """Equation 9: cross-entropy of the logits is the penalty of the right class plus the competition's."""
    output = Distances(10)
    logits: Tensor = output(output.codes)
    assert torch.equal(logits.diagonal(), torch.zeros(10))
    assert torch.equal(logits.argmax(1), torch.arange(10))
    penalties = -logits[:, 3]
    competition = torch.logsumexp(logits, 1)
    expected = (penalties + competition).mean()
    torch.testing.assert_close(F.cross_entropy(logits, torch.full((10,), 3)), expected)


@pytest.mark.parametrize("inputs", [(1, 28, 28), (3, 40, 33), (5, 8, 8)])
def test_pictures_of_other_sizes_and_channels_are_taken(inputs: tuple[int, ...]) -> None:
    model = lenet_1998(inputs=inputs, outputs=3)
    assert parameter_count(model) == 60_000 + 150 * (inputs[0] - 1)
    assert model(torch.randn(2, *inputs)).shape == (2, 3)
