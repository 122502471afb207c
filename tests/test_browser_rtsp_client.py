"""The class RTSPStreamClient in Chromium: raw frames from the server onto a canvas."""

from __future__ import annotations

from typing import Any

import pytest

from browser import Browser, Picture, Visit
from camera import RunningCamera
from server import Server
from wait import eventually

#: From the camera to the pixels, in milliseconds. What a person calls live.
FRESH_MS = 500

#: Makes a client that draws on a canvas of the page, and remembers what it was told.
CONNECT = """
([id, options]) => {
  const canvas = document.body.appendChild(document.createElement('canvas'));
  const client = new RTSPStreamClient(location.origin, id, options);
  const told = { errors: [], events: [], sizes: new Set(), clientCanvas: canvas };
  client.setupCanvas(canvas);
  client.onError((message) => told.errors.push(message));
  client.onConnect(() => told.events.push('connect'));
  client.onDisconnect(({ code }) => told.events.push(`disconnect ${code}`));
  client.onFrame((frame, width, height) => told.sizes.add(`${width}x${height} ${frame.length}`));
  globalThis.client = client;
  globalThis.told = told;
}
"""

#: The reader of test pictures looks for a video.
PICTURE = "() => camherdProbe.picture({ querySelector: (name) => (name === 'video' ? told.clientCanvas : null) })"


class ClientPage:
    """A page with the plain script and one client."""

    def __init__(self, browser: Browser, server: Server, stream: str, options: dict[str, Any] | None = None) -> None:
        # Chromium asks for an icon of a page that names none.
        self.visit: Visit = browser.open(f"{server.http}/health", allow=["/favicon.ico"])
        self.page = self.visit.page
        self.page.add_script_tag(url="/static/js_client.js")
        self.page.evaluate(CONNECT, [stream, options or {}])

    def connect(self) -> None:
        self.page.evaluate("client.connect()")

    def picture(self, after: int = -1) -> Picture:
        """Waits for a picture on the canvas with a number above ``after``."""

        def newer() -> Picture:
            found = self.page.evaluate(PICTURE)
            assert "error" not in found, found
            picture = Picture(found["sequence"], found["capturedMs"], found["now"], found["width"], found["height"])
            assert picture.sequence > after, f"still picture {picture.sequence}"
            return picture

        return eventually(newer, f"a picture after {after}", 15)

    def stats(self) -> dict[str, Any]:
        return self.page.evaluate("client.getStats()")

    def errors(self) -> list[str]:
        return self.page.evaluate("told.errors")


def test_raw_frames_of_any_camera_are_drawn_fresh(server: Server, browser: Browser) -> None:
    with RunningCamera(server, "door", fps=15):
        page = ClientPage(browser, server, "door")
        page.connect()
        first = page.picture()
        assert first.size == (320, 240)
        assert page.picture(after=first.sequence).age_ms < FRESH_MS
        stats = page.stats()
        assert stats["isConnected"] and stats["state"] == "live"
        assert page.page.evaluate("[...told.sizes]") == [f"320x240 {320 * 240 * 3}"]
        assert page.errors() == []


@pytest.mark.parametrize("size", [(640, 480), (160, 120)])
def test_frames_come_in_the_size_that_was_asked_for(server: Server, browser: Browser, size: tuple[int, int]) -> None:
    with RunningCamera(server, "door", fps=15):
        page = ClientPage(browser, server, "door")
        page.page.evaluate("([width, height]) => Object.assign(client, { width, height })", list(size))
        page.connect()
        assert page.picture().size == size


def test_an_unknown_stream_is_told_in_the_servers_words_and_awaited(server: Server, browser: Browser) -> None:
    page = ClientPage(browser, server, "later")
    page.connect()
    eventually(lambda: any("no stream" in error and "later" in error for error in page.errors()), "the reason")
    with RunningCamera(server, "later", fps=15):
        page.picture()
        assert page.stats()["reconnectCount"] >= 1


def test_disconnect_is_clean_and_can_be_undone(server: Server, browser: Browser) -> None:
    with RunningCamera(server, "door", fps=15):
        page = ClientPage(browser, server, "door")
        page.connect()
        before = page.picture()
        page.page.evaluate("client.disconnect()")
        assert page.page.evaluate("told.events") == ["connect", "disconnect 1000"]
        page.connect()
        page.picture(after=before.sequence)


def test_lists_numbers_and_refusals_come_from_the_server(server: Server, browser: Browser) -> None:
    with RunningCamera(server, "door", fps=15):
        page = ClientPage(browser, server, "door")
        # Chromium itself writes refused requests on the console.
        page.visit.allow([r"status of 400", r"status of 404"])
        streams = page.page.evaluate("client.listStreams()")
        assert [stream["stream_id"] for stream in streams] == ["door"]
        assert page.page.evaluate("client.getStreamStats()")["stream_id"] == "door"
        refused = page.page.evaluate("client.startStreamWithURL('rtsp://127.0.0.1/1', 9, 9)")
        assert refused["success"] is False and refused["status"] == 400
        assert "9" in refused["error"]
        assert page.errors() == [f"Failed to start stream: {refused['error']}"]
