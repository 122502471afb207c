use super::fuzzing::{read_in_pieces, tcp_push_reader};
use super::*;
use proptest::prelude::*;

/// Written from the protocol's text.
fn header(number: i32, kind: i32, quality: i32) -> Vec<u8> {
    [number, kind, quality].iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn message(payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as i32).to_le_bytes(), payload].concat()
}

fn error_of(bytes: &[u8]) -> TcpPushError {
    read_in_pieces(bytes, 1000, &[1]).0.pop().unwrap().unwrap_err()
}

#[test]
fn a_connection_reads_the_same_at_every_split_point() {
    let jpeg: Vec<u8> = (0..700u32).map(|i| i as u8).collect();
    let bytes = [header(7, 1, 0), message(&jpeg), message(b"x"), DONE.to_vec(), b"ignored".to_vec()].concat();
    let expected = [
        Item::Header(Header { number: 7, kind: Kind::H264, quality: Quality::Low }),
        Item::Payload(jpeg.into()),
        Item::Payload(Bytes::from_static(b"x")),
        Item::Done,
    ]
    .map(Ok)
    .to_vec();
    for split in 1..bytes.len() {
        assert_eq!(read_in_pieces(&bytes, 1000, &[split, usize::MAX]).0, expected, "split at {split}");
    }
    for size in [1, 2, 3, 5, 7, 64] {
        assert_eq!(read_in_pieces(&bytes, 1000, &[size]).0, expected, "pieces of {size}");
    }
}

#[test]
fn what_is_cut_off_says_how_much_of_it_is_there() {
    let bytes = [header(0, 0, 1), message(&[7; 5])].concat();
    let end = |length| read_in_pieces(&bytes[..length], 1000, &[]).1;
    assert_eq!(end(0).as_deref(), Some("0 of the 12 bytes of the header"));
    assert_eq!(end(11).as_deref(), Some("11 of the 12 bytes of the header"));
    assert_eq!(end(12), None);
    assert_eq!(end(15).as_deref(), Some("3 of the 4 bytes of a size at byte 12"));
    assert_eq!(end(16).as_deref(), Some("0 of the 5 bytes of a payload at byte 16"));
    assert_eq!(end(20).as_deref(), Some("4 of the 5 bytes of a payload at byte 16"));
    assert_eq!(end(21), None);
}

#[test]
fn headers_out_of_range_are_refused_with_their_place() {
    for (number, told) in [(-1, "byte 0: stream number -1"), (65_536, "65536"), (i32::MIN, "-2147483648")] {
        let error = error_of(&header(number, 0, 0));
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!((error, error.label()), (TcpPushError::Number(number), "bad_header"));
    }
    assert_eq!(error_of(&header(1, 2, 0)), TcpPushError::Kind(2));
    assert_eq!(error_of(&header(1, -1, 0)), TcpPushError::Kind(-1));
    assert_eq!(error_of(&header(1, 0, 2)), TcpPushError::Quality(2));
    let error = error_of(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(error, TcpPushError::Number(i32::from_le_bytes(*b"GET ")));
    assert_eq!(read_in_pieces(&header(65_535, 1, 1), 1000, &[]).0.len(), 1);
}

#[test]
fn sizes_out_of_range_are_refused_with_their_place_and_nothing_is_reserved() {
    let begin = [header(3, 0, 1), message(b"ab")].concat();
    for size in [-1, i32::MIN] {
        let error = error_of(&[&begin[..], &size.to_le_bytes()].concat());
        assert_eq!((error, error.label()), (TcpPushError::Negative { at: 18, size }, "bad_size"));
    }
    for size in [1001, i32::MAX] {
        let error = error_of(&[&begin[..], &size.to_le_bytes()].concat());
        assert_eq!(
            (error, error.label()),
            (TcpPushError::TooLarge { at: 18, size, limit: 1000 }, "too_large")
        );
    }
    let mut reader = Reader::new();
    let mut bytes = &[&begin[..], &i32::MAX.to_le_bytes()].concat()[..];
    assert!(matches!(reader.read(&mut bytes), Ok(Some(Item::Header(_)))));
    assert!(matches!(reader.read(&mut bytes), Ok(Some(Item::Payload(_)))));
    assert!(reader.read(&mut bytes).is_err());
    assert_eq!(reader.read(&mut &message(b"ab")[..]), Ok(None), "after an error nothing more is read");
}

#[test]
fn memory_follows_what_arrives() {
    let mut reader = Reader::new();
    let begin = [header(3, 0, 1), (MAX_PAYLOAD as i32).to_le_bytes().to_vec()].concat();
    assert!(matches!(reader.read(&mut &begin[..]), Ok(Some(Item::Header(_)))));
    let mut rest = &begin[HEADER..];
    assert_eq!(reader.read(&mut rest), Ok(None));
    assert_eq!(reader.read(&mut &[7u8; 100][..]), Ok(None));
    let told = reader.unfinished();
    assert_eq!(told, Some(Unfinished::Payload { have: 100, of: MAX_PAYLOAD, at: 16 }));
    assert!(reader.field.capacity() < 1 << 20);
}

#[test]
fn what_is_written_is_read_back() {
    for number in [0, 7, u16::MAX] {
        for kind in [Kind::Jpeg, Kind::H264] {
            for quality in [Quality::Low, Quality::High] {
                let header = Header { number, kind, quality };
                assert_eq!(read_in_pieces(&header.encode(), 0, &[]).0, [Ok(Item::Header(header))]);
            }
        }
    }
    assert_eq!(size(0), None);
    assert_eq!(size(258), Some([2, 1, 0, 0]));
    assert!(size(MAX_PAYLOAD).is_some() && size(MAX_PAYLOAD + 1).is_none());
}

const PIECES: &[&[u8]] = &[
    b"\0\0\0\0",
    b"\x01\0\0\0",
    b"\x05\0\0\0",
    b"\x02\0\0\0",
    b"abcde",
    b"a",
    b"\xff\xff\xff\xff",
    b"\x2d\x01\0\0",
    b"\0",
    b"\xff\xff\0\0",
    b"\0\0\x01\0",
];

proptest! {
    #[test]
    fn items_are_the_same_however_they_are_cut(
        seed in any::<u8>(),
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24),
    ) {
        tcp_push_reader(&[&[seed], &pieces.concat()[..]].concat());
    }
}
