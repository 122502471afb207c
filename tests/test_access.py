"""Who may: tokens and sessions beyond loopback, cameras from the network, pages of other sites."""

import re
import socket
import stat
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

import jpegs
from camera import Camera, RunningCamera, open_socket
from server import Process
from wait import eventually
from websocket import BINARY, RawWebSocket, connect, handshake

WIDE = ("--http-listen", "0.0.0.0:0")
HTML = {"Accept": "text/html,application/xhtml+xml"}
LINK = re.compile(r"^ *sign in +http://localhost:\d+/sign-in\?token=(chd_[0-9a-f]{64})$", re.MULTILINE)
WRONG = "chd_" + "0" * 64


@pytest.fixture
def wide(serve):
    """A server that listens on all addresses, and so asks for a token."""
    return serve(*WIDE)


def token_of(server: Process) -> str:
    """The token in the link that the first start, or a reset, prints as its last line."""

    def find() -> str:
        match = LINK.search(server.stdout)
        assert match, server.stdout
        return match[1]

    return eventually(find, "the link to sign in")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def refused(server, target: str, **options) -> int:
    """The status that a WebSocket client gets in place of a connection."""
    with pytest.raises(InvalidStatus) as error:
        open_socket(server, target, **options)
    return error.value.response.status_code


def test_link_is_printed_once(serve, tmp_path: Path):
    first = serve(*WIDE)
    token = token_of(first)
    assert first.stop() == 0
    second = serve(*WIDE)
    assert second.get("/status", bearer(token)).status == 200, "the token outlives a restart"
    assert f"http://localhost:{first.port}/sign-in?token=" in first.stdout
    assert "sign" not in second.stdout and "chd_" not in second.stdout
    for process in (first, second):
        assert token not in process.log and token[4:] not in process.log
    for file in tmp_path.glob("camherd.db*"):
        assert token[4:].encode() not in file.read_bytes()
    assert stat.S_IMODE((tmp_path / "camherd.db").stat().st_mode) == 0o600


def test_server_on_loopback_asks_for_nothing_and_keeps_nothing(server, tmp_path: Path):
    assert server.get("/status").status == 200
    assert "sign in" not in server.stdout
    assert list(tmp_path.glob("camherd.db*")) == []


@pytest.mark.parametrize(
    "target", ["/status", "/streams/door/mjpeg", "/snapshot.jpg", "/stream.ts", "/?action=stream", "/ws/viewer"]
)
def test_programs_without_token_get_401_as_json(wide, target):
    answer = wide.get(target)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "token" in answer.error()


@pytest.mark.parametrize(
    ("page", "location"),
    [
        ("/", "/sign-in"),
        ("/mjpeg", "/sign-in?next=/mjpeg"),
        ("/watch?stream=door", "/sign-in?next=/watch%3Fstream%3Ddoor"),
        (f"/watch?token={WRONG}", "/sign-in?next=/watch"),
    ],
)
def test_browsers_are_led_to_the_sign_in_page(wide, page, location):
    answer = wide.get(page, HTML)
    assert (answer.status, answer.headers["Location"]) == (303, location)
    sign_in = wide.get(location, HTML)
    assert sign_in.status == 200 and b"<form" in sign_in.body


def test_health_needs_no_token_and_tells_nothing(wide):
    answer = wide.get("/health")
    assert answer.status == 200 and set(answer.json()) == {"status", "timestamp"}


def test_token_in_header_and_query(wide):
    token = token_of(wide)
    assert wide.get("/status", bearer(token)).status == 200
    assert wide.get(f"/status?token={token}").status == 200
    assert wide.get("/status", {"Authorization": f"bearer {token}"}).status == 200
    for headers in (bearer(WRONG), bearer(token[:-1]), bearer(""), {"Authorization": f"Basic {token}"}):
        assert wide.get("/status", headers).status == 401
    assert wide.get(f"/status?token={WRONG}").status == 401
    assert wide.get("/status", {"Cookie": f"camherd_session={token}"}).status == 401, "a token is no session"


def test_sign_in_link_makes_a_session_that_ends(wide):
    token = token_of(wide)
    answer = wide.get(f"/sign-in?token={token}", HTML)
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and token not in cookie
    session = {"Cookie": cookie.split(";")[0]}
    assert wide.get("/status", session).status == 200
    assert wide.get("/", {**session, **HTML}).status == 200
    assert wide.request("POST", "/sign-out", session).status == 303
    assert wide.get("/status", session).status == 401, "the session has ended at the server"


def test_sign_in_form(wide):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = wide.request("POST", "/sign-in", form, f"token=+{token_of(wide)}+".encode())
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    session = {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}
    assert wide.get("/status", session).status == 200
    answer = wide.request("POST", "/sign-in", form, f"token={WRONG}".encode())
    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?error=wrong")
    assert "Set-Cookie" not in answer.headers


def test_session_survives_a_restart(serve):
    first = serve(*WIDE)
    answer = first.get(f"/sign-in?token={token_of(first)}", HTML)
    session = {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}
    first.stop()
    assert serve(*WIDE).get("/status", session).status == 200


def test_guessing_is_slowed_and_the_right_token_still_passes(wide):
    token = token_of(wide)
    answers: list[int] = []
    # Ten are free; on a slow machine some more, since the allowance comes back bit by bit.
    while 429 not in answers and len(answers) < 40:
        answers.append(wide.get("/status", bearer(WRONG)).status)
    assert answers[:10] == [401] * 10 and answers[-1] == 429
    limited = wide.get("/status", bearer(WRONG))
    assert 1 <= int(limited.headers["Retry-After"]) <= 60
    assert wide.get("/status", bearer(token)).status == 200


def test_viewer_sockets_without_token(wide):
    assert refused(wide, "/ws/viewer") == 401
    assert refused(wide, "/ws/viewer", additional_headers=bearer(WRONG)) == 401
    # A page sees nothing of a status before the upgrade, so it is told after it.
    for target in ("/ws/viewer", "/ws/fmp4", "/ws/jpeg"):
        with open_socket(wide, target, origin=wide.http) as page:
            with pytest.raises(ConnectionClosed) as closed:
                page.recv(timeout=5)
            assert closed.value.rcvd.code == 4401 and "sign in" in closed.value.rcvd.reason


def test_viewer_sockets_with_token(wide):
    token = token_of(wide)
    answer = wide.get(f"/sign-in?token={token}", HTML)
    session = {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}
    with RunningCamera(wide, "door", fps=15, size=(160, 120)):
        for options in ({"additional_headers": bearer(token)}, {"additional_headers": session, "origin": wide.http}):
            with open_socket(wide, "/ws/viewer", **options) as viewer:
                assert viewer.recv(timeout=10)[0] == 0x47
        with open_socket(wide, f"/ws/jpeg?token={token}") as viewer:
            assert viewer.recv(timeout=10)


def test_tokens_in_addresses_do_not_reach_the_log(serve):
    server = serve(*WIDE, env={"LOG_LEVEL": "trace"})
    token = token_of(server)
    server.get(f"/status?token={token}")
    server.get(f"/sign-in?token={token}")
    server.get("/nothing", bearer(token))
    with Camera(server, target=f"/ws/camera/door?token={token}") as camera:
        camera.send()
        server.wait_logged("camera connected")
    assert server.log and token[4:] not in server.log


def test_token_reset_ends_the_old_one_in_a_running_server(wide, processes):
    old = token_of(wide)
    reset = processes.start(Process, "token", "reset", "--http-listen", f"0.0.0.0:{wide.port}")
    assert reset.wait() == 0, reset.log
    new = token_of(reset)
    assert new != old
    wide.wait_logged("tokens were changed")
    assert wide.get("/status", bearer(new)).status == 200
    assert wide.get("/status", bearer(old)).status == 401


def test_auth_none_is_open_and_warned_of(serve):
    server = serve(*WIDE, "--auth", "none")
    assert server.get("/status").status == 200
    server.wait_logged("WARN", "authentication is off", "0.0.0.0")


def test_auth_always_asks_on_loopback_too(serve):
    server = serve("--auth", "always")
    assert server.get("/status").status == 401
    assert server.token


def test_cameras_of_this_machine_need_no_token(wide):
    with Camera(wide, "door") as camera:
        camera.send()
        wide.wait_logged("camera connected")
        streams = wide.get("/status", bearer(token_of(wide))).json()["streams"]
        assert [stream["name"] for stream in streams] == ["door"]


def test_camera_from_the_network_is_refused_with_the_setting(wide, own_address):
    with pytest.raises(InvalidStatus) as error:
        open_socket(wide, "/ws/camera/door", host=own_address, source=own_address)
    response = error.value.response
    assert response.status_code == 403
    reason = response.body.decode()
    network = own_address.rsplit(".", 1)[0] + ".0/24"
    assert own_address in reason and "ingest: open" in reason and network in reason and "--ingest" in reason
    (listed,) = wide.get("/status", bearer(token_of(wide))).json()["refused_cameras"]
    assert (listed["address"], listed["stream"], listed["count"]) == (own_address, "door", 1)
    assert "ingest" in listed["reason"]
    wide.wait_logged(f"camera refused: camera {own_address}")


@pytest.mark.parametrize("how", ["open", "network", "address"])
def test_camera_from_the_network_may_push_when_allowed(serve, own_address, how):
    ingest = {"open": "open", "network": own_address.rsplit(".", 1)[0] + ".0/24", "address": own_address}[how]
    server = serve(*WIDE, "--ingest", ingest, "--auth", "none")
    with Camera(server, host=own_address, source=own_address) as camera:
        camera.send()
        server.wait_live("cam-" + own_address.replace(".", "-"))


def test_camera_from_the_network_may_push_with_the_token(wide, own_address):
    token = token_of(wide)
    target = f"/ws/camera/door?token={token}"
    with Camera(wide, target=target, host=own_address, source=own_address) as camera:
        camera.send()
        eventually(lambda: wide.get("/snapshot.jpg", bearer(token)).status == 200, "live")
    assert refused(wide, f"/ws/camera/door?token={WRONG}", host=own_address, source=own_address) == 401


def test_refusals_of_one_camera_are_one_line(wide, own_address):
    """A device tries again every 5 s, for ever: the list and the log must not grow with it."""
    for _ in range(4):
        assert refused(wide, "/ws/camera/door", host=own_address, source=own_address) == 403
    (listed,) = wide.get("/status", bearer(token_of(wide))).json()["refused_cameras"]
    assert listed["count"] == 4
    wide.wait_logged("camera refused")
    assert wide.stop() == 0 and wide.log.count("camera refused") == 1


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example"])
@pytest.mark.parametrize("target", ["/status", "/", "/snapshot.jpg", "/health", "/ws/viewer", "/ws/camera/door"])
def test_rebound_names_are_not_answered(shared_server, host, target):
    answer = shared_server.get(target, {"Host": host})
    assert answer.status == 421 and "evil.example" in answer.error()


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1", "[::1]:8080", "cams.localhost", "192.168.1.9"])
def test_local_names_and_addresses_are_answered(shared_server, host):
    assert shared_server.get("/status", {"Host": host}).status == 200


@pytest.mark.parametrize("target", ["/ws/viewer", "/ws/fmp4", "/ws/jpeg"])
def test_pages_of_other_sites_cannot_watch(shared_server, target):
    for origin in ("http://evil.example", "null", "file://", "http://192.0.2.1:1"):
        assert refused(shared_server, target, origin=origin) == 403


def test_pages_of_listed_sites_can_watch(serve):
    server = serve("--http-allowed-origins", "https://cams.example.org")
    with open_socket(server, "/ws/jpeg", origin="https://cams.example.org") as viewer:
        assert '"waiting"' in viewer.recv(timeout=5)
    assert refused(server, "/ws/jpeg", origin="https://other.example.org") == 403


def test_rebound_name_cannot_push_pictures(shared_server):
    """Not even with an origin that matches the name."""
    headers = {"Host": "evil.example", "Origin": "http://evil.example"}
    with connect(shared_server.address) as sock:
        sock.sendall(handshake(shared_server.address, "/ws/camera/evil", headers))
        assert sock.recv(4096).startswith(b"HTTP/1.1 421 ")


def test_ipv6_loopback(serve):
    """Both families side by side, and the camera's name from its address."""
    server = serve("--http-listen", "127.0.0.1:0", "--http-listen", "[::1]:0")
    listed = [line for line in Path("/proc/net/tcp6").read_text().splitlines()[1:] if " 0A " in line]
    inodes = {Path(f).readlink().name for f in Path(f"/proc/{server.pid}/fd").iterdir() if f.exists()}
    ports = [int(line.split()[1].split(":")[1], 16) for line in listed if f"socket:[{line.split()[9]}]" in inodes]
    assert len(ports) == 1
    with socket.create_connection(("::1", ports[0])) as sock:
        address = ("[::1]", ports[0])
        sock.sendall(handshake(address, "/ws/camera"))
        assert sock.recv(4096).startswith(b"HTTP/1.1 101 ")
        eventually(lambda: "cam---1" in server.streams(), "the stream of ::1")


def test_camera_keeps_its_place_while_viewers_are_refused(wide):
    """Refusals cost a camera nothing."""
    with RawWebSocket(wide.address, "/ws/camera/door") as camera:
        for _ in range(20):
            assert refused(wide, "/ws/viewer") == 401
        camera.send_frame(BINARY, jpegs.picture(1))
        headers = bearer(token_of(wide))
        eventually(lambda: wide.get("/snapshot.jpg", headers).status == 200, "live")
