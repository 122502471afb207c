//! The format of a muxer's output: made once per input format and shared by all units that have it.

use super::MuxError;
use crate::unit::{Codec, Format, H264Parameters, H265Parameters, Packaging, Unit};
use std::sync::Arc;

/// Remembers which output format belongs to the current input format.
#[derive(Clone, Debug, Default)]
pub(super) struct Relabel {
    current: Option<Labels>,
}

/// An input format and the output format made for it.
#[derive(Clone, Debug)]
pub(super) struct Labels {
    input: Arc<Format>,
    pub(super) output: Arc<Format>,
}

impl Relabel {
    /// The formats for `unit`; `package` makes the packaging when the input format is a new one.
    ///
    /// Nothing is remembered until [`Relabel::commit`], so that a refused unit leaves no trace.
    pub(super) fn prepare(
        &self,
        unit: &Unit,
        package: impl FnOnce() -> Result<Packaging, MuxError>,
    ) -> Result<Labels, MuxError> {
        if let Some(labels) = &self.current {
            // Equal values in another allocation: a source that reconnected. The viewers need not know.
            if Arc::ptr_eq(&labels.input, &unit.format) || labels.input == unit.format {
                return Ok(Labels { input: unit.format.clone(), output: labels.output.clone() });
            }
        }
        if !unit.keyframe {
            return Err(MuxError::NeedsKeyframe { pts: unit.pts });
        }
        let output = Format { packaging: package()?, ..(*unit.format).clone() };
        Ok(Labels { input: unit.format.clone(), output: Arc::new(output) })
    }

    /// Makes `labels` current.
    pub(super) fn commit(&mut self, labels: Labels) {
        self.current = Some(labels);
    }
}

/// The parameters of a video in Annex B.
#[derive(Clone, Copy, Debug)]
pub(super) enum Video<'a> {
    H264(&'a H264Parameters),
    H265(&'a H265Parameters),
}

/// The parameters of a bare H.264 or H.265 unit.
pub(super) fn video(format: &Format) -> Result<Video<'_>, MuxError> {
    match (&format.codec, &format.packaging) {
        (Codec::H264(parameters), Packaging::Bare) => Ok(Video::H264(parameters)),
        (Codec::H265(parameters), Packaging::Bare) => Ok(Video::H265(parameters)),
        _ => Err(wrong("h264 or h265", format)),
    }
}

/// The error for a unit that is not a bare unit of the `expected` codec.
pub(super) fn wrong(expected: &'static str, format: &Format) -> MuxError {
    let packaging = match format.packaging {
        Packaging::Bare => "bare",
        Packaging::Fmp4 { .. } => "fmp4",
        Packaging::MpegTs => "mpegts",
        Packaging::Multipart => "multipart",
        Packaging::SharedMemory { .. } => "shared memory",
    };
    MuxError::WrongFormat { expected, codec: format.codec.name(), packaging }
}
