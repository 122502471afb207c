"""What the first argument means, and what is never shown of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from camherd.net import ServerAddress
from camherd.properties import fourcc
from camherd.source import find_target, parse_size, without_credentials


@pytest.mark.parametrize(
    "source", [0, 1, "video.mp4", "/dev/video0", Path("a.avi"), "v4l2src ! videoconvert ! appsink", "img_%02d.png"]
)
def test_what_is_for_opencv(source):
    assert find_target(source) is None


@pytest.mark.parametrize("source", ["http://host/film.mp4", "https://host/live/index.m3u8?x=1", "udp://239.0.0.1:1234"])
def test_files_and_protocols_of_opencv(source):
    assert find_target(source) is None


@pytest.mark.parametrize("source", ["rtsp://u:p@cam/1", "RTSP://cam", "rtsps://cam", "tcpcam://cam:3333?pin=1"])
def test_cameras(source):
    target = find_target(source)
    assert target is not None and target.url == source and not target.may_be_file
    assert str(target.address) == "http://localhost:8080"
    assert "u:p" not in target.label + repr(target)


def test_web_cameras_may_be_files():
    target = find_target("http://cam:81/stream")
    assert target is not None and target.may_be_file


def test_streams_of_a_server():
    target = find_target("camherd://t%40k@host:9000/Front-Door", token=None)
    assert target is not None
    assert (target.stream, target.address.host, target.address.port) == ("front-door", "host", 9000)
    assert target.address.token == "t@k" and "t@k" not in repr(target) + target.label
    assert str(find_target("camherd://[::1]/a").address) == "http://[::1]:8080"
    assert find_target(None, server="http://h:1", stream="Door").stream == "door"


def test_where_server_and_token_come_from(monkeypatch):
    monkeypatch.setenv("CAMHERD_URL", "http://env:1")
    monkeypatch.setenv("CAMHERD_TOKEN", "env")
    assert find_target("rtsp://cam").address == ServerAddress("env", 1, token="env")
    assert find_target("rtsp://cam", server="http://own:2", token="own").address == ServerAddress("own", 2, token="own")
    assert find_target("rtsp://cam", server="https://t@own/cams/").address == ServerAddress(
        "own", 443, True, "/cams", "t"
    )
    assert find_target("camherd://host/a").address.token == "env"


@pytest.mark.parametrize("source", ["camherd:///door", "camherd://host", "camherd://host/a/b", "camherd://host:x/a"])
def test_addresses_that_cannot_be(source):
    with pytest.raises(ValueError):
        find_target(source)


def test_sizes():
    assert parse_size(None) is None is parse_size("native")
    assert parse_size("640x480") == parse_size((640, 480)) == parse_size([640.0, 480]) == (640, 480)


@pytest.mark.parametrize("size", ["", "640", "x480", "15x100", "640x8193", (1, 2, 3), (640, None), 5, "٣٢x٣٢"])
def test_sizes_that_cannot_be(size):
    with pytest.raises(ValueError):
        parse_size(size)


def test_urls_without_credentials():
    assert without_credentials("rtsp://user:p%40ss@cam:554/a?key=secret#x") == "rtsp://cam:554/a"
    assert "secret" not in without_credentials("rtsp://[secret")


def test_addresses_in_requests():
    address = ServerAddress.parse("https://host:8443/some where/")
    assert address.authority == "host:8443"
    assert address.target("/ws/a", {"size": "1x1", "token": "a&b"}) == "/some%20where/ws/a?size=1x1&token=a%26b"


def test_fourcc_of_unknown_codecs():
    assert fourcc("vp9") == 0 and fourcc("H265") == int.from_bytes(b"hevc", "little")
