"""RTSP cameras in Chromium: the pages and the player, and cameras that are added on the page."""

from __future__ import annotations

import time
from typing import Any, Iterator

import pytest

from browser import Browser, Visit
from camera import RunningCamera
from rtsp_server import RtspServer
from server import Server
from wait import eventually
from website import Website

#: From the camera's drawing to the pixels, in milliseconds. What a person calls live.
FRESH_MS = 700
#: How far the age that the page shows may be from the one in the pixels, in milliseconds: it counts from when the
#: camera says that it took the picture, after it was drawn.
TRUE_MS = 250
FPS = 15
#: Time between two keyframes: longer than any other wait, so that a player that waits for one is found out.
GOP_SECONDS = 60
LOOK = {"size": (320, 240), "fps": FPS, "gop": GOP_SECONDS * FPS}

CAMERAS: dict[str, dict[str, Any]] = {
    "high": {**LOOK, "profile": "high"},
    "b_frames": {**LOOK, "profile": "high", "bframes": 2, "fps": 30, "gop": GOP_SECONDS * 30},
    "mjpeg": {"size": (320, 240), "fps": FPS, "codec": "mjpeg"},
}

#: gst-rtsp-server answers PLAY and sends nothing once in a hundred times: the server connects anew after this.
PATIENCE = ("--stall-timeout", "2s")

#: Looks at the picture and at the age beside it, a number of times.
LOOK_AGAIN = """
(count) => new Promise((done) => {
  const looks = [];
  const timer = setInterval(() => {
    looks.push({ ...camherdProbe.picture(), shown: camherdProbe.shownAge() });
    if (looks.length < count) return;
    clearInterval(timer);
    done(looks);
  }, 150);
})
"""

#: A page of another origin with the player and nothing else of camherd's.
OTHER_PAGE = """<!doctype html><html lang="en"><head><link rel="icon" href="data:,">
<script src="{server}/static/js_client.js"></script></head>
<body><camherd-player src="{server}/?stream=door" hud></camherd-player></body></html>"""


@pytest.fixture(params=CAMERAS)
def camera(request: pytest.FixtureRequest) -> Iterator[RtspServer]:
    with RtspServer(**CAMERAS[request.param]) as camera:
        yield camera


def host_of(server: Server) -> str:
    return f"127.0.0.1:{server.port}"


def test_picture_comes_long_before_a_keyframe_does(serve, browser: Browser, camera: RtspServer) -> None:
    begun = time.monotonic()
    server = serve(*PATIENCE, "--streams", f"door={camera.url}")
    server.wait_live("door", 20)
    visit = browser.open(f"{server.http}/watch?stream=door")
    first = visit.picture()
    assert first.size == (320, 240)
    # There has been one keyframe so far, that which the stream began with.
    assert time.monotonic() - begun < GOP_SECONDS, "this machine is too slow to tell"
    visit.assert_picture_is_seen()
    eventually(lambda: visit.picture(after=first.sequence).age_ms < FRESH_MS, "a fresh picture")

    looks = visit.page.evaluate(LOOK_AGAIN, 20)
    assert [look for look in looks if "error" in look] == []
    numbers = [look["sequence"] for look in looks]
    assert numbers == sorted(numbers), "a picture came before an older one"
    assert len(set(numbers)) > len(numbers) / 2, f"the picture stands still: {numbers}"
    ages = [(look["shown"], look["now"] - look["capturedMs"]) for look in looks]
    wrong = [pair for pair in ages if pair[0] is None or abs(pair[0] - pair[1]) > TRUE_MS]
    # The page renews its number twice a second: some looks find an old one.
    assert len(wrong) < len(ages) / 2, f"(age on the page, age in the pixels) in ms: {ages}"

    assert (visit.stats()["mode"], visit.stats()["codec"]) == ("mse", "H.264")
    panel = visit.page.get_by_role("region", name="What the camera sends")
    codec = {"mjpeg": "JPEG"}.get(camera.codec, "H.264")
    for text in ("320 × 240", camera.bare_url, codec):
        eventually(lambda text=text: text in panel.inner_text(), f"{text} in {panel.inner_text()!r}")
    assert server.stream("door")["dropped"] == {}


def test_player_tells_why_a_camera_is_away_and_shows_it_when_it_is_back(serve, browser: Browser) -> None:
    with RtspServer(**CAMERAS["high"]) as camera:
        server = serve(*PATIENCE, "--streams", f"door={camera.url}")
        server.wait_live("door", 20)
        visit = browser.open(f"{server.http}/watch?stream=door")
        last = visit.picture()
        visit.mark()
        camera.stop()
        eventually(lambda: visit.text(".title-row .badge") == "OFFLINE", "the badge")
        eventually(lambda: "cannot be reached: connection refused" in visit.text(".reason"), "the reason")
        told = ("Camera offline", "connection refused")
        eventually(lambda: all(part in visit.message() for part in told), "it over the picture")
        panel = visit.page.get_by_role("region", name="What the camera sends")
        eventually(lambda: camera.bare_url in panel.inner_text(), "where it should be")
        camera.start()
        # The pause between two attempts grows to some seconds meanwhile.
        back = visit.picture(after=last.sequence + 100_000, timeout=30)
        eventually(lambda: visit.picture(after=back.sequence).age_ms < FRESH_MS, "a fresh picture")
        eventually(lambda: visit.text(".title-row .badge") == "LIVE", "the badge")
        visit.assert_not_reloaded()
        assert visit.stats()["mode"] == "mse"


def test_overview_shows_video_without_decoding_it(serve, browser: Browser) -> None:
    with RtspServer(**CAMERAS["high"]) as camera:
        server = serve(*PATIENCE, "--streams", f"door={camera.url}")
        with RunningCamera(server, "garden", fps=10):
            server.wait_live("garden")
            server.wait_live("door", 20)
            visit = browser.open(f"{server.http}/")
            for name in ("door", "garden"):
                first = visit.picture(tile=name)
                visit.picture(after=first.sequence, tile=name)
                visit.assert_picture_is_seen(tile=name)
            assert server.active("door") == ["source", "h264/fmp4"]
            assert server.active("garden") == ["source"]
            tile = visit.page.locator('a[aria-label="Watch door"]')
            eventually(lambda: "320×240" in tile.inner_text(), "its size")
            assert not visit.page.get_by_role("button", name="Remove door").is_visible(), "it is in the configuration"


def test_video_that_cannot_be_shown_is_no_camera_that_is_away(serve, browser: Browser) -> None:
    with RtspServer(codec="h265", size=(320, 240), fps=FPS, gop=FPS) as camera:
        server = serve(*PATIENCE, "--streams", f"door={camera.url}")
        server.wait_live("door", 20)
        visit = browser.open(f"{server.http}/watch?stream=door")

        def told() -> bool:
            # A server with a decoder of H.265 makes JPEGs of it.
            if visit.stats().get("frames"):
                return visit.try_picture().size == (320, 240)
            return all(text in visit.message() for text in ("No picture", "this browser cannot play H.265"))

        eventually(told, "a picture or the reason")


def test_player_element_plays_on_a_page_of_another_origin(serve, browser: Browser) -> None:
    with RtspServer(**CAMERAS["high"]) as camera:
        server = serve(*PATIENCE, "--streams", f"door={camera.url}")
        server.wait_live("door", 20)
        with Website({"/": OTHER_PAGE.format(server=server.http)}) as site:
            visit = browser.open(site.url, hosts=[host_of(server)])
            first = visit.picture()
            eventually(lambda: visit.picture(after=first.sequence).age_ms < FRESH_MS, "a fresh picture")
            stats = visit.stats()
            assert (stats["mode"], stats["state"], stats["width"]) == ("mse", "live", 320)
            eventually(lambda: 0 <= visit.stats()["age_ms"] < FRESH_MS, "its age in the player's numbers")
            hud = visit.page.locator("camherd-player .hud")
            assert "LIVE" in hud.inner_text()


def open_form(visit: Visit, url: str, name: str) -> None:
    page = visit.page
    page.get_by_role("button", name="Add a camera").first.click()
    page.get_by_role("textbox", name="Address").fill(url)
    page.get_by_role("textbox", name="Name").fill(name)


def submit(visit: Visit, label: str) -> None:
    visit.page.get_by_role("dialog").get_by_role("button", name=label).click()


def test_cameras_are_added_and_removed_on_the_page(serve, browser: Browser) -> None:
    server = serve(*PATIENCE)
    # Chromium itself writes refused requests on the console.
    visit = browser.open(f"{server.http}/", allow=[r"status of 400", r"status of 409"])
    dialog = visit.page.get_by_role("dialog")
    with RtspServer(**CAMERAS["high"]) as camera, RtspServer(**CAMERAS["mjpeg"]) as other:
        eventually(lambda: "No camera yet" in visit.text("main"), "first steps")
        visit.mark()
        open_form(visit, "ftp://camera/stream", "Front Door")
        submit(visit, "Add")
        alert = dialog.get_by_role("alert")
        eventually(lambda: alert.is_visible() and 'Name "Front Door"' in alert.inner_text(), "which field is wrong")
        visit.page.get_by_role("textbox", name="Name").fill("Front-Door")
        submit(visit, "Add")
        eventually(lambda: alert.is_visible() and "Address" in alert.inner_text(), "the other field")
        visit.page.get_by_role("textbox", name="Address").fill(camera.url)
        submit(visit, "Add")
        assert visit.picture().size == (320, 240)
        assert visit.text("#stream-title") == "front-door" and dialog.count() == 0

        open_form(visit, other.url, "front-door")
        submit(visit, "Add")
        eventually(lambda: alert.is_visible() and "front-door" in alert.inner_text(), "the name is in use")
        visit.page.get_by_role("textbox", name="Name").fill("garden")
        submit(visit, "Add")
        for name in ("front-door", "garden"):
            visit.picture(tile=name)

        visit.page.get_by_role("button", name="Remove garden").click()
        submit(visit, "Cancel")
        assert dialog.count() == 0 and "garden" in server.streams()
        visit.page.get_by_role("button", name="Remove garden").click()
        submit(visit, "Remove")
        eventually(lambda: list(server.streams()) == ["front-door"], "it is gone")
        eventually(lambda: visit.page.locator(".tile").count() == 0, "the other is shown in full")
        visit.picture()
        visit.page.get_by_role("button", name="Remove front-door").click()
        submit(visit, "Remove")
        eventually(lambda: "No camera yet" in visit.text("main"), "first steps")
        visit.assert_not_reloaded()
        assert server.streams() == {}


def test_a_signed_in_person_may_add_a_camera(serve, browser: Browser) -> None:
    server = serve(*PATIENCE, "--auth", "always")
    with RtspServer(**CAMERAS["high"]) as camera:
        visit = browser.open(f"{server.http}/sign-in?token={server.token}")
        open_form(visit, camera.url, "door")
        submit(visit, "Add")
        assert visit.picture().size == (320, 240)


def test_a_camera_on_demand_starts_when_its_page_is_opened(serve, browser: Browser) -> None:
    with RtspServer(**CAMERAS["high"]) as camera:
        server = serve(*PATIENCE, "--streams", f"door={camera.url},door.on_demand=true")
        eventually(lambda: "nobody watches" in server.stream("door")["reason"], "it rests")
        visit = browser.open(f"{server.http}/watch?stream=door")
        assert visit.picture().size == (320, 240)
        eventually(lambda: "only while somebody watches" in visit.text("main"), "the page says so")


def test_the_page_asks_for_a_camera_on_demand(serve, browser: Browser) -> None:
    server = serve(*PATIENCE)
    with RtspServer(**CAMERAS["high"]) as camera:
        visit = browser.open(f"{server.http}/watch")
        open_form(visit, camera.url, "door")
        visit.page.get_by_role("checkbox", name="Connect only while somebody watches").check()
        submit(visit, "Add")
        assert visit.picture().size == (320, 240)
        info = server.get("/api/streams/door").json()
        assert (info["on_demand"], info["source"], info["configured"]) == (True, camera.bare_url, False)
        eventually(lambda: visit.page.get_by_role("button", name="Remove door").is_visible(), "it can be removed")
        visit.page.get_by_role("button", name="Remove door").click()
        submit(visit, "Remove")
        visit.page.wait_for_url(f"{server.http}/")
        assert server.streams() == {}
