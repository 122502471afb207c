"""A camera that speaks the device channel, as a test plays it."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import Any, Iterator

from websockets.exceptions import ConnectionClosed

import jpegs
from camera import fragments, open_socket
from wait import eventually

HELLO = {
    "type": "hello", "v": 1, "id": "cam-a1b2c3", "model": "AtomS3R-CAM", "firmware": "0.1.0", "sensor": "OV3660",
    "reset": "power-on", "image": "confirmed", "size": "320x240", "quality": 80, "fps": 30, "hflip": False,
    "vflip": False, "led": 0, "adapt": True, "sizes": ["320x240", "640x480"], "max_fps": 30, "has_led": True,
    "has_update": True,
}  # fmt: skip
class Device:
    """A device that notes what it is told, answers as ``answer`` says, and sends a picture when asked to."""

    def __init__(self, server: Any, name: str = "door", hello: dict[str, Any] | None = HELLO) -> None:
        self.server, self.name = server, name
        self.told: list[dict[str, Any]] = []
        #: What an acknowledgement says besides type and id; None: it does not answer.
        self.answer: dict[str, Any] | None = {"ok": True}
        self.socket = open_socket(server, f"/ws/camera/{name}")
        if hello is not None:
            self.say(hello)
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(ConnectionClosed, OSError):
            for text in self.socket:
                assert isinstance(text, str) and len(text) <= 1024, text
                message = json.loads(text)
                self.told.append(message)
                if "id" in message and self.answer is not None:
                    self.say({"type": "ack", "id": message["id"], **self.answer})

    def say(self, message: dict[str, Any]) -> None:
        self.socket.send(json.dumps(message))

    def show(self, number: int = 0, size: tuple[int, int] = (320, 240)) -> None:
        self.socket.send(fragments(jpegs.picture(number, size=size)))

    def demands(self) -> list[int]:
        return [message["viewers"] for message in self.told if message["type"] == "demand"]

    def wanted(self) -> tuple[str | None, int | None]:
        """Size and rate that it was told last; None is what is set."""
        told = [message for message in self.told if message["type"] == "demand"]
        return (told[-1].get("size"), told[-1].get("fps")) if told else (None, None)

    def close(self) -> None:
        self.socket.close()
        self.thread.join(10)

    def info(self) -> dict[str, Any]:
        return self.server.get(f"/api/streams/{self.name}").json()["device"]

    def tell(self, body: Any, timeout: float = 10) -> Any:
        return tell(self.server, self.name, body, timeout)


def tell(server: Any, name: str, body: Any, timeout: float = 10) -> Any:
    path = f"/api/streams/{name}/device"
    headers = {"Content-Type": "application/json"}
    return server.request("POST", path, body=json.dumps(body).encode(), headers=headers, timeout=timeout)


@contextlib.contextmanager
def device(server: Any, name: str = "door", **options: Any) -> Iterator[Device]:
    device = Device(server, name, **options)
    try:
        eventually(lambda: device.info() is not None, "the server knows the device")
        yield device
    finally:
        device.close()
