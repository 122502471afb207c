"""H.264 to viewers: MPEG-TS and fragmented MP4, over WebSocket and HTTP, read by ffmpeg and OpenCV."""

import json
import time
from pathlib import Path

import cv2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

import ffmpeg
import mp4
import ts
from camera import Camera, RunningCamera, open_socket
from paced import PacedViewer
from wait import eventually

IDR, SPS, PPS = 5, 7, 8


@pytest.fixture
def running(server):
    """A server with a camera at work on the stream ``door``."""
    with RunningCamera(server, "door", fps=30, size=(320, 240)) as camera:
        server.wait_live("door")
        yield server
        assert camera.error is None


def collect(viewer, until, timeout: float = 20) -> list:
    """Messages of a viewer's socket until ``until`` is true of them."""
    messages = []
    deadline = time.monotonic() + timeout
    while not until(messages):
        messages.append(viewer.recv(timeout=max(0.1, deadline - time.monotonic())))
    return messages


def test_ts_viewer_gets_binary_messages_that_begin_at_a_keyframe(running):
    with open_socket(running, "/ws/viewer") as viewer:
        messages = collect(viewer, lambda got: len(got) >= 20)
    assert all(isinstance(message, bytes) for message in messages), "the old viewers know no text"
    for message in messages:
        assert len(message) % ts.PACKET == 0 and message[0] == 0x47
    pictures = ts.parse(b"".join(messages))
    assert len(pictures) == len(messages), "one message is one picture"
    first = pictures[0]
    assert first.random_access
    kinds = first.nal_types()
    assert kinds.index(SPS) < kinds.index(PPS) < kinds.index(IDR)
    assert all(later.pts > earlier.pts for earlier, later in zip(pictures, pictures[1:]))


def test_ffprobe_reads_the_ts_from_its_first_byte(running):
    with open_socket(running, "/ws/viewer?stream=door") as viewer:
        messages = collect(viewer, lambda got: len(got) >= 30)
    stream = ffmpeg.probe(b"".join(messages), "mpegts")
    assert stream["codec_name"] == "h264"
    assert stream["profile"] == "Constrained Baseline"
    assert (stream["width"], stream["height"]) == (320, 240)
    assert stream["pix_fmt"] in ("yuv420p", "yuvj420p")
    assert int(stream["nb_read_frames"]) == 30
    assert stream["has_b_frames"] == 0


def test_pictures_are_the_cameras_in_order(running, tmp_path):
    with open_socket(running, "/ws/viewer") as viewer:
        data = b"".join(collect(viewer, lambda got: len(got) >= 30))
    file = tmp_path / "viewer.ts"
    file.write_bytes(data)
    numbers = ffmpeg.decoded_sequences(file)
    assert len(numbers) >= 28
    # A keyframe for who joins may show a picture once more; none goes missing or back.
    assert all(0 <= later - earlier <= 1 for earlier, later in zip(numbers, numbers[1:])), numbers


@pytest.mark.parametrize("target", ["/streams/door/ts", "/streams/door/stream.mp4", "/stream.ts", "/stream.mp4"])
def test_ffmpeg_decodes_the_http_streams(running, target):
    decoded = ffmpeg.decode_url(running.http + target, 20)
    assert decoded == {"frames": 20, "errors": ""}


@pytest.mark.parametrize(("what", "kind"), [("ts", "video/mp2t"), ("stream.mp4", "video/mp4")])
def test_http_streams_say_what_they_are(running, what, kind):
    with running.open(f"/streams/door/{what}") as viewer:
        assert (viewer.status, viewer.headers["Content-Type"]) == (200, kind)
        assert viewer.headers["Cache-Control"] == "no-store"
        data = viewer.read_at_least(1000)
    if kind == "video/mp4":
        assert data[4:8] == b"ftyp"
    else:
        assert data[0] == 0x47


def test_fmp4_socket_announces_and_sends_init_then_fragments(running):
    with open_socket(running, "/ws/fmp4?stream=door") as viewer:
        messages = collect(viewer, lambda got: sum(isinstance(m, bytes) for m in got) >= 16)
    texts = [json.loads(m) for m in messages if isinstance(m, str)]
    assert texts[0] == {"type": "stream", "name": "door"}
    assert texts[1] == {"type": "state", "state": "live", "reason": ""}
    init_at = next(i for i, m in enumerate(messages) if isinstance(m, str) and '"init"' in m)
    assert not any(isinstance(m, bytes) for m in messages[:init_at]), "nothing to play before its description"
    announced = json.loads(messages[init_at])
    assert (announced["width"], announced["height"]) == (320, 240)
    assert announced["mime"].startswith('video/mp4; codecs="avc1.42C0')
    init, *fragments = [m for m in messages if isinstance(m, bytes)]
    assert mp4.types(init) == ["ftyp", "moov"]
    for fragment in fragments:
        assert [kind for kind in mp4.types(fragment) if kind != "prft"] == ["moof", "mdat"]
    assert IDR in mp4.nal_types(fragments[0])
    stream = ffmpeg.probe(init + b"".join(fragments), "mp4")
    assert (stream["codec_name"], int(stream["nb_read_frames"])) == ("h264", len(fragments))


def test_player_gets_the_servers_clock(running):
    with open_socket(running, "/ws/fmp4") as viewer:
        sent = time.time() * 1000
        viewer.send('{"type":"ping","t":123.5}')
        viewer.send("nonsense")
        messages = collect(viewer, lambda got: any(isinstance(m, str) and '"pong"' in m for m in got))
        received = time.time() * 1000
    pong = json.loads(next(m for m in messages if isinstance(m, str) and '"pong"' in m))
    assert pong["t"] == 123.5
    # The clocks are the same one; 50 ms are for its steps between the server's readings.
    assert sent - 50 <= pong["now"] <= received + 50


def test_resolution_may_change_in_the_middle(server, tmp_path):
    """A TS viewer goes on, an MP4 player gets a new initialisation, the JPEG viewer just sees it."""
    with (
        Camera(server, "door") as camera,
        open_socket(server, "/ws/viewer?stream=door") as ts_viewer,
        open_socket(server, "/ws/fmp4?stream=door") as mp4_viewer,
    ):
        eventually(lambda: server.stream("door")["viewers"] == 2, "both viewers")

        def show(size: tuple[int, int], viewer_has) -> None:
            for _ in range(12):
                camera.send(size=size)
                time.sleep(1 / 30)  # The camera's rhythm.
            eventually(viewer_has, f"{size} at the viewer")

        got_ts, got_mp4 = [], []

        def drain(viewer, into: list) -> None:
            while True:
                try:
                    into.append(viewer.recv(timeout=0.05))
                except TimeoutError:
                    return

        def has(width: int) -> bool:
            drain(ts_viewer, got_ts)
            drain(mp4_viewer, got_mp4)
            inits = [json.loads(m) for m in got_mp4 if isinstance(m, str) and '"init"' in m]
            return bool(inits) and inits[-1]["width"] == width

        show((640, 480), lambda: has(640))
        show((320, 240), lambda: has(320))
        has(320)

    inits = [json.loads(m) for m in got_mp4 if isinstance(m, str) and '"init"' in m]
    assert [(m["width"], m["height"]) for m in inits] == [(640, 480), (320, 240)]
    last = max(i for i, m in enumerate(got_mp4) if isinstance(m, str) and '"init"' in m)
    init, first, *rest = [m for m in got_mp4[last:] if isinstance(m, bytes)]
    assert mp4.types(init) == ["ftyp", "moov"] and IDR in mp4.nal_types(first)
    assert ffmpeg.probe(init + first + b"".join(rest), "mp4")["width"] == 320

    file = tmp_path / "change.ts"
    file.write_bytes(b"".join(got_ts))
    done = ffmpeg.run(
        ["ffprobe", "-v", "error", "-show_entries", "frame=width,height", "-of", "csv=p=0", str(file)]
    )
    assert done.stderr == b""
    sizes = [line.rstrip(",") for line in done.stdout.decode().split()]
    assert set(sizes) == {"640,480", "320,240"}
    assert sizes == sorted(sizes, reverse=True), "first all of the one, then all of the other"
    assert sizes.count("640,480") >= 8 and sizes.count("320,240") >= 8


def test_presentation_times_are_those_of_the_arrivals(server, tmp_path: Path):
    """An irregular camera: nothing assumes a frame rate, and an hour of video takes an hour."""
    pauses = [0.05, 0.3, 0.1, 0.02, 0.5, 0.07, 0.2, 0.033, 0.4, 0.06, 0.25, 0.1, 0.8, 0.04, 0.15, 0.3]
    sent_at: dict[int, float] = {}
    with Camera(server, "door") as camera:
        eventually(lambda: "door" in server.streams(), "the camera is in")
        with PacedViewer(server, "/ws/viewer?stream=door") as viewer:
            due = time.monotonic()
            for pause in [0.0, *pauses]:
                due += pause
                time.sleep(max(0.0, due - time.monotonic()))  # The camera's rhythm.
                at = time.monotonic()
                sent_at[camera.send()] = at
            eventually(lambda: len(viewer.got) > len(pauses), "all of them")
            got = list(viewer.got)
    data = b"".join(message.data for message in got)
    file = tmp_path / "irregular.ts"
    file.write_bytes(data)
    numbers = ffmpeg.decoded_sequences(file)
    pictures = ts.parse(data)
    assert len(numbers) == len(pictures)
    shown: dict[int, tuple[float, float]] = {}
    for number, picture, message in zip(numbers, pictures, got):
        shown.setdefault(number, (picture.pts / ts.RATE, message.at))
    assert len(shown) >= len(pauses) - 1
    # Both clocks have origins of their own. Their distance is one at which each picture arrived after it was sent and
    # before it was seen, however busy the machine was in between.
    least = max(pts - seen_at for pts, seen_at in shown.values())
    most = min(pts - sent_at[number] for number, (pts, _) in shown.items())
    assert least <= most + 0.01, f"the media clock is not the clock on the wall: {shown}, sent {sent_at}"


def test_old_viewer_may_come_before_any_camera(server):
    with open_socket(server, "/ws/viewer") as viewer:
        eventually(lambda: server.status()["viewer_clients"] == 1, "the viewer waits")
        with RunningCamera(server, "late", fps=15, size=(160, 120)):
            pictures = ts.parse(b"".join(collect(viewer, lambda got: len(got) >= 3)))
            assert pictures[0].random_access


@pytest.mark.parametrize("target", ["/ws/fmp4", "/ws/jpeg"])
def test_player_before_any_camera_is_told_to_wait(server, target):
    with open_socket(server, target) as viewer:
        assert viewer.recv(timeout=5) == '{"type":"state","state":"waiting","reason":"no camera has connected yet"}'
        with RunningCamera(server, "late", fps=15, size=(160, 120)):
            assert viewer.recv(timeout=5) == '{"type":"stream","name":"late"}'
            assert any(isinstance(m, bytes) for m in collect(viewer, lambda got: len(got) >= 5))


def assert_live(viewer, camera: RunningCamera, before: int) -> None:
    """A viewer that came with picture ``before``, and has had one, gets what the camera sends from then on.

    With the two seconds before it on top, 8 pictures of the camera would be more than 30 for the viewer.
    """
    got = 1
    while camera.sequence < before + 8:
        viewer.recv(timeout=10)
        got += 1
    assert got < 20, f"{got} pictures while the camera sent {camera.sequence - before}"


def test_second_viewer_does_not_wait_for_the_next_group(serve):
    """With a keyframe a minute, only one that is made for the joiner can be there soon."""
    server = serve("--h264-idr-period", "60s")
    with RunningCamera(server, "door", fps=15, size=(320, 240)) as camera:
        server.wait_live("door")
        with open_socket(server, "/ws/viewer") as first:
            collect(first, lambda got: len(got) >= 30)
            for _ in range(3):
                before = camera.sequence
                with open_socket(server, "/ws/viewer") as second:
                    picture = ts.parse(second.recv(timeout=10))[0]
                    assert picture.random_access and IDR in picture.nal_types()
                    # Fresh as well: what follows is live, not the rest of an old group in one burst.
                    assert_live(second, camera, before)


def test_frozen_camera_still_shows_its_picture_to_who_joins(server):
    """The camera is connected and silent: a joiner gets the last picture, not a blank page."""
    with Camera(server, "door") as camera:
        camera.send()
        server.wait_live("door")
        for _ in range(2):
            with open_socket(server, "/ws/viewer?stream=door") as viewer:
                assert ts.parse(viewer.recv(timeout=5))[0].random_access


def test_nothing_is_decoded_until_somebody_watches(server):
    """The encoder comes with the first viewer of H.264 and goes a while after the last."""

    def encoders() -> list[str]:
        return [name for name in server.threads() if name.startswith("h264 ")]

    with RunningCamera(server, "door", fps=15, size=(160, 120)):
        server.wait_live("door")
        eventually(lambda: server.stream("door")["received"] > 10, "pictures come")
        assert server.active("door") == ["source"] and encoders() == []
        with open_socket(server, "/ws/jpeg") as jpeg, server.open("/streams/door/mjpeg") as mjpeg:
            jpeg.recv(timeout=5)
            mjpeg.read_at_least(1000)
            assert set(server.active("door")) == {"source", "jpeg/multipart"} and encoders() == []
        with open_socket(server, "/ws/viewer") as one, open_socket(server, "/ws/fmp4") as two:
            one.recv(timeout=5)
            collect(two, lambda got: any(isinstance(m, bytes) for m in got))
            assert {"h264", "h264/ts", "h264/fmp4"} <= set(server.active("door"))
            assert encoders() == ["h264 door"], "one encoder for all viewers"
        eventually(lambda: server.active("door") == ["source"], "the encoder stops", 20)
        eventually(lambda: encoders() == [], "its thread ends", 10)
        with open_socket(server, "/ws/viewer") as again:
            assert ts.parse(again.recv(timeout=5))[0].random_access


def test_configured_size_and_default_stream(serve, tmp_path: Path):
    (tmp_path / "camherd.yaml").write_text(
        "default_stream: garden\nstreams:\n  garden:\n    h264: {size: 160x120}\n  door:\n"
    )
    server = serve()
    assert server.status()["default_stream"] == "garden"
    with RunningCamera(server, "door", fps=10), RunningCamera(server, "garden", fps=10, size=(320, 240)):
        server.wait_live("garden")
        with open_socket(server, "/ws/viewer") as viewer:
            data = b"".join(collect(viewer, lambda got: len(got) >= 5))
    assert ffmpeg.probe(data, "mpegts")["width"] == 160


def test_default_stream_is_the_first_and_stays_it(server):
    """It does not jump to another camera when the first one is away."""
    first = Camera(server, "zebra")
    first.send(size=(320, 240))
    server.wait_live("zebra")
    with Camera(server, "ant") as second:
        second.send(size=(160, 120))
        server.wait_live("ant")
        assert server.status()["default_stream"] == "zebra"
        assert server.get("/snapshot.jpg").headers["X-Frame-Size"] == "320x240"
        assert server.get("/snapshot.jpg?stream=ant").headers["X-Frame-Size"] == "160x120"
        first.close()
        eventually(lambda: server.stream("zebra")["state"] == "offline", "offline")
        assert server.status()["default_stream"] == "zebra"


def test_opencv_opens_the_ts_by_http(running):
    capture = cv2.VideoCapture(f"{running.http}/streams/door/ts", cv2.CAP_FFMPEG)
    try:
        got, image = capture.read()
        assert got and image.shape == (240, 320, 3)
    finally:
        capture.release()


def test_unknown_stream_is_said_to_programs_and_pages(server):
    """A program reads the status; a page cannot, so it gets a close code."""
    with pytest.raises(InvalidStatus) as refused:
        open_socket(server, "/ws/viewer?stream=nobody")
    assert refused.value.response.status_code == 404
    assert "nobody" in json.loads(refused.value.response.body)["error"]
    with open_socket(server, "/ws/viewer?stream=nobody", origin=server.http) as page:
        with pytest.raises(ConnectionClosed) as closed:
            page.recv(timeout=5)
        assert closed.value.rcvd.code == 4404 and "nobody" in closed.value.rcvd.reason


def test_viewer_that_comes_back_gets_live_pictures(serve):
    """A page that reloads finds the encoder still warm: it must not be served the group of before."""
    server = serve("--h264-idr-period", "60s")
    with RunningCamera(server, "door", fps=15, size=(160, 120)) as camera:
        server.wait_live("door")
        with open_socket(server, "/ws/viewer") as first:
            collect(first, lambda got: len(got) >= 45)
        eventually(lambda: server.stream("door")["viewers"] == 0, "the page is closed")
        # The encoder lingers, and notices the reader that left with the next picture or two.
        left_at = camera.sequence
        eventually(lambda: camera.sequence >= left_at + 5, "a third of a second")
        with open_socket(server, "/ws/viewer") as again:
            before = camera.sequence
            again.recv(timeout=10)
            assert_live(again, camera, before)


@pytest.mark.parametrize("bitrate", ["50k", "2M", "50M"])
def test_every_bitrate_that_can_be_configured_makes_pictures(serve, bitrate):
    server = serve("--h264-bitrate", bitrate)
    with RunningCamera(server, "door", fps=15, size=(320, 240)):
        server.wait_live("door")
        with open_socket(server, "/ws/viewer") as viewer:
            assert ts.parse(viewer.recv(timeout=5))[0].random_access
