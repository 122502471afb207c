#!/usr/bin/env python3
"""The virtual device against the real server for a while, with an outage every 20 s, and whether it always comes back.

    .cache/venv/bin/python tests/soak_device.py --minutes 10

The device sends 640x480 at 30 fps to a server, where somebody watches. In turn the server is restarted, Wi-Fi drops,
the server stops reading for 5 s, the server is killed; and again, with Wi-Fi lost for 5 s, a stop of 8 s (longer than
the device waits for a message to leave) and a server that is away for 5 s after it was killed. A line a minute, then
the result; the exit status is 1 when a bound does not hold.

The bounds are printed with what was measured. How long a reconnect may take: the longest wait that the device can be
in after an outage of that length (firmware/core/include/camherd/link.h), and 1 s. How old a picture is: from when the
device took it, by the number that is drawn into it and the device's own count of pictures taken, to when it reached
the server.
"""

from __future__ import annotations

import bisect
import http.client
import itertools
import signal
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

sys.path.insert(0, str(Path(__file__).parent / "lib"))

import cv2  # noqa: E402

import soak  # noqa: E402
from device_picture import PictureNumber  # noqa: E402
from http_client import Stream  # noqa: E402
from multipart import MultipartReader  # noqa: E402
from server import Server  # noqa: E402
from virtual_device import MeasuredDevice, Sample  # noqa: E402
from wait import eventually  # noqa: E402

NAME, SIZE, FPS = "door", (640, 480), 30
#: From one outage to the next, in seconds; more when the device needs longer to be as before.
EVERY = 20.0
#: link.h: the first wait and the longest, and how long a connection must hold for the next wait to be the first again.
BACKOFF_FIRST, BACKOFF_MOST, STABLE = 1.0, 30.0, 10.0
#: What a reconnect may take besides the wait, in seconds.
MOST_CONNECTING = 1.0
#: While nothing goes through, the device comes down to a picture a second: the next one is due after at most that time;
#: and what it takes to see it on the console, in seconds.
LOWEST_INTERVAL, MOST_ANSWERING = 1.0, 0.5
#: How old a picture may be when it is sent, and what its way and the measurement add, in seconds.
MOST_AGE, AGE_SLACK = 1.0, 0.25
#: Pictures of the begin of a stop have left the device: they lie in the buffers of the kernel. In seconds.
BUFFERED = 2.0
#: Pictures a second, in each time between two outages.
LEAST_FPS, MOST_FPS = 27.0, 33.0
#: After an outage the rate is measured from so many seconds after the reconnect.
SETTLE = 2.0
#: A device whose connection outlived a stop has gone down with its rate, and is up again after so many seconds.
MOST_RISING = 30.0
#: What the middle of the last quarter of the device's memory may be above that of the first one, in MiB.
MOST_GROWTH = 1.0
#: In less, memory tells nothing, in minutes.
LEAST_MINUTES = 2.0
#: Time between two questions on the device's console, in seconds.
POLL = 0.05
#: Pictures whose number cannot be read, of all.
MOST_UNREAD = 0.01
#: The end of waiting, no bound.
PATIENCE = 60.0


class Arrival(NamedTuple):
    """A picture that reached the server."""

    at: float
    #: Not before this time was it taken.
    taken: float


class Outage(NamedTuple):
    """What was done, and when all was there again; the connection may have outlived it."""

    what: str
    begun: float
    back: float
    connects: int


class Course:
    """The outages, and what was seen."""

    def __init__(self, binary: Path, directory: Path, seconds: float) -> None:
        self.binary, self.directory, self.seconds = binary, directory, seconds
        self.server = self.serve(0)
        self.port = self.server.port
        settings = f"cam set size {SIZE[0]}x{SIZE[1]}", f"cam set fps {FPS}"
        self.device = MeasuredDevice(self.server, NAME, *settings)
        self.begun = time.monotonic()
        self.samples: list[Sample] = []
        self.rss: list[float] = []
        self.captured: list[int] = []
        self.arrivals: list[Arrival] = []
        self.unread = 0
        self.missed = 0
        self.stops: list[tuple[float, float]] = []
        self.outages: list[str] = []
        self.slowest: list[float] = []
        self.rates: list[float] = []
        self.problems: list[str] = []
        self.over = False
        self.broken: BaseException | None = None
        self.threads = [threading.Thread(target=self.guarded, args=[act]) for act in (self.poll, self.watch)]
        for thread in self.threads:
            thread.start()

    def serve(self, port: int) -> Server:
        flags = ["--http-listen", f"127.0.0.1:{port}", "--tcp-push-listen", "off", "--bus-enabled", "false"]
        return Server(self.binary, self.directory, ["serve", *flags, "--streams", NAME])

    def close(self) -> None:
        self.over = True
        for thread in self.threads:
            thread.join(PATIENCE)
        self.device.close()
        self.server.kill()

    # What goes on all the time, each in a thread.

    def guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as error:  # The main thread tells of it.
            self.broken = error

    def poll(self) -> None:
        minutes = soak.Minutes(self.begun, self.report)
        while not self.over:
            sample = self.device.ask()
            self.captured.append(sample.captured)
            self.samples.append(sample)
            if sample.answered - self.begun >= len(self.rss):
                self.rss.append(self.device.resident_mib())
            minutes.look(sample.answered)
            time.sleep(POLL)

    def report(self, minute: int) -> None:
        last, now = self.rss[-60:], self.samples[-1]
        print(
            f"minute {minute:3}: RSS {min(last):.1f} to {max(last):.1f} MiB, {now.ws}, {now.now_fps} fps; outages "
            f"{len(self.outages)}, slowest reconnect {max(self.slowest, default=0):.1f} s; captured {now.captured}, sent "
            f"{now.sent}, replaced {now.replaced}, stale {now.stale}, failed {now.failed}, connects {now.connects}",
            flush=True,
        )

    def watch(self) -> None:
        """Somebody who watches, always, and what arrives."""
        reader = PictureNumber(SIZE)
        while not self.over:
            try:
                with Stream(("127.0.0.1", self.port), f"/streams/{NAME}/mjpeg?quality=high") as stream:
                    if stream.status == 200:
                        self.view(MultipartReader(stream), reader)
            except (OSError, http.client.HTTPException, AssertionError):
                pass  # The server has gone.
            time.sleep(POLL)

    def view(self, parts: MultipartReader, reader: PictureNumber) -> None:
        while not self.over:
            part = parts.next()
            self.missed += int(part.headers.get("x-missed", 0))
            number = reader.read(part.body)
            # A number that cannot be is a misreading.
            newest = self.captured[-1] if self.captured else 0
            if number is None or not newest - 20 * FPS < number < newest + 5 * FPS:
                self.unread += 1
                continue
            # The device had not taken it yet when it was asked for the last time with a lower count.
            before = bisect.bisect_left(self.captured, number) - 1
            if before >= 0:
                at = float(part.headers["x-timestamp"]) - time.time() + time.monotonic()
                self.arrivals.append(Arrival(at, self.samples[before].asked))

    # Outages.

    def restart(self, away: float) -> float:
        self.server.assert_healthy()
        status = self.server.stop()
        if status != 0:
            self.problems.append(f"the server ends with {status}")
        return self.start_again(away)

    def kill(self, away: float) -> float:
        self.server.assert_healthy()
        self.server.kill()
        return self.start_again(away)

    def start_again(self, away: float) -> float:
        self.pace(away)
        self.server = self.serve(self.port)
        return time.monotonic()

    def drop_wifi(self, _: float) -> float:
        self.device.type("sim drop")
        return time.monotonic()

    def lose_wifi(self, away: float) -> float:
        self.device.type("sim loss on")
        self.pace(away)
        self.device.type("sim loss off")
        return time.monotonic()

    def stop_reading(self, away: float) -> float:
        begun = time.monotonic()
        self.server.signal(signal.SIGSTOP)
        try:
            self.pace(away)
        finally:
            # The end of the stop, before what it lets through arrives.
            self.stops.append((begun, time.monotonic()))
            self.server.signal(signal.SIGCONT)
        return self.stops[-1][1]

    def turns(self) -> Iterator[tuple[str, Callable[[float], float], float]]:
        return itertools.cycle(
            [
                ("server restarted", self.restart, 0.0),
                ("Wi-Fi dropped", self.drop_wifi, 0.0),
                ("server stopped for 5 s", self.stop_reading, 5.0),
                ("server killed", self.kill, 0.0),
                ("server restarted", self.restart, 0.0),
                ("Wi-Fi lost for 5 s", self.lose_wifi, 5.0),
                ("server stopped for 8 s", self.stop_reading, 8.0),
                ("server killed, away for 5 s", self.kill, 5.0),
            ]
        )

    # The course of it.

    def check(self) -> None:
        assert self.broken is None, f"a thread broke off: {self.broken!r}"
        assert self.device.returncode is None, "the device ended"

    def pace(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, POLL))

    def after(self, begin: float) -> list[Sample]:
        """What the console said when asked after this time."""
        return self.samples[bisect.bisect_right(self.samples, begin, key=lambda s: s.asked) :]

    def connected(self, outage: Outage) -> tuple[Sample, bool] | None:
        """The first sight of the device back after an outage, and whether on a new connection."""
        self.check()
        for sample in self.after(outage.begun):
            if sample.ws == "up" and sample.connects > outage.connects:
                return sample, True
        since = self.after(outage.back)
        if outage.what.startswith("server stopped"):
            for sample in since:
                if sample.ws == "up" and sample.sent > since[0].sent:
                    return sample, False
        return None

    def follow(self, outage: Outage) -> tuple[float, bool]:
        """Waits until the device is back and judges how long it took; when, and whether on a new connection."""
        sample, anew = eventually(lambda: self.connected(outage), f"the device is back: {outage}", PATIENCE)
        took = max(0.0, sample.answered - outage.back)
        if not anew:
            self.outages.append(
                f"{outage.what}: the connection held, sends again after {took:.2f} s (bound {LOWEST_INTERVAL:g} + "
                f"{MOST_ANSWERING:g} s)"
            )
            bound = LOWEST_INTERVAL + MOST_ANSWERING
        else:
            ups = [s.asked for s in self.samples if s.ws == "up" and s.connects == outage.connects]
            lost = max(ups[-1], outage.begun)
            wait = longest_wait(max(0.0, outage.back - lost))
            bound = wait + MOST_CONNECTING
            self.outages.append(
                f"{outage.what}: connection lost {lost - outage.begun:.2f} s after the begin, all there again "
                f"{outage.back - outage.begun:.2f} s after it, device back {took:.2f} s later (bound {wait:g} + "
                f"{MOST_CONNECTING:g} s)"
            )
            self.slowest.append(took)
        if took > bound:
            self.problems.append(f"too slow: {self.outages[-1]}")
        return sample.answered, anew

    def rise(self, since: float) -> float:
        """Waits until the device is at its full rate again; gives when it was."""

        def full() -> Sample | None:
            self.check()
            return next((s for s in self.after(since) if s.now_fps == FPS), None)

        at = eventually(full, "the full rate", PATIENCE).answered
        self.outages[-1] += f", full rate after {at - since:.1f} s (bound {MOST_RISING:g} s)"
        if at - since > MOST_RISING:
            self.problems.append(f"the rate stays low: {self.outages[-1]}")
        return at

    def measure_rate(self, begin: float, connects: int) -> None:
        """The rate from then until now."""
        seen = self.after(begin)
        if not seen or seen[-1].asked - begin < 3:
            return
        first, last = seen[0], seen[-1]
        rate = (last.sent - first.sent) / (last.asked - first.asked)
        self.rates.append(rate)
        after = self.outages[-1] if self.outages else "the begin"
        if not LEAST_FPS <= rate <= MOST_FPS:
            captured = (last.captured - first.captured) / (last.asked - first.asked)
            self.problems.append(f"{rate:.1f} fps sent, {captured:.1f} captured, after: {after}")
        if last.connects != connects or any(sample.ws != "up" for sample in seen):
            self.problems.append(f"the connection did not hold after: {after}")

    def run(self) -> None:
        ready = eventually(
            lambda: next((s for s in self.samples if s.ws == "up" and s.now_fps == FPS and s.sent > 0), None),
            "the device sends", PATIENCE,
        )  # fmt: skip
        up, steady, next_at = ready.answered, ready.answered + SETTLE, ready.answered + EVERY
        for what, act, away in self.turns():
            # A connection must have held, or the device's next wait is not the first one.
            begin = max(next_at, up + STABLE + 1, steady + 4)
            if begin + EVERY / 2 > self.begun + self.seconds:
                break
            self.pace(begin - time.monotonic())
            connects = self.samples[-1].connects
            self.measure_rate(steady, connects)
            begun = time.monotonic()
            outage = Outage(what, begun, act(away), connects)
            back, anew = self.follow(outage)
            up = back if anew else up
            steady = back + SETTLE if anew else self.rise(back)
            next_at = begun + EVERY
        self.pace(self.begun + self.seconds - time.monotonic())
        self.measure_rate(steady, self.samples[-1].connects)


def longest_wait(outage: float) -> float:
    """The longest wait that the device can be in when all is there again after an outage of this length.

    The waits are between half and all of 2 s, 4 s, ... 30 s, the first one at least 1 s; each ends in an attempt that
    fails at once.
    """
    begin, upper = 0.0, 2 * BACKOFF_FIRST
    while begin + max(upper / 2, BACKOFF_FIRST) <= outage and upper < BACKOFF_MOST:
        begin += max(upper / 2, BACKOFF_FIRST)
        upper = min(2 * upper, BACKOFF_MOST)
    return upper


def age(arrival: Arrival, stops: list[tuple[float, float]]) -> float:
    """How old a picture was at most when it was sent.

    What was sent while the server did not read waits in the kernel's buffers; that time does not count.
    """
    waited = 0.0
    for begun, ended in stops:
        if arrival.taken < begun + BUFFERED:
            waited += max(0.0, min(arrival.at, ended) - max(arrival.taken, begun))
    return arrival.at - arrival.taken - waited


def verdict(course: Course) -> list[str]:
    """Prints what was seen, and gives the bounds that do not hold."""
    problems = course.problems
    for outage in course.outages:
        print(outage)
    print(f"{len(course.outages)} outages, {len(course.slowest)} reconnects, the slowest {max(course.slowest, default=0):.2f} s "
          f"after all was there again")  # fmt: skip

    memory = soak.Memory.of(course.rss)
    print(f"RSS of the device: {memory.describe(2)}: growth {memory.growth:+.2f} MiB (bound {MOST_GROWTH:g})")
    if memory.growth > MOST_GROWTH:
        problems.append(f"the device's memory grows by {memory.growth:.2f} MiB")

    print(f"rate between outages: {min(course.rates):.2f} to {max(course.rates):.2f} fps sent, mean "
          f"{statistics.mean(course.rates):.2f}, {len(course.rates)} times (bounds {LEAST_FPS:g} to {MOST_FPS:g})")  # fmt: skip

    ages = sorted(age(arrival, course.stops) for arrival in course.arrivals)
    late_ones = sum(value > MOST_AGE + AGE_SLACK for value in ages)
    print(f"age of pictures at the server: {len(ages)} measured, middle {statistics.median(ages) * 1000:.0f} ms, 99.9 % "
          f"{ages[len(ages) * 999 // 1000] * 1000:.0f} ms, most {ages[-1] * 1000:.0f} ms (bound {MOST_AGE:g} s when sent, + "
          f"{AGE_SLACK:g} s for the way and the measurement); number not read {course.unread}, not seen {course.missed}")  # fmt: skip
    if late_ones:
        problems.append(f"{late_ones} pictures were too old")
    if course.unread > MOST_UNREAD * len(ages):
        problems.append(f"the number of {course.unread} pictures could not be read")

    last = course.samples[-1]
    print(f"the device's counters: captured {last.captured}, sent {last.sent}, replaced {last.replaced}, stale (too old, "
          f"not sent) {last.stale}, failed {last.failed}, camera errors {last.camera_errors}, connects {last.connects}")  # fmt: skip
    if last.camera_errors:
        problems.append(f"{last.camera_errors} camera errors")
    if last.connects != 1 + len(course.slowest):
        problems.append(f"{last.connects} connects, but {len(course.slowest)} outages that ended the connection")
    return problems


def main() -> int:
    arguments = soak.arguments(__doc__, LEAST_MINUTES).parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as directory:
        course = Course(soak.binary(), Path(directory), arguments.minutes * 60)
        try:
            course.run()
            course.over = True
            for thread in course.threads:
                thread.join(PATIENCE)
            problems = verdict(course)
            statuses = course.device.stop(), course.server.stop()
            if statuses != (0, 0) or "panicked" in course.server.log:
                problems.append(f"exit statuses {statuses}; log:\n{course.server.log[-3000:]}")
        finally:
            course.close()
    return soak.conclude(problems, "the device always comes back")


if __name__ == "__main__":
    sys.exit(main())
