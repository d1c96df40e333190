"""What a study is, and what it finds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pellucid.views.contents import Table
from pellucid.views.figure import Figure
from pellucid.views.page import Page, Section


@dataclass(frozen=True)
class Findings:
    """An answer as words, a table, a picture under its `heading`, and `numbers` of JSON's types with
    everything that was measured.
    """

    title: str
    words: str
    table: Table
    figure: Figure
    numbers: Mapping[str, Any]
    heading: str

    def page(self) -> Page:
        return Page(
            self.title,
            self.words,
            (Section(self.heading, (self.figure,)), Section("In numbers", (self.table,))),
        )


@dataclass(frozen=True)
class Study(ABC):
    """The fields of a concrete one are its settings, and the options of `pellucid study NAME`."""

    @abstractmethod
    def run(self) -> Findings:
        """Raises `InputError` for settings that cannot be."""
