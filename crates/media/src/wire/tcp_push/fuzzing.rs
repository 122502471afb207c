//! Body of the fuzz target, also run by the tests.

use super::{Item, Reader, SIZE, TcpPushError};

/// Everything a reader says of `data` when it arrives in pieces of the given sizes (the last size repeats), and
/// what is unfinished at the end, in words.
pub fn read_in_pieces(
    data: &[u8],
    limit: usize,
    sizes: &[usize],
) -> (Vec<Result<Item, TcpPushError>>, Option<String>) {
    let mut reader = Reader::with_limit(limit);
    let (mut rest, mut seen) = (data, Vec::new());
    let (mut sizes, mut size) = (sizes.iter().copied(), data.len().max(1));
    while !rest.is_empty() {
        size = sizes.next().unwrap_or(size).clamp(1, rest.len());
        let (mut piece, after) = rest.split_at(size);
        rest = after;
        loop {
            match reader.read(&mut piece) {
                Ok(Some(item)) => seen.push(Ok(item)),
                Ok(None) => break,
                Err(error) => {
                    seen.push(Err(error));
                    return (seen, None);
                }
            }
        }
        assert!(piece.is_empty(), "what is not needed yet is kept, not left");
    }
    (seen, reader.unfinished().map(|unfinished| unfinished.to_string()))
}

/// The same bytes give the same items however they are cut; no payload is empty or exceeds the limit; and the items
/// written again are the bytes that were read.
pub fn tcp_push_reader(data: &[u8]) {
    const LIMIT: usize = 300;
    let Some((&seed, data)) = data.split_first() else { return };
    let whole = read_in_pieces(data, LIMIT, &[]);
    let cut = read_in_pieces(data, LIMIT, &[usize::from(seed % 7) + 1, 1, usize::from(seed), 3]);
    assert_eq!(whole, cut);
    let mut written = Vec::new();
    for item in whole.0.into_iter().flatten() {
        match item {
            Item::Header(header) => written.extend(header.encode()),
            Item::Payload(payload) => {
                assert!((1..=LIMIT).contains(&payload.len()));
                written.extend(super::size(payload.len()).unwrap_or([0xff; SIZE]));
                written.extend(payload);
            }
            Item::Done => written.extend(super::DONE),
        }
    }
    assert!(data.starts_with(&written));
}
