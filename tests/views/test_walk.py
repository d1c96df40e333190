"""The walk as a picture, step by step, and in words."""

from __future__ import annotations

from pellucid.inspection.walk import walk_of_defaults
from pellucid.studies.backpropagation import EXAMPLES
from pellucid.views.marks import Graph, Text
from pellucid.views.walk import matrices_figure, walk_figure, walk_steps, walk_table, walk_text


def test_values_gradients_and_local_derivatives_are_in_the_graph() -> None:
    walk = walk_of_defaults(EXAMPLES["shared"])
    (panel,) = walk_figure(walk).panels
    graph = next(mark for mark in panel.marks if isinstance(mark, Graph))
    shown = dict(zip(graph.names, graph.notes, strict=True))
    assert shown["x = 2"] == "gradient 2"
    assert shown["add = −1"] == "gradient 2"
    assert len(graph.paths) == len(walk.edges)
    labels = [mark.text for mark in panel.marks if isinstance(mark, Text)]
    assert sorted(labels) == sorted(["× 1", "× 1", "× −1", "× 2", "× 1", "× 1"])


def test_what_is_not_known_yet_is_left_open() -> None:
    walk = walk_of_defaults(EXAMPLES["neuron"])
    frames = walk_steps(walk).frames
    assert len(frames) == len([*walk.steps()])
    graphs = [frame.panels[0].marks[0] for _, frame in sorted(frames.items())]
    assert all(isinstance(graph, Graph) for graph in graphs)
    first, last = graphs[0], graphs[-1]
    assert "sigmoid" in first.names
    assert not any(note.startswith("gradient") for note in first.notes)
    assert "sigmoid = 0.7047" in last.names
    assert (first.boxes == last.boxes).all()


def test_a_gradient_is_shown_when_all_its_parts_have_come_back() -> None:
    frames = walk_steps(walk_of_defaults(EXAMPLES["shared"])).frames  # x is used by three operations
    notes = []
    for _, frame in sorted(frames.items()):
        graph = frame.panels[0].marks[0]
        assert isinstance(graph, Graph)
        notes.append(graph.notes[graph.names.index("x = 2")])
    assert notes == ["", "", "", "", "", "gradient 2"]


def test_matrices_with_their_numbers_and_the_chain_rule_in_words() -> None:
    walk = walk_of_defaults(EXAMPLES["matrices"])
    figure = matrices_figure(walk)
    assert figure is not None
    assert "a, 2×2" in [panel.title for panel in figure.panels]
    assert matrices_figure(walk_of_defaults(EXAMPLES["shared"])) is None
    text = walk_text(walk_of_defaults(EXAMPLES["shared"]))
    assert "forward: add = −1 from x = 2, y = −3" in text
    assert "back through mul: add gets 1 × 2 = 2; x gets 1 × −1 = −1" in text
    rows = {row[0]: row for row in walk_table(walk_of_defaults(EXAMPLES["shared"])).rows}
    assert rows["x"][4] == "add: 2 × 1 + mul: 1 × −1 + add#1: 1 × 1"
