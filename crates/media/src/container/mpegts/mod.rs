//! MPEG transport stream (ISO/IEC 13818-1) with one program of one H.264 or H.265 video.
//!
//! All viewers share the packets, so continuity counters run on from unit to unit: a viewer that
//! missed units sees a jump, which is what the counters are for, and goes on at a keyframe.
//!
//! Every unit begins with a clock reference (PCR). Packets for the clock alone are not made: all bytes of
//! a live unit leave at once, so they would not come at the times that they state. A camera below 10
//! pictures per second therefore exceeds the 100 ms between references of 2.7.2.

mod packet;
mod psi;

use super::MuxError;
use super::annexb::first_nal;
use super::relabel::{Relabel, Video, video};
use super::timeline::{TIMESCALE, Timeline};
use crate::codec::{h264, h265};
use crate::unit::{Packaging, Unit};
use bytes::BytesMut;
use packet::{PACKET_SIZE, Pes, packets};
use psi::Psi;

/// PID of the video, and of the clock references.
pub const VIDEO_PID: u16 = 0x100;
/// PID of the program map table.
pub const PMT_PID: u16 = 0x1000;

/// Ticks by which a picture's time is after the clock reference sent with it, 10 ms. A picture is not
/// shown before it has arrived; receivers that obey the clock show it this much later.
const PCR_LEAD: i64 = TIMESCALE as i64 / 100;
/// Ticks after which the tables are repeated within a GOP, 0.5 s, the longest that ETSI TR 101 290, 1.3
/// and 1.5, allow. Viewers begin at keyframes, which always have them; this is for cut recordings.
const PSI_INTERVAL: i64 = TIMESCALE as i64 / 2;

/// Access unit delimiter that allows any slice type (ITU-T H.264, 7.3.2.4), with its start code.
const H264_DELIMITER: [u8; 6] = [0, 0, 0, 1, 9, 0xf0];
/// The same of ITU-T H.265, 7.3.2.5.
const H265_DELIMITER: [u8; 7] = [0, 0, 0, 1, 0x46, 1, 0x50];

/// Wraps H.264 or H.265 units into transport packets.
#[derive(Clone, Debug, Default)]
pub struct TsMuxer {
    relabel: Relabel,
    timeline: Timeline,
    psi: Psi,
    /// Ticks at which the tables were last sent.
    last_psi: i64,
    /// Continuity counter of the next video packet.
    continuity: u8,
}

impl TsMuxer {
    /// A muxer that waits for its first keyframe.
    #[must_use]
    pub fn new() -> TsMuxer {
        TsMuxer::default()
    }

    /// `unit` as whole transport packets: the tables where due, then one PES packet. Times, keyframe flag
    /// and stamps are kept.
    ///
    /// An access unit delimiter is put first when there is none. A picture that is not shown when it is decoded
    /// has a DTS besides its PTS. PTS, DTS and PCR wrap at 33 bits; units at equal times are placed one tick
    /// (11 us) apart.
    ///
    /// # Errors
    /// See [`MuxError`]; the muxer is then as it was.
    pub fn push(&mut self, unit: &Unit) -> Result<Unit, MuxError> {
        let video = video(&unit.format)?;
        let labels = self.relabel.prepare(unit, || Ok(Packaging::MpegTs))?;
        let point = self.timeline.place(unit)?;
        let first = first_nal(&unit.payload)?;
        let (delimited, delimiter): (bool, &[u8]) = match video {
            Video::H264(_) => (
                h264::nal::NalKind::of(first) == Some(h264::nal::NalKind::AccessUnitDelimiter),
                &H264_DELIMITER,
            ),
            Video::H265(_) => (
                h265::nal::NalKind::of(first) == Some(h265::nal::NalKind::AccessUnitDelimiter),
                &H265_DELIMITER,
            ),
        };
        let pes = Pes {
            // Counted from the reference, the lead is never negative, so a stream that begins at zero has
            // no time before zero.
            pcr: point.ticks,
            pts: point.shown + PCR_LEAD,
            dts: point.ticks + PCR_LEAD,
            keyframe: unit.keyframe,
            delimiter: if delimited { &[] } else { delimiter },
            payload: &unit.payload,
        };
        let with_psi = unit.keyframe || point.ticks - self.last_psi >= PSI_INTERVAL;
        let psi_packets = if with_psi { psi::PACKETS } else { 0 };
        let mut out = BytesMut::with_capacity((psi_packets + packets(pes.len())) * PACKET_SIZE);
        if with_psi {
            self.psi.put(&mut out, video);
            self.last_psi = point.ticks;
        }
        pes.put(&mut out, &mut self.continuity);
        let format = labels.output.clone();
        self.relabel.commit(labels);
        self.timeline.commit(point);
        Ok(Unit { payload: out.freeze(), format, ..*unit })
    }
}

#[cfg(test)]
mod tests;
