"""The panel of a device on a camera's page, and what becomes of a device whose place somebody else takes."""

from __future__ import annotations

import jpegs
from tcp_push import LISTEN, Pusher, push_address
from test_device import HELLO, device, tell
from wait import eventually


def test_keys_on_a_slider_end_at_what_the_slider_shows(server, browser):
    """Each key is a change, and they come faster than a device answers."""
    with device(server) as camera:
        camera.show()
        visit = browser.open(f"{server.http}/watch?stream=door")
        eventually(lambda: visit.page.is_visible("#device-quality") and visit.page.is_enabled("#device-quality"), "it")
        visit.page.focus("#device-quality")
        camera.answer = None
        for _ in range(10):
            visit.page.keyboard.press("ArrowLeft")
        first = eventually(lambda: next((m for m in camera.told if m["type"] == "set"), None), "the first")
        camera.answer = {"ok": True}
        camera.say({"type": "ack", "id": first["id"], "ok": True})
        eventually(lambda: camera.info()["settings"]["quality"] == 70, "the last")
        eventually(lambda: "Done." in visit.text(".device"), "and it is said")
        assert visit.page.input_value("#device-quality") == "70"
        assert len([message for message in camera.told if message["type"] == "set"]) == 2, "not one for each key"


def test_words_of_a_device_that_mean_something_to_javascript_are_words(server, browser):
    with device(server, hello={**HELLO, "reset": "constructor", "image": "toString"}):
        visit = browser.open(f"{server.http}/watch?stream=door")
        eventually(lambda: "OV3660" in visit.text(".device"), "the device")
        assert "function" not in visit.text(".device")


def test_a_device_is_forgotten_when_another_camera_has_its_place(serve):
    server = serve("--tcp-push-streams", "1=door", *LISTEN)
    with device(server) as camera:
        camera.show()
        server.wait_live("door")
    eventually(lambda: not camera.info()["connected"], "it left")
    assert tell(server, "door", {"fps": 5}).status == 503
    with Pusher(push_address(server), 1) as pusher:
        pusher.send(jpegs.picture(1))
        server.wait_live("door")
        assert camera.info() is None
        assert tell(server, "door", {"fps": 5}).status == 404
