"""Pictures come from a camera too, are explained beside one another, and leave as one page and as one PNG."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import PIL.Image

from pellucid.studio.app import House

NETWORK = "cifar-resnet8"


def test_a_picture_comes_from_the_camera(tab: Any, house: House) -> None:
    tab.context.grant_permissions(["camera"])
    page = tab.go(page="explain", network=NETWORK, methods=["grad-cam"])
    page.get_by_role("button", name="Picture", exact=True).click()
    page.get_by_role("button", name="use the camera").click()
    page.locator("button:enabled", has_text="take the picture").click()
    page.wait_for_function("() => !document.querySelector('video')")
    page.get_by_role("heading", name="grad-cam").wait_for()
    taken = house.pictures.all()[-1]
    assert taken.name == "camera.png"
    assert (taken.width, taken.height) == (640, 480)
    page.get_by_role("button", name="Picture", exact=True).click()
    page.get_by_role("button", name="use the camera").click()
    page.locator("video").wait_for()
    page.get_by_role("button", name="Picture", exact=True).click()  # closed: the camera goes off
    page.wait_for_function("() => !document.querySelector('video')")


def test_several_pictures_leave_as_one_page(
    tab: Any, house: House, given: str, draw: Callable[[int], bytes], tmp_path: Any
) -> None:
    other = house.pictures.add(draw(7), "another.png").id
    methods = ["grad-cam", "saliency"]
    page = tab.go(
        page="explain", network=NETWORK, picture=given, pictures=[other, given], methods=methods, check="1"
    )
    page.wait_for_function("() => document.querySelectorAll('.heat canvas').length === 4", timeout=120_000)
    page.wait_for_function("() => document.querySelectorAll('.scores').length === 4", timeout=120_000)
    with page.expect_download() as downloading:
        page.get_by_role("link", name="save as a page").click()
    path = tmp_path / "explanation.html"
    downloading.value.save_as(path)
    shown = tab.context.new_page()
    asked: list[str] = []
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(path.as_uri())
    text = shown.locator("body").inner_text()
    assert all(word in text for word in (*methods, "given.png", "another.png", "deletion"))
    assert shown.locator("img, svg image, canvas").count() >= 6
    assert all(url.startswith(("file:", "data:")) for url in asked)
    with page.expect_download() as downloading:
        page.get_by_role("link", name="save as a picture").click()
    png = PIL.Image.open(io.BytesIO(downloading.value.path().read_bytes()))
    assert png.format == "PNG"
    assert min(png.size) > 300
