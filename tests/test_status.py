"""`/status` as the old server's users read it, `/health`, and what answers to which method."""

import time

import pytest

from camera import Camera, RunningCamera, open_socket
from wait import eventually

STREAM_KEYS = {
    "name",
    "state",
    "reason",
    "codec",
    "width",
    "height",
    "fps",
    "bitrate",
    "age_ms",
    "viewers",
    "received",
    "received_bytes",
    "dropped",
    "last_error",
    "camera",
    "renditions",
    "telemetry",
}


def test_old_keys_of_an_idle_server(server):
    answer = server.get("/status")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    status = answer.json()
    old = {key: status[key] for key in ("camera_clients", "viewer_clients", "streaming")}
    # `0 == False` in Python, but not for a client in another language: the types count.
    assert old == {"camera_clients": 0, "viewer_clients": 0, "streaming": False}
    assert [type(value) for value in old.values()] == [int, int, bool]
    assert status["streams"] == [] and status["default_stream"] is None and status["refused_cameras"] == []


def test_counts_follow_cameras_and_viewers(server):
    with Camera(server, "door") as camera:
        eventually(lambda: server.status()["camera_clients"] == 1, "one camera")
        assert server.status()["streaming"] is False, "a camera that has sent nothing does not stream"
        assert server.stream("door")["state"] == "waiting"
        camera.send()
        server.wait_live("door")
        assert server.status()["streaming"] is True
        with open_socket(server, "/ws/viewer"), server.open("/streams/door/mjpeg"):
            eventually(lambda: server.status()["viewer_clients"] == 2, "two viewers")
            eventually(lambda: server.stream("door")["viewers"] == 2, "both are the stream's")
        eventually(lambda: server.status()["viewer_clients"] == 0, "viewers gone")
    eventually(lambda: server.status()["camera_clients"] == 0, "camera gone")
    eventually(lambda: server.status()["streaming"] is False, "nothing streams")


def test_details_of_a_stream(server):
    with RunningCamera(server, "door", fps=10, size=(320, 240)):
        eventually(lambda: server.stream("door")["received"] >= 25, "25 pictures")
        stream = server.stream("door")
        assert set(stream) == STREAM_KEYS
        assert (stream["state"], stream["reason"], stream["codec"]) == ("live", "", "jpeg")
        assert (stream["width"], stream["height"]) == (320, 240)
        # Of 10, as far as the machine lets the camera.
        assert 3 < stream["fps"] < 15
        assert stream["bitrate"] > 0 and stream["received_bytes"] > 25 * 1000
        assert 0 <= stream["age_ms"] < 5000
        assert stream["dropped"] == {} and stream["last_error"] is None
        assert stream["camera"] == "127.0.0.1" and stream["telemetry"] is None
        source = stream["renditions"][0]
        assert source["name"] == "source" and source["active"] and 0 < source["held_bytes"] <= 16 << 20


def test_health_is_small_and_says_the_time(server):
    health = server.get("/health").json()
    assert health["status"] == "healthy"
    assert abs(health["timestamp"] - time.time()) < 5
    assert set(health) == {"status", "timestamp"}


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("POST", "/status", 405),
        ("DELETE", "/health", 405),
        ("POST", "/snapshot.jpg", 405),
        ("GET", "/nothing-here", 404),
        ("GET", "/streams/door/film", 404),
        ("GET", "/streams/unknown/mjpeg", 404),
        ("GET", "/streams/BAD%20NAME/mjpeg", 400),
        ("GET", "/snapshot.jpg", 503),
        ("GET", "/stream.ts", 503),
        ("GET", "/ws/viewer", 426),
        ("GET", "/ws/camera", 426),
        ("GET", "/stream.mjpeg?fps=fast", 400),
    ],
)
def test_wrong_requests_are_answered_as_such(shared_server, method, target, expected):
    assert shared_server.request(method, target).status == expected


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("/streams/unknown/mjpeg", "unknown"),
        ("/streams/unknown/snapshot.jpg", "unknown"),
        ("/streams/b.d/ts", "b.d"),
        ("/snapshot.jpg", "no camera has connected yet"),
    ],
)
def test_errors_say_what_is_wrong(shared_server, target, text):
    assert text in shared_server.get(target).error()


@pytest.mark.parametrize("page", ["/", "/mjpeg", "/watch"])
def test_pages_are_html_that_loads_nothing_from_elsewhere(shared_server, page):
    answer = shared_server.get(page)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_head_asks_for_no_body(shared_server):
    answer = shared_server.request("HEAD", "/status")
    assert (answer.status, answer.body) == (200, b"")
