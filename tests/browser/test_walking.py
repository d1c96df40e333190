"""From the network down to one unit in a real browser: the window slides, its numbers are the library's."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from pellucid.studio.app import House

NETWORK, LAYER = "cifar-resnet8", "layer1.0.conv1"


def test_the_zoom_ends_at_the_librarys_own_number(tab: Any, house: House, given: str) -> None:
    page = tab.go(network=NETWORK, picture=given)
    page.get_by_label("find a layer").fill(LAYER)
    page.keyboard.press("Enter")
    channels = page.locator(f"canvas[aria-label^='{LAYER}:']")
    channels.click(position={"x": 12, "y": 12})
    page.get_by_role("button", name="to its strongest unit").click()
    told = page.locator("[data-value]")
    told.wait_for()
    address = page.locator("section.unit").get_attribute("aria-label")
    expected = house.networks.look(NETWORK, house.pictures[given]).unit(address, influence=False)
    assert float(told.get_attribute("data-value")) == pytest.approx(expected.value, rel=1e-6)
    assert told.inner_text() == f"{expected.value:.5g}"
    page.get_by_role("button", name=re.compile("follow back to")).click()
    page.wait_for_function(f"() => document.querySelector('section.unit')?.ariaLabel !== {address!r}")
    page.locator("section.unit").wait_for()
    before = page.locator("section.unit").get_attribute("aria-label")
    assert before == strongest_source(house, given, address)
    page.get_by_label("the way back").get_by_role("button", name=address).click()
    page.wait_for_function(f"() => document.querySelector('section.unit')?.ariaLabel === {address!r}")


def strongest_source(house: House, picture: str, address: str) -> str:
    """The unit whose product with its weight is the greatest in magnitude, by the library."""
    opened = house.networks.look(NETWORK, house.pictures[picture]).unit(address, influence=False).arithmetic
    operand = opened.operands[0]
    order = np.argsort(-np.abs(operand.products), axis=None, kind="stable")
    sources = (operand.origin.at(np.unravel_index(at, operand.products.shape)) for at in order)
    return next(source for source in sources if source)


def told(page: Any) -> str:
    """The address of the unit that is shown, "" for none."""
    label: str | None = page.evaluate("document.querySelector('section.unit')?.ariaLabel")
    return label or ""


def opened_at(page: Any, address: str) -> None:
    page.wait_for_function(f"() => document.querySelector('section.unit')?.ariaLabel === {address!r}")


def test_the_window_slides_with_the_pointer_and_by_itself(tab: Any, house: House, given: str) -> None:
    chosen = f"{LAYER}[3, 4, 5]"
    page = tab.go(network=NETWORK, picture=given, address=chosen)
    opened_at(page, chosen)
    rows = page.locator(".terms .label").all_inner_texts()
    the_map = page.locator(f"canvas[aria-label^='{LAYER}[3]']")
    page.locator(".terms canvas[aria-label^='relu[']").first.wait_for()
    box = the_map.bounding_box()
    the_map.hover(position={"x": box["width"] * 10.5 / 32, "y": box["height"] * 7.5 / 32})
    opened_at(page, f"{LAYER}[3, 7, 10]")
    assert f"{LAYER}%5B3%2C+4%2C+5%5D" in page.url  # a glance leaves the address alone
    expected = house.networks.look(NETWORK, house.pictures[given]).unit(told(page), influence=False)
    value = page.locator("[data-value]").get_attribute("data-value")
    assert float(value) == pytest.approx(expected.value, rel=1e-6)
    assert page.locator(".terms .label").all_inner_texts() == rows  # the same channels while one moves
    windows = page.locator(".terms canvas[aria-label^='relu[']")
    assert all(": 6–8, 9–11" in each.get_attribute("aria-label") for each in windows.all())
    page.mouse.move(2, 2)
    opened_at(page, chosen)
    page.get_by_label("speed").fill("20")
    page.get_by_role("button", name="slide over the map").click()
    page.wait_for_function(
        "() => /\\[3, 4, (8|9|1\\d)\\]/.test(document.querySelector('section.unit').ariaLabel)"
    )
    page.get_by_role("button", name="pause").click()
    assert "address=layer1.0.conv1%5B3%2C+4%2C" in page.url
    assert chosen not in page.url


@pytest.mark.parametrize(
    ("network", "address", "reads", "words"),
    [
        (NETWORK, "avgpool[2, 0, 0]", "layer3.0.relu2", "÷ count"),
        (NETWORK, "layer1.0:add[1, 3, 31]", "relu", "a + b"),
        ("timm/vit_tiny_patch16_224", "blocks.0.attn:scaled_dot_product_attention[9, 1, 4]", "", "q · k"),
        ("timm/vit_tiny_patch16_224", "blocks.1.mlp.fc1[7, 40]", "blocks.1.norm2", "input × weight"),
        ("timm/vit_tiny_patch16_224", "blocks.1.norm1[7, 0]", "", "mean"),
    ],
)
def test_other_operations_open_too(
    tab: Any, given: str, network: str, address: str, reads: str, words: str
) -> None:
    page = tab.go(network=network, picture=given, address=address)
    opened_at(page, address)
    assert page.locator(".terms").count() >= 1
    assert words in page.locator("section.unit").inner_text()
    assert "the arithmetic gives the network's own number" in page.locator("section.unit").inner_text()
    if reads:
        page.locator(f".terms canvas[aria-label^='{reads}[']").first.wait_for()
