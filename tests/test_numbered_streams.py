"""`/stream<N>` and the rest for cameras that push: the old addresses, and H.264 cut anywhere."""

from __future__ import annotations

import itertools
import json
import time
from bisect import bisect_right
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator

import cv2
import pytest
from websockets.exceptions import InvalidStatus

import ffmpeg
import h264_clip
import jpegs
import test_picture
import ts
from camera import open_socket
from conftest import Processes
from h264_clip import IDR, PPS, SPS, Clip, decode_begin, frame_hashes, kinds, looped, nals, picture_key
from multipart import MultipartReader
from paced import PacedViewer
from server import Server
from tcp_push import (
    H264, LISTEN, Pusher, RunningPusher, cuts, outliving, push_address, random_lengths, wait_count,
)  # fmt: skip
from wait import eventually

#: Bytes of the next picture that tell that the one before is complete: a start code and the head of a slice.
TELLING = 16


@pytest.fixture(scope="module")
def shared(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the tests that push numbers of their own."""
    with outliving(Processes(binary, tmp_path_factory.mktemp("numbered")), *LISTEN) as server:
        yield server


# The old addresses.


def test_mjpeg_at_the_old_address_has_the_old_boundary(shared: Server, number: int) -> None:
    """It is declared with the dashes that its lines begin with, which is what clients in the field are used to."""
    pictures = [jpegs.picture(n) for n in range(10)]
    with Pusher(push_address(shared), number) as camera:
        camera.send(pictures[0])
        shared.wait_live(f"stream{number}")
        with shared.open(f"/stream{number}") as http:
            declared = http.headers["Content-Type"].replace(" ", "")
            assert declared == "multipart/x-mixed-replace;boundary=--BOUNDARY"
            http.headers.replace_header("Content-Type", "multipart/x-mixed-replace;boundary=BOUNDARY")
            parts = MultipartReader(http)
            for picture in pictures:
                if picture is not pictures[0]:
                    camera.send(picture)
                part = parts.next()
                assert part.body == picture
                assert part.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize("target", ["/stream", "/streamX", "/stream-1", "/stream1.5", "/stream4294967296"])
def test_other_numbers_are_404(shared: Server, target: str) -> None:
    assert shared.get(target).status == 404
    with pytest.raises(InvalidStatus) as refused:
        open_socket(shared, target)
    assert refused.value.response.status_code == 404


# H.264, cut anywhere.


def cut_in_start_codes(clip: Clip) -> Iterable[bytes]:
    """Cut after the first, second, third byte of each start code in turn."""
    begin = 0
    for count, found in enumerate(at for at in range(len(clip.data)) if clip.data.startswith(b"\0\0\1", at)):
        end = found + 1 + count % 3
        yield clip.data[begin:end]
        begin = end
    yield clip.data[begin:]


CUTS: dict[str, Callable[[Clip], Iterable[bytes]]] = {
    "pictures": lambda clip: clip.pictures,
    "bytes": lambda clip: cuts(clip.data, lambda: 1),
    "7 bytes": lambda clip: cuts(clip.data, lambda: 7),
    "at random": lambda clip: cuts(clip.data, random_lengths(1, 3000)),
    "as a pipe is read": lambda clip: cuts(clip.data, lambda: 4096),
    "within start codes": cut_in_start_codes,
    "in front of the last byte": lambda clip: (
        part for picture in clip.pictures for part in (picture[:-1], picture[-1:])
    ),
}
FORMS = {"plain": "", "delimiters": ":aud=1"}


class Watched:
    """A viewer of video that comes as soon as there is something to see."""

    def __init__(self, server: Server, number: int) -> None:
        self._server, self._number = server, number
        self._viewer: PacedViewer | None = None

    def wait_for(self, count: int) -> None:
        """Waits until so many pictures have arrived."""
        if self._viewer is None:
            self._server.wait_live(f"stream{self._number}")
            self._viewer = PacedViewer(self._server, f"/stream{self._number}")
        viewer = self._viewer
        eventually(lambda: len(viewer.got) >= count, f"picture {count}")

    @property
    def messages(self) -> list[bytes]:
        """What has arrived."""
        assert self._viewer is not None and self._viewer.texts == [], "old clients know no text messages"
        return [picture.data for picture in self._viewer.got]

    def close(self) -> None:
        if self._viewer is not None:
            self._viewer.close()


@pytest.fixture
def watched(shared: Server, number: int) -> Iterator[Watched]:
    watched = Watched(shared, number)
    yield watched
    watched.close()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("how", CUTS)
def test_video_cut_anywhere_is_the_same_video(
    shared: Server, number: int, watched: Watched, how: str, form: str
) -> None:
    """A message a picture, each as soon as it is complete, and nothing is lost."""
    clip = h264_clip.clip(options=FORMS[form])
    ends = list(itertools.accumulate(map(len, clip.pictures)))
    sent = 0
    with Pusher(push_address(shared), number, H264) as camera:
        for piece in CUTS[how](clip):
            camera.send(piece)
            before, sent = sent, sent + len(piece)
            complete = bisect_right(ends, sent - TELLING)
            if complete > bisect_right(ends, before - TELLING):
                watched.wait_for(complete)
        camera.done()
        watched.wait_for(len(clip.pictures))
    messages = watched.messages
    assert [kind for kind in kinds(messages[0]) if kind in (SPS, PPS, IDR)] == [SPS, PPS, IDR]
    assert list(map(picture_key, messages)) == list(map(picture_key, clip.pictures))
    assert frame_hashes(b"".join(messages)) == frame_hashes(clip.data)
    name = f"stream{number}"
    stream = eventually(lambda: (s := shared.stream(name))["received"] == 40 and s, "all are counted")
    assert stream["dropped"] == {}


@pytest.mark.parametrize("whole", [0, 15], ids=["always", "later"])
def test_a_sender_may_pause_within_its_pictures(shared: Server, number: int, watched: Watched, whole: int) -> None:
    """One that has written whole pictures so far may lose the rest of one group by it, once."""
    clip = h264_clip.clip(frames=60)
    with Pusher(push_address(shared), number, H264) as camera:
        for n, picture in enumerate(clip.pictures):
            middle = len(picture) if n < whole else len(picture) // 2
            for part in filter(None, (picture[:middle], picture[middle:])):
                camera.send(part)
                time.sleep(0.02)  # The camera's rhythm.
            if n == 1:
                watched.wait_for(1)
        camera.done()
        last = picture_key(clip.pictures[-1])
        eventually(lambda: picture_key(watched.messages[-1]) == last, "up to the last one")
    shown = list(map(picture_key, watched.messages))
    expected = list(map(picture_key, clip.pictures))
    first_sure = 20 if whole else 0
    assert shown[-(60 - first_sure) :] == expected[first_sure:]
    if not whole:
        assert shared.stream(f"stream{number}")["dropped"] == {}


def test_a_whole_clip_in_one_message_is_taken(shared: Server, number: int) -> None:
    clip = h264_clip.clip()
    with Pusher(push_address(shared), number, H264) as camera:
        camera.send(clip.data)
        camera.done()
        eventually(lambda: shared.streams().get(f"stream{number}", {}).get("received") == 40, "all pictures")


def test_a_picture_does_not_wait_for_the_next_one(shared: Server, number: int, watched: Watched) -> None:
    """A sender that writes whole pictures: each is there before the next one is sent."""
    clip = h264_clip.clip()
    with Pusher(push_address(shared), number, H264) as camera:
        for picture in clip.pictures[:10]:
            camera.send(picture)
        watched.wait_for(9)
        for count, picture in enumerate(clip.pictures[10:], 11):
            camera.send(picture)
            watched.wait_for(count)


def test_a_viewer_of_video_begins_at_a_keyframe(shared: Server, number: int) -> None:
    clip = h264_clip.clip(group=30, frames=60)
    with RunningPusher(push_address(shared), number, H264, fps=50, payload=looped(clip)) as camera:
        shared.wait_live(f"stream{number}")
        for least in (10, 35, 50):
            eventually(lambda: camera.sequence > least, "in the middle of a group")
            with open_socket(shared, f"/stream{number}") as viewer:
                first, *rest = [viewer.recv(timeout=10) for _ in range(12)]
                assert [kind for kind in kinds(first) if kind in (SPS, PPS, IDR)] == [SPS, PPS, IDR]
                assert len(frame_hashes(b"".join([first, *rest]))) == 12


def test_video_that_begins_in_the_middle_is_shown_from_its_keyframe(
    shared: Server, number: int, watched: Watched
) -> None:
    clip = h264_clip.clip()
    with Pusher(push_address(shared), number, H264) as camera:
        for picture in clip.pictures[5:]:
            camera.send(picture)
        watched.wait_for(1)
        camera.done()
        eventually(lambda: shared.stream(f"stream{number}")["state"] == "offline", "all is there")
    assert IDR in kinds(watched.messages[0])


@pytest.mark.parametrize(
    ("target", "kind"), [("ts", "mpegts"), ("stream.mp4", "mp4")], ids=["transport stream", "MP4"]
)
def test_video_is_packaged_as_it_came(shared: Server, number: int, target: str, kind: str) -> None:
    clip = h264_clip.clip(frames=100, noise=20)
    sent = set(frame_hashes(clip.data))
    with RunningPusher(push_address(shared), number, H264, fps=50, payload=looped(clip)):
        shared.wait_live(f"stream{number}")
        with shared.open(f"/streams/stream{number}/{target}") as viewer:
            data = viewer.read_at_least(150_000)
    if kind == "mpegts":
        data = data[: len(data) // ts.PACKET * ts.PACKET]
    got = probe_begin(data, kind)
    assert (got["codec_name"], got["width"], got["height"]) == ("h264", 320, 240)
    assert int(got["nb_read_frames"]) >= 10
    decoded = decode_begin(data, kind)
    assert len(decoded) >= 10 and set(decoded[:-1]) <= sent, "the camera's own pictures"


def probe_begin(data: bytes, kind: str) -> dict[str, Any]:
    """As ``ffmpeg.probe``, for data that end anywhere."""
    command = ["ffprobe", "-v", "quiet", "-f", kind, "-count_frames", "-show_streams", "-of", "json", "-i", "-"]
    (stream,) = json.loads(ffmpeg.run(command, data).stdout)["streams"]
    return stream


def test_video_is_pictures_for_who_wants_pictures(shared: Server, number: int) -> None:
    clip = h264_clip.clip()
    with RunningPusher(push_address(shared), number, H264, fps=50, payload=looped(clip)):
        shared.wait_live(f"stream{number}")
        answer = shared.get(f"/streams/stream{number}/snapshot.jpg")
        assert answer.status == 200 and 0 <= jpegs.sequence_of(answer.body) < 40
        capture = cv2.VideoCapture(f"{shared.http}/stream{number}", cv2.CAP_FFMPEG)
        try:
            numbers = [test_picture.read(capture.read()[1]).sequence for _ in range(8)]
        finally:
            capture.release()
        assert all(0 <= shown < 40 for shown in numbers) and len(set(numbers)) > 4


def test_pictures_are_video_for_who_wants_video(shared: Server, number: int) -> None:
    with RunningPusher(push_address(shared), number, fps=15):
        shared.wait_live(f"stream{number}")
        with open_socket(shared, f"/stream{number}") as viewer:
            messages = [viewer.recv(timeout=10) for _ in range(10)]
    assert IDR in kinds(messages[0]) and len(frame_hashes(b"".join(messages))) == 10


def test_video_without_parameter_sets_is_counted_and_shown_once_it_has_them(
    shared: Server, number: int, watched: Watched
) -> None:
    clip = h264_clip.clip()
    bare = [b"".join(b"\0\0\0\1" + nal.data for nal in nals(p) if nal.kind not in (SPS, PPS)) for p in clip.pictures]
    with Pusher(push_address(shared), number, H264) as camera:
        for picture in bare[:20]:
            camera.send(picture)
        wait_count(shared, f"stream{number}", "missing_parameters")
        assert shared.stream(f"stream{number}")["received"] == 0
        for picture in [*clip.pictures[:20], *bare[20:]]:
            camera.send(picture)
        watched.wait_for(1)
        camera.done()
        eventually(lambda: shared.stream(f"stream{number}")["received"] == 40, "also those after it")
        eventually(lambda: frame_hashes(b"".join(watched.messages))[-1] == frame_hashes(clip.data)[-1], "the last one")
    for message in watched.messages:
        if IDR in kinds(message):
            assert {SPS, PPS} <= set(kinds(message)), "they are learned"


NO_VIDEO = {
    "text": b"Hello World",
    "zeros": bytes(10_000),
    "a picture": jpegs.picture(0),
    "slices without parameters": b"".join(picture for picture in h264_clip.clip().pictures[1:10]),
}


@pytest.mark.parametrize("case", NO_VIDEO)
def test_video_after_rubbish_is_shown(shared: Server, number: int, watched: Watched, case: str) -> None:
    clip = h264_clip.clip()
    with Pusher(push_address(shared), number, H264) as camera:
        camera.send(NO_VIDEO[case])
        for picture in clip.pictures[:20]:
            camera.send(picture)
        watched.wait_for(1)
        for picture in clip.pictures[20:]:
            camera.send(picture)
        camera.done()
        last = picture_key(clip.pictures[-1])
        eventually(lambda: picture_key(watched.messages[-1]) == last, "up to the last one")
    shown = [picture_key(message) for message in watched.messages]
    expected = [picture_key(picture) for picture in clip.pictures]
    assert shown == expected[-len(shown) :] and len(shown) >= 20
