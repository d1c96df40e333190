"""A network is left as it was, also for those who are using it at the same time."""

from __future__ import annotations

import torch
from torch import nn

from pellucid.inspection.modes import evaluation_mode, undone


def test_a_look_spoils_nobody_elses_backward_pass() -> None:
    """As between two threads: between a forward pass and its backward pass another look begins and ends."""
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    x = torch.randn(2, 3, 8, 8, requires_grad=True)
    with evaluation_mode(net):
        score = net(x).sum()
        with undone(net):
            net(torch.randn(1, 3, 8, 8))
        (gradient,) = torch.autograd.grad(score, x)
    assert gradient.any()


def test_what_was_written_is_undone() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    before = {name: buffer.clone() for name, buffer in net.named_buffers()}
    kept = dict(net.named_buffers())
    with undone(net):
        net(torch.randn(2, 3, 8, 8))
        net[1]._buffers["running_mean"] = torch.ones(4)
    for name, buffer in net.named_buffers():
        assert buffer is kept[name]
        assert torch.equal(buffer, before[name])


def test_buffers_of_inference_mode_are_undone() -> None:
    with torch.inference_mode():
        net = nn.BatchNorm2d(4).train()
        before = net.running_mean.clone()
        with undone(net):
            net(torch.randn(2, 4, 3, 3))
        assert torch.equal(net.running_mean, before)
