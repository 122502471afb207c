"""The class RTSPStreamClient and the component RTSPStreamViewer in Chromium, also on pages of other origins."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from browser import Browser, Picture, Visit
from camera import RunningCamera
from rtsp_server import RtspServer
from server import Server
from wait import eventually
from website import Website

ROOT = Path(__file__).parents[1]

#: From the camera to the pixels, in milliseconds. What a person calls live.
FRESH_MS = 500

#: Makes a client that draws on a canvas of the page, and remembers what it was told.
CONNECT = """
([id, options, server]) => {
  const canvas = document.body.appendChild(document.createElement('canvas'));
  const client = new RTSPStreamClient(server ?? location.origin, id, options);
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
        eventually(lambda: page.picture(after=first.sequence).age_ms < FRESH_MS, "a fresh picture")
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
        events = ["connect", "disconnect 1000"]
        eventually(lambda: page.page.evaluate("told.events") == events, "the page is told")
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


#: A page as those of the older server: one script, no modules, on a server of its own.
PLAIN_PAGE = """<!doctype html><html lang="en"><head><link rel="icon" href="data:,">
<script src="{server}/static/js_client.js"></script></head><body></body></html>"""


class OtherPage(ClientPage):
    """A page of another origin."""

    def __init__(self, browser: Browser, server: Server, site: Website, stream: str) -> None:
        # Chromium itself writes refused requests on the console.
        self.visit = browser.open(site.url, hosts=[f"127.0.0.1:{server.port}"], allow=[r"status of 409"])
        self.page = self.visit.page
        self.page.evaluate(CONNECT, [stream, {}, server.http])

    def call(self, method: str, *arguments: Any) -> dict[str, Any]:
        return self.page.evaluate(f"arguments => client.{method}(...arguments)", list(arguments))


@pytest.mark.timeout(120)
def test_a_camera_is_started_watched_and_stopped_from_a_page_of_another_origin(serve, browser: Browser) -> None:
    # gst-rtsp-server answers PLAY and sends nothing once in a hundred times.
    server = serve("--stall-timeout", "2s")
    with RtspServer(fps=15) as camera, Website({"/": PLAIN_PAGE.format(server=server.http)}) as site:
        page = OtherPage(browser, server, site, "lane")
        started = page.call("startStream", camera.url, 320, 240)
        assert (started["success"], started["streamId"], started["rtspUrl"]) == (True, "lane", camera.bare_url)
        page.connect()
        first = page.picture()
        assert first.size == (320, 240)
        eventually(lambda: page.picture(after=first.sequence).age_ms < FRESH_MS, "a fresh picture")
        stats = page.stats()
        assert stats["framesReceived"] > 0 and stats["bytesReceived"] % (320 * 240 * 3) == 0
        assert page.page.evaluate("[...told.sizes]") == [f"320x240 {320 * 240 * 3}"]
        again = page.call("startStream", camera.url, 320, 240)
        assert (again["success"], again["conflict"]) == (False, True)

        second = OtherPage(browser, server, site, "lane")
        second.connect()
        second.picture()
        eventually(lambda: page.call("getStreamStats")["client_count"] == 2, "both are counted")
        refused = page.call("stopStream")
        assert (refused["success"], refused["conflict"], refused["clientCount"]) == (False, True, 2)
        newest = page.picture()
        page.picture(after=newest.sequence)

        for each in (page, second):
            # A stream that was taken away is asked for again, in vain.
            each.visit.allow([r"status of 404"])
        assert page.call("forceStopStream")["success"] is True
        eventually(lambda: not second.stats()["isConnected"], "viewers are told")
        assert page.call("listStreams") == [] and server.streams() == {}
        assert page.call("stopStream")["success"] is True, "what is not there is stopped"


@pytest.fixture(scope="module")
def react_app() -> dict[str, bytes]:
    """The files of the Vite example, built with what npm installs; the example itself stays as it is."""
    folder = ROOT / ".cache/react-vite"
    shutil.copytree(
        ROOT / "examples/react-vite",
        folder,
        ignore=shutil.ignore_patterns("node_modules", "dist", "package-lock.json"),
        dirs_exist_ok=True,
    )
    for command in (["npm", "install", "--no-audit", "--no-fund"], ["npm", "run", "build"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}"
    built = [path for path in (folder / "dist").rglob("*") if path.is_file()]
    files = {f"/{path.relative_to(folder / 'dist')}": path.read_bytes() for path in built}
    return {**files, "/": files["/index.html"]}


@pytest.mark.timeout(180)
@pytest.mark.npm
def test_the_react_example_builds_and_shows_a_camera(serve, browser: Browser, react_app: dict[str, bytes]) -> None:
    server = serve("--stall-timeout", "2s")
    # The address of the server is built in.
    files = {path: content.replace(b"http://localhost:8091", server.http.encode()) for path, content in react_app.items()}
    with RtspServer(fps=15) as camera, Website(files) as site:
        visit = browser.open(site.url, hosts=[f"127.0.0.1:{server.port}"], allow=["/favicon.ico"])
        visit.page.get_by_role("textbox").fill(camera.url)
        visit.page.get_by_role("button", name="Watch").click()
        first = visit.picture()
        assert first.size == (640, 480)
        eventually(lambda: visit.picture(after=first.sequence).age_ms < FRESH_MS, "a fresh picture")
        assert visit.stats()["mode"] == "mse"
        (stream,) = server.get("/api/streams").json()["streams"]
        assert stream["rtsp_url"] == camera.bare_url

        visit.page.get_by_role("combobox").select_option("raw")
        canvas = "({ querySelector: (name) => (name === 'video' ? document.querySelector('.rtsp-stream-viewer canvas') : null) })"
        visit.page.locator(".rtsp-stream-viewer canvas").first.wait_for()

        def raw() -> bool:
            found = visit.page.evaluate(f"() => camherdProbe.picture({canvas})")
            assert "error" not in found, found
            return found["sequence"] > first.sequence

        eventually(raw, "a raw picture on the canvas")
