"""How long each call of a module takes, measured."""

from __future__ import annotations

import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.inspection.capture import following
from pellucid.inspection.modes import evaluation_mode, undone
from pellucid.inspection.trace import device_of, placed
from pellucid.inspection.wrappers import unwrapped
from pellucid.types.batch import map_leaves
from pellucid.types.errors import InputError

WARM_UP = 2


def time_calls(model: nn.Module, inputs: Sequence[Any], *, runs: int = 7) -> dict[str, float]:
    """Seconds by the address of the call, the median of `runs` forward passes in evaluation mode, on the
    device of the weights. Inputs without values are noise in [0, 1).

    The device is waited for where a module begins and ends, so that parts do not overlap. That takes time of
    its own; so the network's own time, "", is that of other passes, which are not interrupted.
    """
    inner = unwrapped(model)
    device = device_of(inner)
    if device == "meta":
        raise InputError("only a network with weights can be timed; this one has none, only their shapes")
    watch = _Watch(device)
    with undone(inner), evaluation_mode(inner), torch.no_grad():
        given = placed(map_leaves(_noise, tuple(inputs)), device)
        whole = [_seconds(lambda: inner(*given), device) for _ in range(WARM_UP + runs)]
        for _ in range(runs):
            watch.numbers.clear()
            with following(inner, enter=watch.enter, leave=watch.leave):
                inner(*given)
    parts = {address: statistics.median(taken) for address, taken in watch.taken.items()}
    return parts | {"": statistics.median(whole[WARM_UP:])}


class _Watch:
    """Takes the time at which modules begin and end."""

    def __init__(self, device: str) -> None:
        self.taken: dict[str, list[float]] = defaultdict(list)
        self.numbers: Counter[str] = Counter()
        self._device = device
        self._began: list[tuple[str, float]] = []

    def enter(self, name: str, inputs: Any) -> None:
        number = self.numbers[name]
        self.numbers[name] += 1
        _wait(self._device)
        self._began.append((f"{name}#{number}" if number else name, time.perf_counter()))

    def leave(self, name: str, output: Any) -> None:
        _wait(self._device)
        ended = time.perf_counter()
        address, began = self._began.pop()
        self.taken[address].append(ended - began)


def _seconds(run: Callable[[], object], device: str) -> float:
    _wait(device)
    began = time.perf_counter()
    run()
    _wait(device)
    return time.perf_counter() - began


def _wait(device: str) -> None:
    if device != "cpu":
        torch.accelerator.synchronize(device)


def _noise(leaf: Any) -> Any:
    if not isinstance(leaf, Tensor) or not leaf.is_meta:
        return leaf
    noise = torch.rand(leaf.shape) if leaf.is_floating_point() else torch.zeros(leaf.shape)
    return noise.to(leaf.dtype)
