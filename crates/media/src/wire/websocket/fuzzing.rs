//! Bodies of the fuzz target, also run by the tests.

use super::{Decoder, Item};
use bytes::BytesMut;

/// Everything a decoder says of `data` when it arrives in pieces of the given sizes (the last size
/// repeats).
pub fn decode_in_pieces(data: &[u8], limit: usize, sizes: &[usize]) -> Vec<Result<Item, String>> {
    let mut decoder = Decoder::new(limit);
    let (mut input, mut rest, mut seen) = (BytesMut::new(), data, Vec::new());
    let mut sizes = sizes.iter().copied();
    let mut size = data.len().max(1);
    while !rest.is_empty() {
        size = sizes.next().unwrap_or(size).clamp(1, rest.len());
        input.extend_from_slice(&rest[..size]);
        rest = &rest[size..];
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(item)) => seen.push(Ok(item)),
                Ok(None) => break,
                Err(error) => {
                    seen.push(Err(error.to_string()));
                    return seen;
                }
            }
        }
    }
    seen
}

/// The same bytes give the same items however they are cut, and no message exceeds the limit.
pub fn websocket_decode(data: &[u8]) {
    const LIMIT: usize = 300;
    let Some((&seed, data)) = data.split_first() else { return };
    let whole = decode_in_pieces(data, LIMIT, &[]);
    let cut = decode_in_pieces(data, LIMIT, &[usize::from(seed % 7) + 1, 1, usize::from(seed), 3]);
    assert_eq!(whole, cut);
    for item in whole.into_iter().flatten() {
        match item {
            Item::Binary(data) | Item::Text(data) => assert!(data.len() <= LIMIT),
            Item::Oversize { bytes } => assert!(bytes > LIMIT as u64),
            Item::Ping(data) => assert!(data.len() <= super::MAX_CONTROL),
            Item::Pong | Item::Close { .. } => {}
        }
    }
}
