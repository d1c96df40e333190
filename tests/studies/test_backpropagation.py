"""`pellucid study backpropagation`: the examples, a function of one's own, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pellucid.cli import main
from pellucid.runs.log import json_text
from pellucid.studies.backpropagation import EXAMPLES, BackpropagationStudy
from pellucid.types.errors import InputError


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_walked_through(example: str) -> None:
    found = BackpropagationStudy(example).run()
    assert len(found.table.rows) > 4
    assert json.loads(json_text(found.numbers))["nodes"]
    page = found.page().to_html()
    assert "Step by step" in page
    assert "back through" in page


def test_a_function_of_one_s_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own.py"
    own.write_text("def loss(w=3.0, *, x=2.0):\n    return (w * x - 1) ** 2\n")
    assert main(["study", "backpropagation", "--example", f"{own}:loss", "--json"]) == 0
    nodes = {node["name"]: node for node in json.loads(capsys.readouterr().out)["nodes"]}
    assert nodes["w"]["gradient"] == 2 * (3 * 2 - 1) * 2
    assert nodes["x"]["gradient"] is None


@pytest.mark.parametrize(
    ("example", "said"), [("neurone", "did you mean 'neuron'"), ("gone.py:f", "no such file")]
)
def test_examples_that_are_none(example: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        BackpropagationStudy(example).run()
