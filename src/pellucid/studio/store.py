"""Things that are dear to make and may be forgotten: the least recently used go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Store(Generic[K, V]):
    """At most `limit` of what `size` measures, for several threads. One that is asked for while it is being
    made is waited for, not made twice.
    """

    def __init__(self, limit: float, size: Callable[[V], float]) -> None:
        self._limit, self._size = limit, size
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._sizes: dict[K, float] = {}
        self._making: dict[K, Lock] = {}
        self._lock = Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """What is kept under `key`, or what `make` gives; what `make` raises is raised here."""
        with self._lock:
            found = self._found(key)
            if found is not None:
                return found
            making = self._making.setdefault(key, Lock())
        with making:
            with self._lock:
                found = self._found(key)
            if found is None:
                found = make()
                self.put(key, found)
        with self._lock:
            self._making.pop(key, None)
        return found

    def put(self, key: K, value: V) -> None:
        """Keep `value`, and forget what is then too much; `value` itself stays."""
        with self._lock:
            self._kept[key] = value
            self._kept.move_to_end(key)
            self._sizes[key] = self._size(value)
            while sum(self._sizes.values()) > self._limit and len(self._kept) > 1:
                oldest, _ = self._kept.popitem(last=False)
                del self._sizes[oldest]

    def find(self, key: K) -> V | None:
        with self._lock:
            return self._found(key)

    def kept(self) -> list[K]:
        with self._lock:
            return list(self._kept)

    def _found(self, key: K) -> V | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)
