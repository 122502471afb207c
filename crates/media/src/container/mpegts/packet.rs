//! A PES packet cut into transport packets (ISO/IEC 13818-1, 2.4.3).

use super::VIDEO_PID;
use bytes::{BufMut, BytesMut};

/// Size of a transport packet in bytes.
pub(super) const PACKET_SIZE: usize = 188;
/// Size of a transport packet's header.
const HEADER_SIZE: usize = 4;
/// Size of the first packet's adaptation field: length, flags and PCR.
const PCR_FIELD_SIZE: usize = 8;
/// Payload of a packet without adaptation field.
const FULL: usize = PACKET_SIZE - HEADER_SIZE;
/// Payload of the first packet.
const FIRST: usize = FULL - PCR_FIELD_SIZE;
/// First byte of every transport packet.
const SYNC_BYTE: u8 = 0x47;
/// Size of the PES header before its times.
const PES_HEADER_SIZE: usize = 9;
/// Size of a PTS or DTS.
const TIME_SIZE: usize = 5;
/// Largest PES header with a delimiter after it.
const LARGEST_HEAD: usize = PES_HEADER_SIZE + 2 * TIME_SIZE + 7;
/// Bytes of the PES header that `PES_packet_length` does not count.
const PES_UNCOUNTED: usize = 6;

/// How many transport packets hold a PES packet of `length` bytes.
pub(super) fn packets(length: usize) -> usize {
    1 + length.saturating_sub(FIRST).div_ceil(FULL)
}

/// One access unit as a PES packet. Times are in 90 kHz ticks, not yet wrapped.
pub(super) struct Pes<'a> {
    pub(super) pcr: i64,
    pub(super) pts: i64,
    /// Stated when it is not the PTS.
    pub(super) dts: i64,
    pub(super) keyframe: bool,
    /// What is put before the payload: an access unit delimiter of at most seven bytes, or nothing.
    pub(super) delimiter: &'a [u8],
    pub(super) payload: &'a [u8],
}

impl Pes<'_> {
    /// Length of the PES packet in bytes, header included.
    pub(super) fn len(&self) -> usize {
        let times = if self.dts == self.pts { 1 } else { 2 };
        PES_HEADER_SIZE + times * TIME_SIZE + self.delimiter.len() + self.payload.len()
    }

    /// Appends [`packets`] transport packets and advances the continuity counter by as many.
    pub(super) fn put(&self, out: &mut BytesMut, continuity: &mut u8) {
        let mut head = [0; LARGEST_HEAD];
        let head = &mut head[..self.len() - self.payload.len()];
        self.put_head(&mut &mut *head);

        let room = FIRST - head.len();
        let (first, mut rest) = self.payload.split_at(room.min(self.payload.len()));
        put_header(out, true, true, continuity);
        self.put_clock(out, room - first.len());
        out.put_slice(head);
        out.put_slice(first);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(FULL.min(rest.len()));
            put_header(out, false, now.len() < FULL, continuity);
            put_stuffing(out, FULL - now.len());
            out.put_slice(now);
            rest = later;
        }
    }

    /// PES header (2.4.3.6) and delimiter.
    fn put_head(&self, out: &mut impl BufMut) {
        // A stated length lets a receiver take the unit when its last byte is there; without one it waits
        // for the next unit. Video that does not fit 16 bits may and must leave it out (2.4.3.7).
        let length = u16::try_from(self.len() - PES_UNCOUNTED).unwrap_or(0);
        out.put_slice(&[0, 0, 1, 0xe0]); // stream 0xE0, video
        out.put_u16(length);
        // data_alignment_indicator: the payload begins with an access unit; then which times there are, and how
        // many bytes of header follow.
        if self.dts == self.pts {
            out.put_slice(&[0x84, 0x80, TIME_SIZE as u8]);
            out.put_slice(&time(0x2, self.pts));
        } else {
            out.put_slice(&[0x84, 0xc0, 2 * TIME_SIZE as u8]);
            out.put_slice(&time(0x3, self.pts));
            out.put_slice(&time(0x1, self.dts));
        }
        out.put_slice(self.delimiter);
    }

    /// Adaptation field with PCR and `stuffing` bytes (2.4.3.4).
    fn put_clock(&self, out: &mut BytesMut, stuffing: usize) {
        // Below 188: `stuffing` is what the first packet's payload leaves of it.
        out.put_u8((PCR_FIELD_SIZE - 1 + stuffing) as u8);
        // random_access_indicator on keyframes, PCR_flag.
        out.put_u8(if self.keyframe { 0x50 } else { 0x10 });
        // 33 bits of base, six reserved ones, nine bits of extension, which counts 27 MHz and is 0.
        let base = (self.pcr & 0x1_ffff_ffff) as u64;
        let [_, _, clock @ ..] = (base << 15 | 0x7e00).to_be_bytes();
        out.put_slice(&clock);
        out.put_bytes(0xff, stuffing);
    }
}

/// A time of 33 bits after a prefix of four.
fn time(prefix: u64, ticks: i64) -> [u8; TIME_SIZE] {
    let ticks = (ticks & 0x1_ffff_ffff) as u64;
    // The prefix, then 3, 15 and 15 bits with a marker bit after each.
    let bits = prefix << 36
        | (ticks >> 30) << 33
        | 1 << 32
        | (ticks >> 15 & 0x7fff) << 17
        | 1 << 16
        | (ticks & 0x7fff) << 1
        | 1;
    let [.., t4, t3, t2, t1, t0] = bits.to_be_bytes();
    [t4, t3, t2, t1, t0]
}

/// Header of a video packet (2.4.3.2).
fn put_header(out: &mut BytesMut, unit_start: bool, adaptation: bool, continuity: &mut u8) {
    let control = if adaptation { 0x30 } else { 0x10 };
    out.put_slice(&packet_header(VIDEO_PID, unit_start, control | *continuity));
    *continuity = (*continuity + 1) & 0xf;
}

/// The four bytes before a packet's payload or adaptation field. `last` is the fourth.
pub(super) const fn packet_header(pid: u16, unit_start: bool, last: u8) -> [u8; HEADER_SIZE] {
    let [high, low] = pid.to_be_bytes();
    [SYNC_BYTE, (if unit_start { 0x40 } else { 0 }) | high, low, last]
}

/// An adaptation field of exactly `size` bytes that says nothing; none for 0.
fn put_stuffing(out: &mut BytesMut, size: usize) {
    // At most 183: there is at least one byte of payload.
    match size {
        0 => {}
        1 => out.put_u8(0),
        _ => {
            out.put_slice(&[(size - 1) as u8, 0]);
            out.put_bytes(0xff, size - 2);
        }
    }
}
