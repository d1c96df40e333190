"""Classes numbered as a network's outputs, whatever their order in the data."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pellucid.data.arranged import arranged, places
from pellucid.data.source import Data
from pellucid.data.tensors import InMemory, image_info
from pellucid.types.errors import InputError


def data_of(classes: tuple[str, ...], targets: torch.Tensor) -> Data:
    pictures = (
        torch.arange(len(targets), dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 4, 4).contiguous()
    )
    splits = {"train": InMemory(pictures, targets), "test": InMemory(pictures[:3], targets[:3])}
    return Data(image_info("set", classes, splits), splits)


@given(st.permutations("abcdefg"), st.integers(1, 7))
def test_every_sample_keeps_its_class(order: list[str], kept: int) -> None:
    own = tuple("abcdefg"[:kept])
    data = data_of(own, torch.arange(21) % kept)
    found = arranged(data, order)
    assert found.info.classes == tuple(order)
    assert len(found.splits["train"]) == 21
    for split, count in (("train", 21), ("test", 3)):
        indices = torch.arange(count).flip(0)
        before, after = (each.splits[split].fetch(indices) for each in (data, found))
        assert [order[number] for number in after.targets] == [own[number] for number in before.targets]
        assert torch.equal(after.inputs, before.inputs)
        assert torch.equal(after.indices, indices)
    counts = dict(zip(found.info.classes, found.info.class_counts, strict=True))
    assert {name: count for name, count in counts.items() if count} == dict(
        zip(own, data.info.class_counts, strict=True)
    )


def test_several_labels_a_picture() -> None:
    rows = torch.tensor([[1.0, 0, 1], [0, 1, 0], [0, 0, 0]])
    found = arranged(data_of(("a", "b", "c"), rows), ("c", "d", "a", "b")).splits["train"].to("cpu")
    assert found.fetch(torch.arange(3)).targets.tolist() == [[1, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]


def test_the_same_order_changes_nothing() -> None:
    data = data_of(("a", "b"), torch.tensor([0, 1, 0]))
    assert arranged(data, ["a", "b"]) is data


@pytest.mark.parametrize(
    ("names", "classes", "found"),
    [
        (["tench"], ["goldfish", "tench"], [1]),
        (["n01440764_tench", "n01443537"], ["goldfish", "tench"], [1, None]),
        (["n01440764", "n01443537"], ["n01443537_goldfish", "n01440764_tench"], [1, 0]),
        (["great_white_shark", "Tiger-Shark"], ["tiger shark", "great white shark"], [1, 0]),
        # Not sure: two of one name.
        (["n02012849_crane", "n03126707_crane"], ["crane", "construction crane"], [None, None]),
        (["crane"], ["Crane", "crane "], [None]),
        (["n01440764"], ["n01443537"], [None]),
        (["Ä", "日本"], ["日本", "ä"], [1, 0]),
    ],
)
def test_how_names_are_compared(names: list[str], classes: list[str], found: list[int | None]) -> None:
    assert places(names, classes) == found


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (("a", "zebra"), "set has 'zebra' among its 2 classes; the network knows 3 "),
        (("p", "q", "r", "s"), "has 'p', 'q', 'r', … among its 4 classes"),
        (("a", "A"), "has several names for one of them|has 'A'"),
    ],
)
def test_a_class_that_the_network_does_not_know(own: tuple[str, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        arranged(data_of(own, torch.arange(4) % len(own)), ("a", "b", "c"))
