"""Names to things: one explicit table per kind, listed without importing what it names."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Generic, TypeVar, cast

from pellucid.types.errors import unknown_name

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """A read-only mapping from a name to a thing that lives in one of a package's modules.

    `families` maps a module of `package` to the names in that module's dict called `table`, each with one
    line that says what it is. Listing names and lines imports nothing; asking for a thing imports its module
    alone. That both sides hold the same names is checked when a module is first asked.
    """

    def __init__(
        self, kind: str, *, package: str, table: str, families: Mapping[str, Mapping[str, str]]
    ) -> None:
        self.kind, self._package, self._table = kind, package, table
        self._families = families
        self._family: dict[str, str] = {}
        for family, names in families.items():
            for name in names:
                if name in self._family:
                    raise ValueError(f"{kind} {name!r} stands in {self._family[name]!r} and in {family!r}")
                self._family[name] = family

    def __getitem__(self, name: str) -> T:
        if name not in self._family:
            raise unknown_name(self.kind, name, self._family)
        family, module = self._family[name], self.module(name)
        things = getattr(module, self._table)
        if set(things) != set(self._families[family]):
            raise RuntimeError(
                f"{module.__name__}.{self._table} holds {sorted(things)}, "
                f"but {self._package} lists {sorted(self._families[family])}"
            )
        return cast(T, things[name])

    def module(self, name: str) -> ModuleType:
        """The module that `name` lives in, imported."""
        return importlib.import_module(f"{self._package}.{self._family[name]}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._family)

    def __len__(self) -> int:
        return len(self._family)

    def __contains__(self, name: object) -> bool:
        return name in self._family

    def summary(self, name: str) -> str:
        """The line that says what `name` is, without importing it."""
        if name not in self._family:
            raise unknown_name(self.kind, name, self._family)
        return self._families[self._family[name]][name]
