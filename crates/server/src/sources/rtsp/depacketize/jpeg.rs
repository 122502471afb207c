//! JPEGs out of RTP packets: RFC 2435. The packets carry the scan; the headers are made here from a few fields.

use super::{Event, MAX_ACCESS_UNIT, Packet, clear, take};
use std::collections::BTreeMap;

/// Coefficients of a quantisation table.
const TABLE: usize = 64;

/// Most bytes of quantisation tables in a packet: four tables of 16-bit coefficients (T.81 B.2.4.1).
const MAX_TABLES: usize = 4 * 2 * TABLE;

/// `Q` from here on says that the tables are in the packet (RFC 2435, 4.2).
const TABLES_IN_PACKET: u8 = 128;

/// `Q` of tables that may differ from picture to picture, so that none are remembered (RFC 2435, 4.2).
const DYNAMIC: u8 = 255;

/// Table K.1 of ITU-T T.81: luminance, in rows.
#[rustfmt::skip]
const LUMINANCE: [u8; TABLE] = [
    16, 11, 10, 16,  24,  40,  51,  61,
    12, 12, 14, 19,  26,  58,  60,  55,
    14, 13, 16, 24,  40,  57,  69,  56,
    14, 17, 22, 29,  51,  87,  80,  62,
    18, 22, 37, 56,  68, 109, 103,  77,
    24, 35, 55, 64,  81, 104, 113,  92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103,  99,
];

/// Table K.2 of ITU-T T.81: chrominance, in rows.
#[rustfmt::skip]
const CHROMINANCE: [u8; TABLE] = [
    17, 18, 24, 47, 99, 99, 99, 99,
    18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
];

/// Where the coefficients of a table come from when they are sent in zigzag order (T.81, Figure A.6).
#[rustfmt::skip]
const ZIGZAG: [u8; TABLE] = [
     0,  1,  8, 16,  9,  2,  3, 10,
    17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34,
    27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36,
    29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46,
    53, 60, 61, 54, 47, 55, 62, 63,
];

/// Puts JPEGs together. They have no Huffman tables: what takes them adds the standard ones, which are meant.
#[derive(Debug, Default)]
pub(in super::super) struct Assembler {
    /// The picture so far.
    scratch: Vec<u8>,
    /// Timestamp of the picture in `scratch`, or of the one that is passed over.
    timestamp: Option<i64>,
    /// Length of the made headers at the beginning of `scratch`; the scan follows.
    headers: usize,
    /// Packets up to the end of this picture are passed over.
    skip: bool,
    /// A whole picture was seen: before that, the tail of one is no fault.
    joined: bool,
    /// Tables by `Q`, for pictures that refer to those of an earlier one. At most 127 of [`MAX_TABLES`] bytes.
    remembered: BTreeMap<u8, Tables>,
}

/// Quantisation tables as a packet has them.
#[derive(Clone, Debug)]
struct Tables {
    /// Bit `n`: table `n` has 16-bit coefficients.
    precision: u8,
    data: Vec<u8>,
}

/// The fields before the scan (RFC 2435, 3.1), and the scan.
struct Fields<'a> {
    offset: usize,
    kind: u8,
    quality: u8,
    width: u16,
    height: u16,
    restart: u16,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn read(payload: &'a [u8]) -> Option<Fields<'a>> {
        let &[_, high, middle, low, kind, quality, width, height, ref rest @ ..] = payload else {
            return None;
        };
        let (restart, rest) = match (kind, rest) {
            // Types 64 to 127 have a restart header of four bytes (3.1.7).
            (64..=127, &[high, low, _, _, ref rest @ ..]) => (u16::from_be_bytes([high, low]), rest),
            (64..=127, _) => return None,
            _ => (0, rest),
        };
        let offset = u32::from_be_bytes([0, high, middle, low]) as usize;
        let (width, height) = (u16::from(width) * 8, u16::from(height) * 8);
        Some(Fields { offset, kind, quality, width, height, restart, rest })
    }
}

impl Assembler {
    /// Takes the next packet.
    pub(super) fn push(&mut self, packet: &Packet<'_>, events: &mut Vec<Event>) {
        if packet.lost > 0 {
            events.push(Event::Lost(packet.lost));
            clear(&mut self.scratch);
            self.skip = true;
        }
        if self.timestamp.is_some_and(|timestamp| timestamp != packet.timestamp) {
            // The camera sets no marker bit.
            if !self.skip {
                self.finish(events);
            }
            self.skip = packet.lost > 0;
        }
        self.timestamp = Some(packet.timestamp);
        if let Err(what) = self.append(packet, &mut *events) {
            if self.joined {
                events.push(Event::Broken(what));
            }
            clear(&mut self.scratch);
            self.skip = true;
        }
        if packet.mark {
            if !self.skip {
                self.finish(events);
            }
            self.skip = false;
            self.timestamp = None;
        }
    }

    fn finish(&mut self, events: &mut Vec<Event>) {
        let Some(timestamp) = self.timestamp else { return };
        if self.scratch.len() <= self.headers {
            return clear(&mut self.scratch);
        }
        if !self.scratch.ends_with(&[0xff, 0xd9]) {
            self.scratch.extend_from_slice(&[0xff, 0xd9]);
        }
        self.joined = true;
        events.push(Event::AccessUnit { data: take(&mut self.scratch), timestamp });
    }

    fn append(&mut self, packet: &Packet<'_>, events: &mut Vec<Event>) -> Result<(), &'static str> {
        if packet.payload.is_empty() {
            return Ok(());
        }
        let mut fields = Fields::read(packet.payload).ok_or("a JPEG packet that is cut")?;
        if fields.offset == 0 {
            if !self.scratch.is_empty() && !self.skip {
                // Two pictures with one timestamp and no marker bit between them.
                self.finish(events);
            }
            // A picture whose first packet is there can be whole, whatever was lost before.
            self.skip = false;
            clear(&mut self.scratch);
            let tables = self.tables(&mut fields)?;
            self.headers(&fields, &tables)?;
        } else if self.skip {
            return Ok(());
        } else if self.scratch.is_empty() || fields.offset != self.scratch.len() - self.headers {
            return Err("a JPEG with a gap");
        }
        if self.scratch.len() + fields.rest.len() > MAX_ACCESS_UNIT {
            return Err("a JPEG larger than 10 MiB");
        }
        self.scratch.extend_from_slice(fields.rest);
        Ok(())
    }

    /// The quantisation tables of a picture, taken from the beginning of what follows `fields` where they are
    /// there (3.1.8).
    fn tables(&mut self, fields: &mut Fields<'_>) -> Result<Tables, &'static str> {
        let quality = fields.quality;
        match quality {
            1..=99 => return Ok(Tables { precision: 0, data: scaled_tables(quality) }),
            TABLES_IN_PACKET.. => {}
            _ => return Err("a JPEG of a reserved quality"),
        }
        let &[_, precision, high, low, ref rest @ ..] = fields.rest else {
            return Err("a JPEG packet that is cut");
        };
        let len = usize::from(u16::from_be_bytes([high, low]));
        let data = rest.get(..len).ok_or("a JPEG packet that is cut")?;
        fields.rest = &rest[len..];
        if len == 0 {
            let known = self.remembered.get(&quality).filter(|_| quality != DYNAMIC);
            return known.cloned().ok_or("a JPEG without quantisation tables");
        }
        if len > MAX_TABLES {
            return Err("a JPEG with too many quantisation tables");
        }
        let tables = Tables { precision, data: data.to_vec() };
        if quality != DYNAMIC {
            self.remembered.insert(quality, tables.clone());
        }
        Ok(tables)
    }

    /// Writes what comes before the scan in a JPEG (T.81, Annex B), but for the Huffman tables.
    fn headers(&mut self, fields: &Fields<'_>, tables: &Tables) -> Result<(), &'static str> {
        let luminance_sampling = match fields.kind & 0x3f {
            0 => 0x21,
            1 => 0x22,
            _ => return Err("a JPEG of an unknown type"),
        };
        let out = &mut self.scratch;
        out.extend_from_slice(&[0xff, 0xd8]);
        let mut rest = &tables.data[..];
        for number in 0..2u8 {
            let wide = tables.precision >> number & 1;
            let len = TABLE << wide;
            // A single table is for all components.
            let table = match (rest.get(..len), number) {
                (Some(table), _) => table,
                (None, 1) if rest.is_empty() && tables.data.len() == len => &tables.data[..],
                _ => return Err("a JPEG with a quantisation table that is cut"),
            };
            rest = rest.get(len..).unwrap_or_default();
            out.extend_from_slice(&[0xff, 0xdb, 0, 3 + len as u8, wide << 4 | number]);
            out.extend_from_slice(table);
        }
        if fields.restart > 0 {
            out.extend_from_slice(&[0xff, 0xdd, 0, 4]);
            out.extend_from_slice(&fields.restart.to_be_bytes());
        }
        out.extend_from_slice(&[0xff, 0xc0, 0, 17, 8]);
        out.extend_from_slice(&fields.height.to_be_bytes());
        out.extend_from_slice(&fields.width.to_be_bytes());
        out.extend_from_slice(&[3, 1, luminance_sampling, 0, 2, 0x11, 1, 3, 0x11, 1]);
        out.extend_from_slice(&[0xff, 0xda, 0, 12, 3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]);
        self.headers = out.len();
        Ok(())
    }
}

/// The two tables that `quality` from 1 to 99 stands for, in zigzag order (RFC 2435, 4.2 and Appendix A).
fn scaled_tables(quality: u8) -> Vec<u8> {
    let quality = u32::from(quality.clamp(1, 99));
    let factor = if quality < 50 { 5000 / quality } else { 200 - quality * 2 };
    let scale = |base: u8| ((u32::from(base) * factor + 50) / 100).clamp(1, 255) as u8;
    let table = |base: &[u8; TABLE]| ZIGZAG.map(|from| scale(base[usize::from(from)]));
    [table(&LUMINANCE), table(&CHROMINANCE)].concat()
}

#[cfg(test)]
#[path = "jpeg_tests.rs"]
mod tests;
