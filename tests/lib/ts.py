"""Reads MPEG transport streams (ISO/IEC 13818-1) of one H.264 video, strictly."""

from __future__ import annotations

from typing import NamedTuple

PACKET = 188
H264 = 0x1B
#: Ticks per second of PTS.
RATE = 90_000


class Picture(NamedTuple):
    """One PES packet."""

    #: Presentation time in ticks.
    pts: int
    #: Whether decoding can begin here, by the packet's flag.
    random_access: bool
    #: H.264 in Annex B.
    data: bytes

    def nal_types(self) -> list[int]:
        """The types of its NAL units (ITU-T H.264, Table 7-1)."""
        return [unit[0] & 31 for unit in self.data.split(b"\0\0\1")[1:] if unit]


def parse(data: bytes) -> list[Picture]:
    """The pictures of whole packets; fails where the stream is not one that begins with its tables."""
    assert data and len(data) % PACKET == 0, f"{len(data)} bytes are not whole packets"
    pmt_pid = video_pid = None
    pictures: list[bytearray] = []
    access: list[bool] = []
    for at in range(0, len(data), PACKET):
        packet = data[at : at + PACKET]
        assert packet[0] == 0x47, f"no sync byte at {at}"
        pid = int.from_bytes(packet[1:3], "big") & 0x1FFF
        start, control = bool(packet[1] & 0x40), packet[3] >> 4 & 3
        payload_at, flags = 4, 0
        if control & 2:
            payload_at = 5 + packet[4]
            flags = packet[5] if packet[4] else 0
        payload = packet[payload_at:] if control & 1 else b""
        if at == 0:
            assert pid == 0, f"the stream begins with PID {pid:#x}, not with the PAT"
        if pid == 0:
            pmt_pid = int.from_bytes(_section(payload)[10:12], "big") & 0x1FFF
        elif pid == pmt_pid:
            video_pid = _video_pid(_section(payload))
        elif pid == video_pid:
            if start:
                pictures.append(bytearray())
                access.append(bool(flags & 0x40))
            assert pictures, "video before its first PES header"
            pictures[-1] += payload
        else:
            raise AssertionError(f"unexpected PID {pid:#x} at {at}")
    return [_picture(bytes(pes), flag) for pes, flag in zip(pictures, access)]


def _section(payload: bytes) -> bytes:
    """A table that fits one packet, from its table id on."""
    return payload[1 + payload[0] :]


def _video_pid(pmt: bytes) -> int:
    assert pmt[0] == 2, f"table id {pmt[0]} instead of a PMT's"
    at = 12 + (int.from_bytes(pmt[10:12], "big") & 0xFFF)
    assert pmt[at] == H264, f"stream type {pmt[at]:#x} is not H.264"
    return int.from_bytes(pmt[at + 1 : at + 3], "big") & 0x1FFF


def _picture(pes: bytes, random_access: bool) -> Picture:
    assert pes[:3] == b"\0\0\1", "no PES start code"
    assert pes[7] & 0x80, "a picture without PTS"
    field = pes[9:14]
    pts = (field[0] >> 1 & 7) << 30 | field[1] << 22 | (field[2] >> 1) << 15 | field[3] << 7 | field[4] >> 1
    return Picture(pts, random_access, pes[9 + pes[8] :])
