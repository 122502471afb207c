"""The player in Chromium: true, fresh pictures, and no end of them whatever happens behind it."""

import itertools
import re
import statistics

import pytest

from browser import SERVER_AWAY
from camera import RunningCamera
from server import Process
from wait import eventually

#: From the camera to the pixels, in milliseconds. What a person calls live.
FRESH_MS = 500
#: How far the age that the page shows may be from the one in the pixels, in milliseconds.
TRUE_MS = 150

#: How often the picture is looked at, and between two looks, in seconds.
SAMPLES, LOOK_EVERY = 80, 0.25
#: Looks at the picture four times a second, and each time that the page has renewed its numbers.
OBSERVE = """
() => {
  const samples = [];
  const shown = [];
  document.querySelector('camherd-player').addEventListener('stats', () => {
    shown.push({ pixels: camherdProbe.picture(), page: camherdProbe.shownAge() });
  });
  setInterval(() => samples.push(camherdProbe.picture()), 250);
  globalThis.observed = { samples, shown };
}
"""


def start_camera(processes, server, name: str, *options: str) -> Process:
    """A virtual camera in a process of its own, which the load of this one does not hold up."""
    return processes.start(Process, "camera", *options, f"{server.ws}/ws/camera/{name}")


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


@pytest.mark.timeout(120)
def test_player_shows_fresh_pictures_all_the_time(processes, server, browser):
    start_camera(processes, server, "door", "--fps", "15")
    server.wait_live("door")
    visit = browser.open(f"{server.http}/watch?stream=door")
    first = visit.picture()
    assert first.size == (640, 480)
    visit.assert_picture_is_seen()
    # The first picture may be an older one, from which the player jumps to the newest.
    eventually(lambda: visit.try_picture().age_ms < FRESH_MS, "a fresh picture")
    visit.page.evaluate(OBSERVE)
    eventually(lambda: visit.page.evaluate(f"observed.samples.length >= {SAMPLES}"), "the samples", 75)
    observed = visit.page.evaluate("observed")
    samples = observed["samples"]
    assert [sample for sample in samples if "error" in sample] == []

    numbers = [sample["sequence"] for sample in samples]
    assert numbers == sorted(numbers), "a picture came before an older one"
    # What the camera has taken meanwhile, by its own clock.
    taken = (samples[-1]["capturedMs"] - samples[0]["capturedMs"]) / 1000
    shown_for = (samples[-1]["now"] - samples[0]["now"]) / 1000
    assert shown_for >= (SAMPLES - 1) * LOOK_EVERY and abs(taken - shown_for) < 1, "it falls behind"
    assert len(set(numbers)) > 0.9 * len(numbers), "the picture stands still"

    ages = [sample["now"] - sample["capturedMs"] for sample in samples]
    summary = f"median {statistics.median(ages)}, p95 {percentile(ages, 0.95)}, max {max(ages)} ms"
    # A busy machine holds up one or the other look.
    assert statistics.median(ages) < 300 and percentile(ages, 0.9) < FRESH_MS, summary
    start, end = statistics.median(ages[:40]), statistics.median(ages[-40:])
    assert end < start + 100, f"the latency grows, from {start} to {end} ms"

    shown = [(look["page"], look["pixels"]["now"] - look["pixels"]["capturedMs"]) for look in observed["shown"]]
    assert len(shown) >= SAMPLES / 4 and all(page is not None for page, _ in shown), shown
    off = [abs(page - pixels) for page, pixels in shown]
    assert percentile(off, 0.9) < TRUE_MS, f"(age on the page, age in the pixels) in ms: {shown}"
    print(f"age {summary}; page off by at most {max(off)} ms")

    assert visit.stats()["mode"] == "mse"
    assert visit.text("#stream-title") == "door" and visit.text(".title-row .badge") == "LIVE"


def test_start_page_shows_the_only_camera_in_full(processes, server, browser):
    start_camera(processes, server, "door", "--fps", "10", "--size", "320x240")
    server.wait_live("door")
    visit = browser.open(f"{server.http}/")
    first = visit.picture()
    assert visit.picture(after=first.sequence).size == (320, 240)
    visit.assert_picture_is_seen()
    assert visit.text("#stream-title") == "door"
    eventually(lambda: "1 camera" in visit.text("#foot"), "the foot counts the camera")


def test_player_waits_for_a_camera_that_comes_later(server, browser):
    visit = browser.open(f"{server.http}/watch")
    eventually(lambda: "camera" in visit.text("main").lower(), "first steps")
    visit.mark()
    with RunningCamera(server, "door", fps=10) as camera:
        assert visit.picture().sequence < camera.sequence
    visit.assert_not_reloaded()


def test_player_survives_a_camera_restart_and_a_new_size(server, browser):
    with RunningCamera(server, "door", fps=15) as camera:
        visit = browser.open(f"{server.http}/watch?stream=door")
        visit.picture()
        visit.mark()
        camera.stop()
        eventually(lambda: visit.text(".title-row .badge") == "OFFLINE", "the badge")
        reason = server.stream("door")["reason"]
        assert reason
        eventually(lambda: reason in visit.text(".reason"), f"the reason {reason!r} on the page")
        eventually(lambda: "Camera offline" in visit.message() and reason in visit.message(), "it over the picture")
        again = camera.sequence
        camera.start()
        assert visit.picture(after=again).size == (320, 240)
        eventually(lambda: visit.text(".title-row .badge") == "LIVE", "the badge")
        eventually(lambda: visit.message() == "", "nothing over the picture")

    with RunningCamera(server, "door", fps=15, size=(480, 360)):
        eventually(lambda: visit.try_picture().size == (480, 360), "the new size", 15)
        newest = visit.picture()
        eventually(lambda: visit.picture(after=newest.sequence).age_ms < FRESH_MS, "a fresh picture")
        eventually(lambda: visit.stats()["width"] == 480, "the player's numbers")
        eventually(lambda: "480 × 360" in visit.text('section[aria-label="What you see"]'), "the size on the page")
    visit.assert_not_reloaded()
    assert visit.stats()["mode"] == "mse"


def test_player_comes_back_after_a_server_restart(processes, serve, free_port, browser):
    listen = ("--http-listen", f"127.0.0.1:{free_port}")
    server = serve(*listen)
    start_camera(processes, server, "door", "--fps", "15", "--size", "320x240", "--reconnect", "200ms..400ms")
    server.wait_live("door")
    visit = browser.open(f"{server.http}/watch?stream=door", allow=SERVER_AWAY)
    visit.picture()
    visit.mark()
    server.stop()
    eventually(lambda: visit.text(".title-row .badge") == "NO CONNECTION", "the badge")
    gone = re.compile(r"the server (is restarting|cannot be reached)")
    eventually(lambda: gone.search(visit.text(".reason")), "the reason")
    eventually(lambda: "has been unreachable since" in visit.text("#banner"), "the banner")
    last = visit.try_picture().sequence
    server = serve(*listen)
    newest = visit.picture(after=last, timeout=25)
    eventually(lambda: visit.try_picture().age_ms < FRESH_MS, "a fresh picture")
    assert visit.picture(after=newest.sequence).size == (320, 240)
    eventually(lambda: not visit.page.locator("#banner").is_visible(), "the banner goes")
    visit.assert_not_reloaded()


@pytest.mark.parametrize(
    ("script", "note"),
    [
        ("MediaSource.isTypeSupported = () => false;", "MJPEG: this browser cannot play H.264"),
        (
            "delete globalThis.MediaSource; delete globalThis.ManagedMediaSource;",
            "MJPEG: this browser cannot play H.264 here",
        ),
        (
            "MediaSource.prototype.addSourceBuffer = () => { throw new Error('no decoder'); };",
            "MJPEG: H.264 failed twice (no decoder)",
        ),
    ],
    ids=["refused", "missing", "failing"],
)
def test_player_falls_back_to_jpeg_and_says_so(server, browser, script, note):
    with RunningCamera(server, "door", fps=15):
        visit = browser.open(f"{server.http}/watch?stream=door", script=script)
        first = visit.picture()
        eventually(lambda: visit.picture(after=first.sequence).age_ms < FRESH_MS, "a fresh picture")
        visit.assert_picture_is_seen()
        eventually(lambda: visit.text(".reason") == note, f"the note {note!r}")
        stats = visit.stats()
        assert (stats["mode"], stats["codec"]) == ("jpeg", "MJPEG")
        eventually(lambda: server.stream("door")["viewers"] == 1, "it is one viewer")


def test_player_shows_each_frame_of_a_slow_camera_at_once(server, browser):
    """At 2 frames/s a player that waits for the next frame is 500 ms late with each."""
    with RunningCamera(server, "door", fps=2):
        visit = browser.open(f"{server.http}/watch?stream=door")
        shown = [visit.picture()]
        for _ in range(7):
            shown.append(visit.picture(after=shown[-1].sequence))
        # The first frames find the player still looking for the live edge.
        ages = [picture.age_ms for picture in shown[2:]]
        # One that waits is late with each; a busy machine holds up some.
        assert statistics.median(ages) < FRESH_MS - 100, ages
        numbers = [picture.sequence for picture in shown[2:]]
        steps = [later - earlier for earlier, later in itertools.pairwise(numbers)]
        assert statistics.median(steps) == 1, f"frames are left out: {numbers}"
