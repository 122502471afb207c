"""The REST API: cameras come and go, outlive restarts, and keep their secrets."""

import hashlib
import json
import sqlite3
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from openapi_spec_validator import validate
from websockets.exceptions import ConnectionClosed

from camera import Camera, RunningCamera, open_socket
from http_client import Response
from server import Server
from wait import eventually

#: A camera that refuses every connection, with a password that must be seen nowhere.
SECRET = "hunter2"
URL = f"rtsp://admin:{SECRET}@127.0.0.1:1/stream"
SHOWN = "rtsp://***@127.0.0.1:1/stream"
JSON = {"Content-Type": "application/json"}
#: The fields of the RTSP single-ingest server.
OLD_LIST = {"stream_id", "rtsp_url", "is_running", "client_count", "frame_count"}
OLD_STATS = OLD_LIST | {"last_frame_time", "buffer_size"}
NEW = {
    "name", "source", "codec", "width", "height", "fps", "bitrate", "state", "reason", "renditions", "viewers", "age_ms",
    "latency",
}  # fmt: skip
ZERO_TIME = "0001-01-01T00:00:00Z"


def post(server: Server, target: str, body: Any, headers: dict[str, str] = JSON) -> Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return server.request("POST", target, headers, data)


def create(server: Server, stream_id: str, url: str = URL, **more: Any) -> Response:
    return post(server, "/api/streams", {"stream_id": stream_id, "rtsp_url": url, **more})


def start(server: Server, url: str = URL, **more: Any) -> Response:
    return post(server, "/api/streams/start-with-url", {"rtsp_url": url, **more})


def delete(server: Server, stream_id: str, how: str = "") -> Response:
    return server.request("DELETE", f"/api/streams/{stream_id}{how}")


def listed(server: Server) -> dict[str, dict[str, Any]]:
    """All streams of the API by id."""
    answer = server.get("/api/streams")
    assert answer.status == 200 and list(answer.json()) == ["streams"]
    return {stream["stream_id"]: stream for stream in answer.json()["streams"]}


def by_url(url: str) -> str:
    """The id that the old server gives."""
    return "stream_" + hashlib.md5(url.encode()).hexdigest()[:9]


def offline(server: Server, stream_id: str) -> dict[str, Any]:
    """Waits until the camera could not be reached."""

    def check() -> dict[str, Any] | None:
        info = server.get(f"/api/streams/{stream_id}").json()
        return info if info["state"] == "offline" else None

    return eventually(check, f"{stream_id} is offline")


@contextmanager
def watching(server: Server, name: str):
    """A viewer that is counted."""
    with open_socket(server, f"/ws/jpeg?stream={name}") as viewer:
        eventually(lambda: server.get(f"/api/streams/{name}").json()["client_count"] == 1, "the viewer is counted")
        yield viewer
    eventually(lambda: name not in listed(server) or listed(server)[name]["client_count"] == 0, "it has left")


def test_a_camera_that_cannot_be_reached_is_a_stream_that_says_why(server):
    answer = create(server, "door")
    assert answer.status == 200, answer
    assert answer.json() == {
        "message": "Stream started", "stream_id": "door", "name": "door", "rtsp_url": SHOWN, "width": 640, "height": 480,
    }  # fmt: skip
    info = offline(server, "door")
    assert info["reason"] and SECRET not in info["reason"]
    assert info["is_running"] is True and info["frame_count"] == 0 and info["client_count"] == 0
    assert info["last_frame_time"] == ZERO_TIME and info["codec"] is None and info["age_ms"] is None
    assert (info["source"], info["frame_size"], info["configured"]) == (SHOWN, "640x480", False)
    assert info.keys() >= OLD_STATS | NEW
    assert listed(server).keys() == {"door"} and listed(server)["door"].keys() >= OLD_LIST | NEW
    assert server.get("/api/streams/door/stats").json().keys() >= OLD_STATS
    assert server.stream("door")["state"] == "offline", "the other addresses know it as well"
    gone = delete(server, "door")
    assert (gone.status, gone.json()["stream_id"]) == (200, "door")
    assert listed(server) == {}
    assert create(server, "door", width=320, height=240).json()["width"] == 320, "the id is free again"


def test_ids_fold_upper_case(server):
    assert create(server, "Front-Door").json()["stream_id"] == "Front-Door"
    assert server.get("/api/streams/FRONT-DOOR").json()["name"] == "front-door"
    assert create(server, "front-door").status == 409
    with open_socket(server, "/ws/jpeg?stream=Front-Door") as viewer:
        assert json.loads(viewer.recv(timeout=5))["name"] == "front-door", "the other addresses take the id as well"
    assert delete(server, "Front-Door").status == 200


def test_start_with_url_makes_the_old_servers_id_and_finds_it_again(server):
    first = start(server, width=320, height=240)
    assert first.status == 200 and first.json()["message"] == "Stream started"
    assert first.json()["stream_id"] == by_url(URL) and len(by_url(URL)) == 16
    again = start(server)
    assert again.status == 200 and again.json()["message"] == "Stream already running"
    assert {**again.json(), "message": ""} == {**first.json(), "message": ""}, "with the size that it was made with"
    assert post(server, "/api/streams/start-with-url", {"url": URL + "2"}).json()["stream_id"] == by_url(URL + "2")


def test_a_camera_is_not_fetched_twice_because_a_program_asks_by_url(serve):
    server = serve("--streams", f"door={URL}")
    answer = start(server).json()
    assert (answer["stream_id"], answer["name"]) == (by_url(URL), "door")
    streams = listed(server)
    assert streams[by_url(URL)]["shares"] == "door" and streams[by_url(URL)]["frame_size"] == "640x480"
    assert list(server.streams()) == ["door"]
    assert server.get(f"/api/streams/{by_url(URL)}/stats").json()["name"] == "door"
    with open_socket(server, f"/ws/jpeg?stream={by_url(URL)}"):
        eventually(lambda: listed(server)["door"]["client_count"] == 1, "its viewers are the stream's")
        assert delete(server, by_url(URL)).status == 200, "which is not taken from anybody"
    assert listed(server).keys() == {"door"}


def test_an_id_inherits_the_camera_of_a_stream_that_it_shared(server):
    create(server, "door")
    assert start(server).json()["name"] == "door"
    assert delete(server, "door").status == 200
    heir = offline(server, by_url(URL))
    assert (heir["name"], heir["shares"], heir["is_running"]) == (by_url(URL), None, True)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"' + URL.encode() + b'"', "not a JSON object"),
        ({}, "stream_id"),
        ({"stream_id": "a"}, "rtsp_url"),
        ({"rtsp_url": URL}, "stream_id"),
        ({"stream_id": "", "rtsp_url": URL}, "stream_id"),
        ({"stream_id": "a/b", "rtsp_url": URL}, "stream_id"),
        ({"stream_id": "x" * 65, "rtsp_url": URL}, "stream_id"),
        ({"stream_id": "viewer", "rtsp_url": URL}, "stream_id"),
        ({"stream_id": URL, "rtsp_url": "a"}, "stream_id"),
        ({"stream_id": "a", "rtsp_url": "front door"}, "rtsp_url"),
        ({"stream_id": "a", "rtsp_url": f"ftp://u:{SECRET}@cam/"}, "rtsp_url"),
        ({"stream_id": "a", "rtsp_url": f"exec:echo {SECRET}"}, "rtsp_url"),
        ({"stream_id": "a", "rtsp_url": "rtsp://" + SECRET * 1000}, "rtsp_url"),
        ({"stream_id": "a", "rtsp_url": 7}, "rtsp_url"),
        ({"stream_id": "a", "rtsp_url": URL, "width": 15}, "width"),
        ({"stream_id": "a", "rtsp_url": URL, "height": 8193}, "height"),
        ({"stream_id": "a", "rtsp_url": URL, "width": "640"}, "width"),
        ({"stream_id": "a", "rtsp_url": URL, "transport": "quic"}, "transport"),
    ],
)
def test_a_bad_request_says_which_field_and_repeats_no_url(shared_server, body, part):
    answer = post(shared_server, "/api/streams", body)
    assert answer.status == 400 and part in answer.error(), answer
    assert SECRET not in answer.error()
    assert listed(shared_server) == {}


def test_bodies_of_other_kinds_and_lengths(shared_server):
    body = {"stream_id": "a", "rtsp_url": "x"}
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = post(shared_server, "/api/streams", body, {"Content-Type": kind})
        assert answer.status == 415 and "application/json" in answer.error(), kind
    assert post(shared_server, "/api/streams", body, {}).status == 400, "no type is taken, the URL is not"
    assert post(shared_server, "/api/streams", b"{" + b" " * 20_000 + b"}").status == 413


@pytest.mark.parametrize("target", ["", "/stats", "/frame", "/bus"])
def test_unknown_ids_are_404(shared_server, target):
    for stream_id in ("nobody", "a%20b", "x" * 65, quote("ü")):
        answer = shared_server.get(f"/api/streams/{stream_id}{target}")
        assert answer.status == 404 and answer.error()
    assert shared_server.request("DELETE", "/api/streams/nobody").status == 404
    assert shared_server.request("DELETE", "/api/streams/nobody/force").status == 404
    assert shared_server.request("PUT", f"/api/streams/nobody{target}").status == 405


def test_ids_in_use_are_409(serve):
    server = serve("--streams", "yard")
    assert create(server, "door").status == 200
    with Camera(server, "gate"):
        for stream_id in ("door", "yard", "gate"):
            answer = create(server, stream_id)
            assert answer.status == 409 and stream_id in answer.error()


def test_more_streams_than_the_limit_are_503(serve):
    server = serve("--limits-streams", "2")
    assert [create(server, name).status for name in ("a", "b", "c")] == [200, 200, 503]
    assert "limits.streams" in create(server, "c").error()
    assert listed(server).keys() == {"a", "b"}
    assert delete(server, "a").status == 200 and create(server, "c").status == 200


def test_a_stream_that_is_watched_stays_unless_by_force(server):
    create(server, "door")
    with watching(server, "door") as viewer:
        answer = delete(server, "door")
        assert answer.status == 409 and answer.json()["client_count"] == 1 and "error" in answer.json()
        assert delete(server, "door", "/force").status == 200
        with pytest.raises(ConnectionClosed) as closed:
            for _ in range(100):
                viewer.recv(timeout=5)
        assert closed.value.rcvd.code == 4404 and closed.value.rcvd.reason
    assert listed(server) == {} and delete(server, "door", "/force").status == 404


def test_streams_that_a_camera_pushes_are_listed_and_go_when_it_has_left(server):
    with RunningCamera(server, "gate", size=(160, 120)):
        server.wait_live("gate")
        info = listed(server)["gate"]
        assert (info["rtsp_url"], info["source"], info["is_running"], info["state"]) == ("", None, True, "live")
        assert (info["codec"], info["width"], info["height"], info["frame_size"]) == ("jpeg", 160, 120, "native")
        assert info["frame_count"] > 0 and info["age_ms"] < 10_000 and info["last_frame_time"] > "2020"
        refused = delete(server, "gate")
        assert refused.status == 409 and "camera" in refused.json()["error"]
    eventually(lambda: not listed(server)["gate"]["is_running"], "the camera has left")
    assert delete(server, "gate").status == 200
    assert listed(server) == {}


def test_force_cuts_a_camera_off(server):
    with Camera(server, "gate") as camera:
        camera.send()
        server.wait_live("gate")
        assert delete(server, "gate", "/force").status == 200
        assert listed(server) == {}

        def cut_off() -> bool:
            try:
                camera.send()
            except ConnectionClosed:
                return True
            return False

        eventually(cut_off, "the camera is cut off")


def test_configured_streams_are_taken_out_of_the_configuration_only(serve):
    server = serve("--streams", f"door={URL},yard.size=64x64")
    for stream_id in ("door", "yard"):
        for how in ("", "/force"):
            answer = delete(server, stream_id, how)
            assert answer.status == 409 and f"streams.{stream_id}" in answer.error()
    streams = listed(server)
    assert (streams["door"]["source"], streams["yard"]["frame_size"]) == (SHOWN, "64x64")
    assert all(stream["configured"] for stream in streams.values())


def test_what_was_created_outlives_a_restart(serve, tmp_path: Path):
    first = serve()
    assert create(first, "Door", width=320, height=240, on_demand=True, transport="udp").status == 200
    assert create(first, "yard", "http://127.0.0.1:1/").status == 200
    assert create(first, "gone").status == 200 and delete(first, "gone").status == 200
    assert start(first).json()["name"] == by_url(URL), "another transport is another stream"
    before = listed(first)
    assert first.stop() == 0
    second = serve("--streams", "yard=http://127.0.0.1:2/")
    after = listed(second)
    assert after.keys() == before.keys() == {"Door", "yard", by_url(URL)}
    for key in ("source", "frame_size", "on_demand", "name"):
        assert after["Door"][key] == before["Door"][key], key
    assert after["Door"]["on_demand"] is True
    assert after["yard"]["source"] == "http://127.0.0.1:2/" and after["yard"]["configured"], "the configuration wins"
    second.wait_logged("yard")
    assert stat.S_IMODE((tmp_path / "camherd.db").stat().st_mode) == 0o600
    with sqlite3.connect(tmp_path / "camherd.db") as db:
        rows = db.execute("SELECT name, url, transport FROM streams ORDER BY name").fetchall()
    assert ("door", URL, "udp") in rows and len(rows) == 3


def test_passwords_are_in_the_state_file_and_nowhere_else(serve, tmp_path: Path):
    server = serve(env={"LOG_LEVEL": "trace"})
    query = f"http://127.0.0.1:1/video?user=me&pwd={SECRET}"
    answers = [create(server, "door"), create(server, "yard", query), start(server, URL + "2")]
    answers += [create(server, "door"), start(server), create(server, URL, URL)]
    for name in ("door", "yard"):
        offline(server, name)
        answers += [server.get(f"/api/streams/{name}"), server.get(f"/api/streams/{name}/stats")]
        answers += [server.get(f"/streams/{name}/snapshot.jpg")]
    answers += [server.get(path) for path in ("/api/streams", "/status", "/api/openapi.json")]
    with watching(server, "door"):
        answers += [delete(server, "door"), delete(server, "door", "/force")]
    for answer in answers:
        assert SECRET.encode() not in answer.body, answer
    proc = Path(f"/proc/{server.pid}")
    assert SECRET.encode() not in (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
    assert server.stop() == 0
    assert SECRET not in server.log + server.stdout
    assert SECRET.encode() in (tmp_path / "camherd.db").read_bytes()


def test_a_password_is_gone_with_its_stream(serve, tmp_path: Path):
    server = serve()
    create(server, "door")
    create(server, "yard", "rtsp://127.0.0.1:1/")
    assert SECRET.encode() in (tmp_path / "camherd.db").read_bytes()
    assert delete(server, "door").status == 200
    assert server.stop() == 0
    for file in tmp_path.glob("camherd.db*"):
        assert SECRET.encode() not in file.read_bytes(), file


PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
LOCAL = ["http://localhost:5173", "http://127.0.0.1:3000", "https://localhost", "http://[::1]:80", "wails://wails",
         "http://wails.localhost", "tauri://localhost"]  # fmt: skip
FOREIGN = ["http://evil.example", "null", "file://", "http://localhost.evil.example", "http://192.0.2.1", "tauri://evil"]


def assert_usable(server: Server, origin: str, token: str = "") -> None:
    """A page of this origin can do everything."""
    shown = {"Origin": origin, **({"Authorization": f"Bearer {token}"} if token else {})}
    preflight = server.request("OPTIONS", "/api/streams", {"Origin": origin, **PREFLIGHT})
    assert preflight.status == 204 and preflight.body == b"", "without a token"
    assert {"GET", "POST", "DELETE"} <= set(preflight.headers["Access-Control-Allow-Methods"].split(", "))
    assert {"Content-Type", "Authorization"} <= set(preflight.headers["Access-Control-Allow-Headers"].split(", "))
    answers = [preflight, server.get("/api/streams", shown), server.get("/health", shown), server.get("/status", shown)]
    answers += [post(server, "/api/streams", {}, {**JSON, **shown}), server.get("/api/streams/nobody", shown)]
    assert [answer.status for answer in answers] == [204, 200, 200, 200, 400, 404]
    for answer in answers:
        allowed = answer.headers["Access-Control-Allow-Origin"]
        assert allowed == "*" or (allowed == origin and "Origin" in answer.headers["Vary"])
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "X-Frame-Timestamp" in answer.headers["Access-Control-Expose-Headers"]
    with open_socket(server, "/ws/jpeg", additional_headers=shown):
        pass


def assert_refused(server: Server, origin: str) -> None:
    """A page of this origin can do nothing, and read nothing."""
    headers = {"Origin": origin}
    answers = [server.request("OPTIONS", "/api/streams", {**headers, **PREFLIGHT})]
    answers += [server.get("/api/streams", headers), delete_as(server, headers)]
    answers += [post(server, "/api/streams", {"stream_id": "evil", "rtsp_url": URL}, {**JSON, **headers})]
    assert [answer.status for answer in answers] == [403] * 4
    for answer in [*answers, server.get("/status", headers), server.get("/health", headers)]:
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert "allowed_origins" in answers[0].error()


def delete_as(server: Server, headers: dict[str, str]) -> Response:
    return server.request("DELETE", "/api/streams/door/force", headers)


@pytest.mark.parametrize("origin", LOCAL)
def test_pages_of_this_machine_can_use_a_server_for_this_machine(shared_server, origin):
    assert_usable(shared_server, origin)


def test_pages_of_other_machines_cannot(server):
    create(server, "door")
    for origin in FOREIGN:
        assert_refused(server, origin)
    assert listed(server).keys() == {"door"}
    assert_usable(server, server.http)


def test_listed_pages_can_wherever_the_server_listens(serve):
    page, app = "https://cams.example.org", "capacitor://localhost"
    server = serve("--http-listen", "0.0.0.0:0", "--http-allowed-origins", f"{page},{app}")
    token = server.token
    assert_usable(server, page, token)
    assert_usable(server, app, token)
    for origin in ("http://localhost:5173", "tauri://localhost", "http://cams.example.org"):
        assert server.get("/api/streams", {"Origin": origin, "Authorization": f"Bearer {token}"}).status == 403
    assert server.get("/api/streams").status == 401 and server.get("/api/docs/").status == 401


def test_a_star_is_every_page_and_the_log_says_so(serve):
    server = serve("--http-allowed-origins", "*")
    for origin in ("http://evil.example", "null"):
        assert_usable(server, origin)
    server.wait_logged("allowed_origins")


def test_the_description_is_valid_and_has_every_field(server):
    create(server, "door")
    document = server.get("/api/openapi.json").json()
    validate(document)
    fields = document["components"]["schemas"]["StreamInfo"]["properties"]
    assert fields.keys() == listed(server)["door"].keys()
    for path, operations in document["paths"].items():
        for method in operations:
            answer = server.request(method.upper(), path.replace("{id}", "nobody"), JSON, b"")
            assert answer.status not in (405, 501), (method, path)
            assert str(answer.status) in operations[method]["responses"], (method, path, answer.status)


def test_the_page_of_the_description_needs_nothing_from_elsewhere(server, browser):
    moved = server.get("/api/docs")
    assert moved.status in (301, 308) and moved.headers["Location"] == "/api/docs/"
    visit = browser.open(server.http + "/api/docs/")
    for text in ("/api/streams/start-with-url", "Add a camera", "StreamInfo"):
        visit.page.get_by_text(text).first.wait_for()


def test_both_ports_serve_the_same_and_the_old_variable_moves_one(processes, tmp_path: Path, free_port: int):
    server = processes.serve("--http-listen", f"127.0.0.1:0,127.0.0.1:{free_port}")
    create(server, "door")
    assert server.stop() == 0
    other = processes.serve("--http-listen", f"127.0.0.1:{free_port},127.0.0.1:0", env={"PORT": "1"})
    assert other.port == free_port, "PORT changes nothing where addresses are given"
    assert listed(other).keys() == {"door"}


def test_an_unusable_port_variable_is_named(binary: Path, tmp_path: Path):
    from server import Process

    process = Process(binary, tmp_path, ["serve"], env={"PORT": "eighty"})
    assert process.wait() == 1
    assert "environment variable PORT" in process.log and "eighty" in process.log
