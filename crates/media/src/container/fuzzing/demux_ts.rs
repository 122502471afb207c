//! A transport stream demuxer for checking: it takes one unit's packets and refuses anything odd.

use super::Fault;
use std::collections::HashMap;

const PACKET: usize = 188;

/// Reads what a transport stream muxer makes, unit by unit.
#[derive(Debug, Default)]
pub struct TsDemuxer {
    /// The last continuity counter per PID.
    counters: HashMap<u16, u8>,
    pmt_pid: Option<u16>,
    video_pid: Option<u16>,
    stream_type: u8,
}

/// One PES packet, and what came with it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TsAccessUnit {
    /// Presentation time in 90 kHz ticks, 33 bits.
    pub pts: u64,
    /// Decode time in 90 kHz ticks, 33 bits; the presentation time where no other is stated.
    pub dts: u64,
    /// Stream type in the last tables.
    pub stream_type: u8,
    /// Base of the clock reference in the first packet.
    pub pcr: u64,
    /// Whether random access is indicated.
    pub random_access: bool,
    /// Whether PAT and PMT came first.
    pub tables: bool,
    /// Payload of the PES packet.
    pub data: Vec<u8>,
}

struct Packet<'a> {
    pid: u16,
    start: bool,
    adaptation: Option<&'a [u8]>,
    payload: &'a [u8],
}

impl TsDemuxer {
    /// The access unit in `data`, which is tables or none, then the packets of one PES packet.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn access_unit(&mut self, data: &[u8]) -> Result<TsAccessUnit, Fault> {
        let mut unit = TsAccessUnit::default();
        let mut pes: Option<Vec<u8>> = None;
        if data.is_empty() || !data.len().is_multiple_of(PACKET) {
            return Err(Fault { what: "not a whole number of packets", at: data.len() });
        }
        for (index, packet) in data.chunks(PACKET).enumerate() {
            let fault = |what| Fault { what, at: index * PACKET };
            let packet = self.packet(packet).map_err(fault)?;
            if packet.pid == 0 {
                self.pmt_pid = Some(pat(section(&packet).map_err(fault)?).map_err(fault)?);
            } else if Some(packet.pid) == self.pmt_pid {
                let (pid, stream_type) = pmt(section(&packet).map_err(fault)?).map_err(fault)?;
                (self.video_pid, self.stream_type) = (Some(pid), stream_type);
                if index != 1 {
                    return Err(fault("the tables are not the first packets"));
                }
                unit.tables = true;
            } else if Some(packet.pid) != self.video_pid {
                return Err(fault("a packet of a PID that no table names"));
            } else if packet.start {
                if pes.is_some() {
                    return Err(fault("a second PES packet"));
                }
                (unit.pcr, unit.random_access) = clock(packet.adaptation).map_err(fault)?;
                pes = Some(packet.payload.to_vec());
            } else {
                pes.as_mut().ok_or(fault("the PES packet has no start"))?.extend_from_slice(packet.payload);
            }
        }
        let pes = pes.ok_or(Fault { what: "no PES packet", at: data.len() })?;
        (unit.pts, unit.dts, unit.data) = pes_packet(&pes).map_err(|what| Fault { what, at: 0 })?;
        unit.stream_type = self.stream_type;
        Ok(unit)
    }

    fn packet<'a>(&mut self, data: &'a [u8]) -> Result<Packet<'a>, &'static str> {
        if data[0] != 0x47 {
            return Err("no sync byte");
        }
        if data[1] & 0xa0 != 0 || data[3] & 0xc0 != 0 {
            return Err("error indicator, priority or scrambling is set");
        }
        let pid = u16::from_be_bytes([data[1] & 0x1f, data[2]]);
        let counter = data[3] & 0xf;
        if self.counters.insert(pid, counter).is_some_and(|last| (last + 1) % 16 != counter) {
            return Err("the continuity counter jumps");
        }
        let (adaptation, payload) = match data[3] & 0x30 {
            0x10 => (None, &data[4..]),
            0x30 => {
                let length = usize::from(data[4]);
                if length > 182 {
                    return Err("the adaptation field leaves no payload");
                }
                let (field, payload) = data[5..].split_at(length);
                (Some(field), payload)
            }
            _ => return Err("a packet without payload"),
        };
        if adaptation.is_some_and(|field| !stuffing_is_exact(field)) {
            return Err("the adaptation field has stray bytes");
        }
        Ok(Packet { pid, start: data[1] & 0x40 != 0, adaptation, payload })
    }
}

fn stuffing_is_exact(field: &[u8]) -> bool {
    let Some((flags, rest)) = field.split_first() else { return true };
    let used = if flags & 0x10 == 0 { 0 } else { 6 };
    flags & !0x50 == 0 && rest.get(used..).is_some_and(|stuffing| stuffing.iter().all(|byte| *byte == 0xff))
}

fn clock(field: Option<&[u8]>) -> Result<(u64, bool), &'static str> {
    match field {
        Some(&[flags, a, b, c, d, e, f, ..]) if flags & 0x10 != 0 => {
            let clock = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
            if clock & 0x1ff != 0 {
                return Err("the extension of the clock reference is not 0");
            }
            Ok((clock >> 15, flags & 0x40 != 0))
        }
        _ => Err("the first packet has no clock reference"),
    }
}

/// The section of a table's packet, without its CRC, which is checked bit by bit.
fn section<'a>(packet: &Packet<'a>) -> Result<&'a [u8], &'static str> {
    if !packet.start || packet.payload[0] != 0 {
        return Err("the section does not begin with its packet");
    }
    let section = &packet.payload[1..];
    let length = usize::from(u16::from_be_bytes([section[1] & 0x0f, section[2]])) + 3;
    let (section, rest) = section.split_at_checked(length).ok_or("the section exceeds its packet")?;
    if rest.iter().any(|byte| *byte != 0xff) {
        return Err("the packet goes on after its section");
    }
    // The remainder of a section with its CRC is zero.
    let mut register = u64::from(u32::MAX);
    for byte in section {
        for bit in (0..8).rev() {
            let carry = (register >> 31 ^ u64::from(byte >> bit)) & 1;
            register = (register << 1 & 0xffff_ffff) ^ if carry == 1 { 0x04c1_1db7 } else { 0 };
        }
    }
    if register != 0 {
        return Err("the CRC of the section is wrong");
    }
    section.split_last_chunk::<4>().map(|(section, _)| section).ok_or("the section is too short")
}

fn pat(section: &[u8]) -> Result<u16, &'static str> {
    match section {
        [0x00, 0xb0, _, _, _, 0xc1, 0, 0, 0, 1, high, low] if high & 0xe0 == 0xe0 => {
            Ok(u16::from_be_bytes([high & 0x1f, *low]))
        }
        _ => Err("not a PAT of one program"),
    }
}

fn pmt(section: &[u8]) -> Result<(u16, u8), &'static str> {
    match section {
        [0x02, 0xb0, _, 0, 1, version, 0, 0, a, b, 0xf0, 0, kind, c, d, 0xf0, 0]
            if (a, b) == (c, d) && matches!((kind, version), (0x1b, 0xc1) | (0x24, 0xc3)) =>
        {
            Ok((u16::from_be_bytes([a & 0x1f, *b]), *kind))
        }
        _ => Err("not a PMT of one H.264 or H.265 stream with its own clock"),
    }
}

/// PTS, DTS and payload of a PES packet.
fn pes_packet(pes: &[u8]) -> Result<(u64, u64, Vec<u8>), &'static str> {
    let &[0, 0, 1, 0xe0, high, low, 0x84, ref times @ ..] = pes else {
        return Err("not a video PES packet");
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    // A length of 0 is right only when 16 bits do not suffice.
    if length != if pes.len() - 6 > 0xffff { 0 } else { pes.len() - 6 } {
        return Err("the length of the PES packet is wrong");
    }
    match *times {
        [0x80, 5, a, b, c, d, e, ref data @ ..] => {
            let pts = time(0x21, [a, b, c, d, e])?;
            Ok((pts, pts, data.to_vec()))
        }
        [0xc0, 10, a, b, c, d, e, f, g, h, i, j, ref data @ ..] => {
            let (pts, dts) = (time(0x31, [a, b, c, d, e])?, time(0x11, [f, g, h, i, j])?);
            if pts == dts {
                return Err("a DTS that says nothing");
            }
            Ok((pts, dts, data.to_vec()))
        }
        _ => Err("not a PES header with a PTS, and perhaps a DTS"),
    }
}

/// A time of 33 bits; `marked` is its first byte without them.
fn time(marked: u8, [a, b, c, d, e]: [u8; 5]) -> Result<u64, &'static str> {
    if a & 0xf1 != marked || c & 1 == 0 || e & 1 == 0 {
        return Err("marker bits of a time are wrong");
    }
    let [a, b, c, d, e] = [a, b, c, d, e].map(u64::from);
    Ok((a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1)
}
