"""metrics.jsonl: append-only, and forgiving to read."""

import math

from pellucid.runs.log import Log


def test_the_later_line_of_a_step_counts(tmp_path):
    log = Log(tmp_path / "metrics.jsonl")
    for step, value in ((1, 0.5), (2, 0.4), (2, 0.3), (1, 0.6)):
        log.append("step", step, {"loss": value})
    log.append("evaluation", 2, {"top-1": 0.9})
    assert [(line["step"], line["loss"]) for line in log.read("step")] == [(1, 0.6), (2, 0.3)]


def test_a_torn_line_is_dropped_and_the_next_is_whole(tmp_path):
    log = Log(tmp_path / "metrics.jsonl")
    log.append("step", 1, {"loss": 1.0})
    with open(log.path, "a") as file:
        file.write('{"kind": "step", "ste')
    log.append("step", 2, {"loss": 2.0})
    assert [line["step"] for line in log.read("step")] == [1, 2]


def test_values_that_json_lacks_come_back(tmp_path):
    log = Log(tmp_path / "metrics.jsonl")
    log.append("evaluation", 1, {"metrics": {"a": math.nan, "b": -math.inf}})
    metrics = log.read("evaluation")[0]["metrics"]
    assert math.isnan(metrics["a"])
    assert metrics["b"] == -math.inf


def test_without_a_file_there_is_nothing(tmp_path):
    assert Log(tmp_path / "none.jsonl").read("step") == []
