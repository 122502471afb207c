//! From pictures to units, for every source whose camera sends one JPEG at a time.

use camherd_hub::Clock;
use camherd_media::codec::jpeg::Jpeg;
use camherd_media::time::{MediaTime, Monotonic};
use camherd_media::unit::{Codec, Format, Packaging, SharedFormat, Stamps, Unit};

/// Makes units of the pictures of one camera, in the order in which they arrive.
#[derive(Debug, Default)]
pub(crate) struct JpegUnits {
    format: SharedFormat,
    last: Option<MediaTime>,
}

impl JpegUnits {
    /// The unit of a picture whose last byte arrived at `received`. A JPEG says no time of its own, so that is
    /// its presentation time; pictures that arrive together never go back.
    pub(crate) fn unit(&mut self, clock: &Clock, jpeg: Jpeg, received: Monotonic) -> Unit {
        let (width, height) = (jpeg.width, jpeg.height);
        let format = Format { codec: Codec::Jpeg, width, height, packaging: Packaging::Bare };
        let format = self.format.share(format);
        let pts = clock.media_time(received).max(self.last.unwrap_or_default());
        self.last = Some(pts);
        Unit { payload: jpeg.data, pts, dts: pts, keyframe: true, format, stamps: Stamps::received(received) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use camherd_media::codec::jpeg::normalise;
    use std::sync::Arc;

    fn picture(vector: &'static [u8]) -> Jpeg {
        normalise(&Bytes::from_static(vector)).unwrap()
    }

    #[test]
    fn pictures_of_one_size_share_their_format_and_time_never_goes_back() {
        let small = || picture(include_bytes!("../../../../testdata/jpeg/optimised_38x30.jpg"));
        let large = picture(include_bytes!("../../../../testdata/jpeg/baseline_422.jpg"));
        let (clock, mut units) = (Clock::start(), JpegUnits::default());
        let first = units.unit(&clock, small(), Monotonic(1_000));
        let second = units.unit(&clock, small(), Monotonic(900));
        let third = units.unit(&clock, large, Monotonic(1_200));
        assert_eq!((first.format.width, first.format.height), (38, 30));
        assert!(Arc::ptr_eq(&first.format, &second.format) && second.keyframe);
        assert_eq!((third.format.width, third.format.height), (64, 48));
        assert_eq!(first.pts, clock.media_time(Monotonic(1_000)));
        assert_eq!((second.pts, second.stamps.received), (first.pts, Monotonic(900)));
        assert_eq!((third.pts, third.dts), (clock.media_time(Monotonic(1_200)), third.pts));
    }
}
