"""RTSP cameras for the measurements: gst-rtsp-server sends H.264 that was encoded beforehand, over and over.

    /usr/bin/python3 rtsp_camera.py --log DIR NAME=FILE@FPS [NAME=FILE@FPS ...]

FILE is Annex B with a whole number of GOPs and one slice per picture; NAME becomes the path. The address is printed
as one line, and the end of standard input ends the program. Needs python3-gi, gir1.2-gst-rtsp-server-1.0 and
gstreamer1.0-plugins-good.

A camera's pictures go on whether or not anyone is connected, as those of a real one: who connects comes into the
middle of a GOP. For each picture DIR/NAME gets 16 bytes, little-endian: its number (u64, modulo the pictures in the
file it is the picture's place there) and when its last RTP packet, the one with the marker bit, left the payloader
(u64, CLOCK_MONOTONIC in nanoseconds). What gst-rtsp-server does after that is part of what is measured, for all alike.
"""

from __future__ import annotations

import argparse
import os
import struct
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

SLICE, IDR_SLICE, SPS, PPS = 1, 5, 7, 8
#: A line of the log: the picture's number, and when it was sent.
RECORD = struct.Struct("<QQ")


def nal_units(data: bytes) -> list[bytes]:
    """The NAL units of an Annex B stream, without start codes and trailing zeros (ITU-T H.264 B.1)."""
    parts = data.split(b"\0\0\1")[1:]
    return [part.rstrip(b"\0") for part in parts]


def pictures(units: list[bytes]) -> list[bytes]:
    """One entry per picture: its parameter sets, if any, and its slice, each behind its length in four bytes."""
    result, pending = [], b""
    for unit in units:
        kind = unit[0] & 31
        if kind in (SLICE, IDR_SLICE, SPS, PPS):
            pending += len(unit).to_bytes(4, "big") + unit
        if kind in (SLICE, IDR_SLICE):
            result.append(pending)
            pending = b""
    return result


def codec_data(units: list[bytes]) -> bytes:
    """The AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1), with which the SDP is complete at once."""
    sps = next(unit for unit in units if unit[0] & 31 == SPS)
    pps = next(unit for unit in units if unit[0] & 31 == PPS)
    head = bytes([1, *sps[1:4], 0xFF])
    return head + b"\xe1" + len(sps).to_bytes(2, "big") + sps + b"\x01" + len(pps).to_bytes(2, "big") + pps


class Camera:
    """Where in its pictures a camera is, and the pipelines that send them."""

    def __init__(self, name: str, path: str, fps: int, log: str, phase: float) -> None:
        """``phase`` is the part of a frame interval by which its moments differ from those of other cameras."""
        with open(path, "rb") as file:
            units = nal_units(file.read())
        self.pictures = pictures(units)
        self.interval = 1_000_000_000 // fps
        self.begin = time.monotonic_ns() + int(phase * self.interval)
        self.log = os.open(os.path.join(log, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self.caps = Gst.Caps.from_string(
            "video/x-h264,stream-format=avc,alignment=au,codec_data=(buffer)" + codec_data(units).hex()
        )
        self.factory = GstRtspServer.RTSPMediaFactory()
        self.factory.set_launch(
            # Nothing is taken before PLAY, and a client that asks for the SDP alone must not fill the memory. A second
            # is more than this machine ever is behind: a picture dropped later would break those that refer to it.
            f"( appsrc name=camera is-live=true format=time max-buffers={fps} max-bytes=0 leaky-type=downstream"
            " ! rtph264pay name=pay0 pt=96 config-interval=0 mtu=1400 )"
        )
        self.factory.set_shared(True)
        self.factory.set_latency(0)
        self.factory.connect("media-configure", self._configure)

    def _configure(self, _factory: object, media: GstRtspServer.RTSPMedia) -> None:
        """A first client has come: pictures go into a new pipeline until the last one leaves."""
        element = media.get_element()
        source = element.get_child_by_name("camera")
        source.set_property("caps", self.caps)
        ended = threading.Event()
        media.connect("unprepared", lambda _media: ended.set())
        first = (time.monotonic_ns() - self.begin) // self.interval + 1
        pad = element.get_child_by_name("pay0").get_static_pad("src")
        kinds = Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST
        pad.add_probe(kinds, self._sent, first)
        threading.Thread(target=self._feed, args=(source, first, ended), daemon=True).start()

    def _feed(self, source: Gst.Element, number: int, ended: threading.Event) -> None:
        first = number
        while not ended.is_set():
            due = self.begin + number * self.interval
            if (wait := due - time.monotonic_ns()) > 0:
                time.sleep(wait / 1e9)
            buffer = Gst.Buffer.new_wrapped(self.pictures[number % len(self.pictures)])
            # Media time of its own: what a client sees is as even as a camera's clock.
            buffer.pts = buffer.dts = (number - first) * self.interval
            buffer.duration = self.interval
            if source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
                return
            number += 1

    def _sent(self, _pad: Gst.Pad, info: Gst.PadProbeInfo, first: int) -> Gst.PadProbeReturn:
        """Packets leave the payloader: all of a picture, or one by one."""
        packets = info.get_buffer_list()
        last = packets.get(packets.length() - 1) if packets is not None else info.get_buffer()
        if last.has_flags(Gst.BufferFlags.MARKER):
            number = first + round(last.pts / self.interval)
            os.write(self.log, RECORD.pack(number, time.monotonic_ns()))
        return Gst.PadProbeReturn.OK


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", required=True)
    parser.add_argument("cameras", nargs="+", metavar="NAME=FILE@FPS")
    args = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    for place, text in enumerate(args.cameras):
        name, _, rest = text.partition("=")
        path, _, fps = rest.rpartition("@")
        camera = Camera(name, path, int(fps), args.log, place / len(args.cameras))
        server.get_mount_points().add_factory(f"/{name}", camera.factory)
    if not server.attach(None):
        sys.exit("gst-rtsp-server does not listen on 127.0.0.1")
    loop = GLib.MainLoop()
    threading.Thread(target=lambda: (sys.stdin.buffer.read(), loop.quit()), daemon=True).start()
    print(f"rtsp://127.0.0.1:{server.get_bound_port()}", flush=True)
    loop.run()
    # Pipelines are not taken down: the process ends, and nobody measures how.
    os._exit(0)


if __name__ == "__main__":
    main()
