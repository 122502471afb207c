"""The device's own logic, as a program on Linux, and the real server."""

from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np

from camera import open_socket
from conftest import ServerFactory
from server import Server
from sockets import unused_port
from virtual_device import VirtualDevice
from wait import eventually


def device_of(server: Server, name: str) -> dict[str, Any]:
    """What the server knows of the device."""
    return server.get(f"/api/streams/{name}").json().get("device") or {}


def tell(server: Server, name: str, body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json"}
    return server.request("POST", f"/api/streams/{name}/device", body=json.dumps(body).encode(), headers=headers)


def shown_size(server: Server, name: str) -> tuple[int, int]:
    """Width and height of the newest picture."""
    answer = server.get(f"/streams/{name}/snapshot.jpg")
    assert answer.status == 200, answer
    image = cv2.imdecode(np.frombuffer(answer.body, np.uint8), cv2.IMREAD_COLOR)
    return image.shape[1], image.shape[0]


def test_two_lines_on_the_console_and_the_camera_is_there(server: Server) -> None:
    with VirtualDevice(server, "porch"):
        server.wait_live("porch")
        hello = eventually(lambda: device_of(server, "porch").get("hello"), "its hello")
        assert hello["id"] == "cam-virtual"
        assert shown_size(server, "porch")[0] > 0
        eventually(lambda: device_of(server, "porch").get("telemetry"), "its telemetry", 30)


def test_settings_are_adopted_and_a_bad_one_changes_nothing(server: Server) -> None:
    with VirtualDevice(server, "porch") as device:
        server.wait_live("porch")
        sizes = eventually(lambda: device_of(server, "porch").get("hello"), "its hello")["sizes"]
        assert "320x240" in sizes and "640x480" in sizes
        with open_socket(server, "/ws/jpeg?stream=porch"):
            for wanted in ("320x240", "640x480"):
                assert tell(server, "porch", {"size": wanted, "quality": 60}).status == 200
                size = tuple(int(side) for side in wanted.split("x"))
                eventually(lambda: shown_size(server, "porch") == size, wanted)
            assert tell(server, "porch", {"size": "123x45"}).status in (400, 409)
            eventually(lambda: device.status("cam status", "power").get("size") == "640x480", "its own word")


def test_it_rests_while_nobody_watches(server: Server) -> None:
    with VirtualDevice(server, "porch", "cam set fps 20"):
        server.wait_live("porch")
        eventually(lambda: server.stream("porch")["fps"] < 2, "one picture a second", 30)
        assert server.stream("porch")["state"] == "live"
        with open_socket(server, "/ws/jpeg?stream=porch") as viewer:
            eventually(lambda: server.stream("porch")["fps"] > 10, "its best", 30)
            assert isinstance(viewer.recv(timeout=10), (bytes, str))
        eventually(lambda: server.stream("porch")["fps"] < 2, "and rests again", 30)


def test_it_adapts_to_a_link_that_carries_less(server: Server) -> None:
    with VirtualDevice(server, "porch", "cam set size 640x480", "cam set fps 30") as device:
        server.wait_live("porch")
        with open_socket(server, "/ws/jpeg?stream=porch"):
            eventually(lambda: server.stream("porch")["fps"] > 15, "its best", 30)
            before = server.stream("porch")["bitrate"]
            device.type("sim bandwidth 800")
            eventually(lambda: server.stream("porch")["bitrate"] < min(before, 1_000_000), "fewer bits", 60)
            assert server.stream("porch")["state"] == "live"


def test_it_comes_back_after_the_server_and_after_its_network(serve: ServerFactory, free_port: int) -> None:
    listen = ("--http-listen", f"127.0.0.1:{free_port}")
    server = serve(*listen)
    with VirtualDevice(server, "porch") as device:
        server.wait_live("porch")
        server.stop()
        server = serve(*listen)
        eventually(lambda: server.get("/api/streams/porch").status == 200, "the device is back", 60)
        server.wait_live("porch", 60)
        device.type("sim loss on")
        eventually(lambda: server.stream("porch")["state"] == "offline", "its network is gone", 60)
        device.type("sim loss off")
        server.wait_live("porch", 60)


def test_its_tcpcam_server_is_a_source(serve: ServerFactory) -> None:
    port = unused_port()
    with VirtualDevice(None, "", f"tcpcam port {port}", "tcpcam pin 4711", "tcpcam on"):
        server = serve("--streams", f"workshop=tcpcam://127.0.0.1:{port}?pin=4711")
        server.wait_live("workshop", 60)
        assert shown_size(server, "workshop")[0] > 0
        assert "4711" not in json.dumps(server.get("/api/streams/workshop").json()), "the PIN is a secret"
