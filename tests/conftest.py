"""What holds for all tests."""

import os

import pytest

# Each worker of pytest-xdist has a core; threads that wait for one another's core make it five times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

LONGEST = ("/faults/test_resume", "/studio/", "/browser/", "/faults/", "/training/test_processes")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The modules that take longest come first, so that no worker has one left when the others are done."""

    def turn(item: pytest.Item) -> int:
        path = item.path.as_posix()
        return next((place for place, part in enumerate(LONGEST) if part in path), len(LONGEST))

    items.sort(key=turn)
