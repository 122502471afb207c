//! An MPEG transport stream (ISO/IEC 13818-1) as its viewer sees it: access units of the video with the moments at
//! which their first and last packets arrived.

use crate::error::{Error, protocol};

/// Bytes of a transport packet (2.4.3.2).
const PACKET: usize = 188;
const SYNC: u8 = 0x47;
/// `stream_type` of H.264 (Table 2-34).
const H264: u8 = 0x1B;

/// One access unit's arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessUnit {
    /// When its first packet was read, in nanoseconds of [`crate::clock`].
    pub first: u64,
    /// When its last packet was read.
    pub last: u64,
}

/// Everything that a viewer received.
#[derive(Default)]
pub struct Recording {
    /// The transport stream.
    pub bytes: Vec<u8>,
    /// Its access units; the last one is still open while the stream runs.
    pub units: Vec<AccessUnit>,
    /// Jumps of the video's continuity counter (2.4.3.3): packets that are missing or doubled.
    pub discontinuities: u64,
    parsed: usize,
    pmt: Option<u16>,
    video: Option<u16>,
    counter: Option<u8>,
}

impl Recording {
    /// Takes bytes that were read at `at`.
    ///
    /// # Errors
    /// When a packet does not begin with the sync byte.
    pub fn feed(&mut self, bytes: &[u8], at: u64) -> Result<(), Error> {
        self.bytes.extend_from_slice(bytes);
        while let Some(packet) = self.bytes.get(self.parsed..self.parsed + PACKET) {
            if packet[0] != SYNC {
                return Err(protocol("transport stream", format!("no sync byte at offset {}", self.parsed)));
            }
            let mut copy = [0; PACKET];
            copy.copy_from_slice(packet);
            self.packet(&copy, at);
            self.parsed += PACKET;
        }
        Ok(())
    }

    fn packet(&mut self, packet: &[u8; PACKET], at: u64) {
        let start = packet[1] & 0x40 != 0;
        let pid = u16::from(packet[1] & 0x1F) << 8 | u16::from(packet[2]);
        let payload_at = match packet[3] >> 4 & 3 {
            1 => 4,
            3 => 5 + usize::from(packet[4]),
            _ => return,
        };
        let Some(payload) = packet.get(payload_at..) else { return };
        if pid == 0 && start {
            self.pmt = pmt_pid(payload).or(self.pmt);
        } else if Some(pid) == self.pmt && start {
            self.video = video_pid(payload).or(self.video);
        } else if Some(pid) == self.video {
            let counter = packet[3] & 15;
            self.discontinuities += u64::from(self.counter.is_some_and(|c| (c + 1) & 15 != counter));
            self.counter = Some(counter);
            if start {
                self.units.push(AccessUnit { first: at, last: at });
            } else if let Some(unit) = self.units.last_mut() {
                unit.last = at;
            }
        }
    }
}

/// A section behind its pointer field (2.4.4.2), without the CRC.
fn section(payload: &[u8], table_id: u8) -> Option<&[u8]> {
    let section = payload.get(1 + usize::from(*payload.first()?)..)?;
    let length = usize::from(*section.get(1)? & 15) << 8 | usize::from(*section.get(2)?);
    (section[0] == table_id).then(|| section.get(..(3 + length).checked_sub(4)?))?
}

/// The PID of the first program's map (2.4.4.3).
fn pmt_pid(payload: &[u8]) -> Option<u16> {
    let programs = section(payload, 0)?.get(8..)?;
    let program = programs.chunks_exact(4).find(|p| (p[0], p[1]) != (0, 0))?;
    Some(u16::from(program[2] & 0x1F) << 8 | u16::from(program[3]))
}

/// The PID of the first H.264 stream of a program (2.4.4.8).
fn video_pid(payload: &[u8]) -> Option<u16> {
    let section = section(payload, 2)?;
    let info = usize::from(*section.get(10)? & 15) << 8 | usize::from(*section.get(11)?);
    let mut streams = section.get(12 + info..)?;
    while let [kind, pid_high, pid_low, info_high, info_low, rest @ ..] = streams {
        if *kind == H264 {
            return Some(u16::from(pid_high & 0x1F) << 8 | u16::from(*pid_low));
        }
        streams = rest.get(usize::from(info_high & 15) << 8 | usize::from(*info_low)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(pid: u16, start: bool, counter: u8, payload: &[u8]) -> Vec<u8> {
        let mut p = vec![SYNC, u8::from(start) << 6 | (pid >> 8) as u8, pid as u8, 0x30 | counter];
        let stuffing = PACKET - 5 - payload.len();
        p.push(stuffing as u8);
        p.extend(std::iter::repeat_n(0xFF, stuffing));
        p.extend_from_slice(payload);
        p
    }

    fn stream() -> Vec<u8> {
        let pat = [0, 0, 0xB0, 13, 0, 1, 0xC1, 0, 0, 0, 1, 0xE0 | 0x10, 0x00, 0, 0, 0, 0];
        let pmt = [
            0, 2, 0xB0, 23, 0, 1, 0xC1, 0, 0, 0xE1, 0, 0xF0, 0, 0x0F, 0xE1, 1, 0xF0, 0, H264, 0xE1, 2, 0xF0,
            0,
        ];
        let pmt = [&pmt[..], &[0; 4]].concat();
        let mut wire = packet(0, true, 0, &pat);
        wire.extend(packet(0x1000, true, 0, &pmt));
        wire.extend(packet(0x102, true, 0, &[0, 0, 1, 0xE0]));
        wire.extend(packet(0x102, false, 1, &[7; 50]));
        wire.extend(packet(0x101, true, 9, &[1]));
        wire.extend(packet(0x102, true, 3, &[0, 0, 1, 0xE0]));
        wire
    }

    #[test]
    fn units_are_cut_and_timed_packet_by_packet() {
        let mut rec = Recording::default();
        for (at, p) in stream().chunks(PACKET).enumerate() {
            rec.feed(p, at as u64).unwrap();
        }
        assert_eq!(rec.units, [AccessUnit { first: 2, last: 3 }, AccessUnit { first: 5, last: 5 }]);
        assert_eq!(rec.discontinuities, 1);
    }

    #[test]
    fn every_split_gives_the_same_units() {
        let wire = stream();
        for cut in 0..wire.len() {
            let mut rec = Recording::default();
            rec.feed(&wire[..cut], 1).unwrap();
            rec.feed(&wire[cut..], 2).unwrap();
            assert_eq!(
                (rec.units.len(), rec.discontinuities, rec.bytes.len()),
                (2, 1, wire.len()),
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn lost_sync_is_located() {
        let mut wire = stream();
        wire[PACKET] = 0;
        let error = Recording::default().feed(&wire, 0).unwrap_err();
        assert!(error.to_string().contains("188"), "{error}");
    }

    #[test]
    fn broken_tables_are_passed_over() {
        let wire = stream();
        for at in 4..2 * PACKET {
            let mut bad = wire.clone();
            bad[at] ^= 0xFF;
            if at != PACKET {
                Recording::default().feed(&bad, 0).unwrap();
            }
        }
    }
}
