use super::fuzzing::{decode_in_pieces, websocket_decode};
use super::*;
use proptest::prelude::*;

/// A client's frame, written from RFC 6455, 5.2.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x12, 0x34, 0x56, 0x78];
    let (mut out, length) = (vec![first], payload.len());
    match length {
        0..=125 => out.push(0x80 | length as u8),
        126..=0xffff => {
            out.push(0x80 | 126);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.extend(mask);
    out.extend(payload.iter().enumerate().map(|(i, b)| b ^ mask[i % 4]));
    out
}

fn conversation() -> (Vec<u8>, Vec<Result<Item, String>>) {
    let jpeg: Vec<u8> = (0..700u32).map(|i| i as u8).collect();
    let mut bytes = frame(0x82, &jpeg);
    bytes.extend(frame(0x02, &jpeg[..300]));
    bytes.extend(frame(0x89, b"between fragments"));
    bytes.extend(frame(0x00, &jpeg[300..301]));
    bytes.extend(frame(0x80, &jpeg[301..]));
    bytes.extend(frame(0x82, &vec![7; 1500]));
    bytes.extend(frame(0x02, &vec![7; 900]));
    bytes.extend(frame(0x80, &vec![7; 900]));
    bytes.extend(frame(0x81, b"{\"id\":1}"));
    bytes.extend(frame(0x8a, b""));
    bytes.extend(frame(0x88, b"\x03\xe8bye"));
    let jpeg = Bytes::from(jpeg);
    let items = vec![
        Item::Binary(jpeg.clone()),
        Item::Ping(Bytes::from_static(b"between fragments")),
        Item::Binary(jpeg),
        Item::Oversize { bytes: 1500 },
        Item::Oversize { bytes: 1800 },
        Item::Text(Bytes::from_static(b"{\"id\":1}")),
        Item::Pong,
        Item::Close { code: 1000, reason: "bye".to_owned() },
    ];
    (bytes, items.into_iter().map(Ok).collect())
}

#[test]
fn a_conversation_reads_the_same_at_every_split_point() {
    let (bytes, expected) = conversation();
    for split in 0..bytes.len() {
        assert_eq!(decode_in_pieces(&bytes, 1000, &[split.max(1), usize::MAX]), expected, "split at {split}");
    }
    for size in [1, 2, 3, 5, 7, 64] {
        assert_eq!(decode_in_pieces(&bytes, 1000, &[size]), expected, "pieces of {size}");
    }
}

#[test]
fn what_breaks_the_protocol_is_named() {
    let cases: [(&[u8], WebSocketError); 8] = [
        (&[0xc2, 0x80, 0, 0, 0, 0], WebSocketError::ReservedBits(0x40)),
        (&[0x82, 0x05], WebSocketError::NotMasked),
        (&[0x83, 0x80, 0, 0, 0, 0], WebSocketError::Opcode(3)),
        (&[0x09, 0x80, 0, 0, 0, 0], WebSocketError::Control),
        (&[0x89, 0xfe, 0, 126, 0, 0, 0, 0], WebSocketError::Control),
        (&[0x80, 0x80, 0, 0, 0, 0], WebSocketError::Fragment),
        (&[0x02, 0x80, 0, 0, 0, 0, 0x82, 0x80, 0, 0, 0, 0], WebSocketError::Fragment),
        (&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], WebSocketError::Length),
    ];
    for (bytes, error) in cases {
        let seen = decode_in_pieces(bytes, 1000, &[]);
        assert_eq!(seen, [Err(error.to_string())], "{bytes:02x?}");
    }
}

#[test]
fn a_huge_announced_length_reserves_little() {
    let mut decoder = Decoder::new(10 << 20);
    let mut input = BytesMut::from(&[0x82, 0xff, 0, 0, 0, 0, 0, 0x90, 0, 0, 1, 2, 3, 4, 9][..]);
    assert_eq!(decoder.decode(&mut input), Ok(None));
    assert!(decoder.data.capacity() <= 2 * MAX_RESERVE);
    let mut decoder = Decoder::new(10 << 20);
    let mut input = BytesMut::from(&[0x82, 0xff, 0x7f, 0xff, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 9][..]);
    assert_eq!(decoder.decode(&mut input), Ok(None));
    assert_eq!(decoder.data.capacity(), 0);
}

#[test]
fn server_headers_have_the_three_lengths() {
    let head = |length| {
        let (bytes, used) = header(Opcode::Binary, length);
        bytes[..used].to_vec()
    };
    assert_eq!(head(125), [0x82, 125]);
    assert_eq!(head(126), [0x82, 126, 0, 126]);
    assert_eq!(head(0x1_0000), [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
}

#[test]
fn a_close_reason_is_cut_between_characters() {
    let payload = close_payload(1008, &"ü".repeat(100));
    assert!(payload.len() <= MAX_CONTROL);
    assert_eq!(std::str::from_utf8(&payload[2..]).map(str::len), Ok(122));
}

proptest! {
    #[test]
    fn any_bytes_read_the_same_however_cut(data in prop::collection::vec(any::<u8>(), 0..600)) {
        websocket_decode(&data);
    }

    #[test]
    fn frames_read_the_same_however_cut(
        frames in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..400)), 0..6),
        seed in any::<u8>(),
    ) {
        let mut data = vec![seed];
        for (first, payload) in frames {
            data.extend(frame(first & 0x8f, &payload));
        }
        websocket_decode(&data);
    }
}
