//! From access units to units of the hub, for streams whose units come one after another with times of their own.

use bytes::Bytes;
use camherd_media::codec::{h264, h265};
use camherd_media::time::MediaTime;
use camherd_media::unit::{Codec, Format, Packaging, Stamps, Unit};
use std::sync::Arc;

/// Why an access unit is dropped: a short label, and the words.
pub(crate) type Dropped = (&'static str, String);

/// The codec, with what is known of the stream.
enum Normalise {
    H264(h264::normalise::Normaliser),
    H265(h265::normalise::Normaliser),
}

/// Makes units of the access units of one stream.
pub(crate) struct VideoUnits {
    normalise: Normalise,
    format: Option<Arc<Format>>,
    frame_rate: Option<f64>,
}

impl VideoUnits {
    /// For H.264.
    pub(crate) fn h264() -> VideoUnits {
        VideoUnits { normalise: Normalise::H264(Default::default()), format: None, frame_rate: None }
    }

    /// For H.265.
    pub(crate) fn h265() -> VideoUnits {
        VideoUnits { normalise: Normalise::H265(Default::default()), format: None, frame_rate: None }
    }

    /// Takes a parameter set that comes outside of the stream, without start code.
    pub(crate) fn learn(&mut self, nal: &[u8]) -> Result<(), Dropped> {
        match &mut self.normalise {
            Normalise::H264(normaliser) => normaliser.learn(nal).map_err(|e| (e.label(), e.to_string())),
            Normalise::H265(normaliser) => normaliser.learn(nal).map_err(|e| (e.label(), e.to_string())),
        }
    }

    /// Says that something is missing: nothing comes out before the next keyframe.
    pub(crate) fn lost(&mut self) {
        match &mut self.normalise {
            Normalise::H264(normaliser) => normaliser.wait_for_keyframe(),
            Normalise::H265(normaliser) => normaliser.wait_for_keyframe(),
        }
    }

    /// Frames per second, where the stream has said so.
    pub(crate) fn frame_rate(&self) -> Option<f64> {
        self.frame_rate
    }

    /// The unit of an access unit; `None` for one that nothing can begin with, or that has no picture.
    pub(crate) fn unit(
        &mut self,
        access_unit: &Bytes,
        pts: MediaTime,
        dts: MediaTime,
        stamps: Stamps,
    ) -> Result<Option<Unit>, Dropped> {
        let (payload, keyframe) = match &mut self.normalise {
            Normalise::H264(normaliser) => {
                let made = normaliser.push(access_unit).map_err(|e| (e.label(), e.to_string()))?;
                let Some(picture) = made else { return Ok(None) };
                if let Some(changed) = picture.changed {
                    self.frame_rate = changed.sps.frame_rate();
                    let (width, height) = (changed.sps.width, changed.sps.height);
                    self.change(Codec::H264(changed.sets), width, height);
                }
                (picture.data, picture.keyframe)
            }
            Normalise::H265(normaliser) => {
                let made = normaliser.push(access_unit).map_err(|e| (e.label(), e.to_string()))?;
                let Some(picture) = made else { return Ok(None) };
                if let Some(changed) = picture.changed {
                    let (width, height) = (changed.sps.width, changed.sps.height);
                    self.change(Codec::H265(changed.sets), width, height);
                }
                (picture.data, picture.keyframe)
            }
        };
        // The first picture that comes out has said what the stream is.
        let Some(format) = self.format.clone() else { return Ok(None) };
        Ok(Some(Unit { payload, pts, dts, keyframe, format, stamps }))
    }

    fn change(&mut self, codec: Codec, width: u32, height: u32) {
        let format = Format { codec, width, height, packaging: Packaging::Bare };
        // Units that share parameters share the allocation.
        if self.format.as_deref() != Some(&format) {
            self.format = Some(Arc::new(format));
        }
    }
}
