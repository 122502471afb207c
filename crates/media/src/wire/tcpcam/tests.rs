use super::fuzzing::{frames_in_pieces, request_in_pieces, tcpcam_frames, tcpcam_request};
use super::*;
use proptest::prelude::*;

fn pin(text: &str) -> Pin {
    text.parse().unwrap()
}

fn frames(count: u32) -> Result<Count, RequestError> {
    Ok(NonZeroU32::new(count).map_or(Count::Endless, Count::Frames))
}

#[test]
fn pin_and_count_are_told_apart_wherever_they_are_cut() {
    for (sent, expected) in [
        (&b"12350"[..], frames(0)),
        (b"12355", frames(5)),
        (b"1235-1", frames(0)),
        (b"1235\r\n25\r\n", frames(25)),
        (b"1235\x0025\0", frames(25)),
        (b"12351235", frames(1235)),
        (b"12352147483647", frames(i32::MAX as u32)),
        (b"1235-2147483648", frames(0)),
        (b"12353\nanything", frames(3)),
    ] {
        for split in 1..=sent.len() {
            let seen = request_in_pieces(&pin("1235"), sent, &[split, usize::MAX]);
            assert_eq!(seen, expected, "{sent:?} split at {split}");
        }
        assert_eq!(request_in_pieces(&pin("1235"), sent, &[1]), expected, "{sent:?}");
    }
}

#[test]
fn what_is_no_request_says_why() {
    let told = |sent: &[u8]| request_in_pieces(&pin("1235"), sent, &[1]).unwrap_err();
    for wrong in [&b"1234"[..], b"0000\n", b"9999990", b"12\n", b"\n1235", b"GET / HTTP/1.1\r\n\r\n"] {
        assert_eq!(told(wrong), RequestError::WrongPin, "{wrong:?}");
    }
    assert_eq!(told(b"123"), RequestError::WrongPin, "less than the PIN is a wrong one");
    assert_eq!(told(b""), RequestError::NoPin);
    assert_eq!(told(b"1235"), RequestError::NoCount);
    assert_eq!(told(b"1235\r\n"), RequestError::NoCount);
    assert_eq!(told(b"1235x"), RequestError::BadCount { at: 4, byte: b'x' });
    assert_eq!(told(b"1235\n1 "), RequestError::BadCount { at: 6, byte: b' ' });
    assert_eq!(told(b"12351-"), RequestError::BadCount { at: 5, byte: b'-' });
    assert_eq!(told(b"1235-"), RequestError::BadCount { at: 4, byte: b'-' });
    assert_eq!(told(b"12352147483648"), RequestError::CountRange { at: 14 });
    assert_eq!(told(b"1235000000000000"), RequestError::CountRange { at: 15 });
    assert!(matches!(told(&[b"1235", &[b'\n'; 40][..]].concat()), RequestError::BadCount { .. }));
}

#[test]
fn a_reader_says_how_far_it_is() {
    let mut reader = RequestReader::new(pin("1235"));
    assert!(!reader.has_wrong_pin(), "nothing came");
    assert_eq!(reader.push(b"123"), Ok(None));
    assert!(reader.has_wrong_pin(), "so far");
    assert_eq!(reader.push(b"5\r\n"), Ok(None));
    assert!(!reader.has_wrong_pin() && !reader.has_count());
    assert_eq!(reader.push(b"1"), Ok(None));
    assert!(reader.has_count());
    assert_eq!((reader.push(b"0"), reader.finish()), (Ok(None), frames(10)));
}

/// After which byte a request is refused, and as what.
fn refused(pin_text: &str, sent: &[u8]) -> (usize, RequestError) {
    let mut reader = RequestReader::new(pin(pin_text));
    for (at, byte) in sent.iter().enumerate() {
        match reader.push(&[*byte]) {
            Ok(None) => assert!(reader.has_wrong_pin() && !reader.has_count()),
            other => return (at, other.unwrap_err()),
        }
    }
    (sent.len(), reader.finish().unwrap_err())
}

#[test]
fn a_wrong_pin_is_refused_at_the_same_byte_however_long_the_right_one_is() {
    let long = [b'9'; 100];
    for sent in
        [&b"9"[..], b"99990", b"1", b"123", b"9999\n0\n", b"\n", b"1243567\0", b"99999999999999999", &long]
    {
        let all: Vec<_> =
            ["7", "8235", "123456", "0000000000000000"].iter().map(|pin| refused(pin, sent)).collect();
        assert!(all.iter().all(|told| *told == all[0]), "{sent:?}: {all:?}");
        assert_eq!(all[0].1, RequestError::WrongPin);
    }
}

#[test]
fn a_pin_has_digits_only_and_is_not_shown() {
    for bad in ["", "12a5", "١٢٣٤", "-123", "12345678901234567"] {
        assert_eq!(bad.parse::<Pin>(), Err(PinError), "{bad}");
    }
    let pin = pin("4711");
    assert!(!format!("{pin:?}").contains("4711"));
    assert!(pin.is(b"4711") && !pin.is(b"4712") && !pin.is(b"471") && !pin.is(b"47110") && !pin.is(b""));
    assert_eq!(DEFAULT_PIN.parse::<Pin>().unwrap().expose(), "1235");
}

#[test]
fn pictures_read_the_same_at_every_split_point() {
    let jpeg: Vec<u8> = (0..700u32).map(|i| i as u8).collect();
    let bytes = [&700u32.to_be_bytes()[..], &jpeg, &[0, 0, 0, 1, 9]].concat();
    let expected = (vec![Ok(Bytes::from(jpeg)), Ok(Bytes::from_static(&[9]))], false);
    for split in 1..bytes.len() {
        assert_eq!(frames_in_pieces(&bytes, 1000, &[split, usize::MAX]), expected, "split at {split}");
        let unfinished = frames_in_pieces(&bytes[..split], 1000, &[]).1;
        assert_eq!(unfinished, split != 704, "cut off at {split}");
    }
    assert_eq!(frames_in_pieces(&bytes, 1000, &[1]), expected);
}

#[test]
fn lengths_out_of_range_are_refused_with_their_place() {
    for length in [0, 1001, u32::MAX] {
        let bytes = [&[0, 0, 0, 1, 9][..], &length.to_be_bytes()].concat();
        let error = frames_in_pieces(&bytes, 1000, &[1]).0.pop().unwrap().unwrap_err();
        assert_eq!(error, LengthError { at: 5, length, limit: 1000 });
    }
    assert_eq!(frame_length(0), None);
    assert_eq!(frame_length(258), Some([0, 0, 1, 2]));
    assert!(frame_length(MAX_FRAME).is_some() && frame_length(MAX_FRAME + 1).is_none());
}

const PIECES: &[&[u8]] = &[
    b"1235",
    b"7",
    b"0000000000000000",
    b"0",
    b"-1",
    b"-",
    b"\r\n",
    b"\0",
    b"12",
    b"35",
    b"9",
    b"x",
    b"\0\0\0\x01",
    b"\0\0\0\x05",
    b"abcde",
    b"\0\0\x01\x2d",
];

proptest! {
    #[test]
    fn what_comes_is_the_same_however_it_is_cut(
        seed in any::<u8>(),
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..12),
    ) {
        let data = [&[seed], &pieces.concat()[..]].concat();
        tcpcam_frames(&data);
        tcpcam_request(&data);
    }
}
