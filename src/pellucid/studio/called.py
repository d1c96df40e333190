"""How a network of the studio is opened elsewhere: on the command line, and in Python."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from pellucid.studio.networks import Networks


@dataclass(frozen=True)
class Called:
    """`name` is a registry's, or a run's folder; `weights` as they were named for it, "" for none."""

    name: str
    weights: str = ""

    def words(self, option: str = "") -> str:
        """For a shell, after `option` where there is one."""
        weights = f" --weights {shlex.quote(self.weights)}" if self.weights else ""
        return f"{option} {shlex.quote(self.name)}{weights}".lstrip()

    @property
    def imported(self) -> str:
        """The line that `opened` needs."""
        return f"from pellucid.recipes.opened import open_network{', some_classes' if self.weights else ''}"

    @property
    def opened(self) -> str:
        weights = (
            f", weights={self.weights!r}, classes=some_classes({self.weights!r})" if self.weights else ""
        )
        return f"open_network({self.name!r}{weights})"


def called(networks: Networks, name: str) -> Called:
    """A run is named by its folder, seen from where the studio was started."""
    if not name.startswith("run:"):
        return Called(name, networks.weights_of(name))
    path, here = networks.run_path(name.removeprefix("run:")), Path.cwd()
    return Called(str(path.relative_to(here) if path.is_relative_to(here) else path))
