"""Reads the boxes of fragmented MP4 (ISO/IEC 14496-12), as far as the tests look."""

from __future__ import annotations

from typing import Iterator


def boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Type and content of each box; fails where the boxes do not fill the data."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        assert 8 <= size <= len(data) - at, f"a box of {size} bytes at {at} of {len(data)}"
        yield data[at + 4 : at + 8].decode("ascii"), data[at + 8 : at + size]
        at += size


def types(data: bytes) -> list[str]:
    """The types of the boxes in order."""
    return [kind for kind, _ in boxes(data)]


def nal_types(fragment: bytes) -> list[int]:
    """The types of the NAL units in a fragment's sample."""
    sample = dict(boxes(fragment))["mdat"]
    found, at = [], 0
    while at < len(sample):
        length = int.from_bytes(sample[at : at + 4], "big")
        found.append(sample[at + 4] & 31)
        at += 4 + length
    assert at == len(sample), "the lengths of the NAL units do not fill the sample"
    return found
