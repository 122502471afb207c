"""Start, settings, log and end of the server."""

import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

import jpegs
from camera import Camera, RunningCamera, open_socket
from server import clean_environment
from wait import eventually
from websocket import RawWebSocket, connect


def run(binary: Path, directory: Path, *arguments: str, env: dict[str, str] | None = None):
    """A command that ends by itself."""
    return subprocess.run(
        [binary, *arguments],
        cwd=directory,
        env=clean_environment(env),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_signal_says_goodbye_and_ends_with_0(server, number):
    with RunningCamera(server, "door", fps=15, size=(160, 120)):
        server.wait_live("door")
        pushing = Camera(server, "other")
        viewers = [open_socket(server, f"/ws/{kind}?stream=door") for kind in ("viewer", "fmp4", "jpeg")]
        waiting = open_socket(server, "/ws/jpeg?stream=other")
        films = [server.open(f"/streams/door/{what}") for what in ("ts", "stream.mp4", "mjpeg")]
        idle = socket.create_connection(server.address)
        for film in films:
            assert film.read_at_least(500)
        server.signal(number)
        for client in [*viewers, waiting, pushing.socket]:
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    client.recv(timeout=5)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
            assert "shutting down" in closed.value.rcvd.reason
        for film in films:
            while film.read_available():
                pass  # The answer must end as an answer ends, not in the middle of a chunk.
        assert server.wait() == 0
        idle.close()
    server.assert_healthy()


def test_no_new_connections_while_stopping(server):
    # A viewer that reads nothing holds the drain up for a while.
    rough = [jpegs.picture(number, (640, 480), noise=160) for number in range(5)]
    with RunningCamera(server, "door", fps=40, draw=lambda number: rough[number % 5]):
        server.wait_live("door")
        with RawWebSocket(server.address, "/ws/jpeg", receive_buffer=4096):
            start = server.stream("door")["received"]
            eventually(lambda: server.stream("door")["received"] > start + 60, "its buffers are full")
            server.signal(signal.SIGTERM)

            def refused() -> bool:
                try:
                    connect(server.address, timeout=1).close()
                except ConnectionRefusedError:
                    return True
                except OSError:
                    pass  # It was closed while this one waited to be taken.
                return False

            eventually(refused, "the port is closed")
            assert server.returncode is None, "the drain waits for the slow viewer"
            assert server.wait(10) == 0, "but not for ever"


def test_second_signal_ends_at_once_with_130(server):
    rough = [jpegs.picture(number, (640, 480), noise=160) for number in range(5)]
    with RunningCamera(server, "door", fps=40, draw=lambda number: rough[number % 5]):
        server.wait_live("door")
        with RawWebSocket(server.address, "/ws/jpeg", receive_buffer=4096):
            start = server.stream("door")["received"]
            eventually(lambda: server.stream("door")["received"] > start + 60, "its buffers are full")
            server.signal(signal.SIGTERM)
            server.wait_logged("once more to stop at once")
            server.signal(signal.SIGTERM)
            # One that drained to its end would say 0.
            assert server.wait() == 130
    server.assert_healthy()


def test_restart_on_the_same_port_is_possible_at_once(serve, free_port):
    """Connections of before must not keep the port."""
    listen = f"127.0.0.1:{free_port}"
    for _ in range(3):
        server = serve("--http-listen", listen)
        with Camera(server, "door") as camera, open_socket(server, "/ws/viewer?stream=door"):
            camera.send()
            server.wait_live("door")
            assert server.stop() == 0


def test_taken_port_is_named_with_its_setting(server, binary, tmp_path):
    done = run(binary, tmp_path, "serve", "--http-listen", f"127.0.0.1:{server.port}")
    assert done.returncode == 1 and done.stdout == ""
    for part in (str(server.port), "in use", "http.listen", "--http-listen", "CAMHERD_HTTP_LISTEN"):
        assert part in done.stderr
    assert server.get("/health").status == 200


def test_foreign_address_cannot_be_listened_on(binary, tmp_path):
    done = run(binary, tmp_path, "--http-listen", "203.0.113.7:8080")
    assert done.returncode == 1
    assert "203.0.113.7:8080" in done.stderr and "--http-listen" in done.stderr


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("http:\n  listne: 127.0.0.1:0\n", "camherd.yaml:2:3", "listen"),
        ("stall_timeout: 10s\nbitrate: 2M\n", "camherd.yaml:2:1", "bitrate"),
        ("stall_timeout: soon\n", "camherd.yaml:1:", "stall_timeout"),
        ("streams:\n  Front Door:\n", "camherd.yaml:2:3", "Front Door"),
        ("ingest: [10.0.0.0/99]\n", "camherd.yaml:1:", "10.0.0.0/99"),
        ("http: [unclosed\n", "camherd.yaml:", ""),
    ],
    ids=["key in a section", "key", "value", "stream name", "network", "syntax"],
)
def test_mistakes_in_the_file_are_shown_with_their_place(binary, tmp_path, text, place, part):
    (tmp_path / "camherd.yaml").write_text(text)
    done = run(binary, tmp_path, "serve")
    assert done.returncode == 1 and done.stdout == ""
    assert place in done.stderr and part in done.stderr, done.stderr


def test_mistakes_elsewhere(binary, tmp_path):
    done = run(binary, tmp_path, env={"CAMHERD_HTTP_LISTNE": "127.0.0.1:0"})
    assert done.returncode == 1 and "CAMHERD_HTTP_LISTEN" in done.stderr
    done = run(binary, tmp_path, "--config", "nowhere.yaml")
    assert done.returncode == 1 and "nowhere.yaml" in done.stderr
    done = run(binary, tmp_path, "--http-listne", "127.0.0.1:0")
    assert done.returncode == 2 and "--http-listen" in done.stderr


def test_flag_beats_variable_beats_file(serve, tmp_path):
    (tmp_path / "camherd.yaml").write_text("default_stream: a\nstreams: {a: , b: , c: }\n")
    variable, flag = {"CAMHERD_DEFAULT_STREAM": "b"}, ["--default-stream", "c"]
    assert serve().status()["default_stream"] == "a"
    assert serve(env=variable).status()["default_stream"] == "b"
    assert serve(*flag, env=variable).status()["default_stream"] == "c"


def test_default_stream_whose_camera_has_never_come(serve):
    server = serve("--default-stream", "porch")
    with Camera(server, "other") as other, open_socket(server, "/ws/jpeg") as viewer:
        other.send()
        server.wait_live("other")
        assert server.status()["default_stream"] is None
        assert '"waiting"' in viewer.recv(timeout=5)
        with Camera(server, "porch") as camera:
            camera.send()
            assert viewer.recv(timeout=5) == '{"type":"stream","name":"porch"}'
            assert server.status()["default_stream"] == "porch"


def test_example_configuration_starts(serve, tmp_path):
    example = Path(__file__).parents[1] / "camherd.example.yaml"
    (tmp_path / "camherd.yaml").write_bytes(example.read_bytes())
    assert serve().get("/health").status == 200


def test_level_of_the_log(serve):
    def provoke(server) -> str:
        with connect(server.address) as sock:
            sock.sendall(b"GARBAGE\r\n\r\n")
            sock.recv(100)
        with Camera(server, "door") as camera:
            camera.send()
            server.wait_live("door")
        server.stop()
        return server.log

    debug = provoke(serve(env={"LOG_LEVEL": "debug"}))
    assert "DEBUG" in debug and "INFO" in debug
    info = provoke(serve())
    assert "DEBUG" not in info and "INFO" in info and "camera connected" in info
    warn = provoke(serve(env={"LOG_LEVEL": "WARN"}))
    assert "INFO" not in warn
    wrong = provoke(serve(env={"LOG_LEVEL": "loud"}))
    assert "loud" in wrong and "INFO" in wrong


def test_log_has_no_escape_codes_in_a_file(server):
    with Camera(server, "door") as camera:
        camera.send()
        server.wait_live("door")
        server.wait_logged("camera connected")
    assert "\x1b" not in server.log and "\x1b" not in server.stdout


def test_cameras_cannot_write_lines_into_the_log(server):
    with Camera(server, "door") as camera:
        camera.send(b"Hello\n2026-01-01T00:00:00Z ERROR forged")
        camera.socket.close(1000, "bye\n2026-01-01T00:00:00Z ERROR forged")
    server.wait_logged("camera closed")
    assert not any(line.startswith("2026-01-01T00:00:00Z ERROR forged") for line in server.log.splitlines())


def test_version_and_help(binary, tmp_path):
    assert run(binary, tmp_path, "--version").stdout.startswith("camherd ")
    help_text = run(binary, tmp_path, "--help").stdout
    for command in ("serve", "demo", "camera", "token"):
        assert command in help_text


def test_greeting_tells_what_to_open(server):
    watch, cameras, push = eventually(lambda: len(lines := server.stdout.splitlines()) > 3 and lines, "all lines")[1:]
    assert watch == f"  watch     http://127.0.0.1:{server.port}/"
    assert cameras == f"  cameras   ws://127.0.0.1:{server.port}/ws/camera/NAME"
    assert re.fullmatch(r"  push      tcp://127\.0\.0\.1:[1-9][0-9]*/NUMBER", push)
