use super::fuzzing::{multipart_reader, read_in_pieces};
use super::*;
use proptest::prelude::*;

const PLAIN: &[u8] = include_bytes!("../../../../../testdata/jpeg/baseline_420.jpg");
const THUMBNAIL: &[u8] = include_bytes!("../../../../../testdata/jpeg/thumbnail_420.jpg");
const TYPE: Option<&str> = Some("multipart/x-mixed-replace;boundary=B");

/// The parts of `data`, which have to be the same at every split point.
fn read(content_type: Option<&str>, data: &[u8]) -> Vec<Result<Bytes, Problem>> {
    let whole = read_in_pieces(content_type, MAX_PART, data, &[]);
    for split in 1..data.len() {
        assert_eq!(
            read_in_pieces(content_type, MAX_PART, data, &[split, usize::MAX]),
            whole,
            "split at {split}"
        );
    }
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(read_in_pieces(content_type, MAX_PART, data, &[size]), whole, "pieces of {size}");
    }
    whole
}

fn check(content_type: Option<&str>, data: &[u8], parts: &[&[u8]]) {
    let got = read(content_type, data);
    let want: Vec<_> = parts.iter().map(|part| Ok(Bytes::copy_from_slice(part))).collect();
    let sizes = |parts: &[Result<Bytes, Problem>]| -> Vec<_> {
        parts.iter().map(|part| part.as_ref().map(Bytes::len).map_err(|problem| *problem)).collect()
    };
    assert!(got == want, "{:?} are not {:?}", sizes(&got), sizes(&want));
}

/// A part with this delimiter, these headers and this end.
fn part(before: &str, body: &[u8], after: &str) -> Vec<u8> {
    [before.as_bytes(), body, after.as_bytes()].concat()
}

#[test]
fn reads_what_cameras_send() {
    let size = THUMBNAIL.len();
    // ESP32 CameraWebServer: the boundary is before the part, preceded by a line end.
    let esp32 =
        format!("\r\n--B\r\nContent-Type: image/jpeg\r\nContent-Length: {size}\r\nX-Timestamp: 1.5\r\n\r\n");
    check(TYPE, &part(&esp32, THUMBNAIL, "").repeat(3), &[THUMBNAIL; 3]);
    // mjpg-streamer: the boundary after the part, and once at the beginning.
    let after = format!("--B\r\nContent-Type: image/jpeg\r\nContent-Length: {size}\r\n\r\n");
    let mjpg = [part(&after, THUMBNAIL, "\r\n"), part(&after, PLAIN, "\r\n--B\r\n")].concat();
    check(TYPE, &mjpg, &[THUMBNAIL, PLAIN]);
    // Neither length nor a boundary that was announced, line feeds alone.
    let bare = part("--other\nContent-type: image/jpeg\n\n", THUMBNAIL, "\n");
    check(Some("multipart/x-mixed-replace"), &bare.repeat(2), &[THUMBNAIL; 2]);
    check(TYPE, &bare.repeat(2), &[THUMBNAIL; 2]);
    // The first boundary is missing, and blank lines are too many.
    let blank = format!("Content-Type: image/jpeg\r\nContent-Length: {size}\r\n\r\n\r\n");
    check(TYPE, &part(&blank, THUMBNAIL, "\r\n\r\n\r\n--B\r\n\r\n").repeat(2), &[THUMBNAIL; 2]);
    // Delimiters with the dashes that were announced, and two more; no headers at all.
    let dashes = part("----frame\r\n\r\n", PLAIN, "\r\n");
    check(Some("multipart/x-mixed-replace; boundary=\"--frame\""), &dashes.repeat(2), &[PLAIN; 2]);
    // Delimiters without any dashes.
    check(TYPE, &part("B\r\nContent-Type: image/jpeg\r\n\r\n", PLAIN, "\r\n").repeat(2), &[PLAIN; 2]);
    // Nothing but pictures.
    check(None, &[PLAIN, THUMBNAIL, PLAIN].concat(), &[PLAIN, THUMBNAIL, PLAIN]);
}

#[test]
fn a_wrong_length_costs_nothing() {
    for (picture, boundary) in [(PLAIN, "--B\r\n"), (THUMBNAIL, "\r\n--B\r\n"), (PLAIN, "")] {
        for wrong in [-200i64, -3, -2, -1, 1, 2, 3, 4, 5, 9, 40] {
            let length = picture.len() as i64 + wrong;
            let head = format!("{boundary}Content-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n");
            if boundary.is_empty() && wrong > 0 {
                continue; // Nothing says where the next headers begin.
            }
            let data = part(&head, picture, "").repeat(3);
            let whole = read_in_pieces(TYPE, MAX_PART, &data, &[]);
            assert_eq!(whole, vec![Ok(Bytes::copy_from_slice(picture)); 3], "{wrong} bytes");
            for size in [1, 3, 100] {
                assert_eq!(read_in_pieces(TYPE, MAX_PART, &data, &[size]), whole, "{wrong} bytes");
            }
        }
    }
    for length in ["0", "-5", "99999999999999999999", "x", ""] {
        let data = part(&format!("--B\r\nContent-Length: {length}\r\n\r\n"), PLAIN, "\r\n").repeat(2);
        check(TYPE, &data, &[PLAIN; 2]);
    }
}

#[test]
fn padding_belongs_to_the_part_whose_length_counts_it() {
    let padded = [PLAIN, &[0; 100], &THUMBNAIL[..50]].concat();
    let head = format!("--B\r\nContent-Length: {}\r\n\r\n", padded.len());
    check(TYPE, &part(&head, &padded, "\r\n").repeat(2), &[PLAIN; 2]);
    // Without a length it is passed over.
    let padded = [PLAIN, &[0; 100], b"\x07\r\nab"].concat();
    check(TYPE, &part("--B\r\nA: b\r\n\r\n", &padded, "\r\n").repeat(2), &[PLAIN; 2]);
}

#[test]
fn a_picture_is_there_with_its_last_byte() {
    let head = format!("--B\r\nContent-Length: {}\r\n\r\n", PLAIN.len() + 4);
    for head in [&head[..], "--B\r\nA: b\r\n\r\n"] {
        let mut reader = Reader::new(TYPE);
        reader.push(head.as_bytes());
        reader.push(&PLAIN[..PLAIN.len() - 1]);
        assert_eq!(reader.next(), None);
        reader.push(&PLAIN[PLAIN.len() - 1..]);
        assert_eq!(reader.next(), Some(Ok(Bytes::from_static(PLAIN))));
    }
}

#[test]
fn a_picture_that_is_cut_off_costs_no_other() {
    for cut in 3..PLAIN.len() {
        for length in
            [format!("Content-Length: {cut}"), format!("Content-Length: {}", PLAIN.len()), "A: b".into()]
        {
            let head = format!("--B\r\n{length}\r\n\r\n");
            let whole = part(&format!("--B\r\nContent-Length: {}\r\n\r\n", PLAIN.len()), PLAIN, "\r\n");
            let data = [part(&head, &PLAIN[..cut], "\r\n"), whole.repeat(3)].concat();
            let parts = read_in_pieces(TYPE, MAX_PART, &data, &[]);
            let good = parts.iter().filter(|part| part.as_ref().is_ok_and(|part| *part == PLAIN)).count();
            // Cut within a segment, its length may reach into the next picture, which is then lost with it.
            assert!(good >= 2 && parts.len() <= 4, "cut at {cut}, {length}: {good} of {}", parts.len());
            assert_eq!(read_in_pieces(TYPE, MAX_PART, &data, &[7]), parts, "cut at {cut}, {length}");
        }
    }
}

#[test]
fn parts_that_are_no_pictures_end_at_their_length_or_boundary() {
    let data = b"--B\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello\r\n--B\r\nA: b\r\n\r\nbye\r\n--B\r\n\
                 A: b\r\n\r\n--B\r\n";
    check(TYPE, data, &[b"hello", b"bye"]);
    let broken = [b"\xff\xd8\xff\xe0\0\0", &PLAIN[6..]].concat();
    check(TYPE, &part("--B\r\nA: b\r\n\r\n", &broken, "\r\n--B\r\n").repeat(2), &[&broken, &broken]);
    check(None, &[&broken[..], PLAIN].concat(), &[&broken, PLAIN]);
}

#[test]
fn what_does_not_end_is_given_up_and_the_next_part_is_found() {
    let endless = [&b"--B\r\nA: b\r\n\r\n"[..], &PLAIN[..PLAIN.len() - 2], &[7; 5000]].concat();
    let data = [&endless[..], &part("\r\n--B\r\nA: b\r\n\r\n", PLAIN, "\r\n")].concat();
    let limit = PLAIN.len() + 1000;
    let want = vec![Err(Problem::PartTooLarge), Ok(Bytes::from_static(PLAIN))];
    for size in [1, 64, 1000, usize::MAX] {
        assert_eq!(read_in_pieces(TYPE, limit, &data, &[size]), want);
    }
    for endless in [vec![b'x'; MAX_PART_HEAD], b"A: b\r\n".repeat(MAX_PART_HEAD / 6 + 1)] {
        let data = [&endless[..], &part("\r\n--B\r\nA: b\r\n\r\n", PLAIN, "")].concat();
        let want = vec![Err(Problem::HeadTooLong), Ok(Bytes::from_static(PLAIN))];
        for size in [1, 64, usize::MAX] {
            assert_eq!(read_in_pieces(TYPE, MAX_PART, &data, &[size]), want);
        }
    }
    let blank = [b"--B\r\nA: b\r\n\r\n", &b"\n".repeat(MAX_PART_HEAD + 1)[..], PLAIN].concat();
    let want = vec![Err(Problem::HeadTooLong), Ok(Bytes::from_static(PLAIN))];
    assert_eq!(read_in_pieces(TYPE, MAX_PART, &blank, &[]), want);
}

#[test]
fn what_is_just_too_large_is_so_however_it_is_cut() {
    // A picture whose segment leads out of it, and one that is no longer a picture behind the limit.
    let jump = [b"\xff\xd8\xff\xe1\0\x90ab", &PLAIN[..400]].concat();
    for data in [jump, [&[b'x'; 300][..], b"\r\n--B\r\n", PLAIN].concat()] {
        let data = [b"--B\r\nA: b\r\n\r\n", &data[..], b"\r\n--B\r\n"].concat();
        for limit in 100..420 {
            let whole = read_in_pieces(TYPE, limit, &data, &[]);
            for size in [1, 7, 64] {
                assert_eq!(
                    read_in_pieces(TYPE, limit, &data, &[size]),
                    whole,
                    "limit {limit}, pieces of {size}"
                );
            }
        }
    }
}

#[test]
fn noise_without_end_does_not_pile_up() {
    let mut reader = Reader::new(TYPE);
    for _ in 0..100 {
        reader.push(&[0x80; 10_000]);
        assert_eq!(reader.next(), None);
        assert!(reader.buffer.len() < 100);
    }
}

/// What bodies and heads are made of, well and badly.
const PIECES: &[&[u8]] = &[
    b"--B\r\n",
    b"--frame\r\n",
    b"\r\n",
    b"\n",
    b"-",
    b"A: b\r\n\r\n",
    b"Content-Length: 9\r\n",
    b"Content-Length: 30\r\n\r\n",
    b"\xff\xd8\xff\xd9",
    b"\xff\xd8\xff\xda\0\x02abc",
    b"\xff\xd9",
    b"\xff\xd8",
    b"\xff",
    b"\0\0",
    b"\xff\xd8\xff\xe0\0\x07",
    b"text",
    b"--other",
];

proptest! {
    #[test]
    fn parts_are_the_same_however_they_are_cut(
        start in any::<[u8; 2]>(),
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..20),
    ) {
        multipart_reader(&[&start, &pieces.concat()[..]].concat());
    }
}
