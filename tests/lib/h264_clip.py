"""H.264 for cameras to send: clips that x264 made of numbered pictures, and their parts (ITU-T H.264, Annex B)."""

from __future__ import annotations

import hashlib
import re
import subprocess
from functools import lru_cache
from typing import Callable, Iterator, NamedTuple

import numpy as np

import ffmpeg
import test_source

SLICE, IDR, SEI, SPS, PPS, DELIMITER = 1, 5, 6, 7, 8, 9
PICTURES = (SLICE, IDR)


class Nal(NamedTuple):
    """A NAL unit without its start code."""

    kind: int
    data: bytes


class Clip(NamedTuple):
    """A clip, one slice a picture."""

    data: bytes
    #: Its pictures, each with what belongs in front of it.
    pictures: tuple[bytes, ...]

    def keyframes(self) -> list[int]:
        """The indexes of those that decoding can begin at."""
        return [i for i, picture in enumerate(self.pictures) if IDR in kinds(picture)]


@lru_cache(maxsize=8)
def clip(
    frames: int = 40,
    size: tuple[int, int] = (320, 240),
    group: int = 10,
    first: int = 0,
    options: str = "",
    noise: int = 0,
) -> Clip:
    """A clip whose pictures are numbered from ``first``, with parameter sets in front of each keyframe.

    ``noise`` (0 to 80) makes it large.
    """
    width, height = size
    raw = b"".join(_rough(test_source.draw(width, height, first + n, 0), size, n, noise) for n in range(frames))
    parameters = f"repeat-headers=1:sliced-threads=0:slices=1:scenecut=0:bframes=0{options}"
    command = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}"]
    command += ["-r", "25", "-i", "-", "-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high"]
    command += ["-g", str(group), "-keyint_min", str(group), "-x264-params", parameters, "-f", "h264", "-"]
    data = ffmpeg.run(command, raw).stdout
    pictures = tuple(access_units(data))
    assert len(pictures) == frames and b"".join(pictures) == data
    return Clip(data, pictures)


def _rough(picture: bytes, size: tuple[int, int], seed: int, noise: int) -> bytes:
    """A picture in I420 with noise above its strip."""
    if not noise:
        return picture
    samples = np.frombuffer(picture, np.uint8).copy()
    count = size[0] * (size[1] * 26 // 30)
    samples[:count] += np.random.default_rng(seed).integers(0, noise, count, np.uint8)
    return samples.tobytes()


def nals(data: bytes) -> list[Nal]:
    """The NAL units of a byte stream; fails when it does not begin with one."""
    starts = [(match.start(), match.end()) for match in re.finditer(b"\0\0\1", data)]
    assert starts and not data[: starts[0][0]].strip(b"\0"), f"no start code at the beginning: {data[:16]!r}"
    ends = [start for start, _ in starts[1:]] + [len(data)]
    units = [data[begin:end].rstrip(b"\0") for (_, begin), end in zip(starts, ends)]
    return [Nal(unit[0] & 31, unit) for unit in units if unit]


def kinds(data: bytes) -> list[int]:
    """Their types."""
    return [unit.kind for unit in nals(data)]


def access_units(data: bytes) -> Iterator[bytes]:
    """The pictures of a byte stream with one slice a picture."""
    begin = 0
    starts = [match.start() for match in re.finditer(b"\0\0\1", data)]
    # The zero in front of a start code of four bytes belongs to what follows.
    starts = [start - 1 if start and data[start - 1] == 0 else start for start in starts]
    for start, following in zip(starts, [*starts[1:], len(data)]):
        if nals(data[start:following])[0].kind in PICTURES:
            yield data[begin:following]
            begin = following


def picture_key(data: bytes) -> bytes:
    """What stays the same of a picture whatever is put in front of it: a hash of its slices."""
    slices = b"".join(unit.data for unit in nals(data) if unit.kind in PICTURES)
    return hashlib.sha1(slices).digest()


def looped(clip: Clip) -> Callable[[int], bytes]:
    """The pictures of a clip, again and again."""
    return lambda number: clip.pictures[number % len(clip.pictures)]


def frame_hashes(data: bytes, kind: str = "h264") -> list[str]:
    """A hash of every picture that ffmpeg decodes; fails when it complains about anything."""
    command = ["ffmpeg", "-v", "warning", "-f", kind, "-i", "-", "-an", "-fps_mode", "passthrough"]
    command += ["-f", "framemd5", "-"]
    done = subprocess.run(command, input=data, capture_output=True, timeout=ffmpeg.TIMEOUT, check=False)
    # A raw stream has no timestamps, which ffmpeg finds worth a warning.
    said = [line for line in done.stderr.decode(errors="replace").splitlines() if not NO_TIMES.search(line)]
    assert done.returncode == 0 and not said, said
    lines = [line for line in done.stdout.decode().splitlines() if line and not line.startswith("#")]
    return [line.split(",")[-1].strip() for line in lines]


def decode_begin(data: bytes, kind: str) -> list[str]:
    """Hashes of the pictures of data that end anywhere."""
    command = ["ffmpeg", "-v", "quiet", "-f", kind, "-i", "-", "-an", "-fps_mode", "passthrough", "-f", "framemd5", "-"]
    lines = ffmpeg.run(command, data).stdout.decode().splitlines()
    return [line.split(",")[-1].strip() for line in lines if line and not line.startswith("#")]


NO_TIMES = re.compile(r"[Tt]imestamps are unset|last message repeated|Estimating duration")
