//! Bodies of the fuzz targets, also run by the tests.

use super::{Count, FrameReader, LENGTH, LengthError, Pin, RequestError, RequestReader, frame_length};
use bytes::Bytes;

/// `data` in pieces of the given sizes; the last size repeats.
fn pieces<'a>(data: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let (mut rest, mut pieces) = (data, Vec::new());
    let (mut sizes, mut size) = (sizes.iter().copied(), data.len().max(1));
    while !rest.is_empty() {
        size = sizes.next().unwrap_or(size).clamp(1, rest.len());
        let (piece, after) = rest.split_at(size);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// Everything a reader says of a camera's `data` when it arrives in pieces, and whether its end is in the middle of
/// something.
pub fn frames_in_pieces(
    data: &[u8],
    limit: usize,
    sizes: &[usize],
) -> (Vec<Result<Bytes, LengthError>>, bool) {
    let mut reader = FrameReader::with_limit(limit);
    let mut seen = Vec::new();
    for mut piece in pieces(data, sizes) {
        while let Some(item) = reader.read(&mut piece).transpose() {
            let stop = item.is_err();
            seen.push(item);
            if stop {
                return (seen, false);
            }
        }
        assert!(piece.is_empty(), "what is not needed yet is kept, not left");
    }
    (seen, reader.is_unfinished())
}

/// What a camera with this PIN makes of a client's `data` that arrives in pieces and is all that comes.
///
/// # Errors
/// What the reader says.
pub fn request_in_pieces(pin: &Pin, data: &[u8], sizes: &[usize]) -> Result<Count, RequestError> {
    let mut reader = RequestReader::new(pin.clone());
    for piece in pieces(data, sizes) {
        if let Some(count) = reader.push(piece)? {
            return Ok(count);
        }
    }
    reader.finish()
}

/// The same bytes give the same payloads however they are cut; none is empty or exceeds the limit; and the payloads
/// written again are the bytes that were read.
pub fn tcpcam_frames(data: &[u8]) {
    const LIMIT: usize = 300;
    let Some((&seed, data)) = data.split_first() else { return };
    let whole = frames_in_pieces(data, LIMIT, &[]);
    let cut = frames_in_pieces(data, LIMIT, &[usize::from(seed % 7) + 1, 1, usize::from(seed), 3]);
    assert_eq!(whole, cut);
    let mut written = Vec::new();
    for payload in whole.0.into_iter().flatten() {
        assert!((1..=LIMIT).contains(&payload.len()));
        written.extend(frame_length(payload.len()).unwrap_or([0xff; LENGTH]));
        written.extend(payload);
    }
    assert!(data.starts_with(&written));
}

/// The same request is understood alike however it is cut; none is granted that does not begin with the PIN; and what
/// a client would send for the count that was understood is understood as the same again.
pub fn tcpcam_request(data: &[u8]) {
    let Some((&seed, data)) = data.split_first() else { return };
    let text = ["1235", "7", "0000000000000000"][usize::from(seed % 3)];
    let Ok(pin) = text.parse::<Pin>() else { return };
    let whole = request_in_pieces(&pin, data, &[]);
    assert_eq!(whole, request_in_pieces(&pin, data, &[1]));
    assert_eq!(whole, request_in_pieces(&pin, data, &[usize::from(seed % 5) + 1, 2, usize::from(seed)]));
    let Ok(count) = whole else { return };
    assert!(data.starts_with(text.as_bytes()));
    let again = [text, &count.encode()].concat();
    assert_eq!(request_in_pieces(&pin, again.as_bytes(), &[]), Ok(count));
}
