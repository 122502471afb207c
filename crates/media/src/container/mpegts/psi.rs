//! The tables that name the program and its video (ISO/IEC 13818-1, 2.4.4).

use super::packet::{PACKET_SIZE, packet_header};
use super::{PMT_PID, VIDEO_PID, Video};
use bytes::{BufMut, BytesMut};

/// How many packets the tables take.
pub(super) const PACKETS: usize = 2;

/// PID of the program association table.
const PAT_PID: u16 = 0;
/// The only program's number; 0 is taken for the network.
const PROGRAM: u8 = 1;
/// H.264 video (table 2-34).
const STREAM_TYPE_H264: u8 = 0x1b;
/// H.265 video (table 2-34).
const STREAM_TYPE_H265: u8 = 0x24;
/// Three ones that stand before every 13-bit PID.
const RESERVED: u16 = 0xe000;

const PAT: [u8; PACKET_SIZE] = {
    let [high, low] = (RESERVED | PMT_PID).to_be_bytes();
    // Transport stream 1, version 0, current, section 0 of 0.
    packet(PAT_PID, &[0x00, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, PROGRAM, high, low])
};

const PMT_H264: [u8; PACKET_SIZE] = pmt(0, STREAM_TYPE_H264);
/// Has another version, so that receivers see that the codec has changed.
const PMT_H265: [u8; PACKET_SIZE] = pmt(1, STREAM_TYPE_H265);

const fn pmt(version: u8, stream_type: u8) -> [u8; PACKET_SIZE] {
    let [high, low] = (RESERVED | VIDEO_PID).to_be_bytes();
    let version = 0xc1 | version << 1;
    // Program, version, current, section 0 of 0; PCR PID; no descriptors; the stream, no descriptors.
    packet(
        PMT_PID,
        &[0x02, 0xb0, 18, 0, PROGRAM, version, 0, 0, high, low, 0xf0, 0, stream_type, high, low, 0xf0, 0],
    )
}

/// The tables' continuity counter; both tables are always sent together.
#[derive(Clone, Debug, Default)]
pub(super) struct Psi {
    continuity: u8,
}

impl Psi {
    /// Appends PAT and PMT of a program of `video`.
    pub(super) fn put(&mut self, out: &mut BytesMut, video: Video<'_>) {
        let pmt = match video {
            Video::H264(_) => &PMT_H264,
            Video::H265(_) => &PMT_H265,
        };
        for table in [&PAT, pmt] {
            let start = out.len();
            out.put_slice(table);
            out[start + 3] |= self.continuity;
        }
        self.continuity = (self.continuity + 1) & 0xf;
    }
}

/// A packet that holds one section, its CRC and stuffing; the continuity counter is 0.
const fn packet(pid: u16, section: &[u8]) -> [u8; PACKET_SIZE] {
    let mut out = [0xff; PACKET_SIZE];
    let header = packet_header(pid, true, 0x10);
    let mut at = 0;
    while at < header.len() {
        out[at] = header[at];
        at += 1;
    }
    // pointer_field: the section begins at once.
    out[at] = 0;
    at += 1;
    let mut from = 0;
    while from < section.len() {
        out[at] = section[from];
        at += 1;
        from += 1;
    }
    let crc = crc32(section).to_be_bytes();
    from = 0;
    while from < crc.len() {
        out[at] = crc[from];
        at += 1;
        from += 1;
    }
    out
}

/// CRC of 13818-1, annex A: polynomial 0x04c11db7, not reflected, starts with ones, no final inversion.
const fn crc32(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    let mut at = 0;
    while at < data.len() {
        crc ^= (data[at] as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000_0000 == 0 { crc << 1 } else { crc << 1 ^ 0x04c1_1db7 };
            bit += 1;
        }
        at += 1;
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::H264Parameters;
    use bytes::Bytes;

    #[test]
    fn crc_has_the_check_value_of_crc_32_mpeg_2() {
        assert_eq!(crc32(b"123456789"), 0x0376_e6e7);
    }

    #[test]
    fn the_tables_are_those_that_other_muxers_write() {
        // The PAT of one program on PID 0x1000, as in countless streams.
        assert_eq!(
            PAT[..21],
            [0x47, 0x40, 0, 0x10, 0, 0, 0xb0, 0x0d, 0, 1, 0xc1, 0, 0, 0, 1, 0xf0, 0, 0x2a, 0xb1, 0x04, 0xb2]
        );
        assert!(PAT[21..].iter().chain(&PMT_H264[26..]).all(|byte| *byte == 0xff));
    }

    #[test]
    fn the_continuity_counter_wraps_at_sixteen() {
        let mut psi = Psi::default();
        let parameters = H264Parameters { sps: Bytes::new(), pps: Bytes::new() };
        let mut out = BytesMut::new();
        for _ in 0..17 {
            psi.put(&mut out, Video::H264(&parameters));
        }
        let counters: Vec<u8> = out.chunks(PACKET_SIZE * PACKETS).map(|pair| pair[3] & 0xf).collect();
        assert_eq!(counters, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0]);
    }
}
