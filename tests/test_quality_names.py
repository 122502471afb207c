"""What viewers are told of their quality: its true name, and why it is not the one that they asked for."""

from __future__ import annotations

import json
from typing import Any, Iterator

import pytest

import jpegs
from camera import RunningCamera
from paced import PacedViewer
from server import Server
from tcp_push import HIGH, LISTEN, LOW, MJPEG, RunningPusher, outliving, push_address
from conftest import Processes
from wait import eventually

SMALL, LARGE = (160, 120), (640, 480)
#: What a stream is called by that is pushed under number 1.
NAME = "stream1"


@pytest.fixture
def server(processes: Processes) -> Iterator[Server]:
    with outliving(processes, *LISTEN) as server:
        yield server


def pusher(server: Server, quality: int) -> RunningPusher:
    """The sender of a quality, whose pictures have a size of their own."""
    pictures = [jpegs.picture(number, LARGE if quality == HIGH else SMALL) for number in range(10)]
    return RunningPusher(push_address(server), 1, MJPEG, quality, payload=lambda number: pictures[number % 10])


def told(viewer: PacedViewer) -> dict[str, Any]:
    """What a viewer was told of its quality last; empty when nothing."""
    messages = [json.loads(text) for text in list(viewer.texts)]
    of_quality = [message for message in messages if message["type"] == "quality"]
    return {key: value for key, value in of_quality[-1].items() if key != "type"} if of_quality else {}


def wait_told(viewer: PacedViewer, **what: Any) -> None:
    """Waits until a viewer has been told so, and nothing else since."""

    def is_told() -> bool:
        assert told(viewer) == what, (told(viewer), viewer.ended)
        return True

    eventually(is_told, "the quality", 20)


def wait_size(viewer: PacedViewer, size: tuple[int, int]) -> None:
    """Waits for a picture of that size."""

    def has_come() -> bool:
        height, width = jpegs.decode(viewer.got[-1].data).shape[:2]
        assert (width, height) == size
        return True

    eventually(lambda: viewer.got and has_come(), f"a picture of {size}", 20)


def of_api(server: Server) -> tuple[list[str], dict[str, str]]:
    """The names of the qualities, and why there are no others."""
    answer = server.get(f"/api/streams/{NAME}").json()
    return [entry["quality"] for entry in answer["qualities"]], answer["no_qualities"]


def test_the_lower_quality_keeps_its_name_when_it_is_all_that_is_left(server: Server) -> None:
    with pusher(server, HIGH) as high:
        server.wait_live(NAME)
        with pusher(server, LOW):
            eventually(lambda: of_api(server)[0] == ["high", "low"], "both")
            assert of_api(server)[1] == {"medium": "no medium quality: the camera sends high and low"}
            with PacedViewer(server, f"/ws/jpeg?stream={NAME}&quality=high") as viewer:
                wait_size(viewer, LARGE)
                assert told(viewer) == {}, "at first it is high"
                high.stop()
                why = "no high quality: the camera sends low"
                wait_told(viewer, quality="low", chosen=False, reason=why)
                wait_size(viewer, SMALL)
                assert of_api(server) == (["low"], {"high": why, "medium": "no medium quality: the camera sends low"})
                with server.open("/stream1") as http:
                    assert (http.headers["X-Quality"], http.headers["X-Quality-Reason"]) == ("low", why)
                with PacedViewer(server, f"/ws/jpeg?stream={NAME}&quality=low") as other:
                    wait_told(other, quality="low", chosen=True, reason="")
                high.start()
                wait_size(viewer, LARGE)
                wait_told(viewer, quality="high", chosen=True, reason="")


def test_who_asks_for_what_is_not_there_is_told_why(server: Server) -> None:
    why = (
        "no low quality: pictures of 160x120 are too small to make one of height 240 worth while (quality.low.height)"
    )
    with RunningCamera(server, "door", size=SMALL):
        server.wait_live("door")
        with PacedViewer(server, "/ws/jpeg?stream=door&quality=low") as viewer:
            wait_told(viewer, quality="high", chosen=False, reason=why)
            wait_size(viewer, SMALL)
        with server.open("/streams/door/mjpeg?quality=low") as http:
            assert (http.headers["X-Quality"], http.headers["X-Quality-Reason"]) == ("high", why)
        with server.open("/streams/door/mjpeg") as http:
            assert (http.headers["X-Quality"], http.headers["X-Quality-Reason"]) == ("high", None)
        assert server.get("/api/streams/door").json()["no_qualities"]["low"] == why


def test_the_player_shows_the_quality_and_why(server: Server, browser) -> None:
    with RunningCamera(server, "door", size=SMALL):
        server.wait_live("door")
        visit = browser.open(f"{server.http}/watch?stream=door")
        eventually(lambda: visit.stats().get("quality") == "high", "it plays", 20)
        visit.page.evaluate("document.querySelector('camherd-player').quality = 'low'")
        eventually(lambda: "too small" in visit.stats()["quality_reason"], "the reason", 20)
        assert visit.stats()["quality"] == "high"
        shown = "document.querySelector('camherd-player').shadowRoot.querySelector('.quality')"
        eventually(lambda: "high quality" in visit.page.evaluate(f"{shown}.textContent"), "on the picture")
        assert "too small" in visit.page.evaluate(f"{shown}.title")
