"""Running the program as a user does."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def pellucid(tmp_path: Path) -> Run:
    """Call the program in an empty folder; `shell` goes before it on a shell's command line."""

    def call(*arguments: str, shell: str = "", timeout: float = 120) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "pellucid", *arguments]
        command = ["bash", "-c", f'{shell} exec "$@"', "bash", *words] if shell else words
        return subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    return call
