use super::fuzzing::{http1_response, read_in_pieces};
use super::*;
use proptest::prelude::*;

/// Reads `data` cut at every point and in small pieces, and checks that it makes no difference.
fn read(data: &[u8]) -> fuzzing::Response {
    let whole = read_in_pieces(data, &[]);
    for split in 1..data.len() {
        assert_eq!(read_in_pieces(data, &[split, usize::MAX]), whole, "split at {split}");
    }
    for size in [1, 2, 3] {
        assert_eq!(read_in_pieces(data, &[size]), whole, "pieces of {size}");
    }
    whole
}

fn head(data: &[u8]) -> (ResponseHead, usize) {
    parse_head(data).unwrap().unwrap()
}

#[test]
fn a_response_of_known_length_ends_there() {
    let got = read(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\ncontent-length:  4 \r\n\r\nbodyrest");
    let head = got.head.unwrap();
    assert_eq!((head.status, head.content_type()), (Some(200), Some("image/jpeg")));
    assert_eq!((&got.body[..], got.done, got.error), (&b"body"[..], true, None));
}

#[test]
fn a_chunked_response_ends_with_its_trailers() {
    let got = read(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n\
          5\r\nabcde\r\n0A;name=value\r\n0123456789\r\n1 \nx\n000\r\nTrailer: yes\r\n\r\nnext",
    );
    assert_eq!((&got.body[..], got.done, got.error), (&b"abcde0123456789x"[..], true, None));
}

#[test]
fn a_multipart_stream_goes_on_whatever_length_it_states() {
    let got = read(
        b"HTTP/1.0 200\nContent-Type: Multipart/x-mixed-replace; boundary=b\nContent-Length: 1\n\n--b\n",
    );
    assert_eq!((&got.body[..], got.done), (&b"--b\n"[..], false));
    let got = read(b"HTTP/1.1 204 No Content\r\n\r\nx");
    assert_eq!((got.body.len(), got.done), (0, true));
}

#[test]
fn a_missing_status_line_is_no_obstacle() {
    let got = read(b"Content-Type: multipart/x-mixed-replace;boundary=b\r\nServer: x\r\n\r\n--b\r\n");
    let head = got.head.unwrap();
    assert_eq!((head.status, head.header("SERVER")), (None, Some("x")));
    assert_eq!(got.body, b"--b\r\n");
    for body in [
        &b"--b\r\nContent-Type: image/jpeg\r\n\r\n"[..],
        b"\r\n--b\r\nContent-Type: image/jpeg\r\n\r\n",
        b"\xff\xd8\xff\xe0: \r\n",
        b"no header here\r\n\r\n",
        b": nameless\r\n\r\n",
    ] {
        let got = read(body);
        assert_eq!((got.head, &got.body[..]), (Some(ResponseHead::default()), body));
    }
}

#[test]
fn headers_without_their_empty_line_end_where_the_parts_begin() {
    let got = read(b"HTTP/1.1 200 OK\r\nServer: x\r\n--b\r\nContent-Type: image/jpeg\r\n\r\n");
    assert_eq!(got.body, b"--b\r\nContent-Type: image/jpeg\r\n\r\n");
    assert_eq!(got.head.unwrap().content_type(), None);
}

#[test]
fn odd_heads_are_read() {
    let (got, length) = head(
        b"\r\n\nHTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest a\r\n b\r\nodd line\r\n\
          : x\r\nwww-authenticate : Basic\r\nServer: caf\xe9\x07\r\n\r\nbody",
    );
    assert_eq!((got.status, length), (Some(401), b"\r\n\nHTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest a\r\n b\r\nodd line\r\n: x\r\nwww-authenticate : Basic\r\nServer: caf\xe9\x07\r\n\r\n".len()));
    let challenges: Vec<&str> = got.headers_named("WWW-Authenticate").collect();
    assert_eq!(challenges, ["Digest a b", "Basic"]);
    assert_eq!(got.header("server"), Some("caf\u{e9}"));
    let (got, _) = head(b"ICY  200 OK\r\n\r\n");
    assert_eq!(got.status, Some(200));
    let (got, length) = head(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n");
    assert_eq!((got.status, length), (Some(404), 51));
}

#[test]
fn content_lengths_are_numbers_and_nothing_else() {
    for (value, wanted) in
        [("12", Some(12)), ("+12", None), ("", None), ("1e3", None), ("99999999999999999999", None)]
    {
        let (got, _) = head(format!("HTTP/1.1 200 OK\r\nContent-Length: {value}\r\n\r\n").as_bytes());
        assert_eq!(got.content_length(), wanted, "{value}");
    }
}

#[test]
fn every_truncation_of_a_head_is_incomplete() {
    let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: y\r\n\r\n";
    for cut in 0..whole.len() {
        assert_eq!(parse_head(&whole[..cut]), Ok(None), "cut at {cut}");
    }
    assert!(parse_head(whole).unwrap().is_some());
}

#[test]
fn heads_without_end_are_refused() {
    let long = [&b"HTTP/1.1 200 OK\r\nX: "[..], &[b'x'; MAX_HEAD]].concat();
    assert_eq!(parse_head(&long), Err(HeadError::TooLong));
    assert_eq!(parse_head(&vec![b'x'; MAX_HEAD + 1]), Err(HeadError::TooLong));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(MAX_HEADERS + 1));
    assert_eq!(parse_head(many.as_bytes()), Err(HeadError::TooManyHeaders));
    let bad = HeadError::BadStatus { line: "HTTP/1.1 OK".to_owned() };
    assert_eq!(parse_head(b"HTTP/1.1 OK\r\n"), Err(bad));
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    assert_eq!(parse_head(interim.as_bytes()), Err(HeadError::TooLong));
}

#[test]
fn bad_chunks_are_refused_where_they_are_bad() {
    let refusal = |body: &[u8]| {
        let mut decoder = ChunkedDecoder::default();
        decoder.decode(body, |_| {}).unwrap_err()
    };
    assert_eq!(refusal(b"x"), ChunkError::BadSize { byte: b'x' });
    assert_eq!(refusal(b"\r\n"), ChunkError::BadSize { byte: b'\r' });
    assert_eq!(refusal(b"1\r\nab"), ChunkError::BadEnd { byte: b'b' });
    assert_eq!(refusal(b"10000000000000000"), ChunkError::TooLarge);
    assert_eq!(refusal(&[b"1;", &[b'x'; 9000][..]].concat()), ChunkError::TooLong);
    assert_eq!(refusal(&[b"0\r\n", &[b'x'; 9000][..]].concat()), ChunkError::TooLong);
    let mut decoder = ChunkedDecoder::default();
    assert_eq!(decoder.decode(b"ffffffffffffffff\r\nabc", |piece| assert_eq!(piece, b"abc")), Ok(21));
}

/// What bodies and heads are made of, well and badly.
const PIECES: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\n",
    b"\r\n",
    b"\n",
    b"A: b\r\n",
    b"--b\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 7\r\n",
    b"5\r\nabcde\r\n",
    b"0\r\n\r\n",
    b"\xff\xd8",
    b"H",
    b"I",
    b" x",
    b":",
    b"\0",
];

proptest! {
    #[test]
    fn responses_read_the_same_however_they_are_cut(
        seed in any::<u8>(),
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..12),
    ) {
        http1_response(&[&[seed], &pieces.concat()[..]].concat());
    }
}
