"""`/stream<N>` and the rest for cameras that push: H.264 cut anywhere, and two qualities of one number."""

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
from conftest import Processes, ServerFactory
from h264_clip import IDR, PPS, SPS, Clip, frame_hashes, kinds, picture_key
from multipart import MultipartReader
from paced import Origins, PacedViewer, Picture, Sent
from server import Server
from tcp_push import (
    H264, HIGH, LISTEN, LOW, MJPEG, Pusher, RunningPusher, cuts, marked, push_address, random_lengths,
)  # fmt: skip
from wait import eventually

#: Bytes of the next picture that tell that the one before is complete: a start code and the head of a slice.
TELLING = 16
#: How long a quality may take to follow a link, in seconds, and what a busy machine adds to it.
TO_FOLLOW, BUSY = 2.0, 1.0
#: A picture that is older when it arrives waits behind others.
FRESH = 0.3


@pytest.fixture(scope="module")
def shared(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the tests that push numbers of their own."""
    processes = Processes(binary, tmp_path_factory.mktemp("numbered"))
    server = processes.serve(*LISTEN)
    yield server
    died = server.returncode
    processes.end()
    assert died is None, f"the server died with {died}\n{server.log}"


NUMBERS = itertools.count(1)


@pytest.fixture
def number() -> int:
    """A stream number for the test case."""
    return next(NUMBERS)


def qualities(server: Server, name: str) -> dict[str, dict[str, Any]]:
    """What the API tells of a stream's qualities, by name."""
    answer = server.get(f"/api/streams/{name}")
    assert answer.status == 200, answer
    return {entry["quality"]: entry for entry in answer.json()["qualities"]}


def looped(clip: Clip) -> Callable[[int], bytes]:
    """The pictures of a clip, again and again."""
    return lambda number: clip.pictures[number % len(clip.pictures)]


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
    stream = shared.stream(f"stream{number}")
    assert (stream["received"], stream["dropped"]) == (40, {})


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
    with RunningPusher(push_address(shared), number, H264, fps=25, payload=looped(clip)) as camera:
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
    with RunningPusher(push_address(shared), number, H264, fps=25, payload=looped(clip)):
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


def decode_begin(data: bytes, kind: str) -> list[str]:
    """Hashes of the pictures of data that end anywhere."""
    command = ["ffmpeg", "-v", "quiet", "-f", kind, "-i", "-", "-an", "-fps_mode", "passthrough", "-f", "framemd5", "-"]
    lines = ffmpeg.run(command, data).stdout.decode().splitlines()
    return [line.split(",")[-1].strip() for line in lines if line and not line.startswith("#")]


def test_video_is_pictures_for_who_wants_pictures(shared: Server, number: int) -> None:
    clip = h264_clip.clip()
    with RunningPusher(push_address(shared), number, H264, fps=25, payload=looped(clip)):
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


# Two qualities of one number.

SMALL = (160, 120)
LARGE = (640, 480)


class Pair:
    """The two senders of one number, each with numbered pictures of its own size."""

    def __init__(self, server: Server, number: int, kind: int, fps: float = 20.0) -> None:
        self._server, self.name = server, f"stream{number}"
        self._how = (push_address(server), number, kind)
        self._fps = fps
        self._key = picture_key if kind == H264 else None
        self.pushers: dict[str, RunningPusher] = {}
        if kind == H264:
            self._payload = {
                "high": looped(h264_clip.clip(200, LARGE, options=":qp=32", noise=60)),
                "low": looped(h264_clip.clip(200, SMALL, first=1000)),
            }
        else:
            drawn = {
                "high": [jpegs.picture(n, LARGE, quality=70) for n in range(10)],
                "low": [jpegs.picture(n, SMALL) for n in range(10)],
            }
            self._payload = {
                quality: lambda n, pictures=pictures: marked(pictures[n % 10], n)
                for quality, pictures in drawn.items()
            }

    def start(self, quality: str) -> None:
        """The sender of a quality connects, for the first time or again."""
        if quality in self.pushers:
            self.pushers[quality].start()
        else:
            number = HIGH if quality == "high" else LOW
            payload = self._payload[quality]
            self.pushers[quality] = RunningPusher(*self._how, number, fps=self._fps, payload=payload)

    def stop(self, quality: str, *, done: bool) -> None:
        """It leaves."""
        self.pushers[quality].stop(done=done)

    def origins(self) -> Origins:
        """Who has sent what so far."""
        origins = Origins(self._key) if self._key else Origins()
        for quality, pusher in self.pushers.items():
            origins.add(quality, list(pusher.sent))
        return origins

    def seen(self, pictures: list[Picture]) -> list[Sent]:
        """Where what a viewer got has come from."""
        # Those first: meanwhile both go on.
        pictures = list(pictures)
        origins = self.origins()
        return [origins.find(picture) for picture in pictures]

    def wait_shown(self, viewer: PacedViewer, quality: str, count: int = 10, timeout: float = 20) -> None:
        """Waits until a viewer has got so many pictures of a quality one after the other."""

        def shown() -> bool:
            last = [sent.sender for sent in self.seen(viewer.got[-count:])]
            assert last == [quality] * count, f"{last}; {viewer.ended or 'connected'}"
            return True

        eventually(shown, f"{quality} is shown", timeout)

    def __enter__(self) -> Pair:
        return self

    def __exit__(self, *_: object) -> None:
        for pusher in self.pushers.values():
            pusher.stop()


KINDS = {"mjpeg": MJPEG, "h264": H264}
TARGETS = {MJPEG: "/ws/jpeg?stream=stream{}", H264: "/stream{}"}


def target(kind: int, number: int, query: str = "") -> str:
    """Where the camera's own bytes are shown over WebSocket."""
    address = TARGETS[kind].format(number)
    return address + ("" if not query else ("&" if "?" in address else "?") + query)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", ["high", "low"])
def test_two_qualities_are_one_stream(shared: Server, number: int, kind: str, first: str) -> None:
    others = shared.streams().keys()
    with Pair(shared, number, KINDS[kind]) as pair:
        pair.start(first)
        shared.wait_live(pair.name)
        pair.start("low" if first == "high" else "high")
        eventually(lambda: qualities(shared, pair.name).keys() >= {"high", "low"}, "both qualities")
        eventually(lambda: qualities(shared, pair.name)["low"]["state"] == "live", "low is live")
        told = qualities(shared, pair.name)
        assert [(told[q]["width"], told[q]["height"], told[q]["made"]) for q in ("high", "low")] == [
            (*LARGE, False), (*SMALL, False),
        ]  # fmt: skip
        assert shared.streams().keys() == others | {pair.name}
        assert (shared.stream(pair.name)["width"], shared.stream(pair.name)["height"]) == LARGE


@pytest.mark.parametrize("kind", KINDS)
def test_who_asks_for_a_quality_gets_that_senders_pictures(shared: Server, number: int, kind: str) -> None:
    with Pair(shared, number, KINDS[kind]) as pair:
        pair.start("high")
        shared.wait_live(pair.name)
        pair.start("low")
        eventually(lambda: qualities(shared, pair.name).get("low", {}).get("state") == "live", "both are live")
        with (
            PacedViewer(shared, target(KINDS[kind], number, "quality=low")) as low,
            PacedViewer(shared, target(KINDS[kind], number, "quality=high")) as high,
            PacedViewer(shared, target(KINDS[kind], number)) as any_,
        ):
            for viewer in (low, high, any_):
                eventually(lambda: len(viewer.got) >= 30, "pictures")
            assert {sent.sender for sent in pair.seen(low.got)} == {"low"}
            assert {sent.sender for sent in pair.seen(high.got)} == {"high"}
            assert {sent.sender for sent in pair.seen(any_.got)} == {"high"}


def assert_clean(pair: Pair, got: list[Picture], video: bool) -> None:
    """No picture twice or out of order, and of video no other sender's before its keyframe, and none missing."""
    got = list(got)
    seen = pair.seen(got)
    for (before, after), picture in zip(itertools.pairwise(seen), got[1:]):
        if before.sender == after.sender:
            assert after.number > before.number, "a picture that was shown already"
        if video and IDR not in kinds(picture.data):
            assert (after.sender, after.number) == (before.sender, before.number + 1), "not at a keyframe"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("done", [True, False], ids=["done", "hung up"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", ["high", "low"])
def test_pictures_go_on_while_qualities_come_and_go(
    shared: Server, number: int, kind: str, first: str, done: bool
) -> None:
    second = "low" if first == "high" else "high"
    with Pair(shared, number, KINDS[kind]) as pair:
        pair.start(first)
        shared.wait_live(pair.name)
        with PacedViewer(shared, target(KINDS[kind], number)) as viewer:
            pair.wait_shown(viewer, first)
            pair.start(second)
            pair.wait_shown(viewer, "high")
            pair.stop("high", done=done)
            pair.wait_shown(viewer, "low")
            pair.start("high")
            pair.wait_shown(viewer, "high")
            pair.stop("low", done=done)
            shown = len(viewer.got)
            eventually(lambda: len(viewer.got) > shown + 20, "high goes on alone")
            pair.start("low")
            eventually(lambda: qualities(shared, pair.name).get("low", {}).get("state") == "live", "low is back")
            pair.wait_shown(viewer, "high")
            pair.stop("high", done=done)
            pair.wait_shown(viewer, "low")
            assert viewer.ended is None
            got = list(viewer.got)
            assert_clean(pair, got, KINDS[kind] == H264)
            if KINDS[kind] == H264:
                data = b"".join(picture.data for picture in got)
                assert len(decode_begin(data, "h264")) == len(got)
            pair.stop("low", done=done)
            eventually(lambda: shared.stream(pair.name)["state"] == "offline", "both have left")


def test_low_takes_over_when_high_falls_silent(serve: ServerFactory) -> None:
    server = serve(*LISTEN, "--stall-timeout", "1s")
    with Pair(server, 1, MJPEG) as pair:
        pair.start("high")
        server.wait_live("stream1")
        pair.start("low")
        with PacedViewer(server, target(MJPEG, 1)) as viewer:
            pair.wait_shown(viewer, "high")
            pair.pushers["high"].fall_silent()
            pair.wait_shown(viewer, "low")
            assert server.stream("stream1")["state"] == "live"


# The quality follows the viewer.


class Throttled:
    """What became of a viewer from the moment that its link got slow."""

    def __init__(self, pair: Pair, viewer: PacedViewer, since: float) -> None:
        self.pictures = [picture for picture in viewer.got if picture.at >= since]
        self.seen = pair.seen(self.pictures)
        #: When pictures began to wait behind others; since then the server could know.
        self.began = next((p.at for p, sent in zip(self.pictures, self.seen) if sent.age > FRESH), since)
        lower = [(p.at - sent.age, sent) for p, sent in zip(self.pictures, self.seen) if sent.sender == "low"]
        #: When the first picture of the lower quality left its camera.
        self.lowered = min(at for at, _ in lower) if lower else None
        self.ages = [sent.age for sent in self.seen]
        #: The ages of the pictures that the lower quality began with, and of all after them.
        self.ages_low = [sent.age for _, sent in lower]


@pytest.mark.timeout(150)
@pytest.mark.parametrize("way", ["jpeg", "multipart", "h264"])
def test_a_viewer_whose_link_is_slow_gets_the_low_quality_in_time_and_comes_back(
    serve: ServerFactory, way: str
) -> None:
    server = serve(*LISTEN)
    kind = H264 if way == "h264" else MJPEG
    with Pair(server, 1, kind) as pair:
        pair.start("high")
        server.wait_live("stream1")
        pair.start("low")
        eventually(lambda: qualities(server, "stream1").get("low", {}).get("state") == "live", "both are live")
        address = "/stream1" if way == "multipart" else target(kind, 1)
        with (
            PacedViewer(server, address, websocket=way != "multipart") as viewer,
            PacedViewer(server, target(kind, 1)) as other,
        ):
            pair.wait_shown(viewer, "high")
            slow_since = time.monotonic()
            # A fifth of what high takes, and several times what low takes.
            viewer.rate = 250_000.0
            pair.wait_shown(viewer, "low", 40, 40)
            became = Throttled(pair, viewer, slow_since)
            assert became.lowered is not None
            assert became.lowered - became.began <= TO_FOLLOW + BUSY, "it takes too long to go down"
            assert max(became.ages) < 1.0 + BUSY, "its delay grows"
            assert max(became.ages_low[5:]) < 0.5, "it is on time in the low quality"
            begin = next(i for i, picture in enumerate(other.got) if picture.at >= slow_since)
            assert {sent.sender for sent in pair.seen(other.got[begin:])} == {"high"}, "others are not concerned"
            viewer.rate = None
            pair.wait_shown(viewer, "high", 20, 60)
            assert_clean(pair, viewer.got, kind == H264)


@pytest.mark.timeout(120)
def test_who_cannot_keep_even_the_low_quality_gets_fewer_pictures_and_not_later_ones(serve: ServerFactory) -> None:
    server = serve(*LISTEN)
    with Pair(server, 1, MJPEG) as pair:
        pair.start("high")
        server.wait_live("stream1")
        pair.start("low")
        eventually(lambda: qualities(server, "stream1").get("low", {}).get("state") == "live", "both are live")
        with PacedViewer(server, target(MJPEG, 1)) as viewer:
            pair.wait_shown(viewer, "high")
            # Low takes some 140 kB a second.
            viewer.rate = 30_000.0
            pair.wait_shown(viewer, "low", 30, 60)
            seen = pair.seen(viewer.got[-20:])
            numbers = [sent.number for sent in seen]
            assert numbers[-1] - numbers[0] > 30, "pictures are left out"
            # What its system takes in ahead is 32 kB and more: 1.5 s at this rate.
            assert max(sent.age for sent in seen) < 3.5
