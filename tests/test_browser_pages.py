"""The other pages in Chromium: overview, MJPEG, first steps, and the viewer of the old system."""

import contextlib
import itertools
import re
import statistics

import pytest
from websockets.exceptions import InvalidStatus

from browser import NOT_SIGNED_IN, SERVER_AWAY
from camera import Camera, RunningCamera
from wait import eventually

#: From the camera to the pixels, in milliseconds.
FRESH_MS = 500

#: A page as the old system serves it: it appends what comes, in order, and knows nothing else.
OLD_VIEWER = """<!doctype html>
<link rel="icon" href="data:,">
<video autoplay muted width="640"></video>
<script>
  const source = new MediaSource();
  const video = document.querySelector('video');
  const queue = [];
  video.src = URL.createObjectURL(source);
  source.addEventListener('sourceopen', () => {
    const buffer = source.addSourceBuffer('video/mp2t; codecs="avc1.42E01E"');
    buffer.mode = 'sequence';
    const append = () => { if (queue.length && !buffer.updating) buffer.appendBuffer(queue.shift()); };
    buffer.addEventListener('updateend', append);
    const socket = new WebSocket(`ws://${location.host}/ws/viewer`);
    socket.binaryType = 'arraybuffer';
    socket.onmessage = (event) => { queue.push(event.data); append(); };
    socket.onclose = (event) => console.error(`closed with ${event.code}`);
  });
  video.addEventListener('error', () => console.error(`video: ${video.error.message}`));
</script>
"""


@pytest.mark.parametrize("fps", [2, 15])
def test_mjpeg_page_shows_each_frame_at_once(server, browser, fps):
    """A browser shows a part when its end has come: one that comes with the next part is a frame late."""
    with RunningCamera(server, "door", fps=fps):
        visit = browser.open(f"{server.http}/mjpeg")
        shown = [visit.picture()]
        for _ in range(7):
            shown.append(visit.picture(after=shown[-1].sequence))
        visit.assert_picture_is_seen()
        ages = [picture.age_ms for picture in shown[1:]]
        # One frame late would be 500 ms at 2 frames/s, for each of them; a busy machine holds up some.
        assert statistics.median(ages) < FRESH_MS - 100, ages
        if fps == 2:
            numbers = [picture.sequence for picture in shown[1:]]
            steps = [later - earlier for earlier, later in itertools.pairwise(numbers)]
            assert statistics.median(steps) == 1, f"frames are left out: {numbers}"
        eventually(lambda: visit.text(".badge") == "LIVE", "the badge")
        eventually(lambda: visit.text("h1") == "door", "the name")


def test_mjpeg_page_shows_a_single_frame(server, browser):
    """No other frame has to push it out."""
    with Camera(server, "door") as camera:
        first = camera.send()
        visit = browser.open(f"{server.http}/mjpeg?stream=door")
        assert visit.picture().sequence == first
        ages = []
        for _ in range(3):
            number = camera.send()
            shown = visit.picture(after=number - 1)
            assert shown.sequence == number, shown
            ages.append(shown.age_ms)
        assert min(ages) < FRESH_MS, ages


def test_mjpeg_page_survives_camera_and_server_restarts(processes, serve, free_port, browser):
    listen = ("--http-listen", f"127.0.0.1:{free_port}")
    server = serve(*listen)
    with RunningCamera(server, "door") as camera:
        visit = browser.open(f"{server.http}/mjpeg?stream=door", allow=SERVER_AWAY)
        visit.picture()
        visit.mark()
        camera.stop()
        reason = eventually(lambda: server.stream("door")["reason"], "offline")
        eventually(lambda: visit.text(".badge") == "OFFLINE" and reason in visit.text(".reason"), "the badge")
        again = camera.sequence
        camera.start()
        eventually(lambda: visit.picture(after=again).age_ms < FRESH_MS, "a fresh picture")
        eventually(lambda: visit.text(".badge") == "LIVE", "the badge")
    server.stop()
    eventually(lambda: visit.text(".badge") == "NO CONNECTION", "the badge")
    server = serve(*listen)
    with RunningCamera(server, "door", size=(160, 120)):
        eventually(lambda: visit.try_picture().size == (160, 120), "the camera of after", 20)
    visit.assert_not_reloaded()


def test_overview_shows_every_camera_and_leads_to_the_player(server, browser):
    sizes = {"door": (320, 240), "garden": (480, 270), "workshop": (160, 120)}
    with contextlib.ExitStack() as stack:
        for name, size in sizes.items():
            stack.enter_context(RunningCamera(server, name, fps=10, size=size))
        for name in sizes:
            server.wait_live(name)
        visit = browser.open(f"{server.http}/")
        for name, size in sizes.items():
            first = visit.picture(tile=name)
            newer = visit.picture(after=first.sequence, tile=name)
            assert newer.size == size
            visit.assert_picture_is_seen(tile=name)
            eventually(lambda name=name: visit.picture(tile=name).age_ms < FRESH_MS, "a fresh picture")
        assert visit.page.locator(".tile-name").all_inner_texts() == sorted(sizes)
        # Nothing is encoded for pictures of this size.
        assert [server.active(name) for name in sizes] == [["source"]] * 3
        visit.page.get_by_label("Watch garden").click()
        visit.page.wait_for_url("**/watch?stream=garden")
        assert visit.picture().size == (480, 270)
        assert visit.stats()["stream"] == "garden"


def test_overview_follows_cameras_that_come_and_go(serve, browser):
    server = serve("--forget-after", "1s")
    visit = browser.open(f"{server.http}/")
    eventually(lambda: "/ws/camera" in visit.text("main"), "how to connect a camera")
    visit.mark()
    with RunningCamera(server, "door"), RunningCamera(server, "garden") as garden:
        for name in ("door", "garden"):
            visit.picture(tile=name)
        garden.stop()
        message = visit.page.locator('a[aria-label="Watch garden"] .message .title')
        eventually(lambda: message.is_visible() and message.inner_text() == "Camera offline", "the tile says so")
        garden.start()
        visit.picture(after=garden.sequence, tile="garden")
    visit.assert_not_reloaded()


def test_overview_tells_of_cameras_that_were_turned_away(serve, browser, own_address):
    server = serve("--http-listen", "0.0.0.0:0", "--auth", "none")
    visit = browser.open(f"{server.http}/")
    with pytest.raises(InvalidStatus):
        Camera(server, "door", host=own_address)
    eventually(lambda: own_address in visit.text("main") and "ingest" in visit.text("main"), "the refusal")


def test_no_page_shows_markup_that_comes_from_outside(server, browser):
    """A stream's name in the address is the one text that anybody can put there."""
    visit = browser.open(f"{server.http}/watch?stream=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
    eventually(lambda: visit.text("#stream-title") == "<img src=x onerror=alert(1)>", "the name as text")
    eventually(lambda: "No such stream" in visit.message() or "invalid" in visit.message(), "the refusal")
    assert visit.page.locator("main img").count() == 0


def test_viewer_page_of_the_old_system_plays(server, browser):
    with RunningCamera(server, "door", fps=15):
        server.wait_live("door")
        # Written into a document of the server, so that its origin is the server's, as in the old system.
        visit = browser.open(f"{server.http}/health", allow=["/favicon.ico"])
        visit.page.set_content(OLD_VIEWER, wait_until="domcontentloaded")
        shown = [visit.picture()]
        for _ in range(10):
            shown.append(visit.picture(after=shown[-1].sequence))
        assert shown[-1].size == (320, 240)
        visit.assert_picture_is_seen()


def test_sign_in_beyond_loopback(serve, browser, own_address):
    server = serve("--http-listen", "0.0.0.0:0")
    token = server.token
    base = f"http://{own_address}:{server.port}"
    context = browser.context()
    with RunningCamera(server, "door"):
        visit = browser.open(f"{base}/watch?stream=door", context=context)
        page = visit.page
        page.wait_for_url(re.compile(r"/sign-in\?next=/watch%3Fstream%3Ddoor$"))
        page.get_by_label("Token").fill("chd_wrong")
        page.get_by_role("button", name="Sign in").click()
        eventually(lambda: "not valid" in visit.text("#trouble"), "a wrong token is told")
        page.get_by_label("Token").fill(f"  {token} ")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{base}/watch?stream=door")
        assert visit.picture().size == (320, 240)

        (cookie,) = context.cookies()
        assert cookie["httpOnly"] and cookie["sameSite"] in ("Lax", "Strict")
        assert cookie["expires"] > page.evaluate("Date.now() / 1000") + 29 * 86_400, "30 days"
        assert token not in page.url and token not in str(cookie)
        # The browser is closed and opened again.
        later = browser.context(storage_state=context.storage_state())
        assert browser.open(f"{base}/mjpeg?stream=door", context=later).picture().size == (320, 240)


def test_sign_in_link_signs_in(serve, browser, own_address):
    server = serve("--http-listen", "0.0.0.0:0")
    base = f"http://{own_address}:{server.port}"
    with RunningCamera(server, "door"):
        visit = browser.open(f"{base}/sign-in?token={server.token}")
        assert visit.page.url == f"{base}/"
        assert visit.picture().size == (320, 240)


def test_sign_in_leads_nowhere_else(serve, browser):
    server = serve("--auth", "always")
    for smuggled in ("https://example.org/", "//example.org/", "javascript:alert(1)", "/sign-in"):
        visit = browser.open(f"{server.http}/sign-in?next={smuggled}")
        visit.page.get_by_label("Token").fill(server.token)
        visit.page.get_by_role("button", name="Sign in").click()
        visit.page.wait_for_url(f"{server.http}/")


def test_page_of_a_signed_out_viewer_leads_to_the_sign_in(serve, browser):
    server = serve("--auth", "always")
    context = browser.context()
    with RunningCamera(server, "door"):
        visit = browser.open(f"{server.http}/sign-in?token={server.token}", context=context)
        visit.goto(f"{server.http}/watch?stream=door")
        visit.picture()
    context.clear_cookies()
    visit.allow(NOT_SIGNED_IN)
    visit.page.wait_for_url(f"{server.http}/sign-in?next=%2Fwatch%3Fstream%3Ddoor")
