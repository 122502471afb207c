"""Cameras that speak the device channel: what is kept of what they say, commands, and who is told that somebody watches."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

import jpegs
from camera import Camera, open_socket
from device import HELLO, device, tell
from wait import eventually

TELEMETRY = {
    "type": "telemetry", "id": "cam-a1b2c3", "uptime": 12, "rssi": -61, "temperature": 48, "heap": 181000,
    "size": "320x240", "quality": 80, "fps": 30, "sent": 90, "connects": 1,
}  # fmt: skip
UPDATE = {"url": "http://10.0.0.2/fw.bin", "size": 1048576, "sha256": "e3" * 32, "signature": "MDEy"}


def test_what_a_device_says_is_shown(server):
    with device(server) as camera:
        info = camera.info()
        assert info["connected"] and info["hello"] == {k: v for k, v in HELLO.items() if k != "type"}
        assert info["settings"] == {
            "size": "320x240", "quality": 80, "fps": 30, "flip": False, "mirror": False, "led": 0, "adapt": True,
        }  # fmt: skip
        assert info["telemetry"] is None and info["pending"] == [] and info["update"] is None
        assert server.stream("door")["telemetry"] is None, "hello is no report"
        for rssi in (-61, -70):
            camera.say({**TELEMETRY, "rssi": rssi})
        info = eventually(lambda: (i := camera.info())["telemetry"] and i["telemetry"]["rssi"] == -70 and i, "newest")
        assert info["telemetry"] == {**TELEMETRY, "rssi": -70} == server.stream("door")["telemetry"]
        assert 0 <= info["telemetry_age_ms"] < 10_000 and 0 <= info["age_ms"] < 10_000
        greeting = eventually(lambda: camera.told and camera.told[0], "the greeting")
        assert greeting == {"type": "hello", "v": 1, "server": greeting["server"]}
    eventually(lambda: not camera.info()["connected"], "it left")
    assert camera.info()["hello"]["model"] == "AtomS3R-CAM", "what it said is shown on"


def test_other_json_stays_telemetry_and_is_never_answered(server):
    with Camera(server, "door") as camera:
        for text in ('{"rssi":-40}', '{"type":"hello"}', '{"type":"hello","v":"x"}', '{"type":"telemetry","rssi":-40.5}'):
            camera.socket.send(text)
            eventually(lambda: server.stream("door")["telemetry"] == json.loads(text), text)
        camera.socket.send('{"type":"telemetry","rssi":-41}')
        eventually(lambda: server.stream("door")["telemetry"]["rssi"] == -41, "a report without hello")
        assert server.get("/api/streams/door").json()["device"] is None
        assert tell(server, "door", {"fps": 5}).status == 404
        camera.send()
        with open_socket(server, "/ws/jpeg?stream=door") as viewer:
            viewer.recv(timeout=10)
            with pytest.raises(TimeoutError):
                # A device would have been told of the viewer at once.
                camera.socket.recv(timeout=1.5)


def test_settings_are_sent_and_known_once_acknowledged(server):
    with device(server) as camera:
        answer = camera.tell({"size": "640x480", "fps": 5, "flip": True, "mirror": False, "save": True})
        assert answer.status == 200, answer.body
        sent = next(message for message in camera.told if message["type"] == "set")
        assert sent == {
            "type": "set", "id": sent["id"], "size": "640x480", "fps": 5, "vflip": True, "hflip": False, "save": True,
        }  # fmt: skip
        settings = answer.json()["settings"]
        assert (answer.json()["ok"], answer.json()["command"]) == (True, "set")
        assert (settings["size"], settings["fps"], settings["flip"], settings["quality"]) == ("640x480", 5, True, 80)
        assert camera.info()["settings"] == settings and camera.info()["pending"] == []
        # The device says what is set anew, as it does when somebody sets it at its console.
        camera.say({**HELLO, "fps": 12})
        eventually(lambda: camera.info()["settings"]["fps"] == 12, "hello again")
        assert camera.tell({"reboot": True}).status == 200
        assert any(message["type"] == "reboot" for message in camera.told)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "nothing"),
        ({"size": "1600x1200"}, "320x240, 640x480"),
        ({"size": "vga"}, "`size`"),
        ({"quality": 101}, "`quality`: 1 to 100"),
        ({"flip": 1}, "`flip`"),
        ({"colour": "red"}, "colour"),
        ({"reboot": True, "fps": 3}, "alone"),
        ({"update": {"url": "file:///etc/passwd"}}, "`update.url`"),
        ([], "object"),
    ],
)
def test_what_is_wrong_is_not_sent(server, body, words):
    with device(server) as camera:
        answer = camera.tell(body)
        assert answer.status == 400 and words in answer.error(), answer.body
        assert camera.tell({"fps": 7}).status == 200
        assert [message["type"] for message in camera.told if "id" in message] == ["set"], camera.told


def test_what_a_device_cannot_is_not_asked(server):
    with device(server, hello={**HELLO, "has_led": False, "has_update": False}) as camera:
        for body in ({"led": 5}, {"update": UPDATE}):
            assert camera.tell(body).status == 400
    assert tell(server, "nobody", {"fps": 5}).status == 404


def test_a_device_that_refuses_is_silent_or_leaves(server):
    with device(server) as camera:
        camera.answer = {"ok": False, "error": "vflip: the mount forbids it"}
        answer = camera.tell({"flip": True})
        assert answer.status == 409 and "flip: the mount forbids it" in answer.error()
        assert camera.info()["settings"]["flip"] is False

        camera.answer = None
        done: list[Any] = []
        asking = threading.Thread(target=lambda: done.append(camera.tell({"fps": 9}, timeout=20)))
        asking.start()
        pending = eventually(lambda: camera.info()["pending"], "the command waits")
        assert [p["command"] for p in pending] == ["set"]
        asking.join(20)
        assert done[0].status == 504 and "5 s" in done[0].error()
        # A late answer counts: the device has done it.
        camera.say({"type": "ack", "id": pending[0]["id"], "ok": True})
        eventually(lambda: camera.info()["settings"]["fps"] == 9, "the late answer")

        asking = threading.Thread(target=lambda: done.append(camera.tell({"fps": 8}, timeout=20)))
        asking.start()
        eventually(lambda: camera.info()["pending"], "the command waits")
        camera.close()
        asking.join(20)
        assert done[1].status == 503
    assert camera.tell({"fps": 8}).status == 503


def test_no_more_is_sent_than_a_device_can_answer(server):
    with device(server) as camera:
        camera.answer = None
        threads = [threading.Thread(target=lambda: camera.tell({"fps": 9}, timeout=20)) for _ in range(4)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(camera.info()["pending"]) == 4, "four wait")
        answer = camera.tell({"fps": 9})
        assert answer.status == 503 and answer.headers["Retry-After"]
        for pending in camera.info()["pending"]:
            camera.say({"type": "ack", "id": pending["id"], "ok": True})
        for thread in threads:
            thread.join(20)


def test_an_update_is_followed(serve):
    server = serve("--stall-timeout", "1s")
    with device(server) as camera:
        camera.show()
        with open_socket(server, "/ws/jpeg?stream=door"):
            assert camera.tell({"update": UPDATE}).status == 200
            sent = next(message for message in camera.told if message["type"] == "update")
            assert {key: sent[key] for key in UPDATE} == UPDATE
            camera.say({"type": "update", "state": "loading", "percent": 40})
            eventually(lambda: (camera.info()["update"] or {}).get("percent") == 40, "progress")
            reason = eventually(lambda: server.stream("door")["reason"], "no pictures while it loads")
            assert "loads an update (40 %)" in reason
            camera.say({"type": "update", "state": "loading", "percent": 50})
            eventually(lambda: "loads an update (50 %)" in server.stream("door")["reason"], "it goes on")
            camera.say({"type": "update", "state": "failed", "error": "the signature does not fit"})
            update = eventually(lambda: (u := camera.info()["update"])["state"] == "failed" and u, "failure")
            assert update["error"] == "the signature does not fit" and update["percent"] is None
            reason = eventually(lambda: "no frame" in (r := server.stream("door")["reason"]) and r, "why now")
            assert "update" not in reason


def test_demand_follows_viewers(server):
    with device(server) as camera:
        camera.show()
        server.wait_live("door")
        eventually(lambda: camera.demands() == [0], "nobody watches")
        assert camera.info()["resting"] is True and camera.info()["viewers"] == 0
        with open_socket(server, "/ws/jpeg?stream=door"):
            eventually(lambda: camera.demands()[-1] == 1, "one watches")
            assert camera.info()["resting"] is False
            with open_socket(server, "/ws/jpeg?stream=door"), server.open("/streams/door/mjpeg"):
                eventually(lambda: camera.demands()[-1] == 3, "three watch")
            eventually(lambda: camera.demands()[-1] == 1, "two have left")
        eventually(lambda: camera.demands()[-1] == 0, "all have left", 15)
        # Each change is told once.
        demands = camera.demands()
        assert all(a != b for a, b in zip(demands, demands[1:])), demands


def test_who_reads_and_is_no_viewer_wakes_the_camera_too(server):
    with device(server) as camera:
        camera.show()
        server.wait_live("door")
        eventually(lambda: camera.demands() == [0], "it rests")
        answers: list[Any] = []
        newest = server.get("/streams/door/snapshot.jpg").headers["X-Timestamp"]
        ask = f"/streams/door/snapshot.jpg?newer_than={newest}"
        asking = threading.Thread(target=lambda: answers.append(server.get(ask)))
        asking.start()
        eventually(lambda: camera.demands()[-1] == 1, "a snapshot is wanted")
        camera.show(1)
        asking.join(20)
        assert answers[0].status == 200 and answers[0].headers["X-Timestamp"] > newest


def test_a_resting_device_is_not_offline_and_a_woken_one_has_its_time(serve):
    server = serve("--stall-timeout", "1s")
    with device(server) as camera:
        with open_socket(server, "/ws/jpeg?stream=door") as viewer:
            eventually(lambda: camera.demands()[-1:] == [1], "one watches")
            camera.show()
            viewer.recv(timeout=10)
        eventually(lambda: server.stream("door")["state"] == "offline", "it stalls while it is wanted")
        eventually(lambda: camera.demands()[-1] == 0, "it rests", 15)
        camera.show(1)
        server.wait_live("door")
        # Several times the stall timeout.
        eventually(lambda: server.stream("door")["age_ms"] > 3500, "a while without pictures")
        assert server.stream("door")["state"] == "live"
        asked = time.monotonic()
        with open_socket(server, "/ws/jpeg?stream=door"):
            eventually(lambda: camera.demands()[-1] == 1, "woken")
            eventually(lambda: server.stream("door")["state"] == "offline", "silent although woken")
            assert time.monotonic() - asked >= 1, "its silence counts from when it was woken"


def test_reconnect_begins_anew(server):
    with device(server) as camera:
        camera.say(TELEMETRY)
        eventually(lambda: camera.info()["telemetry"], "report")
        # The same device from the same address takes its own place.
        with device(server, hello={**HELLO, "reset": "panic", "fps": 3}) as again:
            info = eventually(lambda: (i := again.info())["hello"]["reset"] == "panic" and i, "the new connection")
            assert info["settings"]["fps"] == 3 and info["telemetry"] is None and info["connected"]
            assert again.tell({"fps": 4}).status == 200
            camera.close()
            assert again.info()["connected"]
            eventually(lambda: again.demands() == [0], "demand is told on each connection")
    # A camera without the channel in its place is no device.
    with Camera(server, "door") as plain:
        plain.send()
        eventually(lambda: server.get("/api/streams/door").json()["device"] is None, "another camera")


def test_commands_ask_for_a_token_where_streams_do(serve):
    server = serve("--auth", "always")
    answer = tell(server, "door", {"fps": 5})
    assert answer.status == 401


def test_the_page_shows_and_sets_a_device(server, browser):
    with device(server, hello={**HELLO, "reset": "brownout", "has_led": False}) as camera:
        camera.show()
        visit = browser.open(f"{server.http}/watch?stream=door")
        eventually(lambda: "OV3660" in visit.text(".device"), "the device")
        text = visit.text(".device")
        assert "power supply" in text and "Lamp" not in text
        camera.say({**TELEMETRY, "rssi": -75, "psram": 4_000_000})
        eventually(lambda: "weak (−75 dBm)" in visit.text(".device"), "a report")
        assert "PSRAM 4.0 MB" in visit.text(".device")

        def told(**members: Any) -> bool:
            return any(members.items() <= message.items() for message in camera.told)

        page = visit.page
        page.select_option("#device-size", "640x480")
        eventually(lambda: told(type="set", size="640x480"), "the size")
        page.check("#device-flip")
        eventually(lambda: told(type="set", vflip=True), "upside down")
        page.fill("#device-fps", "12")
        eventually(lambda: told(type="set", fps=12), "the rate")
        page.get_by_role("button", name="Keep settings").click()
        eventually(lambda: told(type="set", save=True), "kept")
        page.get_by_role("button", name="Restart").click()
        assert not told(type="reboot"), "it asks first"
        page.locator("dialog").get_by_role("button", name="Restart").click()
        eventually(lambda: told(type="reboot"), "the restart")
        page.get_by_role("button", name="Update").click()
        for field in UPDATE:
            page.fill(f"#update-{field}", str(UPDATE[field]))
        page.locator("dialog").get_by_role("button", name="Update").click()
        eventually(lambda: told(type="update", url=UPDATE["url"], size=UPDATE["size"]), "the update")
        camera.say({"type": "update", "state": "loading", "percent": 40})
        eventually(lambda: "40 %" in visit.text(".device"), "progress")
        # Another's change is followed, and what the camera refuses does not stay on the page.
        page.locator("h1").click()
        camera.say({**HELLO, "quality": 33, "has_led": False})
        eventually(lambda: page.input_value("#device-quality") == "33", "set elsewhere")
        camera.answer = {"ok": False, "error": "hflip: the mount forbids it"}
        visit.allow(["409"])
        page.click("#device-mirror")
        eventually(lambda: "mirror: the mount forbids it" in visit.text(".device"), "the refusal")
        eventually(lambda: not page.is_checked("#device-mirror"), "as it was")
    eventually(lambda: "not connected" in visit.text(".device"), "it left")


def test_the_page_of_another_camera_has_no_device(server, browser):
    with Camera(server, "door") as camera:
        camera.send()
        visit = browser.open(f"{server.http}/watch?stream=door")
        eventually(lambda: visit.text("h1") == "door" and "127.0.0.1" in visit.text("main"), "the page")
        assert not visit.page.is_visible(".device")


def test_the_virtual_camera_is_a_device(server, processes):
    from server import Process

    processes.start(Process, "camera", f"{server.ws}/ws/camera/virtual", "--fps", "20", "--size", "320x240")
    info = lambda: server.get("/api/streams/virtual").json()["device"]  # noqa: E731
    eventually(lambda: server.status()["camera_clients"] == 1 and info(), "hello")
    assert info()["hello"]["model"] == "camherd camera" and info()["settings"]["size"] == "320x240"
    with open_socket(server, "/ws/jpeg?stream=virtual") as viewer:
        answer = tell(server, "virtual", {"size": "640x480", "quality": 40, "fps": 10})
        assert answer.status == 200, answer.body
        assert answer.json()["settings"]["fps"] == 10

        def shows(width: int, height: int) -> bool:
            message = viewer.recv(timeout=10)
            return isinstance(message, bytes) and jpegs.decode(message).shape[:2] == (height, width)

        eventually(lambda: shows(640, 480), "pictures of the new size")
        eventually(lambda: 8 < server.stream("virtual")["fps"] < 12, "the new rate")
        assert tell(server, "virtual", {"led": 5}).status == 400
        report = eventually(lambda: info()["telemetry"], "telemetry", 20)
        assert report["size"] == "640x480" and report["sent"] > 0
    eventually(lambda: info()["resting"] and server.stream("virtual")["fps"] < 2, "it rests", 20)
    # It is there at once for the next viewer.
    with open_socket(server, "/ws/jpeg?stream=virtual"):
        eventually(lambda: server.stream("virtual")["fps"] > 5, "awake")
        assert tell(server, "virtual", {"reboot": True}).status == 200
        eventually(lambda: (i := info()) and i["connected"] and i["telemetry"] is None, "a new connection", 20)


def test_a_plain_virtual_camera_is_none(server, processes):
    from server import Process

    processes.start(Process, "camera", f"{server.ws}/ws/camera/virtual", "--fps", "10", "--plain")
    server.wait_live("virtual")
    assert server.get("/api/streams/virtual").json()["device"] is None
