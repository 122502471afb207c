"""``python -m camherd SOURCE``: a line each second that says how well frames come."""

from __future__ import annotations

import argparse
import logging
import re
import statistics
import sys
import time
from collections.abc import Sequence

from .api import STREAM_NAME
from .capture import VideoCapture
from .frames import FORMATS
from .properties import CAP_PROP_READ_TIMEOUT_MSEC
from .session import TRANSPORTS

#: Seconds between two lines.
INTERVAL = 1.0

#: Exit codes: frames came; none came; wrong arguments (as argparse has it); stopped by Ctrl-C (as shells have it).
FRAMES, NO_FRAMES, USAGE, INTERRUPTED = 0, 1, 2, 130


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m camherd",
        description="Reads a camera through a camherd server and prints each second: frames per second, age of the "
        "frames when they were read (least, median, most), frames dropped, how they come, and the stream's state.",
        epilog="Exit codes: 0 frames came, 1 none came, 2 wrong arguments, 130 stopped by Ctrl-C.",
    )
    parser.add_argument("source", help="rtsp://..., camherd://HOST/STREAM, or the name of a stream of the server")
    parser.add_argument("--server", help="http://HOST:PORT (default: CAMHERD_URL, else http://localhost:8080)")
    parser.add_argument("--token", help="the server's token (default: CAMHERD_TOKEN)")
    parser.add_argument("--size", help="WIDTHxHEIGHT or native (default: native)")
    parser.add_argument("--format", choices=FORMATS, default="bgr24")
    parser.add_argument("--transport", choices=TRANSPORTS, default="auto")
    parser.add_argument("--all", action="store_true", help="every frame in order instead of the newest")
    parser.add_argument("--seconds", type=float, help="how long (default: until Ctrl-C)")
    parser.add_argument("--verbose", action="store_true", help="say more of what happens")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; its exit code."""
    parser = arguments()
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.DEBUG if args.verbose else logging.WARNING, format="%(name)s: %(message)s")
    stream = args.source if re.fullmatch(STREAM_NAME, args.source.lower()) else None
    try:
        capture = VideoCapture(
            None if stream else args.source,
            server=args.server,
            token=args.token,
            stream=stream,
            size=args.size,
            format=args.format,
            transport=args.transport,
            latest=not args.all,
        )
    except (ValueError, ImportError) as problem:
        parser.error(str(problem))
    except KeyboardInterrupt:
        return INTERRUPTED
    try:
        with capture:
            return watch(capture, args.seconds)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the lines has seen enough. Nothing is left to be flushed to it.
        sys.stderr.close()
        return FRAMES


def watch(capture: VideoCapture, seconds: float | None) -> int:
    """Reads and prints for so long (None: for ever); the exit code."""
    if not capture.isOpened():
        print(f"cannot open: {capture.state}: {capture.reason}", file=sys.stderr)
        return NO_FRAMES
    end = None if seconds is None else time.monotonic() + seconds
    came = False
    while end is None or time.monotonic() < end:
        begin = time.monotonic()
        ages, dropped = read_for(capture, INTERVAL if end is None else min(INTERVAL, end - begin))
        came = came or bool(ages)
        print(line(ages, time.monotonic() - begin, dropped, capture), flush=True)
    return FRAMES if came else NO_FRAMES


def read_for(capture: VideoCapture, seconds: float) -> tuple[list[float], int]:
    """The ages in seconds of the frames that came within so long, and how many were dropped."""
    before, ages = capture.dropped, []
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        capture.set(CAP_PROP_READ_TIMEOUT_MSEC, max(1.0, left * 1000))
        if capture.read()[0]:
            ages.append(capture.frame_age)
        elif capture.transport == "opencv":
            # A file is at its end.
            break
    return ages, capture.dropped - before


def line(ages: Sequence[float], seconds: float, dropped: int, capture: VideoCapture) -> str:
    """One line for people and for ``cut``."""
    if ages:
        low, middle, high = (value * 1000 for value in (min(ages), statistics.median(ages), max(ages)))
        age = f"age {low:.1f}/{middle:.1f}/{high:.1f} ms"
    else:
        age = "age -"
    state = f"{capture.state}: {capture.reason}" if capture.reason else capture.state
    fps = len(ages) / seconds if seconds > 0 else 0.0
    return f"{fps:.1f} fps  {age}  dropped {dropped}  {capture.transport or '-'}  {state}"
