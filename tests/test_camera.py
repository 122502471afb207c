"""Cameras as they are in the field: names, handshakes, fragments, telemetry."""

import json
import socket

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Response

import jpegs
from camera import Camera, RunningCamera, open_socket
from wait import eventually
from websocket import BINARY, PING, PONG, RawWebSocket, connect, frame, handshake


def refusal(server, target, **options) -> Response:
    """The answer to a camera that is not let in."""
    with pytest.raises(InvalidStatus) as refused:
        open_socket(server, target, **options)
    return refused.value.response


def test_unnamed_camera_gets_a_name_from_its_address(server):
    with Camera(server) as camera:
        camera.send()
        assert server.wait_live("cam-127-0-0-1")["camera"] == "127.0.0.1"
        assert server.status()["default_stream"] == "cam-127-0-0-1"


def test_unnamed_camera_keeps_its_name_after_a_reconnect(server):
    for _ in range(3):
        with Camera(server) as camera:
            camera.send()
            server.wait_live("cam-127-0-0-1")
        eventually(lambda: server.stream("cam-127-0-0-1")["state"] == "offline", "offline")
    assert list(server.streams()) == ["cam-127-0-0-1"]
    assert server.stream("cam-127-0-0-1")["received"] == 3


def test_unnamed_camera_that_lost_its_network_gets_its_name_back(server):
    """The old connection is still there for the server, but silent."""
    with Camera(server) as lost:
        lost.send()
        server.wait_live("cam-127-0-0-1")
        # A device comes back after 5 s; what counts is that the old one has been silent for 2 s.
        eventually(lambda: server.stream("cam-127-0-0-1")["age_ms"] > 2100, "two silent seconds")
        with Camera(server) as again:
            again.send()
            eventually(lambda: server.stream("cam-127-0-0-1")["received"] == 2, "the same stream")
            assert list(server.streams()) == ["cam-127-0-0-1"]


def test_two_unnamed_cameras_at_one_address_get_a_stream_each(server):
    with Camera(server) as one, Camera(server) as two:
        one.send(size=(320, 240))
        two.send(size=(160, 120))
        server.wait_live("cam-127-0-0-1")
        server.wait_live("cam-127-0-0-1-2")
        assert server.stream("cam-127-0-0-1")["width"] == 320
        assert server.stream("cam-127-0-0-1-2")["width"] == 160


def test_unnamed_cameras_at_two_addresses(server):
    with Camera(server, source="127.0.0.7") as camera:
        camera.send()
        server.wait_live("cam-127-0-0-7")


@pytest.mark.parametrize("target", ["/ws/camera/front-door_2", "/ws/camera?stream=front-door_2"])
def test_named_camera(server, target):
    with Camera(server, target=target) as camera:
        camera.send()
        server.wait_live("front-door_2")


def test_empty_name_in_the_query_is_no_name(server):
    with Camera(server, target="/ws/camera?stream=") as camera:
        camera.send()
        server.wait_live("cam-127-0-0-1")


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("/ws/camera/Door", "not 'D'"),
        ("/ws/camera/a%2Fb", "not '/'"),
        ("/ws/camera/a%20b", "not ' '"),
        ("/ws/camera/..", "not '.'"),
        ("/ws/camera/" + "x" * 65, "at most 64"),
        ("/ws/camera?stream=%C3%BC", "not 'ü'"),
    ],
)
def test_bad_names_are_refused_with_the_reason(server, target, text):
    response = refusal(server, target)
    assert response.status_code == 400
    assert text in json.loads(response.body)["error"]
    (refused,) = server.status()["refused_cameras"]
    assert refused["address"] == "127.0.0.1" and text in refused["reason"] and refused["count"] == 1
    assert server.streams() == {}


def test_arduino_client_is_let_in_and_its_subprotocol_echoed(server):
    """arduinoWebSockets hangs up when its subprotocol does not come back, and always sends this origin."""
    with Camera(server, "door", subprotocols=["arduino"], origin="file://") as camera:
        assert camera.socket.subprotocol == "arduino"
        camera.send()
        server.wait_live("door")


def test_no_subprotocol_is_made_up(server):
    with RawWebSocket(server.address, "/ws/camera/door") as camera:
        assert "sec-websocket-protocol" not in camera.head.lower()


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "file:///x"])
def test_pages_of_other_sites_cannot_be_cameras(server, origin):
    response = refusal(server, "/ws/camera/door", origin=origin)
    assert response.status_code == 403
    assert "allowed_origins" in json.loads(response.body)["error"]
    assert server.status()["refused_cameras"][0]["stream"] == "door"


def test_page_of_this_server_can_be_a_camera(server):
    with Camera(server, "door", origin=server.http) as camera:
        camera.send()
        server.wait_live("door")


def test_fragmented_picture_arrives_byte_for_byte(server):
    jpeg = jpegs.picture(7, (800, 600), noise=120)
    assert len(jpeg) > 5 * 16384, "the picture must take several fragments"
    with Camera(server, "door") as camera:
        camera.send(jpeg)
        server.wait_live("door")
        assert server.get("/streams/door/snapshot.jpg").body == jpeg


def test_camera_whose_bytes_come_one_at_a_time(server):
    jpeg = jpegs.picture(1, (96, 72), quality=20)
    message = frame(BINARY, jpeg[:700], fin=False) + frame(PING, b"ping") + frame(0, jpeg[700:])
    with connect(server.address) as sock:
        for byte in handshake(server.address, "/ws/camera/door") + message:
            sock.sendall(bytes([byte]))
        server.wait_live("door")
        assert server.get("/streams/door/snapshot.jpg").body == jpeg


def test_handshake_and_first_frame_in_one_segment(server):
    """A device may send its first picture before it has read the answer."""
    jpeg = jpegs.picture(1)
    with connect(server.address) as sock:
        sock.sendall(handshake(server.address, "/ws/camera/door") + frame(BINARY, jpeg))
        server.wait_live("door")
        assert server.get("/streams/door/snapshot.jpg").body == jpeg


def test_telemetry_is_kept_and_other_text_is_ignored(server):
    with Camera(server, "door") as camera:
        camera.send()
        camera.socket.send('{"rssi": -61, "heap": 120000}')
        eventually(lambda: server.stream("door")["telemetry"] == {"rssi": -61, "heap": 120000}, "telemetry")
        for text in ["hello", "[1,2]", "", '{"rssi": ', "x" * 100_000]:
            camera.socket.send(text)
        number = camera.send()
        eventually(lambda: server.stream("door")["received"] == number + 1, "the picture after the texts")
        stream = server.stream("door")
        assert stream["telemetry"] == {"rssi": -61, "heap": 120000}
        assert stream["state"] == "live" and stream["dropped"] == {}
        camera.socket.send('{"rssi": -70}')
        eventually(lambda: server.stream("door")["telemetry"] == {"rssi": -70}, "the newer telemetry")


def test_text_alone_does_not_make_a_stream_live(server):
    with Camera(server, "door") as camera:
        camera.socket.send('{"rssi": 1}')
        eventually(lambda: server.stream("door")["telemetry"] == {"rssi": 1}, "telemetry")
        assert server.stream("door")["state"] == "waiting"


def test_pings_are_answered_with_their_payload(server):
    with RawWebSocket(server.address, "/ws/camera/door") as camera:
        camera.send_frame(PING, b"are you there?")
        assert camera.read_until(PONG) == b"are you there?"
        camera.send_frame(PING, b"x" * 125)
        assert camera.read_until(PONG) == b"x" * 125


def test_device_that_closes_is_answered_and_its_reason_shown(server):
    with Camera(server, "door") as camera:
        camera.send()
        server.wait_live("door")
        camera.socket.close(4000, "battery low")
        assert camera.socket.close_code == 4000
        eventually(lambda: server.stream("door")["state"] == "offline", "offline")
        assert server.stream("door")["reason"] == "the camera disconnected: battery low"


def test_camera_that_vanishes_is_offline_with_a_reason(server):
    camera = RawWebSocket(server.address, "/ws/camera/door")
    camera.send_frame(BINARY, jpegs.picture(1))
    server.wait_live("door")
    camera.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    camera.close()
    eventually(lambda: server.stream("door")["state"] == "offline", "offline")
    assert server.stream("door")["reason"]


def test_many_cameras_each_have_their_stream(server):
    cameras = [RunningCamera(server, f"cam{i}", fps=4, size=(160, 120)) for i in range(8)]
    try:
        for i in range(8):
            server.wait_live(f"cam{i}")
        status = server.status()
        assert status["camera_clients"] == 8
        assert [stream["name"] for stream in status["streams"]] == [f"cam{i}" for i in range(8)]
    finally:
        for camera in cameras:
            camera.stop()


def test_more_streams_than_allowed(serve):
    server = serve("--limits-streams", "1")
    with Camera(server, "one"), Camera(server, "two") as second:
        with pytest.raises(ConnectionClosed) as closed:
            second.socket.recv(timeout=5)
        assert closed.value.rcvd.code == 1013
        assert "limits.streams" in closed.value.rcvd.reason
        assert list(server.streams()) == ["one"]
