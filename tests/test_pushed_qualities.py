"""Two qualities of one number are one stream, and what a viewer gets of it follows its link."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any, Iterator

import pytest

import h264_clip
import jpegs
from conftest import Processes, ServerFactory
from h264_clip import IDR, decode_begin, kinds, looped, picture_key
from paced import Origins, PacedViewer, Picture, Sent
from server import Server
from tcp_push import H264, HIGH, LISTEN, LOW, MJPEG, RunningPusher, marked, outliving, push_address
from wait import eventually

#: How long a quality may take to follow a link, in seconds, and what a busy machine adds to it, besides what a viewer
#: whose link is quick has to wait.
TO_FOLLOW, BUSY = 2.0, 1.0
#: A picture that is older when it arrives waits behind others.
FRESH = 0.3


@pytest.fixture(scope="module")
def shared(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the tests that push numbers of their own."""
    with outliving(Processes(binary, tmp_path_factory.mktemp("qualities")), *LISTEN) as server:
        yield server


def qualities(server: Server, name: str) -> dict[str, dict[str, Any]]:
    """What the API tells of a stream's qualities, by name."""
    answer = server.get(f"/api/streams/{name}")
    assert answer.status == 200, answer
    return {entry["quality"]: entry for entry in answer.json()["qualities"]}


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
        self._origins = Origins(self._key) if self._key else Origins()
        #: How many messages of each sender are among them.
        self._noted: dict[str, int] = {}
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
        for quality, pusher in self.pushers.items():
            begin = self._noted.get(quality, 0)
            more = pusher.sent[begin:]
            self._origins.add(quality, more, begin)
            self._noted[quality] = begin + len(more)
        return self._origins

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
        states = lambda: [told["state"] for told in qualities(shared, pair.name).values()]  # noqa: E731
        eventually(lambda: states() == ["live", "live"], "both are live")
        told = qualities(shared, pair.name)
        assert [(told[q]["width"], told[q]["height"], told[q]["made"]) for q in ("high", "low")] == [
            (*LARGE, False), (*SMALL, False),
        ]  # fmt: skip
        assert shared.streams().keys() == others | {pair.name}
        eventually(lambda: shared.stream(pair.name)["width"] == LARGE[0], "the stream is as large as the best")


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
            assert pair.seen(any_.got)[0].sender == "high", "who asks for nothing begins with the best"


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
    with Pair(shared, number, KINDS[kind], fps=30) as pair:
        pair.start(first)
        shared.wait_live(pair.name)
        # On a busy machine, who asks for nothing might be given a lower quality that camherd makes.
        with PacedViewer(shared, target(KINDS[kind], number, "quality=high")) as viewer:
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


def test_the_qualities_may_be_of_different_types(shared: Server, number: int) -> None:
    """High is H.264 and low is MJPEG: who watches pictures goes on with pictures, who watches video with video."""
    address, name = push_address(shared), f"stream{number}"
    clip = h264_clip.clip(200, LARGE, options=":qp=32", noise=60)
    small = [jpegs.picture(n, SMALL) for n in range(10)]
    with (
        RunningPusher(address, number, H264, HIGH, fps=20, payload=looped(clip)) as high,
        RunningPusher(address, number, MJPEG, LOW, fps=20, payload=lambda n: marked(small[n % 10], n)),
    ):
        eventually(lambda: qualities(shared, name).keys() == {"high", "low"}, "both are live")
        assert [qualities(shared, name)[q]["codec"] for q in ("high", "low")] == ["h264", "jpeg"]
        with (
            PacedViewer(shared, f"/ws/jpeg?stream={name}") as pictures,
            PacedViewer(shared, f"/stream{number}") as video,
        ):
            eventually(lambda: len(pictures.got) > 10 and len(video.got) > 10, "both are served", 20)
            assert size_of(pictures.got[-1].data) == LARGE
            high.stop()
            eventually(lambda: size_of(pictures.got[-1].data) == SMALL, "low's pictures")
            shown = jpegs.sequence_of(pictures.got[-1].data)
            eventually(lambda: jpegs.sequence_of(pictures.got[-1].data) != shown, "one after the other")
            begin = len(video.got)
            eventually(lambda: len(video.got) > begin + 20, "video goes on", 20)
            decoded = decode_begin(b"".join(picture.data for picture in video.got), "h264")
            assert len(decoded) > begin + 10


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Width and height."""
    height, width = jpegs.decode(jpeg).shape[:2]
    return width, height


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
        #: The ages of the pictures in the lower quality: the first ones wait behind what was under way.
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
            PacedViewer(server, target(kind, 1, "quality=high")) as other,
        ):
            pair.wait_shown(viewer, "high")
            slow_since = time.monotonic()
            # A fifth of what high takes, and several times what low takes.
            viewer.rate = 250_000.0
            pair.wait_shown(viewer, "low", 40, 40)
            became = Throttled(pair, viewer, slow_since)
            assert became.lowered is not None
            seen = pair.seen(other.got)
            held_up = max(sent.age for sent in seen[5:])
            assert became.lowered - became.began <= TO_FOLLOW + BUSY + held_up, "it takes too long to go down"
            assert max(became.ages) < 1.0 + BUSY + held_up, "its delay grows"
            assert max(became.ages_low[-20:]) < 0.5 + held_up, "it is on time in the low quality"
            numbers = [sent.number for sent in seen]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "others get every picture"
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
        with (
            PacedViewer(server, target(MJPEG, 1)) as viewer,
            PacedViewer(server, target(MJPEG, 1, "quality=low")) as other,
        ):
            pair.wait_shown(viewer, "high")
            # Low takes some 140 kB a second.
            viewer.rate = 45_000.0
            pair.wait_shown(viewer, "low", 30, 60)
            seen = pair.seen(viewer.got[-20:])
            numbers = [sent.number for sent in seen]
            assert numbers[-1] - numbers[0] > 30, "pictures are left out"
            # Its system takes some 100 kB in ahead.
            held_up = max(sent.age for sent in pair.seen(other.got)[5:])
            assert max(sent.age for sent in seen) < 100_000 / 45_000 + BUSY + held_up
