//! Body of the fuzz target, also run by the tests.

use super::{BodyDecoder, MAX_HEAD, ResponseHead, parse_head};

/// A whole response, or what is wrong with it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The head, once it is complete.
    pub head: Option<ResponseHead>,
    /// The body so far.
    pub body: Vec<u8>,
    /// Whether the body is complete.
    pub done: bool,
    /// Why reading ended.
    pub error: Option<String>,
}

/// What a client makes of `data` when it arrives in pieces of the given sizes (the last size repeats).
pub fn read_in_pieces(data: &[u8], sizes: &[usize]) -> Response {
    let (mut response, mut decoder, mut pending) = (Response::default(), None, Vec::new());
    let (mut rest, mut sizes, mut size) = (data, sizes.iter().copied(), data.len().max(1));
    while !rest.is_empty() && response.error.is_none() && !response.done {
        size = sizes.next().unwrap_or(size).clamp(1, rest.len());
        pending.extend_from_slice(&rest[..size]);
        rest = &rest[size..];
        if decoder.is_none() {
            match parse_head(&pending) {
                Ok(Some((head, length))) => {
                    assert!(length <= pending.len());
                    pending.drain(..length);
                    decoder = Some(BodyDecoder::new(&head));
                    response.head = Some(head);
                }
                Ok(None) => assert!(pending.len() <= MAX_HEAD),
                Err(error) => response.error = Some(error.to_string()),
            }
        }
        if let Some(decoder) = &mut decoder {
            let result = decoder.decode(&pending, |piece| response.body.extend_from_slice(piece));
            match result {
                Ok(used) => assert!(used == pending.len() || decoder.is_done()),
                Err(error) => response.error = Some(error.to_string()),
            }
            pending.clear();
            response.done = decoder.is_done();
        }
    }
    response
}

/// The same bytes give the same response however they are cut.
pub fn http1_response(data: &[u8]) {
    let Some((&seed, data)) = data.split_first() else { return };
    let whole = read_in_pieces(data, &[]);
    let cut = read_in_pieces(data, &[usize::from(seed % 7) + 1, 1, usize::from(seed), 3]);
    // A head that is too long is noticed sooner or later, but never taken for a complete one.
    if data.len() <= MAX_HEAD {
        assert_eq!(whole, cut);
    }
    assert!(whole.body.len() <= data.len());
}
