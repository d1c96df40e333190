"""Atomic writing: old or new, never a part."""

import pytest

from pellucid.runs.atomic import write_file, write_with


def test_replaces_content_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    write_file(path, "one")
    write_file(path, b"two")
    assert path.read_text() == "two"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]


def test_a_failing_write_keeps_the_old_content(tmp_path):
    path = tmp_path / "file.txt"
    write_file(path, "old")

    def half(temporary):
        temporary.write_text("ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_with(path, half)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]
