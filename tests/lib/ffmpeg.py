"""What ffmpeg, ffprobe and OpenCV make of what the server sends: oracles that share no code with it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import cv2

import test_picture

#: Longest that a tool may take, in seconds.
TIMEOUT = 40.0


def run(command: list[str], data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Runs a tool to its end, which must be a good one."""
    done = subprocess.run(command, input=data, capture_output=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr.decode(errors='replace')}"
    return done


def probe(data: bytes, kind: str) -> dict[str, Any]:
    """The one video stream of captured bytes, with its frames counted, read from a pipe."""
    command = ["ffprobe", "-v", "error", "-f", kind, "-count_frames", "-show_streams", "-of", "json", "-i", "-"]
    done = run(command, data)
    assert done.stderr == b"", done.stderr.decode(errors="replace")
    (stream,) = json.loads(done.stdout)["streams"]
    return stream


def decode_url(url: str, frames: int) -> dict[str, Any]:
    """Decodes so many frames of a live address; gives what ffmpeg says of them, by ``-f framemd5``."""
    # Of a transport stream it would look at five seconds before it begins; MP4 says at once what is in it.
    analyze = ["-analyzeduration", "1000000"] if url.endswith("ts") else []
    command = ["ffmpeg", "-v", "error", "-xerror", "-rw_timeout", "15000000", *analyze, "-i", url]
    command += ["-frames:v", str(frames), "-an", "-f", "framemd5", "-"]
    done = run(command)
    lines = [line for line in done.stdout.decode().splitlines() if line and not line.startswith("#")]
    return {"frames": len(lines), "errors": done.stderr.decode(errors="replace")}


def decoded_sequences(path: Path) -> list[int]:
    """The numbers in the pictures of a file, in order of presentation."""
    capture = cv2.VideoCapture(str(path))
    assert capture.isOpened(), f"OpenCV cannot open {path}"
    numbers = []
    try:
        while True:
            got, image = capture.read()
            if not got:
                return numbers
            numbers.append(test_picture.read(image).sequence)
    finally:
        capture.release()
