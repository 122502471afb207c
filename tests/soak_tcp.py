#!/usr/bin/env python3
"""Random cameras and viewers for a while, well-behaved and not, and whether the server's memory stays flat.

    .cache/venv/bin/python tests/soak_tcp.py --minutes 10

Cameras push over TCP, as they should and as they should not: MJPEG and H.264 cut anywhere, both qualities, garbage,
bad sizes, halves, silence, resets. Viewers of all kinds come and go, politely or not, some on slow links, some that
never read; so do clients of the TCPCam server; a TCPCam that the server reads is switched off and on. A line a minute,
then the result; the exit status is 1 when a bound does not hold.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import os
import random
import socket
import struct
import sys
import tempfile
import time
from pathlib import Path
from typing import Awaitable, Callable, NamedTuple

sys.path.insert(0, str(Path(__file__).parent / "lib"))

from websockets.asyncio.client import connect as websocket  # noqa: E402
from websockets.exceptions import WebSocketException  # noqa: E402

import h264_clip  # noqa: E402
import jpegs  # noqa: E402
import soak  # noqa: E402
import tcpcam  # noqa: E402
from server import Server  # noqa: E402
from sockets import unused_port  # noqa: E402
from tcp_push import DONE, H264, HIGH, LISTEN, LOW, MJPEG, Pusher, header, message, push_address, size  # noqa: E402
from wait import eventually  # noqa: E402

#: In less, memory tells nothing, in minutes.
LEAST_MINUTES = 3.0
#: What the middle of the last quarter may be above the middle of the first quarter after the warm-up, in MiB.
MOST_GROWTH = 24.0
#: What the highest value after the warm-up may be above the highest one before, in MiB.
MOST_PEAK = 64.0
#: Threads and file descriptors that may be left over when all have gone.
LEFT_THREADS, LEFT_FILES = 4, 4
#: Stream numbers that cameras push; number 0 is what the TCPCam server serves.
NUMBERS = 8
PUSHERS, VIEWERS, TCPCAM_CLIENTS = 12, 24, 6
PIN = "73195"
WEBSOCKET = {"compression": None, "proxy": None, "ping_interval": None, "open_timeout": 30, "max_size": None}
SMALL, LARGE = (160, 120), (320, 240)


class Sample(NamedTuple):
    """What the server takes."""

    rss: float
    threads: int
    files: int


def sample(server: Server) -> Sample:
    return Sample(server.resident_mib(), len(server.threads()), len(os.listdir(f"/proc/{server.pid}/fd")))


class Material:
    """What cameras send, made once."""

    def __init__(self) -> None:
        self.small = [jpegs.picture(n, SMALL) for n in range(20)]
        self.large = [jpegs.picture(n, LARGE) for n in range(20)]
        self.clips = {LOW: h264_clip.clip(60, SMALL), HIGH: h264_clip.clip(60, LARGE, noise=20)}

    def pictures(self, quality: int) -> list[bytes]:
        return self.large if quality == HIGH else self.small


class Load:
    """The actors, what they did, and what the server took."""

    def __init__(self, server: Server, tcpcam_port: int, seconds: float, seed: int) -> None:
        self.server, self.push, self.cam = server, push_address(server), ("127.0.0.1", tcpcam_port)
        self.seconds, self.seed = seconds, seed
        self.until = time.monotonic() + seconds
        self.material = Material()
        self.done: collections.Counter[str] = collections.Counter()
        self.unexpected: collections.Counter[str] = collections.Counter()
        self.samples: list[Sample] = []

    # Cameras.

    async def push_mjpeg(self, chance: random.Random, writer: asyncio.StreamWriter) -> None:
        quality = chance.choice([LOW, HIGH])
        writer.write(header(chance.randrange(NUMBERS // 2), MJPEG, quality))
        await self.play(chance, writer, [message(picture) for picture in self.material.pictures(quality)])

    async def push_h264(self, chance: random.Random, writer: asyncio.StreamWriter) -> None:
        quality = chance.choice([LOW, HIGH])
        writer.write(header(NUMBERS // 2 + chance.randrange(NUMBERS // 2), H264, quality))
        most = chance.choice([50, 1000, 5000])
        messages = []
        for picture in self.material.clips[quality].pictures:
            pieces, at = [], 0
            while at < len(picture):
                step = chance.randint(1, most)
                pieces.append(message(picture[at : at + step]))
                at += step
            messages.append(b"".join(pieces))
        await self.play(chance, writer, messages)

    async def play(self, chance: random.Random, writer: asyncio.StreamWriter, messages: list[bytes]) -> None:
        interval, until = 1 / chance.choice([5, 15, 30]), time.monotonic() + chance.uniform(0.2, 12)
        count = 0
        while time.monotonic() < until:
            writer.write(messages[count % len(messages)])
            await writer.drain()
            count += 1
            await asyncio.sleep(interval)
        end = chance.random()
        if end < 0.3:
            writer.write(DONE)
        elif end < 0.6:
            writer.write(messages[0][: chance.randint(1, len(messages[0]) - 1)])
        elif end < 0.7:
            await asyncio.sleep(chance.uniform(1, 5))

    async def push_garbage(self, chance: random.Random, writer: asyncio.StreamWriter) -> None:
        kind = chance.randrange(6)
        number = chance.randrange(NUMBERS)
        if kind == 0:
            writer.write(chance.randbytes(chance.randint(1, 5000)))
        elif kind == 1:
            writer.write(header(number) + size(chance.choice([-1, -(2**31), 2**31 - 1, (10 << 20) + 1])))
        elif kind == 2:
            # Announces what never comes.
            writer.write(header(number) + size(10 << 20) + b"\xff\xd8")
            await asyncio.sleep(chance.uniform(0, 3))
        elif kind == 3:
            writer.write(header(number, chance.choice([MJPEG, H264])))
            for _ in range(chance.randint(1, 30)):
                writer.write(message(chance.randbytes(chance.randint(1, 20_000))))
        elif kind == 4:
            writer.write(header(number)[: chance.randint(0, 11)])
            await asyncio.sleep(chance.uniform(0, 2))
        else:
            picture = bytearray(message(chance.choice(self.material.large)))
            for _ in range(20):
                picture[chance.randrange(4, len(picture))] = chance.randrange(256)
            writer.write(header(number, MJPEG) + bytes(picture) * 3)
        await writer.drain()

    async def pusher(self, chance: random.Random) -> None:
        """One connection of a camera."""
        source = f"127.0.0.{chance.randint(1, 3)}"
        what = chance.choices([self.push_mjpeg, self.push_h264, self.push_garbage], [4, 4, 3])[0]
        _, writer = await asyncio.open_connection(*self.push, local_addr=(source, 0))
        try:
            await what(chance, writer)
        finally:
            await leave(chance, writer)
        self.done[what.__name__] += 1

    # Viewers.

    async def watch_websocket(self, chance: random.Random) -> None:
        number, quality = chance.randrange(NUMBERS), chance.choice(["", "auto", "high", "medium", "low"])
        target = chance.choice(
            [f"/ws/jpeg?stream=stream{number}&meta=1", f"/ws/fmp4?stream=stream{number}",
             f"/ws/viewer?stream=stream{number}", f"/stream{number}?"]
        )  # fmt: skip
        target += f"&quality={quality}" if quality else ""
        try:
            viewer = await websocket(self.server.ws + target, **WEBSOCKET)
        except WebSocketException as error:
            # Nobody may have pushed this number lately.
            if "404" not in str(error):
                raise
            self.done["404"] += 1
            return
        slow = chance.random() < 0.3
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(chance.uniform(0.1, 15)):
                while True:
                    await viewer.recv()
                    if slow:
                        await asyncio.sleep(chance.uniform(0, 0.3))
        if chance.random() < 0.5:
            viewer.transport.abort()
        else:
            await viewer.close()

    async def watch_http(self, chance: random.Random) -> None:
        number = chance.randrange(NUMBERS)
        target = chance.choice(
            [f"/stream{number}", f"/streams/stream{number}/mjpeg?quality=low", f"/streams/stream{number}/ts",
             f"/streams/stream{number}/stream.mp4", f"/streams/stream{number}/snapshot.jpg", "/status",
             f"/api/streams/stream{number}", "/metrics"]
        )  # fmt: skip
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        await asyncio.get_running_loop().sock_connect(sock, self.server.address)
        reader, writer = await asyncio.open_connection(sock=sock, limit=8192)
        # One that never reads, one on a slow link, one that takes all.
        pause = chance.choice([None, 0.05, 0.0])
        try:
            writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            async with asyncio.timeout(chance.uniform(0.1, 15)):
                if pause is None:
                    await asyncio.sleep(20)
                while await reader.read(4096):
                    await asyncio.sleep(pause or 0)
        except TimeoutError:
            pass
        finally:
            await leave(chance, writer)

    async def viewer(self, chance: random.Random) -> None:
        """One visit."""
        what = chance.choices([self.watch_websocket, self.watch_http], [3, 2])[0]
        await what(chance)
        self.done[what.__name__] += 1

    async def tcpcam_client(self, chance: random.Random) -> None:
        """One connection to the TCPCam server."""
        reader, writer = await asyncio.open_connection(*self.cam, local_addr=(f"127.0.0.{chance.randint(4, 20)}", 0))
        try:
            pin = PIN if chance.random() < 0.8 else str(chance.randrange(10_000))
            request = (pin + chance.choice(["0", "5", "-1", "x", "\n", ""])).encode()
            for byte in request:
                writer.write(bytes([byte]))
                if chance.random() < 0.3:
                    await asyncio.sleep(0.01)
            async with asyncio.timeout(chance.uniform(0.1, 10)):
                if chance.random() < 0.2:
                    await asyncio.sleep(10)
                while True:
                    (length,) = struct.unpack(">I", await reader.readexactly(4))
                    assert 0 < length <= 10 << 20, f"the TCPCam server sent a length of {length}"
                    picture = await reader.readexactly(length)
                    assert picture.startswith(b"\xff\xd8"), "the TCPCam server sent no picture"
        except (TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            await leave(chance, writer)
        self.done["tcpcam_client"] += 1

    # The course of it.

    async def again_and_again(self, act: Callable[[random.Random], Awaitable[None]], seed: int) -> None:
        chance = random.Random(self.seed * 1000 + seed)
        while time.monotonic() < self.until:
            try:
                await act(chance)
            except (ConnectionResetError, BrokenPipeError):
                self.done["cut off"] += 1
            except (OSError, WebSocketException, AssertionError) as error:
                self.unexpected[f"{act.__name__}: {error!r}"] += 1
            await asyncio.sleep(chance.uniform(0, 0.5))

    async def camera_goes_off_and_on(self) -> None:
        with tcpcam.Camera() as camera:
            body = f'{{"stream_id": "cam", "rtsp_url": "{camera.url()}"}}'.encode()
            answer = self.server.request("POST", "/api/streams", {"Content-Type": "application/json"}, body)
            assert answer.status == 200, answer
            while time.monotonic() < self.until:
                await asyncio.sleep(5)
                await asyncio.to_thread(camera.switch_off)
                # It is not a record of what it has sent.
                del camera.sent[:], camera.requests[:]
                await asyncio.sleep(2)
                await asyncio.to_thread(camera.switch_on)
                self.done["TCPCam switched"] += 1

    async def measure(self) -> None:
        minutes = soak.Minutes(time.monotonic(), self.report)
        while time.monotonic() < self.until:
            self.samples.append(sample(self.server))
            assert self.server.returncode is None, f"the server died with {self.server.returncode}"
            minutes.look(time.monotonic())
            await asyncio.sleep(1)

    def report(self, minute: int) -> None:
        last = self.samples[-60:]
        rss, threads, files = zip(*last)
        print(
            f"minute {minute:3}: RSS {min(rss):.0f} to {max(rss):.0f} MiB, threads {min(threads)} to {max(threads)}, "
            f"files {min(files)} to {max(files)}; so far {dict(sorted(self.done.items()))}",
            flush=True,
        )

    async def run(self) -> None:
        actors = [(self.pusher, PUSHERS), (self.viewer, VIEWERS), (self.tcpcam_client, TCPCAM_CLIENTS)]
        acts = [act for act, count in actors for _ in range(count)]
        tasks = [self.again_and_again(act, seed) for seed, act in enumerate(acts)]
        await asyncio.gather(self.measure(), self.camera_goes_off_and_on(), *tasks)


async def leave(chance: random.Random, writer: asyncio.StreamWriter) -> None:
    """Hangs up, politely or with a reset."""
    if chance.random() < 0.3:
        writer.transport.abort()
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(5):
            await writer.wait_closed()


def verdict(load: Load, before: Sample) -> list[str]:
    """Prints what the server took, and gives the bounds that do not hold."""
    server, problems = load.server, []
    memory = soak.Memory.of([s.rss for s in load.samples])
    print(f"RSS before {before.rss:.0f} MiB; {memory.describe(0)}")
    print(f"growth {memory.growth:+.1f} MiB (bound {MOST_GROWTH:g}), peak {memory.peak:+.1f} MiB (bound {MOST_PEAK:g})")
    rest = load.samples[soak.warm_up(len(load.samples)) :]
    for what in ("threads", "files"):
        values = [getattr(s, what) for s in rest]
        print(f"{what} {min(values)} to {max(values)}")
    if memory.growth > MOST_GROWTH:
        problems.append(f"memory grows by {memory.growth:.1f} MiB")
    if memory.peak > MOST_PEAK:
        problems.append(f"the peak is {memory.peak:.1f} MiB above that of the warm-up")

    def settled() -> bool:
        now, status = sample(server), server.status()
        if status["viewer_clients"]:
            # That a client of the TCPCam server has hung up shows when something is sent to it.
            with Pusher(load.push, 0) as camera:
                camera.send(load.material.small[0])
        assert status["camera_clients"] == 0 and status["viewer_clients"] == 0, status
        assert now.threads <= before.threads + LEFT_THREADS and now.files <= before.files + LEFT_FILES, now
        return True

    try:
        server.request("DELETE", "/api/streams/cam/force")
        eventually(settled, "the server is as it was", 40)
    except AssertionError as left_over:
        problems.append(str(left_over))
    print(f"when all have gone: {sample(server)}; before: {before}")
    print(f"done: {dict(sorted(load.done.items()))}")
    if load.unexpected:
        problems.append(f"unexpected: {dict(load.unexpected.most_common(10))}")
    return problems


def main() -> int:
    parser = soak.arguments(__doc__, LEAST_MINUTES)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    # It warns of each write to a connection that the server has closed, which is what happens here all the time.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    port = unused_port()
    flags = ["--http-listen", "127.0.0.1:0", *LISTEN, "--stall-timeout", "2s", "--tcpcam-server-pin", PIN]
    # So that of these small pictures a lower quality is made, too.
    flags += ["--quality-low-height", "96", "--tcpcam-server-listen", f"127.0.0.1:{port}", "--tcpcam-server-stream", "stream0"]
    with tempfile.TemporaryDirectory() as directory:
        server = Server(soak.binary(), Path(directory), ["serve", *flags])
        try:
            before = sample(server)
            load = Load(server, port, arguments.minutes * 60, arguments.seed)
            asyncio.run(load.run())
            problems = verdict(load, before)
            status = server.stop()
            if status != 0 or "panicked" in server.log:
                problems.append(f"exit status {status}; log:\n{server.log[-3000:]}")
        finally:
            server.kill()
    return soak.conclude(problems, "memory stays flat")


if __name__ == "__main__":
    sys.exit(main())
