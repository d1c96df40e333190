"""What differs in the structure of two networks."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
import torchvision
from torch import nn

from pellucid.inspection.difference import Difference, compare_structure
from pellucid.inspection.trace import trace


def compared(first: nn.Module, second: nn.Module, *shape: int) -> list[Difference]:
    x = torch.empty(shape, device="meta")
    return compare_structure(trace(first, [x]), trace(second, [x]))


def counted(differences: list[Difference]) -> Counter[str]:
    return Counter(each.change for each in differences)


def test_a_network_does_not_differ_from_itself() -> None:
    model = torchvision.models.resnet18()
    assert set(counted(compared(model, model, 1, 3, 64, 64))) == {"same"}


def test_other_names_are_no_difference() -> None:
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2))
    named = nn.Sequential(nn.Sequential(plain[0], plain[1]), nn.Sequential(plain[2], plain[3]))
    assert set(counted(compared(plain, named, 1, 3, 8, 8))) == {"same"}


def test_a_deeper_network_adds_blocks() -> None:
    found = compared(torchvision.models.resnet18(), torchvision.models.resnet34(), 1, 3, 64, 64)
    assert counted(found) == {"same": 69, "added": 56}  # eight blocks of seven steps


def test_a_wider_one_changes_convolutions() -> None:
    found = compared(torchvision.models.resnet50(), torchvision.models.wide_resnet50_2(), 1, 3, 64, 64)
    assert counted(found).keys() == {"same", "changed"}
    changed = [each for each in found if each.change == "changed" and each.first and each.second]
    assert all(each.first.address == each.second.address for each in changed)
    assert "layer1.0.conv2" in {each.first.address for each in changed if each.first}


def test_batch_norm_is_found_between_the_layers() -> None:
    found = compared(torchvision.models.vgg11(), torchvision.models.vgg11_bn(), 1, 3, 32, 32)
    added = [each.second for each in found if each.change == "added" and each.second]
    assert [step.kind for step in added] == ["BatchNorm2d"] * 8
    assert counted(found)["removed"] == 0


class Sum(nn.Module):
    def __init__(self, skip: bool) -> None:
        super().__init__()
        self.skip, self.one, self.two = skip, nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.two(self.one(x))
        return y + (x if self.skip else y)


def test_another_wiring_is_a_difference() -> None:
    (change,) = [each for each in compared(Sum(True), Sum(False), 1, 4, 8, 8) if each.change != "same"]
    assert change.first is not None
    assert change.second is not None
    assert change.first.sources == ("Conv2d", "input")
    assert change.second.sources == ("Conv2d", "Conv2d")


def test_the_lists_are_those_of_both_networks() -> None:
    found = compared(torchvision.models.resnet18(), torchvision.models.vgg11(), 1, 3, 64, 64)
    for side, kinds in (("first", 8), ("second", 0)):
        steps = [getattr(each, side) for each in found if getattr(each, side) is not None]
        assert sum(step.kind == "add" for step in steps) == kinds
        assert len({step.address for step in steps}) == len(steps)
    with pytest.raises(ValueError, match=r"3.*channels"):
        compared(torchvision.models.resnet18(), nn.Identity(), 1, 4, 64, 64)
