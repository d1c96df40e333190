"""The studio's interface as OpenAPI, from which the types of the pages are made: `python -m
pellucid.studio.openapi FILE`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from pellucid.studio.app import House, create_app
from pellucid.studio.networks import Networks
from pellucid.studio.pictures import Pictures


def description() -> str:
    """The same text for the same interface."""
    app = create_app(House(Networks(Path("runs")), Pictures()))
    found = app.openapi()
    found["info"]["version"] = ""
    return json.dumps(found, indent=1, sort_keys=True)


def fingerprint() -> str:
    return hashlib.sha256(description().encode()).hexdigest()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(description())
    print(fingerprint())
