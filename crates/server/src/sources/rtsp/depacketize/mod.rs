//! RTP packets become access units: [`nal`] for H.264 (RFC 6184) and H.265 (RFC 7798), [`jpeg`] for JPEG (RFC 2435).
//!
//! An access unit is given out with the packet that carries the marker bit, not with the next picture's
//! first one. Nothing here reads a socket or a clock, and no packet ends the connection: what cannot be
//! used is told as an [`Event`] and passed over.

pub(super) mod jpeg;
pub(super) mod nal;

use bytes::Bytes;

/// Largest access unit that is put together, in bytes. Far above what cameras send (an 8K intra picture has
/// 1 to 4 MB), and a bound for what one that never sets the marker bit can make the server hold.
pub(super) const MAX_ACCESS_UNIT: usize = 10 * 1024 * 1024;

/// Scratch space that is kept from one access unit to the next, in bytes: enough for the keyframes of usual
/// cameras, and small beside what a stream holds anyway.
const KEPT_SCRATCH: usize = 256 * 1024;

/// One RTP packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    /// What follows the RTP header.
    pub(super) payload: &'a [u8],
    /// RTP timestamp, unwrapped, in ticks of the stream's clock.
    pub(super) timestamp: i64,
    /// The marker bit: the last packet of its access unit (RFC 6184, 5.1; RFC 7798, 4.1; RFC 2435, 3).
    pub(super) mark: bool,
    /// How many packets are missing before this one, by the sequence numbers.
    pub(super) lost: u16,
}

/// What comes of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A whole access unit: Annex B, or a JPEG.
    AccessUnit {
        /// The bytes.
        data: Bytes,
        /// RTP timestamp of its last packet, in ticks.
        timestamp: i64,
    },
    /// So many packets are missing; what they belonged to is dropped.
    Lost(u16),
    /// An access unit is dropped because of its packets, for this reason.
    Broken(&'static str),
}

/// From packets to access units.
#[derive(Debug)]
pub(super) enum Depacketizer {
    /// H.264.
    H264(nal::Assembler<nal::Avc>),
    /// H.265.
    H265(nal::Assembler<nal::Hevc>),
    /// JPEG.
    Jpeg(jpeg::Assembler),
}

impl Depacketizer {
    /// Takes the next packet and appends what comes of it to `events`: at most a loss, the end of one access
    /// unit and the whole of the next.
    pub(super) fn push(&mut self, packet: &Packet<'_>, events: &mut Vec<Event>) {
        match self {
            Depacketizer::H264(assembler) => assembler.push(packet, events),
            Depacketizer::H265(assembler) => assembler.push(packet, events),
            Depacketizer::Jpeg(assembler) => assembler.push(packet, events),
        }
    }
}

/// Takes what is in `scratch` as one block of exactly its size: the hub counts payload bytes, so no unit may
/// keep more memory alive than it says.
fn take(scratch: &mut Vec<u8>) -> Bytes {
    let data = Bytes::copy_from_slice(scratch);
    clear(scratch);
    data
}

/// Empties `scratch`, and gives memory back that one huge picture took.
fn clear(scratch: &mut Vec<u8>) {
    scratch.clear();
    scratch.shrink_to(KEPT_SCRATCH);
}
