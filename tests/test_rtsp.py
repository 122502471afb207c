"""RTSP cameras: gst-rtsp-server and what only claims to be a camera, pulled by the real server."""

from __future__ import annotations

from pathlib import Path

import pytest

import ffmpeg
import ts
from rtsp_server import GarbageServer, RtspServer
from wait import eventually

SIZE, FPS = (320, 240), 15
#: Numbers after a restart are above this.
RESTARTED = 1_000_000
#: Longest until a camera is asked again after a few failures, and then starts; in seconds.
RECONNECT = 40.0


def camera(**options) -> RtspServer:
    return RtspServer(size=SIZE, fps=FPS, gop=FPS, **options)


def pull(serve, url: str, *arguments: str, **settings: str):
    """A server that pulls ``url`` as ``door``."""
    keys = "".join(f",door.{name.replace('_', '.')}={value}" for name, value in settings.items())
    return serve("--streams", f"door={url}{keys}", *arguments)


def numbers(server, tmp_path: Path, target: str, count: int) -> list[int]:
    """The numbers in the whole pictures among the first ``count`` bytes of an endless answer."""
    with server.open(target) as stream:
        body = stream.read_at_least(count)
    path = tmp_path / f"{Path(target).name}.bin"
    # The last picture is cut anywhere.
    path.write_bytes(whole_ts(body) if target.endswith("/ts") else body[: body.rindex(b"\xff\xd9") + 2])
    return ffmpeg.decoded_sequences(path)


def whole_ts(body: bytes) -> bytes:
    """An MPEG transport stream without what follows the beginning of its last video packet."""
    starts = [at for at in range(0, len(body), ts.PACKET) if b"\0\0\1\xe0" in body[at : at + ts.PACKET]]
    return body[: starts[-1]]


def reason(server, expected: str, timeout: float = 20.0) -> None:
    """Waits until the stream is offline for this reason."""

    def told() -> bool:
        stream = server.stream("door")
        assert stream["state"] == "offline" and expected in stream["reason"], stream
        return True

    eventually(told, f"offline because of {expected!r}", timeout)


@pytest.mark.parametrize(
    ("options", "transport"),
    [
        ({"profile": "baseline"}, "tcp"),
        ({"profile": "high"}, "tcp"),
        ({"profile": "high", "config_interval": -1}, "udp"),
        ({"profile": "main", "bframes": 2}, "tcp"),
        ({"profile": "baseline", "auth": "basic"}, "tcp"),
        ({"profile": "baseline", "auth": "digest"}, "udp"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_every_picture_of_an_h264_camera_arrives_in_order(serve, tmp_path, options, transport):
    with camera(**options) as source:
        server = pull(serve, source.url, rtsp_transport=transport)
        stream = server.wait_live("door", 20)
        assert (stream["codec"], stream["width"], stream["height"]) == ("h264", *SIZE)
        got = numbers(server, tmp_path, "/streams/door/ts", 60_000)
        assert len(got) >= FPS
        assert got == list(range(got[0], got[0] + len(got)))
        assert source.password not in server.log + str(server.status())


def test_every_picture_of_a_jpeg_camera_arrives_in_order(serve, tmp_path):
    with camera(codec="mjpeg") as source:
        server = pull(serve, source.url)
        assert server.wait_live("door", 20)["codec"] == "jpeg"
        got = numbers(server, tmp_path, "/streams/door/mjpeg", 150_000)
        assert len(got) >= FPS
        assert got == list(range(got[0], got[0] + len(got)))


def test_an_h265_camera_is_known(serve):
    with camera(codec="h265") as source:
        stream = pull(serve, source.url).wait_live("door", 20)
        assert (stream["codec"], stream["width"], stream["height"]) == ("h265", *SIZE)


def test_lost_packets_are_counted_and_leave_no_broken_pictures(serve, tmp_path):
    with camera(profile="baseline", loss=0.02) as source:
        server = pull(serve, source.url, rtsp_transport="udp")
        server.wait_live("door", 20)
        # A picture with a part missing would have a strip that cannot be read, or an older number.
        got = numbers(server, tmp_path, "/streams/door/ts", 150_000)
        assert got == sorted(set(got)) and got[-1] - got[0] >= len(got)
        eventually(lambda: server.stream("door")["dropped"].get("lost_packets", 0) > 0, "they are counted")


def test_a_camera_that_restarts_is_back(serve, tmp_path):
    with camera() as source:
        server = pull(serve, source.url)
        server.wait_live("door", 20)
        source.stop()
        reason(server, "the camera")
        source.start()
        server.wait_live("door", RECONNECT)
        assert numbers(server, tmp_path, "/streams/door/ts", 30_000)[-1] >= RESTARTED


def test_a_camera_that_freezes_is_noticed_and_back_when_it_thaws(serve):
    with camera() as source:
        server = pull(serve, source.url, "--stall-timeout", "2s")
        server.wait_live("door", 20)
        source.freeze()
        reason(server, "no picture for 2 s")
        source.thaw()
        server.wait_live("door", RECONNECT)


def test_a_camera_that_comes_late_is_found(serve):
    with camera() as source:
        source.stop()
        server = pull(serve, source.url)
        reason(server, "the camera cannot be reached: connection refused")
        source.start()
        server.wait_live("door", RECONNECT)


@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_a_wrong_password_is_told_and_never_shown(serve, auth):
    with camera(auth=auth, password="right") as source:
        server = pull(serve, source.url.replace("right", "hunter2"))
        reason(server, "the camera refuses user name and password")
        assert "hunter2" not in server.log + str(server.status())


def test_a_stream_that_is_not_there_and_a_transport_that_is_refused_are_told(serve):
    with camera(transport="udp") as source:
        server = pull(serve, source.url, rtsp_transport="tcp")
        reason(server, "does not support this transport")
        other = pull(serve, source.url.replace("/test", "/nothing"))
        reason(other, "it has no stream at this path (status 404)")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "does not speak RTSP"),
        (b"\x00\x01\x02\xff" * 1000, "does not speak RTSP"),
        (b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: 9\r\n\r\nnot sdp!!", "nothing"),
        (b"", "the connection to the camera broke"),
    ],
    ids=["http", "bytes", "sdp", "silence"],
)
def test_rubbish_is_told_and_asked_again(serve, answer, expected):
    with GarbageServer(answer) as source:
        server = pull(serve, source.url)
        reason(server, expected)
        eventually(lambda: source.connections >= 2, "another attempt", RECONNECT)
