"""The recorder: what the network looks like from inside, at log-spaced steps and at the end of each epoch."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.inspection.health import Watch
from pellucid.inspection.layout import layouts_in
from pellucid.inspection.statistics import map_layers, observe
from pellucid.training.session import Session
from pellucid.training.settings import RecorderSettings
from pellucid.types.batch import Batch
from pellucid.types.recording import Probes, Recording

_WITH_MAPS = 3  # probe pictures whose feature maps are kept; predictions are kept of all
_EXHIBITS = 1 << 18  # bytes of each kind of exhibit that are kept, of three probes in any case


class Recorder:
    """Watches `settings.probes` pictures, spread evenly over the split that is evaluated during training.

    Only the first process records; what it records is the network being trained, not its moving average.
    """

    def __init__(self, session: Session, settings: RecorderSettings) -> None:
        self._session = session
        self.on = settings.probes > 0 and session.processes.first and not session.state.sharded
        self._steps = log_spaced(session.total_steps, settings.per_decade)
        self._watch = Watch()
        self._recent = self._told = frozenset[tuple[str, str]]()
        if self.on:
            count = len(session.data.splits[session.feed.watched])
            indices = torch.linspace(0, count - 1, min(settings.probes, count)).round().long()
            self._stored = session.feed.stored(session.feed.watched, indices)
            self._probes = session.feed.samples(session.feed.watched, indices)
            self._layouts = layouts_in(session.state.model, lambda: self._run(self._probes.slice(0, 1)))
            self._layers = map_layers(session.state.model, self._layouts)
            self._players = _players(session)

    def watching(self) -> Probes:
        """What is watched, as it is stored."""
        inputs, targets = self._stored.inputs, self._stored.targets
        return Probes(
            self._session.feed.watched,
            self._stored.indices.cpu().numpy(),
            inputs.cpu().numpy() if inputs.dtype == torch.uint8 else np.empty(0, np.uint8),
            targets.cpu().numpy() if isinstance(targets, torch.Tensor) else np.empty(0),
        )

    def _run(self, batch: Batch) -> Any:
        return self._session.task.forward(self._session.state.model, batch)

    def due(self, step: int) -> bool:
        return self.on and (step in self._steps or step % self._session.steps_per_epoch == 0)

    def record(self) -> Recording:
        """Look at the network as it is now; gradients are those of the step just taken."""
        session = self._session
        with session.execution.autocast():
            run = partial(self._run, self._probes)
            seen = observe(session.state.model, run, self._layouts, maps=self._layers)
        exhibits = session.task.exhibits(seen.output, self._probes)
        return Recording(
            step=session.state.position.step,
            epoch=session.epoch,
            layers=tuple(replace(layer, player=self._player_of(layer.name)) for layer in seen.layers),
            filters=seen.filters,
            maps={name: values[:_WITH_MAPS] for name, values in seen.maps.items()},
            predictions=session.task.probe(seen.output, self._probes).float().cpu().numpy(),
            exhibits={name: _few(maps).cpu().numpy() for name, maps in exhibits.items()},
        )

    def _player_of(self, layer: str) -> str:
        return self._players.get(layer.partition("#")[0], "")

    def troubles(self, recording: Recording) -> list[str]:
        """What is found to be wrong at two recorded steps in a row, for the first time, with what usually
        helps; nothing while the learning rate warms up.
        """
        if recording.epoch < self._session.settings.schedule.warmup:
            return []
        told = [f"from step {found.step:,}: {found}" for found in self._watch.new(recording)]
        found = {
            (objective.name, trouble): words
            for objective in self._session.task.objectives()
            for trouble, words in objective.watch(recording).items()
        }
        new = {key: words for key, words in found.items() if key in self._recent - self._told}
        self._recent, self._told = frozenset(found), self._told | new.keys()
        return [*told, *(f"at step {recording.step:,}: {words}" for words in new.values())]


def _players(session: Session) -> dict[str, str]:
    """Who trains each module, by its name, where there are several objectives."""
    model, objectives = session.state.model, session.task.objectives()
    names = {module: name for name, module in model.named_modules()}
    if len(objectives) < 2:
        return {}
    return {
        names[module]: objective.name
        for objective in objectives
        for player in objective.players(model)
        for module in player.modules()
    }


def _few(maps: Tensor) -> Tensor:
    """Those of the first probes, as many as may be kept."""
    return maps[: max(_WITH_MAPS, _EXHIBITS // max(1, maps[:1].numel()))]


def log_spaced(total: int, per_decade: int) -> frozenset[int]:
    """0, then steps whose logarithms are evenly spaced, `per_decade` to a factor of ten, up to `total`."""
    steps, power = {0, total}, 0
    while (step := round(10 ** (power / per_decade))) <= total:
        steps.add(step)
        power += 1
    return frozenset(steps)
