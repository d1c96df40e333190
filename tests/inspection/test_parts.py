"""Modules that a network keeps in plain containers run like all others, and are seen like them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.inspection.capture import capture
from pellucid.inspection.layer_table import layer_table
from pellucid.inspection.modes import evaluation_mode
from pellucid.inspection.parts import named_parts, unregistered


class Listed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.blocks = [nn.Conv2d(4, 4, 3), nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))]
        self.heads = {"classes": (nn.Linear(4, 10),)}
        self.again = [self.conv, self.blocks]  # known by the names that they already have
        self.sizes = [3, 4, 5]

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        for block in self.blocks:
            x = block(x)
        found: Tensor = self.heads["classes"][0](x.mean((2, 3)))
        return found


class Registered(Listed):
    def __init__(self) -> None:
        super().__init__()
        del self.again
        parts, (head,) = self.blocks, self.heads["classes"]
        del self.blocks, self.heads
        self.blocks = nn.ModuleList(parts)  # type: ignore[assignment]
        self.heads = nn.ModuleDict({"classes": nn.ModuleList([head])})  # type: ignore[assignment]


NAMES = ["blocks.0", "blocks.1", "blocks.1.0", "blocks.1.1", "heads.classes.0"]


def test_they_are_called_as_they_would_be_if_torch_knew_of_them() -> None:
    assert [name for name, _ in named_parts(Listed())] == ["", "conv", *NAMES]
    assert sorted(unregistered(Listed())) == sorted(NAMES)
    assert unregistered(Registered()) == {}


def test_the_table_is_that_of_the_registered_network_and_says_what_is_wrong() -> None:
    picture = [torch.empty(1, 3, 8, 8, device="meta")]
    listed, registered = layer_table(Listed(), picture), layer_table(Registered(), picture)
    assert [(row.address, row.kind) for row in listed.rows[1:]] == [
        (row.address, row.kind) for row in registered.rows[1:]
    ]
    numbers = [
        [(row.parameters, row.multiply_adds, row.forward_bytes, row.training_bytes) for row in table.rows]
        for table in (listed, registered)
    ]
    assert numbers[0] == numbers[1]
    assert (listed.trainable, listed.buffers) == (registered.trainable, registered.buffers)
    assert not listed.uncounted
    (note,) = listed.notes
    assert "blocks.0, blocks.1, heads.classes.0" in note
    assert "226 parameters" in note
    assert "nn.ModuleList" in note
    assert registered.notes == ()


def test_they_are_captured_and_left_as_they_were() -> None:
    model = Listed()
    norm = model.blocks[1][1]  # type: ignore[index]
    before = norm.running_mean.clone()
    with evaluation_mode(model), capture(model, ["blocks.1.1"]) as seen:
        assert not norm.training
        model(torch.rand(2, 3, 8, 8))
    assert seen.outputs["blocks.1.1", 0].shape == (2, 4, 6, 6)
    assert norm.training
    assert torch.equal(norm.running_mean, before)
    assert not norm._forward_hooks


def test_a_network_that_holds_itself_ends() -> None:
    model = nn.Sequential(nn.ReLU())
    model.parents = [model]  # type: ignore[assignment]
    assert [name for name, _ in named_parts(model)] == ["", "0"]
