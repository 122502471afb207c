"""A stream whose camera begins to send another codec: viewers go on, with the camera's own pictures where those serve."""

from __future__ import annotations

from typing import Callable, Iterator

import pytest

import h264_clip
import jpegs
from conftest import Processes
from h264_clip import looped, picture_key
from paced import PacedViewer
from server import Server
from tcp_push import H264, LISTEN, MJPEG, RunningPusher, marked, outliving, push_address, snapshot
from wait import eventually

NAME = "stream1"
#: Each kind of camera has a size of its own.
SIZES = {MJPEG: (160, 120), H264: (320, 240)}
#: Names of the threads that make pictures of others, as far as the system keeps them.
MAKERS = ("picture ", "jpeg/native", "h264 ")


@pytest.fixture
def server(processes: Processes) -> Iterator[Server]:
    with outliving(processes, *LISTEN) as server:
        yield server


def pusher(server: Server, kind: int) -> RunningPusher:
    """A camera that pushes under number 1."""
    if kind == H264:
        payload = looped(h264_clip.clip(40, SIZES[H264]))
    else:
        drawn = [jpegs.picture(number, SIZES[MJPEG]) for number in range(10)]
        payload = lambda number: marked(drawn[number % 10], number)  # noqa: E731
    return RunningPusher(push_address(server), 1, kind, payload=payload)


def wait_free(server: Server) -> None:
    """Waits until the server knows that the camera before has left: a second one beside it is refused."""
    eventually(lambda: server.status()["camera_clients"] == 0, "the one before has left")


def size(jpeg: bytes) -> tuple[int, int]:
    height, width = jpegs.decode(jpeg).shape[:2]
    return width, height


def wait_for(viewer: PacedViewer, what: str, is_right: Callable[[bytes], bool], count: int = 5) -> None:
    """Waits until the newest pictures of a viewer are right."""

    def right() -> bool:
        newest = viewer.got[-count:]
        assert len(newest) == count, viewer.ended
        assert all(is_right(picture.data) for picture in newest), viewer.ended
        return True

    eventually(right, what, 30)


def makers(server: Server) -> list[str]:
    """What makes pictures of others now: renditions, and threads."""
    made = [name for name in server.active(NAME) if name in ("jpeg/native", "picture", "h264")]
    return made + [name for name in server.threads() if name.startswith(MAKERS)]


@pytest.mark.timeout(150)
@pytest.mark.parametrize("kinds", [(H264, MJPEG, H264), (MJPEG, H264, MJPEG)], ids=["from h264", "from jpeg"])
def test_viewers_of_jpeg_get_the_cameras_own_when_it_sends_them(server: Server, kinds: tuple[int, ...]) -> None:
    viewers: list[PacedViewer] = []
    try:
        for kind in kinds:
            wait_free(server)
            with pusher(server, kind) as camera:
                server.wait_live(NAME)
                viewers = viewers or [
                    PacedViewer(server, f"/ws/jpeg?stream={NAME}&quality=high"),
                    PacedViewer(server, "/stream1?quality=high", websocket=False),
                    PacedViewer(server, f"/streams/{NAME}/mjpeg", websocket=False),
                ]
                if kind == MJPEG:
                    is_right = lambda data: data in {payload for _, payload in list(camera.sent)}  # noqa: E731
                else:
                    is_right = lambda data: size(data) == SIZES[H264]  # noqa: E731
                for viewer in viewers:
                    wait_for(viewer, "its pictures", is_right)
                assert is_right(snapshot(server, NAME))
                if kind == MJPEG:
                    eventually(lambda: makers(server) == [], "nothing is decoded or encoded any more", 20)
                else:
                    assert {"jpeg/native", "picture"} <= set(makers(server))
    finally:
        for viewer in viewers:
            viewer.close()


@pytest.mark.timeout(150)
@pytest.mark.parametrize("kinds", [(H264, MJPEG, H264), (MJPEG, H264)], ids=["from h264", "from jpeg"])
def test_viewers_of_video_get_the_cameras_own_when_it_sends_it(server: Server, kinds: tuple[int, ...]) -> None:
    sent = {picture_key(picture) for picture in h264_clip.clip(40, SIZES[H264]).pictures}
    viewers: list[PacedViewer] = []
    try:
        for kind in kinds:
            wait_free(server)
            with pusher(server, kind):
                server.wait_live(NAME)
                viewers = viewers or [PacedViewer(server, "/stream1?quality=high")]
                for viewer in viewers:
                    wait_for(viewer, "its video", lambda data: (picture_key(data) in sent) == (kind == H264))
                if kind == H264:
                    eventually(lambda: makers(server) == [], "nothing is decoded or encoded any more", 20)
                else:
                    assert "h264" in makers(server)
    finally:
        for viewer in viewers:
            viewer.close()
