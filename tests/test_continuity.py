"""Cameras that stall, come back and take over; viewers that stay through all of it."""

import pytest
from websockets.exceptions import ConnectionClosed

import jpegs
from camera import Camera, RunningCamera, open_socket
from wait import eventually
from websocket import BINARY, RawWebSocket


def next_picture(viewer, timeout: float = 10) -> int:
    """The number of the next JPEG on a viewer's socket."""
    while True:
        message = viewer.recv(timeout=timeout)
        if isinstance(message, bytes):
            return jpegs.sequence_of(message)


def closed_with(socket, timeout: float = 10) -> tuple[int, str]:
    """Reads until the server closes; its code and reason."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            socket.recv(timeout=timeout)
    assert closed.value.rcvd is not None, "the server hung up without a close frame"
    return closed.value.rcvd.code, closed.value.rcvd.reason


def test_stalled_camera_is_offline_with_the_reason_and_comes_back(serve):
    server = serve("--stall-timeout", "1s")
    with Camera(server, "door") as camera, open_socket(server, "/ws/jpeg?stream=door") as viewer:
        first = camera.send()
        assert next_picture(viewer) == first
        eventually(lambda: server.stream("door")["state"] == "offline", "offline after the stall")
        stream = server.stream("door")
        assert stream["reason"].startswith("no frame for 1 s") and stream["camera"] == "127.0.0.1"
        status = server.status()
        assert (status["camera_clients"], status["viewer_clients"], status["streaming"]) == (1, 1, False)
        answer = server.get("/streams/door/snapshot.jpg")
        assert answer.status == 503 and "no frame for 1 s" in answer.error()
        # Both sockets are still the same ones.
        again = camera.send()
        assert next_picture(viewer) == again
        server.wait_live("door")


def test_messages_that_are_no_pictures_do_not_hide_a_stall(serve):
    server = serve("--stall-timeout", "1s")
    with Camera(server, "door") as camera:
        camera.send()
        server.wait_live("door")

        def rubbish_until_offline() -> bool:
            camera.socket.send(b"Hello World")
            camera.socket.send('{"rssi": -60}')
            return server.stream("door")["state"] == "offline"

        eventually(rubbish_until_offline, "offline in spite of messages")
        camera.send()
        server.wait_live("door")


def test_viewer_keeps_its_connection_while_the_camera_reconnects(server):
    """For JPEG and for H.264: the socket stays, and pictures come again."""
    with RunningCamera(server, "door", fps=15, size=(160, 120)) as camera:
        server.wait_live("door")
        with open_socket(server, "/ws/jpeg?stream=door") as jpeg, open_socket(server, "/ws/viewer") as ts:
            before = next_picture(jpeg)
            assert ts.recv(timeout=10)
            for _ in range(2):
                camera.stop()
                eventually(lambda: server.stream("door")["state"] == "offline", "offline")
                restarted_at = camera.sequence
                camera.start()
                eventually(lambda: next_picture(jpeg) >= restarted_at > before, "a picture of after")
                received = sum(len(ts.recv(timeout=10)) for _ in range(10))
                assert received > 0
            assert server.stream("door")["viewers"] == 2


def test_viewer_is_told_the_state_and_why(server):
    camera = Camera(server, "door")
    with open_socket(server, "/ws/jpeg?stream=door") as viewer:
        assert viewer.recv(timeout=5) == '{"type":"stream","name":"door"}'
        assert '"state":"waiting"' in viewer.recv(timeout=5)
        camera.send()
        assert viewer.recv(timeout=5) == '{"type":"state","state":"live","reason":""}'
        assert isinstance(viewer.recv(timeout=5), bytes)
        camera.socket.close(1000, "sleeping")
        told = viewer.recv(timeout=5)
        assert told == '{"type":"state","state":"offline","reason":"the camera disconnected: sleeping"}'


def test_same_address_takes_over_a_live_stream(server):
    """A device that lost its network comes back before the server has noticed."""
    with Camera(server, "door") as old, open_socket(server, "/ws/jpeg?stream=door") as viewer:
        old.send()
        assert next_picture(viewer) == 0
        with Camera(server, "door") as new:
            new.sequence = 100
            new.send()
            assert next_picture(viewer) == 100
            code, reason = closed_with(old.socket)
            assert code == 1008 and reason == "replaced by a newer connection of the same camera"
            server.wait_live("door")
            eventually(lambda: server.status()["camera_clients"] == 1, "the old one is gone")
            new.send()
            assert next_picture(viewer) == 101
            eventually(lambda: server.stream("door")["received"] == 3, "it is counted")
            assert server.stream("door")["state"] == "live", "the old one's end must not end the new one"


def test_two_cameras_of_one_name_do_not_take_it_from_each_other_for_ever(server):
    """The first one to come back may have it; then who is at work keeps it, and the page says what is wrong."""
    with Camera(server, "twin") as one:
        one.send()
        server.wait_live("twin")
        with Camera(server, "twin") as two:
            two.send()
            assert closed_with(one.socket)[1] == "replaced by a newer connection of the same camera"
            for attempt in range(2):
                with Camera(server, "twin") as again:
                    code, reason = closed_with(again.socket)
                    assert code == 1008 and "two cameras have the name twin" in reason, reason
                two.send()
            refused = [entry for entry in server.status()["refused_cameras"] if entry["stream"] == "twin"]
            assert [entry["count"] for entry in refused] == [2] and "another name" in refused[0]["reason"]
            eventually(lambda: server.stream("twin")["received"] == 4, "the other goes on")


def test_other_address_cannot_take_a_live_stream(server):
    with Camera(server, "door") as rightful:
        rightful.send()
        server.wait_live("door")
        with Camera(server, "door", source="127.0.0.2") as thief:
            code, reason = closed_with(thief.socket)
            assert code == 1008
            assert reason == "stream door is in use by 127.0.0.1; choose another name"
        (refused,) = server.status()["refused_cameras"]
        assert (refused["address"], refused["stream"]) == ("127.0.0.2", "door")
        number = rightful.send()
        eventually(lambda: server.stream("door")["received"] == number + 1, "the rightful one goes on")


def test_other_address_may_have_the_stream_when_it_is_free(server):
    with Camera(server, "door") as first:
        first.send()
        server.wait_live("door")
    eventually(lambda: server.stream("door")["camera"] is None, "free")
    with Camera(server, "door", source="127.0.0.2") as second:
        second.send()
        assert server.wait_live("door")["camera"] == "127.0.0.2"


def test_takeover_in_the_middle_of_a_message(server):
    """Half a picture of the old connection does not spoil the new one."""
    jpeg = jpegs.picture(5)
    with RawWebSocket(server.address, "/ws/camera/door") as old:
        old.send_frame(BINARY, jpegs.picture(1))
        server.wait_live("door")
        old.send_frame(BINARY, jpeg[:1000], fin=False)
        with Camera(server, "door") as new:
            new.send(jpeg)
            assert old.read_close().code == 1008
            eventually(lambda: server.stream("door")["received"] == 2, "the new one's picture")
            assert server.get("/streams/door/snapshot.jpg").body == jpeg
            assert server.stream("door")["dropped"] == {}


def test_stream_that_nobody_misses_is_forgotten(serve):
    server = serve("--forget-after", "1s", "--streams", "kept")
    for name in ("kept", "visitor"):
        with Camera(server, name) as camera:
            camera.send()
            server.wait_live(name)
    eventually(lambda: list(server.streams()) == ["kept"], "only the configured stream", 15)
