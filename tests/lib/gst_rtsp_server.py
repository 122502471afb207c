"""An RTSP server of numbered pictures on gst-rtsp-server, for the system's Python (/usr/bin/python3).

It needs python3-gi, gir1.2-gst-rtsp-server-1.0 and the plugins of ``rtsp_server.py``, which starts it. It prints
``port N`` when it listens, and ends with its standard input.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

import test_source  # noqa: E402

PATH = "/test"


def encoder(options: argparse.Namespace) -> str:
    """The elements from raw pictures to RTP packets."""
    gop = options.gop
    # What is called pay0 gives the packets to the server.
    name, loss = "pay0", ""
    if options.loss:
        name, loss = "payloader", f" ! identity drop-probability={options.loss} name=pay0"
    if options.codec == "mjpeg":
        return f"jpegenc quality=80 ! rtpjpegpay name={name}{loss}"
    if options.codec == "h265":
        return (
            "x265enc tune=zerolatency speed-preset=ultrafast bitrate=1500 "
            f"key-int-max={gop} option-string=min-keyint={gop}:repeat-headers=1:scenecut=0 "
            f"! h265parse config-interval=-1 ! rtph265pay name={name} pt=96 aggregate-mode=zero-latency{loss}"
        )
    latency = "tune=zerolatency" if options.bframes == 0 else f"bframes={options.bframes} b-adapt=false rc-lookahead=0"
    cabac = "true" if options.profile != "baseline" else "false"
    return (
        f"x264enc {latency} speed-preset=veryfast threads=1 bitrate=1500 key-int-max={gop} "
        f"cabac={cabac} dct8x8={'true' if options.profile == 'high' else 'false'} "
        f"option-string=min-keyint={gop}:scenecut=0 "
        f"! video/x-h264,profile={options.profile} "
        f"! rtph264pay name={name} pt=96 config-interval={options.config_interval} "
        f"aggregate-mode=zero-latency{loss}"
    )


class Pictures:
    """Pushes numbered pictures into the pipelines; the numbers go on from one to the next."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.sequence = options.first

    def configure(self, _factory: Any, media: Any) -> None:
        source = media.get_element().get_by_name("source")
        stopped = threading.Event()
        media.connect("unprepared", lambda _media: stopped.set())
        threading.Thread(target=self._push, args=(source, stopped), daemon=True).start()

    def _push(self, source: Any, stopped: threading.Event) -> None:
        width, height, interval = self.options.width, self.options.height, 1 / self.options.fps
        due = time.monotonic()
        while not stopped.is_set():
            data = test_source.draw(width, height, self.sequence, time.time_ns() // 1_000_000)
            # A source that has not started yet refuses pictures.
            if source.emit("push-buffer", Gst.Buffer.new_wrapped(data)) == Gst.FlowReturn.OK:
                self.sequence += 1
            due = max(due + interval, time.monotonic() - 1)
            stopped.wait(max(due - time.monotonic(), 0))


def factory(options: argparse.Namespace) -> Any:
    pictures = Pictures(options)
    caps = f"video/x-raw,format=I420,width={options.width},height={options.height},framerate={options.fps}/1"
    launch = (
        f"( appsrc name=source is-live=true do-timestamp=true format=time block=false max-bytes=20000000 caps={caps} "
        f"! queue max-size-buffers=2 leaky=downstream ! {encoder(options)} )"
    )
    result = GstRtspServer.RTSPMediaFactory()
    result.set_launch(launch)
    result.set_shared(True)
    result.set_latency(0)
    transport = {"tcp": GstRtsp.RTSPLowerTrans.TCP, "udp": GstRtsp.RTSPLowerTrans.UDP}
    if options.transport in transport:
        result.set_protocols(transport[options.transport])
    result.connect("media-configure", pictures.configure)
    return result


def authenticate(server: Any, media: Any, method: str, user: str, password: str) -> None:
    """Lets nobody in but ``user``."""
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth = GstRtspServer.RTSPAuth()
    if method == "basic":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_role("user")
    for permission in ("access", "construct"):
        permissions.add_permission_for_role("user", f"media.factory.{permission}", True)
    media.set_permissions(permissions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", default="0")
    parser.add_argument("--codec", choices=["h264", "h265", "mjpeg"], default="h264")
    parser.add_argument("--profile", choices=["baseline", "main", "high"], default="high")
    parser.add_argument("--bframes", type=int, default=0)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--gop", type=int, default=30)
    parser.add_argument("--config-interval", type=int, default=0)
    parser.add_argument("--transport", choices=["tcp", "udp", "any"], default="any")
    parser.add_argument("--loss", type=float, default=0.0, help="part of the RTP packets that is not sent")
    parser.add_argument("--first", type=int, default=0, help="the number of the first picture")
    parser.add_argument("--auth", nargs=3, metavar=("METHOD", "USER", "PASSWORD"))
    options = parser.parse_args()

    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    media = factory(options)
    if options.auth:
        authenticate(server, media, *options.auth)
    server.get_mount_points().add_factory(PATH, media)
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on port {options.port}")
    loop = GLib.MainLoop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
    print(f"port {server.get_bound_port()}", flush=True)
    loop.run()


if __name__ == "__main__":
    main()
