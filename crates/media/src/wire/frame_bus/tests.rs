use super::*;
use proptest::prelude::*;
use serde_json::Value;

/// Shared with the readers in other languages.
const VECTORS: &str = include_str!("../../../../../testdata/vectors/frame_bus.json");

fn vga() -> Header {
    let ring = std::array::from_fn(|at| at as u8 * 17);
    let stream = "door".parse().unwrap();
    Header { next: 4711, ..Header::new(ring, stream, FrameFormat::Bgr24, (640, 480), 16).unwrap() }
}

fn unhex(text: &Value) -> Vec<u8> {
    let digits = text.as_str().unwrap();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// A header from a vector, which leaves out the zeros at its end.
fn header_bytes(vector: &Value) -> Vec<u8> {
    let mut bytes = unhex(&vector["hex"]);
    bytes.resize(HEADER_BYTES, 0);
    bytes
}

#[test]
fn headers_are_read_and_written_as_the_shared_vectors_say() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let headers = vectors["headers"].as_array().unwrap();
    assert!(!headers.is_empty());
    for vector in headers {
        let bytes = header_bytes(vector);
        let header = Header::parse(&bytes, vector["file_bytes"].as_u64().unwrap()).unwrap();
        assert_eq!(header.to_bytes()[..], bytes[..], "{vector}");
        let got = serde_json::json!({
            "ring": header.ring_hex(), "stream": header.stream.as_str(), "format": header.format.name(),
            "width": header.width, "height": header.height, "slots": header.slots(),
            "slot_bytes": header.slot_bytes(), "frame_bytes": header.frame_bytes(), "next": header.next,
            "closed": header.closed,
        });
        assert_eq!(got, vector["values"]);
    }
    for vector in vectors["refused"].as_array().unwrap() {
        let result = Header::parse(&header_bytes(vector), vector["file_bytes"].as_u64().unwrap());
        assert!(result.is_err(), "{vector}: {result:?}");
    }
}

#[test]
fn slots_are_read_and_written_as_the_shared_vectors_say() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let slots = vectors["slots"].as_array().unwrap();
    assert!(!slots.is_empty());
    for vector in slots {
        let bytes: [u8; SLOT_HEADER_BYTES] = unhex(&vector["hex"]).try_into().unwrap();
        let slot = SlotHeader::from_bytes(&bytes);
        assert_eq!(slot.to_bytes(), bytes);
        let got = serde_json::json!({
            "lock": slot.lock, "number": slot.number, "pts": slot.pts, "captured_unix": slot.captured_unix,
            "captured": slot.captured, "received": slot.received, "decoded": slot.decoded,
            "published": slot.published, "check": slot.check,
        });
        assert_eq!(got, vector["values"]);
        assert_eq!(slot.holds(vector["number_wanted"].as_u64().unwrap()), vector["complete"] == true);
    }
}

#[test]
fn a_slot_has_room_for_its_header_and_a_picture_and_no_more_than_a_page() {
    for (format, size, bytes) in [
        (FrameFormat::Bgr24, (640, 480), 921_600),
        (FrameFormat::Gray, (16, 16), 256),
        (FrameFormat::I420, (17, 15), 17 * 15 + 2 * 9 * 8),
        (FrameFormat::Bgr24, (8192, 8192), 8192 * 8192 * 3),
        // Exactly a page with its header, and one byte more.
        (FrameFormat::Gray, (3968, 1), 3968),
        (FrameFormat::Gray, (3969, 1), 3969),
    ] {
        let header = Header::new([0; 16], "a".parse().unwrap(), format, size, 3).unwrap();
        let need = SLOT_HEADER_BYTES as u64 + bytes;
        assert_eq!(header.frame_bytes(), bytes);
        assert!((need..need + SLOT_ALIGN).contains(&header.slot_bytes()), "{format:?} {size:?}");
        assert_eq!(header.slot_offset(4) - header.slot_offset(3), header.slot_bytes());
        assert_eq!(header.slot_offset(5) + header.slot_bytes(), header.file_bytes());
    }
}

#[test]
fn every_truncation_of_header_and_file_is_refused() {
    let header = vga();
    let bytes = header.to_bytes();
    for cut in 0..HEADER_BYTES {
        let refused = Header::parse(&bytes[..cut], header.file_bytes());
        assert_eq!(refused, Err(HeaderError::Truncated { len: cut }));
    }
    let short = header.file_bytes() - 1;
    let error = HeaderError::FileTooShort { slots: 16, slot_bytes: 925_696, file_bytes: short };
    assert_eq!(Header::parse(&bytes, short), Err(error));
}

#[test]
fn sizes_that_overflow_or_disagree_are_refused() {
    let header = vga();
    let with = |at: usize, value: &[u8]| {
        let mut bytes = header.to_bytes();
        bytes[at..at + value.len()].copy_from_slice(value);
        Header::parse(&bytes, u64::MAX)
    };
    let field = |field, value| Err(HeaderError::OutOfRange { field, value });
    assert_eq!(with(offset::VERSION, &[2]), field("version", 2));
    assert_eq!(with(offset::HEADER_BYTES, &[1]), field("header_bytes", 4097));
    assert_eq!(with(offset::WIDTH, &[0, 0]), field("width", 0));
    assert_eq!(with(offset::HEIGHT, &[1, 0x20]), field("height", 8193));
    assert_eq!(with(offset::FORMAT, &[4]), field("format", 4));
    assert_eq!(with(offset::FORMAT, &[2]), field("frame_bytes", 921_600));
    assert_eq!(with(offset::SLOTS, &[1]), field("slots", 1));
    assert_eq!(with(offset::SLOT_BYTES, &[1]), field("slot_bytes", 925_697));
    assert_eq!(with(offset::SLOT_BYTES, &[0, 0x10, 0]), field("slot_bytes", 4096));
    assert_eq!(with(offset::CLOSED, &[2]), field("closed", 2));
    assert_eq!(with(offset::STREAM, b"Door"), Err(HeaderError::Name(NameError::BadCharacter('D'))));
    assert_eq!(with(offset::STREAM, &[0; 4]), Err(HeaderError::Name(NameError::Empty)));
    assert!(matches!(with(offset::MAGIC, b"X"), Err(HeaderError::NotABus { .. })));
    let huge = 0u64.wrapping_sub(SLOT_ALIGN);
    let error = HeaderError::FileTooShort { slots: 16, slot_bytes: huge, file_bytes: u64::MAX };
    assert_eq!(with(offset::SLOT_BYTES, &huge.to_le_bytes()), Err(error));
}

#[test]
fn a_name_may_fill_its_field() {
    let name: StreamName = "n".repeat(MAX_STREAM_NAME).parse().unwrap();
    let header = Header::new([9; 16], name, FrameFormat::Gray, (16, 16), 2).unwrap();
    assert_eq!(Header::parse(&header.to_bytes(), header.file_bytes()), Ok(header));
}

#[test]
fn a_slot_holds_only_the_frame_that_is_complete_in_it() {
    let complete = SlotHeader { lock: 12, number: 5, check: 12, ..SlotHeader::default() };
    assert!(complete.holds(5) && !complete.holds(4) && !complete.holds(u64::MAX));
    assert!(!SlotHeader { lock: lock_writing(5), ..complete }.holds(5));
    assert!(!SlotHeader { check: 10, ..complete }.holds(5));
    assert!(!SlotHeader { number: 4, ..complete }.holds(5));
    assert!(!SlotHeader::default().holds(0), "a slot that was never written");
}

proptest! {
    #[test]
    fn headers_hold_their_promises_whatever_is_changed(
        edits in prop::collection::vec((0usize..200, any::<u8>()), 0..4),
        size in prop_oneof![any::<u64>(), 4096u64..20_000_000],
    ) {
        let mut bytes = vga().to_bytes().to_vec();
        for (at, byte) in edits {
            bytes[at] = byte;
        }
        fuzzing::frame_bus_header(&[&size.to_le_bytes(), &bytes[..]].concat());
    }
}
