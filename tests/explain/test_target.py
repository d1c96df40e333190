"""Targets: what they say, add and settle; and as text."""

from __future__ import annotations

from collections import OrderedDict, namedtuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pellucid.explain.target import (
    Target,
    class_logit,
    likeliest,
    main_output,
    region,
    said_of_output,
    similarity,
)
from pellucid.explain.target_detection import detection
from pellucid.explain.target_text import parse_target
from pellucid.types.errors import InputError

LOGITS = torch.tensor([[1.0, 5.0, 2.0], [9.0, 0.0, 3.0]])
NAMES = ("n01_cat", "n01440764_great_white_shark", "black-and-tan coonhound")


def test_the_likeliest_class_is_each_picture_s_own() -> None:
    settled = likeliest(NAMES).settled(LOGITS)
    assert settled.texts == ("great white shark (1)", "n01 cat (0)")
    assert settled(LOGITS).tolist() == [5, 9]
    # Settled once: an altered picture, whatever it looks like now, is asked for the same class.
    altered = torch.tensor([[7.0, 1.0, 0.0], [0.0, 4.0, 0.0], [0.5, 2.0, 8.0]])
    assert settled(altered, torch.tensor([0, 0, 1])).tolist() == [1, 4, 0.5]
    assert likeliest(place=2).settled(LOGITS)(LOGITS).tolist() == [2, 3]
    with pytest.raises(InputError, match="3 classes apart; none is in place 4"):
        likeliest(place=4).settled(LOGITS)


def test_targets_add_subtract_and_scale() -> None:
    target = 2 * class_logit(1) - class_logit(0) + Target("sum", lambda out: out.sum(1))
    assert target(LOGITS).tolist() == [2 * 5 - 1 + 8, 0 - 9 + 12]
    settled = (likeliest() - likeliest(place=2)).settled(LOGITS)
    assert settled.texts == ("class 1 − class 2", "class 0 − class 2")
    assert settled(LOGITS.flip(1), torch.tensor([1, 1])).tolist() == [2 - 1, 3 - 9]
    assert (-class_logit(1)).settled(LOGITS)(LOGITS).tolist() == [-5, 0]


@pytest.mark.parametrize("output", [LOGITS[:, 0], LOGITS[:, :1]])
def test_a_single_output_is_the_target(output: torch.Tensor) -> None:
    settled = likeliest().settled(output)
    assert settled.texts == ("the network's one output",) * 2
    assert settled(output).tolist() == [1, 9]
    with pytest.raises(InputError, match="1 number, 0 to 0; there is no class 1"):
        class_logit(1).settled(output)


def test_half_precision_is_widened() -> None:
    assert likeliest().settled(LOGITS.bfloat16())(LOGITS.bfloat16()).dtype == torch.float32
    assert likeliest().settled(LOGITS.double())(LOGITS.double()).dtype == torch.float64


def test_what_gives_no_number_a_picture_is_refused() -> None:
    with pytest.raises(InputError, match=r"one number for each picture, \(2,\); 'all' gave \(2, 3\)"):
        Target("all", lambda out: out).settled(LOGITS)(LOGITS)


def test_the_class_of_a_map_counts_where_it_is_said() -> None:
    maps = torch.tensor([[[[1.0, 0.0], [4.0, 0.0]], [[0.0, 2.0], [3.0, 5.0]]]])  # classes at 4 pixels
    settled = class_logit(1).settled(maps)
    assert settled.texts == ("class 1, where it is said (2 pixels)",)
    assert settled(maps).tolist() == [7]
    assert settled(-maps.expand(2, -1, -1, -1), torch.tensor([0, 0])).tolist() == [-7, -7]  # the same pixels
    assert likeliest().settled(maps)(maps).tolist() == [5]  # two pixels each: the first of the classes
    inside = region(0, torch.tensor([[True, False], [True, False]]))
    assert inside.settled(maps)(maps).tolist() == [5]
    with pytest.raises(InputError, match="a mask over the network's map"):
        region(0, torch.ones(3, 3)).settled(maps)


def test_likeness_to_a_reference() -> None:
    target = similarity(torch.tensor([1.0, 0.0, 0.0]))
    assert target(LOGITS)[0] == pytest.approx(1 / 30**0.5)
    with pytest.raises(InputError, match="one embedding of the network"):
        similarity(torch.ones(4))(LOGITS)


Pair = namedtuple("Pair", ["logits", "aux"])


@pytest.mark.parametrize(
    "output",
    [
        (LOGITS, -LOGITS),
        [LOGITS, -LOGITS],
        {"aux": -LOGITS, "out": LOGITS},
        OrderedDict(features=-LOGITS, logits=LOGITS),
        Pair(LOGITS, -LOGITS),
    ],
)
def test_the_main_output_is_found_and_said(output: object) -> None:
    assert main_output(output) is LOGITS
    assert "of the 2 tensors" in said_of_output(output)[0]
    assert class_logit(1)(output).tolist() == [5, 0]


def test_an_output_without_a_main_part_is_refused() -> None:
    assert main_output({"anything": LOGITS}) is LOGITS
    assert said_of_output(LOGITS) == said_of_output({"anything": LOGITS}) == ()
    with pytest.raises(InputError, match="a dict with a, b, of which no part is plainly its answer"):
        main_output({"a": LOGITS, "b": LOGITS})


def test_a_box_in_torchvision_s_form() -> None:
    boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 2], [0, 0, 4, 4]])
    found = {"boxes": boxes, "labels": torch.tensor([1, 2, 2]), "scores": torch.tensor([0.9, 0.8, 0.3])}
    nothing = {"boxes": boxes[:0], "labels": torch.zeros(0), "scores": torch.zeros(0)}
    assert detection((0, 0, 4, 4), 2)([found, nothing]).tolist() == pytest.approx([0.4, 0])
    with pytest.raises(InputError, match="a target for detectors"):
        detection((0, 0, 4, 4), 2)(LOGITS)
    with pytest.raises(InputError, match="x0 < x1"):
        detection((4, 0, 0, 4), 2)


def test_a_box_in_detr_s_form() -> None:
    output = {
        "logits": torch.tensor([[[0.0, 2.0], [3.0, 0.0]]]),
        "pred_boxes": torch.tensor([[[0.5, 0.5, 1.0, 1.0], [0.25, 0.5, 0.5, 1.0]]]),
    }
    wanted = detection((0, 0, 10, 20), 0, size=(20, 20))
    shares = torch.softmax(output["logits"][0], -1)[:, 0]
    assert wanted(output).tolist() == pytest.approx([max(float(shares[0]) / 2, float(shares[1]))])
    with pytest.raises(InputError, match="say its size"):
        detection((0, 0, 10, 20), 0)(output)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", [5, 0]),
        (" great white shark ", [5, 0]),
        ("Great_White_Shark", [5, 0]),
        ("n01440764_great_white_shark", [5, 0]),
        ("black-and-tan coonhound", [2, 3]),
        ("black-and-tan coonhound - 0", [1, -6]),
        ("1-2", [3, -3]),
        ("2*1+0.5*2", [11, 1.5]),
        ("-1", [-5, 0]),
        ("likeliest - second", [3, 6]),
        ("3×third", [3, 0]),
    ],
)
def test_targets_as_text(text: str, expected: list[float]) -> None:
    target = parse_target(text, NAMES)
    assert target.settled(LOGITS)(LOGITS).tolist() == expected


@given(st.lists(st.tuples(st.sampled_from("+-"), st.integers(0, 2), st.integers(1, 9)), min_size=1))
def test_any_sum_is_read(terms: list[tuple[str, int, int]]) -> None:
    text = "".join(f"{sign}{factor}*{number}" for sign, number, factor in terms)
    expected = sum((-1 if s == "-" else 1) * f * LOGITS[:, n] for s, n, f in terms)
    torch.testing.assert_close(parse_target(text)(LOGITS), expected)


def test_a_typo_is_answered() -> None:
    with pytest.raises(InputError, match="did you mean 'great white shark'"):
        parse_target("great whit shark", NAMES)
    for text in ("", "1-", "2*", "cat", "1 2"):
        with pytest.raises(InputError, match="a target is a class by number or name"):
            parse_target(text)
