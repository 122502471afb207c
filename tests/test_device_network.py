"""How a device gets to its server: over TLS that it verifies, and by looking for one in its network."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import ServerFactory
from server import Server
from tls import TlsFront, certificate
from virtual_device import VirtualDevice
from wait import eventually

#: Longest wait for a device that tries again now and then, in seconds.
PATIENCE = 60.0


def reason(device: VirtualDevice) -> str:
    """Why it is not connected, in its own words."""
    return device.status("stream status", "host").get("reason", "")


def test_wss_with_a_certificate_that_it_trusts(server: Server, tmp_path: Path) -> None:
    shown = certificate(tmp_path, "localhost")
    with TlsFront(server.port, shown) as front:
        url = f"stream set url wss://localhost:{front.port}/ws/camera/porch"
        with VirtualDevice(None, "", url, flags=("--ca", shown.certificate)) as device:
            server.wait_live("porch", PATIENCE)
            hello = eventually(lambda: server.get("/api/streams/porch").json()["device"], "its hello")["hello"]
            assert hello["id"] == "cam-virtual"
            assert server.get("/streams/porch/snapshot.jpg").status == 200
            eventually(lambda: device.status("stream status", "host").get("ws") == "up", "its own word")


@pytest.mark.parametrize(
    ("shown_for", "trusted", "words"),
    [
        ("localhost", "another", "self-signed"),
        ("localhost", None, "self-signed"),
        ("elsewhere.example", "elsewhere.example", "hostname mismatch"),
    ],
    ids=["another authority", "the system's authorities", "another host's certificate"],
)
def test_wss_with_a_certificate_that_proves_nothing_is_refused(
    server: Server, tmp_path: Path, shown_for: str, trusted: str | None, words: str
) -> None:
    shown = certificate(tmp_path, shown_for)
    other = certificate(tmp_path, "another")
    trust = {"another": other, shown_for: shown}[trusted] if trusted else None
    with TlsFront(server.port, shown) as front:
        url = f"stream set url wss://localhost:{front.port}/ws/camera/porch"
        flags = ("--ca", trust.certificate) if trust else ()
        with VirtualDevice(None, "", url, flags=flags) as device:
            why = eventually(lambda: reason(device), "it says why", PATIENCE)
            assert why.startswith("bad-certificate: ") and words in why, why
    assert server.get("/api/streams/porch").status == 404, "it has sent nothing to whom it does not trust"


def test_a_device_without_a_host_finds_the_server(serve: ServerFactory) -> None:
    # Who listens on loopback only is not announced: this one listens on all, and is found over loopback.
    server = serve("--http-listen", "0.0.0.0:0", "--auth", "none")
    with VirtualDevice(None, "", "stream set name porch", flags=("--mdns", "127.0.0.1")) as device:
        server.wait_live("porch", PATIENCE)
        status = eventually(lambda: (s := device.status("stream status", "host")).get("ws") == "up" and s, "its own word")
        assert (status["host"], status["discovered"]) == ("", "yes"), status


def test_a_server_that_is_not_announced_is_not_found(serve: ServerFactory) -> None:
    server = serve("--http-listen", "0.0.0.0:0", "--auth", "none", "--announce", "false")
    with VirtualDevice(None, "", "stream set name porch", flags=("--mdns", "127.0.0.1")) as device:
        eventually(lambda: device.status("stream status", "host").get("ws") == "discovering", "it looks")
        # Without an answer it gives up after some seconds for now; one of another server on this machine is no matter.
        looked = ("waiting", "connecting", "up")
        eventually(lambda: device.status("stream status", "host").get("ws") in looked, "it has looked", PATIENCE)
    assert server.get("/api/streams/porch").status == 404
