//! Bodies of the fuzz targets for [`super::jpeg`], [`super::h264`] and [`super::h265`], also run by property tests.
//!
//! They panic when an invariant does not hold, which is what a fuzzer looks for.

use super::h264::avcc::{decoder_configuration, length_prefixed_len, put_length_prefixed, sample_nal_units};
use super::h264::nal::{NalKind, nal_units};
use super::h264::normalise::Normaliser;
use super::h264::split::{AccessUnit, AccessUnitSplitter};
use super::h264::sps::Sps;
use super::h265;
use super::jpeg::{MAX_DIMENSION, MAX_JPEG, normalise};
use bytes::Bytes;

/// What is accepted is a JPEG within the limits, and stays as it is when normalised again.
pub fn jpeg_normalise(data: &[u8]) {
    let message = Bytes::copy_from_slice(data);
    let Ok(jpeg) = normalise(&message) else { return };
    assert!(jpeg.data.starts_with(&[0xff, 0xd8]) && jpeg.data.ends_with(&[0xff, 0xd9]));
    assert!(jpeg.data.len() <= MAX_JPEG);
    assert!((1..=MAX_DIMENSION).contains(&jpeg.width) && (1..=MAX_DIMENSION).contains(&jpeg.height));
    if !jpeg.huffman_added {
        assert!(message.starts_with(&jpeg.data));
    }
    let again = normalise(&jpeg.data).expect("a normalised picture is accepted");
    assert!(!again.huffman_added);
    assert_eq!((again.data, again.width, again.height), (jpeg.data.clone(), jpeg.width, jpeg.height));
    assert_eq!((again.coding, again.chroma), (jpeg.coding, jpeg.chroma));
    let cut = jpeg.data.slice(..jpeg.data.len() - 1);
    assert!(normalise(&cut).is_err(), "a cut picture is refused");
}

/// How many of the first bytes of the input say where the stream is cut and how large a unit may be.
const SPLIT_HEADER: usize = 5;

/// The place of the cuts makes no difference, no unit is too large, and what the normaliser makes of the units
/// keeps the promises of [`crate::unit::Unit`].
pub fn h264_split(data: &[u8]) {
    let Some((header, stream)) = data.split_at_checked(SPLIT_HEADER) else { return };
    let limit = 16 + usize::from(header[4]) * 16;
    let mut splitter = AccessUnitSplitter::with_limit(limit);
    let whole = splitter.push_complete(stream);
    let dropped = splitter.dropped();

    let mut splitter = AccessUnitSplitter::with_limit(limit);
    let mut pieces = Vec::new();
    let mut rest = stream;
    for size in header[..4].iter().cycle().map(|&size| usize::from(size) + 1) {
        let (chunk, after) = rest.split_at(size.min(rest.len()));
        pieces.extend(splitter.push(chunk));
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    pieces.extend(splitter.flush());
    assert_eq!((&pieces, splitter.dropped()), (&whole, dropped));

    let mut normaliser = Normaliser::new();
    for unit in &whole {
        assert!(unit.data.len() <= limit);
        check_framing(&unit.data);
        normalised_unit(&mut normaliser, unit);
    }
    for nal in nal_units(stream) {
        // Only that it comes back.
        let _ = Sps::parse(nal);
    }
}

fn normalised_unit(normaliser: &mut Normaliser, unit: &AccessUnit) {
    if unit.after_loss {
        normaliser.wait_for_keyframe();
    }
    let Ok(Some(picture)) = normaliser.push(&unit.data) else { return };
    assert_eq!(picture.keyframe, unit.idr);
    check_framing(&picture.data);
    let kinds: Vec<_> = nal_units(&picture.data).filter_map(NalKind::of).collect();
    assert!(!kinds.contains(&NalKind::AccessUnitDelimiter) && !kinds.contains(&NalKind::Filler));
    let parameters = normaliser.parameters().expect("a picture comes after parameters");
    if picture.keyframe {
        assert_eq!(kinds[..2], [NalKind::Sps, NalKind::Pps]);
        let again = Normaliser::new().push(&picture.data).expect("a keyframe stands alone");
        let again = again.expect("a keyframe is a picture");
        assert_eq!(again.data, picture.data);
        assert_eq!(again.changed.as_ref(), Some(parameters));
        decoder_configuration(&parameters.sets).expect("parameters have a decoder configuration");
    }
    for known in [None, Some(&parameters.sets)] {
        let mut sample = Vec::new();
        put_length_prefixed(&picture.data, known, &mut sample);
        assert_eq!(sample.len(), length_prefixed_len(&picture.data, known));
        let mut rest = &sample[..];
        for nal in sample_nal_units(&picture.data, known) {
            let (length, after) = rest.split_at(4);
            assert_eq!(length, u32::try_from(nal.len()).expect("fits").to_be_bytes());
            let (content, after) = after.split_at(nal.len());
            assert_eq!(content, nal);
            rest = after;
        }
        assert!(rest.is_empty());
    }
}

/// What the normaliser makes of a byte stream, cut at its delimiters, keeps the promises of [`crate::unit::Unit`],
/// and a keyframe stands alone.
pub fn h265_normalise(data: &[u8]) {
    use h265::nal::NalKind;
    let mut units: Vec<Vec<u8>> = vec![Vec::new()];
    for nal in nal_units(data) {
        if NalKind::of(nal) == Some(NalKind::AccessUnitDelimiter) {
            units.push(Vec::new());
        }
        if let Some(unit) = units.last_mut() {
            unit.extend_from_slice(&[0, 0, 1]);
            unit.extend_from_slice(nal);
        }
    }
    let mut normaliser = h265::normalise::Normaliser::new();
    for unit in units {
        let Ok(Some(picture)) = normaliser.push(&Bytes::from(unit)) else { continue };
        check_framing(&picture.data);
        let kinds: Vec<_> = nal_units(&picture.data).filter_map(NalKind::of).collect();
        assert!(!kinds.contains(&NalKind::AccessUnitDelimiter) && !kinds.contains(&NalKind::Filler));
        assert!(picture.keyframe || picture.changed.is_none());
        let parameters = normaliser.parameters().expect("a picture comes after parameters");
        if picture.keyframe {
            assert_eq!(kinds[..3], [NalKind::Vps, NalKind::Sps, NalKind::Pps]);
            let again =
                h265::normalise::Normaliser::new().push(&picture.data).expect("a keyframe stands alone");
            let again = again.expect("a keyframe is a picture");
            assert_eq!(again.data, picture.data);
            assert_eq!(again.changed.as_ref(), Some(parameters));
            h265::hvcc::decoder_configuration(&parameters.sets).expect("parameters have a configuration");
            h265::hvcc::codec_string(&parameters.sets).expect("parameters have a codec string");
        }
    }
}

/// Four-byte start codes, NAL units, and nothing else.
fn check_framing(annex_b: &[u8]) {
    let mut rest = annex_b;
    for nal in nal_units(annex_b) {
        rest = rest.strip_prefix(&[0, 0, 0, 1]).expect("a start code of four bytes");
        rest = rest.strip_prefix(nal).expect("the NAL unit after its start code");
    }
    assert!(rest.is_empty() && !annex_b.is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const JPEGS: [&[u8]; 5] = [
        include_bytes!("../../../../testdata/jpeg/baseline_420.jpg"),
        include_bytes!("../../../../testdata/jpeg/no_dht_422.jpg"),
        include_bytes!("../../../../testdata/jpeg/progressive_420.jpg"),
        include_bytes!("../../../../testdata/jpeg/three_scans_422.jpg"),
        include_bytes!("../../../../testdata/jpeg/thumbnail_420.jpg"),
    ];
    const STREAMS: [&[u8]; 3] = [
        include_bytes!("../../../../testdata/h264/baseline_4slices_64x64.h264"),
        include_bytes!("../../../../testdata/h264/high_cropped_70x50_aud.h264"),
        include_bytes!("../../../../testdata/h264/high_interlaced_64x72.h264"),
    ];

    const H265: [&[u8]; 1] = [include_bytes!("../../../../testdata/h265/main_bframes_70x50.h265")];

    /// One of `vectors` with some bytes replaced by values that matter to parsers.
    fn mutated(vectors: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![any::<u8>(), Just(0), Just(1), Just(0xff), Just(0xd9), Just(0xda), Just(0x65)];
        let edits = prop::collection::vec((any::<prop::sample::Index>(), byte), 0..12);
        (prop::sample::select(vectors), edits).prop_map(|(vector, edits)| {
            let mut data = vector.to_vec();
            for (at, byte) in edits {
                let at = at.index(data.len());
                data[at] = byte;
            }
            data
        })
    }

    /// Bytes of which many are those that start codes and NAL unit headers are made of.
    fn byte_stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(vec![0, 0, 1]),
            Just(vec![0, 0, 1, 0x65, 0x88]),
            Just(vec![0, 0, 1, 0x41, 0x9a]),
            Just(vec![0, 0, 1, 9, 0xf0]),
            (0u8..4).prop_map(|byte| vec![byte]),
            prop::collection::vec(any::<u8>(), 0..40),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn jpeg_normalise_holds_on_mutated_pictures(data in mutated(&JPEGS)) {
            jpeg_normalise(&data);
        }

        #[test]
        fn jpeg_normalise_holds_on_any_bytes(data in prop::collection::vec(any::<u8>(), 0..200)) {
            jpeg_normalise(&data);
            jpeg_normalise(&[&[0xff, 0xd8, 0xff], &data[..]].concat());
        }

        #[test]
        fn h264_split_holds_on_mutated_streams(header in any::<[u8; SPLIT_HEADER]>(), data in mutated(&STREAMS)) {
            h264_split(&[&header, &data[..]].concat());
        }

        #[test]
        fn h265_normalise_holds_on_mutated_streams(data in mutated(&H265)) {
            h265_normalise(&data);
        }

        #[test]
        fn h264_split_holds_on_any_bytes(header in any::<[u8; SPLIT_HEADER]>(), data in byte_stream()) {
            h264_split(&[&header, &data[..]].concat());
        }
    }
}
