"""What the processes of test_processes.py run: several commands in turn, so that torch is imported once a
process.
"""

import sys

from pellucid import cli
from pellucid.training.processes import join_processes


def commands(words: list[str]) -> list[list[str]]:
    """Split at every "--and"."""
    found: list[list[str]] = [[]]
    for word in words:
        if word == "--and":
            found.append([])
        else:
            found[-1].append(word)
    return found


if __name__ == "__main__":
    with join_processes("cpu"):
        sys.exit(max(cli.main(command) for command in commands(sys.argv[1:])))
