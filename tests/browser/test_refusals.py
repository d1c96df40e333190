"""What cannot be done is said where it was asked, and stays said; no work waits for what nobody wants."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from pellucid.studio.app import House
from pellucid.studio.serving import Serving

NETWORK = "cifar-resnet8"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({"network": "cifar-resnet9"}, "no network is called 'cifar-resnet9'"),
        ({"network": NETWORK, "address": "layer9.conv1"}, "no layer or operation is called 'layer9.conv1'"),
        ({"network": NETWORK, "picture": "gone"}, "no picture has the id 'gone'"),
        ({"network": "cifar-resnet9", "page": "whatif"}, "no network is called 'cifar-resnet9'"),
        ({"network": NETWORK, "page": "whatif", "changes": ["conv1[0] * much"]}, "got 'much'"),
        ({"page": "data", "set": "nothing"}, "no dataset is called 'nothing'"),
        ({"page": "results", "run": "nothing"}, "no run is called 'nothing'"),
    ],
)
def test_what_is_not_there_is_said_in_its_place(
    open_tab: Callable[..., Any], studio: Serving, place: dict[str, str | list[str]], words: str
) -> None:
    tab = open_tab(studio)
    page = tab.page
    page.goto(f"{tab.base}?{urlencode(place, doseq=True)}")
    page.locator("main [role=status], main [role=alert]", has_text=words).first.wait_for()
    assert "loading …" not in page.locator("main").inner_text()


def test_a_channel_that_is_not_there_is_said(tab: Any) -> None:
    page = tab.go(network=NETWORK, address="conv1[99]")
    page.get_by_text("There is no channel 99: they are 0 to 15.").wait_for()


def test_a_class_that_is_not_there_is_said_and_a_right_one_explained(
    open_tab: Callable[..., Any], studio: Serving, given: str
) -> None:
    page = open_tab(studio).go(
        page="explain", network=NETWORK, picture=given, methods=["saliency"], target="99"
    )
    page.locator("main details[open]", has_text="99").wait_for()
    target = page.get_by_label("What is explained")
    target.fill("3")
    target.press("Enter")
    page.get_by_role("heading", name="saliency").wait_for()
    assert page.locator("main details").count() == 0


def test_explanations_that_are_left_are_given_up(tab: Any, house: House, given: str) -> None:
    page = tab.go(
        page="explain", network=NETWORK, picture=given, methods=["occlusion", "rise", "kernel-shap"]
    )
    page.locator("main [role=status]", has_text="/ 3").wait_for()
    job = next(each for each in reversed(house.jobs.all()) if each.kind == "explain")
    with page.expect_request(lambda asked: asked.method == "DELETE" and job.id in asked.url):
        page.get_by_role("button", name="Basics").click()
    assert job._stop.wait(10)


def test_the_arithmetic_of_a_choice_adds_nothing_up(tab: Any) -> None:
    page = tab.go(network="digits-lenet5", address="s2[0, 3, 3]")
    page.get_by_text("the arithmetic gives the network's own number").wait_for()
    assert not re.search("Σ [-−.\\d]", page.locator("section.channel").inner_text())


def test_all_others_are_switched_off_or_none(tab: Any, house: House) -> None:
    page = tab.go(page="whatif", network="cifar-resnet20", address="layer1.0.conv1[2]")
    page.get_by_role("button", name="switch off all others").click()
    page.get_by_text("layer1.0.conv1[15] * 0").wait_for()
    assert page.locator("li code", has_text="* 0").count() == 15
    page = tab.go(page="whatif", network="resnet18", address="layer4.1.conv2[2]")
    button = page.get_by_role("button", name="switch off all others")
    button.wait_for()
    assert button.is_disabled()
    assert "200" in button.get_attribute("title")
