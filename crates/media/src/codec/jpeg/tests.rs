use super::*;
use parse::parse;

macro_rules! vector {
    ($name:literal) => {
        Bytes::from_static(include_bytes!(concat!("../../../../../testdata/jpeg/", $name)))
    };
}

fn normalised(message: &Bytes) -> Jpeg {
    normalise(message).unwrap()
}

fn kind(message: &[u8]) -> JpegErrorKind {
    normalise(&Bytes::copy_from_slice(message)).unwrap_err().kind()
}

fn same_memory(a: &[u8], b: &[u8]) -> bool {
    (a.as_ptr(), a.len()) == (b.as_ptr(), b.len())
}

/// The offset of the first marker with this code; right for vectors without thumbnails.
fn marker(message: &[u8], code: u8) -> usize {
    message.windows(2).position(|pair| pair == [0xff, code]).unwrap()
}

#[test]
fn complete_pictures_are_passed_on_without_a_copy() {
    use {Chroma::*, Coding::*};
    for (message, width, height, coding, chroma) in [
        (vector!("baseline_420.jpg"), 64, 48, Sequential, Yuv420),
        (vector!("baseline_422.jpg"), 64, 48, Sequential, Yuv422),
        (vector!("baseline_440.jpg"), 64, 48, Sequential, Yuv440),
        (vector!("baseline_444.jpg"), 64, 48, Sequential, Yuv444),
        (vector!("ffmpeg_422.jpg"), 64, 48, Sequential, Yuv422),
        (vector!("gray.jpg"), 64, 48, Sequential, Gray),
        (vector!("optimised_38x30.jpg"), 38, 30, Sequential, Yuv420),
        (vector!("restart_422.jpg"), 64, 48, Sequential, Yuv422),
        (vector!("three_scans_422.jpg"), 64, 48, Sequential, Yuv422),
        (vector!("thumbnail_420.jpg"), 64, 48, Sequential, Yuv420),
        (vector!("progressive_420.jpg"), 64, 48, Progressive, Yuv420),
    ] {
        let jpeg = normalised(&message);
        assert_eq!((jpeg.width, jpeg.height, jpeg.coding, jpeg.chroma), (width, height, coding, chroma));
        assert!(!jpeg.huffman_added);
        assert!(same_memory(&jpeg.data, &message));
    }
}

#[test]
fn the_standard_tables_are_those_of_libjpeg() {
    let whole = vector!("baseline_422.jpg");
    let tables: Vec<u8> = {
        // libjpeg writes four segments, one for each table.
        let mut rest = &whole[marker(&whole, 0xc4)..];
        let mut tables = Vec::new();
        while rest[1] == 0xc4 {
            let (segment, after) = rest.split_at(2 + usize::from(u16::from_be_bytes([rest[2], rest[3]])));
            tables.extend_from_slice(&segment[4..]);
            rest = after;
        }
        tables
    };
    assert_eq!(STANDARD_TABLES[..4], [0xff, 0xc4, 0x01, 0xa2]);
    assert_eq!(STANDARD_TABLES[4..], tables[..]);
}

#[test]
fn missing_tables_are_added_and_the_rest_is_untouched() {
    let message = vector!("no_dht_422.jpg");
    let jpeg = normalised(&message);
    assert!(jpeg.huffman_added);
    let frame = marker(&message, 0xc0);
    assert_eq!(jpeg.data[..frame], message[..frame]);
    assert_eq!(jpeg.data[frame..frame + STANDARD_TABLES_LEN], STANDARD_TABLES);
    assert_eq!(jpeg.data[frame + STANDARD_TABLES_LEN..], message[frame..]);
    let again = normalised(&jpeg.data);
    assert_eq!(again, Jpeg { huffman_added: false, ..jpeg });
}

#[test]
fn a_camera_that_sends_some_of_the_tables_gets_the_others() {
    let whole = vector!("baseline_422.jpg");
    // Only the first of its four segments, DC luminance, stays.
    let first = marker(&whole, 0xc4);
    let second = first + 2 + usize::from(u16::from_be_bytes([whole[first + 2], whole[first + 3]]));
    let message = Bytes::from([&whole[..second], &whole[marker(&whole, 0xda)..]].concat());
    let jpeg = normalised(&message);
    assert!(jpeg.huffman_added);
    // Before SOF, which comes before the camera's own table, so that the latter still counts.
    assert!(jpeg.data[marker(&message, 0xc0)..].starts_with(&STANDARD_TABLES));
    // The same with the camera's own table before SOF.
    let frame = marker(&whole, 0xc0);
    let scan = &whole[marker(&whole, 0xda)..];
    let early = [&whole[..frame], &whole[first..second], &whole[frame..first], scan].concat();
    let jpeg = normalised(&Bytes::from(early));
    assert!(jpeg.huffman_added);
    assert!(jpeg.data[frame..].starts_with(&STANDARD_TABLES));
}

#[test]
fn progressive_pictures_need_their_own_tables() {
    let whole = vector!("progressive_420.jpg");
    let tables = marker(&whole, 0xc4);
    let message = [&whole[..tables], &whole[marker(&whole, 0xda)..]].concat();
    assert_eq!(kind(&message), JpegErrorKind::Malformed);
}

#[test]
fn every_truncation_is_detected() {
    for message in [
        vector!("baseline_420.jpg"),
        vector!("no_dht_422.jpg"),
        vector!("restart_422.jpg"),
        vector!("progressive_420.jpg"),
        vector!("thumbnail_420.jpg"),
        vector!("three_scans_422.jpg"),
    ] {
        for cut in 0..message.len() {
            let expected = if cut < 2 { JpegErrorKind::NotJpeg } else { JpegErrorKind::Truncated };
            assert_eq!(kind(&message[..cut]), expected, "cut at {cut}");
        }
    }
}

#[test]
fn a_picture_cut_by_the_next_one_is_truncated() {
    let whole = vector!("baseline_420.jpg");
    for cut in [2, marker(&whole, 0xc0), marker(&whole, 0xda) + 20] {
        let message = Bytes::from([&whole[..cut], &whole].concat());
        assert_eq!(normalise(&message), Err(JpegError::Truncated { at: cut }));
    }
}

#[test]
fn padding_is_cut_and_a_long_tail_is_not_kept_alive() {
    let whole = vector!("restart_422.jpg");
    for padding in [&[0u8][..], &[0xff; 3], &[0, 0xff, 0xd9], b"garbage", &[0; MAX_KEPT_PADDING]] {
        let message = Bytes::from([&whole, padding].concat());
        let jpeg = normalised(&message);
        assert!(same_memory(&jpeg.data, &message[..whole.len()]));
    }
    let message = Bytes::from([&whole[..], &[0; MAX_KEPT_PADDING + 1]].concat());
    let jpeg = normalised(&message);
    assert_eq!(jpeg.data, whole);
    assert_ne!(jpeg.data.as_ptr(), message.as_ptr());
}

#[test]
fn what_is_not_a_jpeg_is_shown() {
    let text = |message: &'static [u8]| normalise(&Bytes::from_static(message)).unwrap_err().to_string();
    assert_eq!(text(b"Hello World from a test build"), "not a JPEG: 'Hello World...'");
    assert_eq!(text(b"Hello World"), "not a JPEG: 'Hello World'");
    assert_eq!(text(b"\x89PNG\r\n\x1a\n\0\0\0\r"), "not a JPEG: 89 50 4e 47 0d 0a 1a 0a 00 00 00...");
    assert_eq!(text(&[0xff]), "not a JPEG: ff");
    assert_eq!(text(b""), "not a JPEG: empty message");
}

#[test]
fn sizes_are_limited() {
    let whole = vector!("no_dht_422.jpg");
    let frame = marker(&whole, 0xc0);
    for (width, height) in [(0u16, 48u16), (64, 0), (8193, 48), (64, 8193), (65535, 65535)] {
        let mut message = whole.to_vec();
        message[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
        message[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
        let error = JpegError::BadDimensions { width: width.into(), height: height.into() };
        assert_eq!(normalise(&message.into()), Err(error));
    }
    let mut message = whole.to_vec();
    message.resize(MAX_JPEG, 0);
    assert_eq!(normalised(&message.clone().into()).data.len(), whole.len() + STANDARD_TABLES_LEN);
    message.push(0);
    assert_eq!(normalise(&message.into()), Err(JpegError::TooLarge { len: MAX_JPEG + 1 }));
    // A picture that only fits without its tables: the scan is made longer.
    let end = whole.len() - 2;
    let mut message = whole[..end].to_vec();
    message.resize(MAX_JPEG - 2, 0x55);
    message.extend([0xff, 0xd9]);
    let error = JpegError::TooLarge { len: MAX_JPEG + STANDARD_TABLES_LEN };
    assert_eq!(normalise(&message.into()), Err(error));
}

#[test]
fn other_codings_are_refused_by_name() {
    assert_eq!(
        normalise(&vector!("arithmetic_420.jpg")),
        Err(JpegError::Unsupported { what: Unsupported::Arithmetic })
    );
    let whole = vector!("baseline_420.jpg");
    let frame = marker(&whole, 0xc0);
    for (offset, value, what) in [
        (1, 0xc3, Unsupported::Lossless),
        (1, 0xc5, Unsupported::Hierarchical),
        (1, 0xc9, Unsupported::Arithmetic),
        (4, 12, Unsupported::Precision(12)),
        (9, 4, Unsupported::Components(4)),
    ] {
        let mut message = whole.to_vec();
        message[frame + offset] = value;
        assert_eq!(normalise(&message.into()), Err(JpegError::Unsupported { what }));
    }
}

/// What a picture must not do, as an edit of a good one: offset relative to a marker, new value, complaint.
#[test]
fn broken_structures_say_where() {
    let whole = vector!("baseline_420.jpg");
    let (frame, scan) = (marker(&whole, 0xc0), marker(&whole, 0xda));
    let (quantisation, huffman) = (marker(&whole, 0xdb), marker(&whole, 0xc4));
    for (at, offset, value, complaint) in [
        (frame, 0, 0x00, "no marker where one must be"),
        (frame, 1, 0x02, "a marker that must not be here"),
        (frame, 3, 1, "a segment shorter than its own length field"),
        (frame, 3, 7, "frame header too short"),
        (frame, 9, 1, "frame header of the wrong length"),
        (frame, 11, 0x02, "sampling factor outside 1 to 4"),
        (frame, 11, 0x25, "sampling factor outside 1 to 4"),
        (frame, 12, 4, "quantisation table selector above 3"),
        (frame, 13, 1, "two components of the same name"),
        (frame, 1, 0xe5, "a scan before the frame header"),
        (frame, 12, 3, "a scan without its quantisation table"),
        (huffman, 4, 0x20, "Huffman table for a place that does not exist"),
        (huffman, 4, 0x04, "Huffman table for a place that does not exist"),
        (huffman, 5, 200, "Huffman table too short"),
        (quantisation, 4, 0x20, "quantisation table for a place that does not exist"),
        (quantisation, 4, 0x04, "quantisation table for a place that does not exist"),
        (quantisation, 4, 0x10, "quantisation table too short"),
        (scan, 4, 0, "scan header of the wrong length"),
        (scan, 4, 2, "scan header of the wrong length"),
        (scan, 5, 9, "a scan of a component that the frame does not have"),
        (scan, 7, 1, "a scan with the same component twice"),
        (scan, 6, 0x40, "Huffman table selector above 3"),
        (scan, 6, 0x20, "a scan without its Huffman table"),
    ] {
        let mut message = whole.to_vec();
        message[at + offset] = value;
        let Err(JpegError::Malformed { at: found, what }) = normalise(&message.into()) else {
            panic!("accepted: {complaint}");
        };
        assert_eq!(what, complaint);
        assert!(found == at || complaint.starts_with("a scan") && found == scan, "{complaint} at {found}");
    }
}

#[test]
fn a_picture_without_pixels_is_malformed() {
    let whole = vector!("baseline_420.jpg");
    let scan = marker(&whole, 0xda);
    let empty = [&whole[..scan + 14], &[0xff, 0xff, 0xd9]].concat();
    let three = vector!("three_scans_422.jpg");
    let second = marker(&three[marker(&three, 0xda) + 2..], 0xda) + marker(&three, 0xda) + 2;
    for message in [
        &[0xff, 0xd8, 0xff, 0xd9][..],
        &[&whole[..scan], &[0xff, 0xd9]].concat(),
        &empty,
        &[&three[..second], &[0xff, 0xd9]].concat(),
    ] {
        assert_eq!(kind(message), JpegErrorKind::Malformed);
    }
}

#[test]
fn fill_bytes_before_markers_are_allowed() {
    let whole = vector!("baseline_420.jpg");
    let frame = marker(&whole, 0xc0);
    let end = whole.len() - 2;
    let message = [&whole[..frame], &[0xff; 3], &whole[frame..end], &[0xff; 5], &whole[end..]].concat();
    assert_eq!(parse(&message).unwrap().len, message.len());
}

#[test]
fn labels_are_stable_and_distinct() {
    let labels = JpegErrorKind::ALL.map(JpegErrorKind::label);
    let expected = ["not_jpeg", "truncated", "too_large", "bad_dimensions", "unsupported", "malformed"];
    assert_eq!(labels, expected);
}
