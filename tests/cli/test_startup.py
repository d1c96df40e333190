"""Asking what there is must not wait for what is not needed."""

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "numpy", "scipy", "sklearn", "matplotlib", "PIL", "tyro", "rich", "timm")
COUNT = """
import sys
before = set(sys.modules)
from pellucid import cli
status = cli.main(sys.argv[1:])
import json
print("\\n" + json.dumps(sorted(set(sys.modules) - before)))
sys.exit(status)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["list"], ["list", "models", "--json"]])
def test_only_what_is_needed_is_imported(arguments):
    done = subprocess.run(
        [sys.executable, "-c", COUNT, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    modules = json.loads(done.stdout.splitlines()[-1])
    assert [name for name in modules if name.split(".")[0] in HEAVY] == []
    assert len(modules) < 90, modules
