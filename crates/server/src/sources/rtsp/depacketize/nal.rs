//! NAL units out of RTP packets: RFC 6184 (H.264) and RFC 7798 (H.265).
//!
//! Both do the same with other header sizes: a packet holds one NAL unit, several, or a part of one. Beyond
//! the standards this takes what cameras send: marker bits and timestamps of their own on parameter sets, no
//! marker bit at all, one on every slice, start codes within a packet, empty packets.

use super::{Event, MAX_ACCESS_UNIT, Packet, clear, take};
use camherd_media::codec::h264::START_CODE;
use camherd_media::codec::h264::nal::nal_units;
use std::marker::PhantomData;

const WITHOUT_END: &str = "a NAL unit without its end";

/// What a packet holds.
#[derive(Debug)]
pub(in super::super) enum Content<'a> {
    /// One NAL unit.
    Single(&'a [u8]),
    /// NAL units, each after its length in two bytes.
    Aggregate(&'a [u8]),
    /// A part of a NAL unit.
    Fragment {
        /// The header of the NAL unit, of which [`Syntax::HEADER`] bytes count.
        header: [u8; 2],
        /// The part.
        body: &'a [u8],
        /// It is the first part.
        start: bool,
        /// It is the last part.
        end: bool,
    },
    /// What cannot be used, and what that is.
    Unusable(&'static str),
}

/// What differs between the codecs.
pub(in super::super) trait Syntax {
    /// Length of a NAL unit's header, in bytes.
    const HEADER: usize;

    /// What `payload` holds. It has at least [`Syntax::HEADER`] bytes.
    fn content(payload: &[u8]) -> Content<'_>;

    /// Whether a NAL unit with this header (of at least one byte) carries picture data.
    fn is_vcl(header: &[u8]) -> bool;

    /// Whether the slice that begins with `nal` (header included) is the first of its picture.
    fn is_first_slice(nal: &[u8]) -> bool {
        // `first_mb_in_slice` is 0 (H.264, 7.3.3: an Exp-Golomb code of one bit, set), or
        // `first_slice_segment_in_pic_flag` is set (H.265, 7.3.6.1).
        nal.get(Self::HEADER).is_some_and(|byte| byte & 0x80 != 0)
    }
}

/// H.264 in RTP: RFC 6184, packetisation modes 0 and 1.
#[derive(Debug)]
pub(in super::super) struct Avc;

impl Syntax for Avc {
    const HEADER: usize = 1;

    fn content(payload: &[u8]) -> Content<'_> {
        match payload[0] & 0x1f {
            // 0 is no NAL unit: the packet begins with a start code.
            0..=23 => Content::Single(payload),
            24 => Content::Aggregate(&payload[1..]),
            28 => match payload {
                [indicator, fu, body @ ..] => Content::Fragment {
                    header: [indicator & 0xe0 | fu & 0x1f, 0],
                    body,
                    start: fu & 0x80 != 0,
                    end: fu & 0x40 != 0,
                },
                _ => Content::Unusable("a fragment without header"),
            },
            _ => Content::Unusable("a packet of the interleaved mode"),
        }
    }

    fn is_vcl(header: &[u8]) -> bool {
        matches!(header[0] & 0x1f, 1..=5)
    }
}

/// H.265 in RTP: RFC 7798 without decoding order numbers.
#[derive(Debug)]
pub(in super::super) struct Hevc;

impl Syntax for Hevc {
    const HEADER: usize = 2;

    fn content(payload: &[u8]) -> Content<'_> {
        match payload[0] >> 1 & 0x3f {
            48 => Content::Aggregate(&payload[2..]),
            49 => match payload {
                [first, second, fu, body @ ..] => Content::Fragment {
                    header: [first & 0x81 | (fu & 0x3f) << 1, *second],
                    body,
                    start: fu & 0x80 != 0,
                    end: fu & 0x40 != 0,
                },
                _ => Content::Unusable("a fragment without header"),
            },
            0..=47 => Content::Single(payload),
            _ => Content::Unusable("a packet of an unknown type"),
        }
    }

    fn is_vcl(header: &[u8]) -> bool {
        header[0] >> 1 & 0x3f < 32
    }
}

/// Puts access units together, in Annex B with four-byte start codes.
#[derive(Debug)]
pub(in super::super) struct Assembler<S> {
    /// The access unit so far.
    scratch: Vec<u8>,
    /// Timestamp of the packets in `scratch`, or of the access unit that is passed over.
    timestamp: Option<i64>,
    /// The last NAL unit of `scratch` is not complete.
    in_fragment: bool,
    /// `scratch` holds a slice.
    has_vcl: bool,
    /// Packets up to the end of this access unit are passed over.
    skip: bool,
    /// The first slice of the access unit must be the first of its picture: packets were lost before.
    head_at_risk: bool,
    /// Timestamp of the access unit that a marker bit has ended, while that is the latest.
    marked: Option<i64>,
    /// The camera sets the marker bit on every slice, so it says nothing.
    marks_lie: bool,
    /// A whole access unit was seen: before that, the tail of one is no fault.
    joined: bool,
    syntax: PhantomData<S>,
}

impl<S> Default for Assembler<S> {
    fn default() -> Self {
        Assembler {
            scratch: Vec::new(),
            timestamp: None,
            in_fragment: false,
            has_vcl: false,
            skip: false,
            // Whoever joins may come in the middle of a picture.
            head_at_risk: true,
            marked: None,
            marks_lie: false,
            joined: false,
            syntax: PhantomData,
        }
    }
}

impl<S: Syntax> Assembler<S> {
    /// Takes the next packet.
    pub(super) fn push(&mut self, packet: &Packet<'_>, events: &mut Vec<Event>) {
        if packet.lost > 0 {
            events.push(Event::Lost(packet.lost));
            self.drop_unit();
            // The rest of the access unit that was begun is of no use; of another one the head may be there.
            self.skip = self.skip || self.timestamp == Some(packet.timestamp);
            self.head_at_risk = true;
        }
        if self.timestamp.is_some_and(|timestamp| timestamp != packet.timestamp) {
            self.timestamp_changed(events);
        }
        self.timestamp = Some(packet.timestamp);
        if !self.skip
            && let Err(what) = self.append(packet)
        {
            self.fail(what, events);
        }
        if packet.mark && !self.marks_lie {
            self.marked(packet.timestamp, events);
        }
    }

    /// A packet of another access unit is there: the one before is over, marker bit or not.
    fn timestamp_changed(&mut self, events: &mut Vec<Event>) {
        if self.in_fragment {
            self.fail(WITHOUT_END, events);
        } else if self.is_picture() {
            self.finish(events);
        }
        // Parameter sets with a timestamp of their own stay: they belong to the picture that follows.
        self.skip = false;
    }

    fn marked(&mut self, timestamp: i64, events: &mut Vec<Event>) {
        if self.skip {
            self.skip = false;
            self.timestamp = None;
        } else if self.is_picture() {
            self.finish(events);
            self.marked = Some(timestamp);
        }
    }

    fn finish(&mut self, events: &mut Vec<Event>) {
        if let Some(timestamp) = self.timestamp.take() {
            events.push(Event::AccessUnit { data: take(&mut self.scratch), timestamp });
        }
        self.joined = true;
        self.drop_unit();
        self.head_at_risk = false;
    }

    /// Drops the access unit; its remaining packets are passed over.
    fn fail(&mut self, what: &'static str, events: &mut Vec<Event>) {
        if self.joined {
            events.push(Event::Broken(what));
        }
        self.drop_unit();
        self.skip = true;
        self.head_at_risk = false;
    }

    fn drop_unit(&mut self) {
        clear(&mut self.scratch);
        self.in_fragment = false;
        self.has_vcl = false;
        self.marked = None;
    }

    /// Whether `scratch` holds a slice, also one that came with start codes of its own within a packet.
    fn is_picture(&self) -> bool {
        self.has_vcl || nal_units(&self.scratch).any(S::is_vcl)
    }

    fn append(&mut self, packet: &Packet<'_>) -> Result<(), &'static str> {
        let payload = packet.payload;
        if payload.len() < S::HEADER {
            // Some cameras keep the connection alive with empty packets.
            return if payload.is_empty() {
                Ok(())
            } else {
                Err("a packet shorter than a NAL unit's header")
            };
        }
        if payload[0] & 0x80 != 0 {
            return Err("a NAL unit that its sender calls damaged");
        }
        match S::content(payload) {
            Content::Unusable(what) => Err(what),
            Content::Single(nal) => self.nal(nal, packet.timestamp),
            Content::Aggregate(mut rest) => {
                while let [high, low, after @ ..] = rest {
                    let len = usize::from(u16::from_be_bytes([*high, *low]));
                    let nal = after.get(..len).ok_or("an aggregate that is cut")?;
                    rest = &after[len..];
                    if len >= S::HEADER {
                        self.nal(nal, packet.timestamp)?;
                    }
                }
                if rest.is_empty() { Ok(()) } else { Err("an aggregate that is cut") }
            }
            Content::Fragment { header, body, start, end } => {
                if start {
                    let head = [header[0], header[1], body.first().copied().unwrap_or(0)];
                    let head = if S::HEADER == 1 { [head[0], head[2], 0] } else { head };
                    self.begin(&head[..=S::HEADER], packet.timestamp)?;
                    self.extend(&START_CODE)?;
                    self.extend(&header[..S::HEADER])?;
                } else if !self.in_fragment {
                    return Err("a NAL unit without its beginning");
                }
                // Without an end, the marker bit ends it too.
                self.in_fragment = !(end || packet.mark);
                self.extend(body)
            }
        }
    }

    /// Appends a whole NAL unit.
    fn nal(&mut self, nal: &[u8], timestamp: i64) -> Result<(), &'static str> {
        if nal.starts_with(&START_CODE) || nal.starts_with(&START_CODE[1..]) {
            // A byte stream within a packet. What is in it shows at the end of the access unit.
            return if self.in_fragment { Err(WITHOUT_END) } else { self.extend(nal) };
        }
        self.begin(nal, timestamp)?;
        self.extend(&START_CODE)?;
        self.extend(nal)
    }

    /// Looks at the beginning of the next NAL unit of the access unit.
    fn begin(&mut self, nal: &[u8], timestamp: i64) -> Result<(), &'static str> {
        if self.in_fragment {
            return Err(WITHOUT_END);
        }
        if !S::is_vcl(nal) {
            return Ok(());
        }
        let first = S::is_first_slice(nal);
        if !first && self.marked == Some(timestamp) {
            self.marks_lie = true;
            return Err("a marker bit on every slice");
        }
        if !first && !self.has_vcl && self.head_at_risk {
            return Err("a picture without its beginning");
        }
        self.has_vcl = true;
        Ok(())
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        if self.scratch.len() + bytes.len() > MAX_ACCESS_UNIT {
            return Err("an access unit larger than 10 MiB");
        }
        self.scratch.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
#[path = "nal_tests.rs"]
mod tests;
