//! Body of the fuzz target, also run by the tests.

use super::{Problem, Reader};
use bytes::Bytes;

/// Everything a reader says of `data` when it arrives in pieces of the given sizes (the last size repeats).
pub fn read_in_pieces(
    content_type: Option<&str>,
    limit: usize,
    data: &[u8],
    sizes: &[usize],
) -> Vec<Result<Bytes, Problem>> {
    let mut reader = Reader::with_limit(content_type, limit);
    let (mut rest, mut seen) = (data, Vec::new());
    let (mut sizes, mut size) = (sizes.iter().copied(), data.len().max(1));
    while !rest.is_empty() {
        size = sizes.next().unwrap_or(size).clamp(1, rest.len());
        reader.push(&rest[..size]);
        rest = &rest[size..];
        seen.extend(std::iter::from_fn(|| reader.next()));
    }
    seen
}

/// The same bytes give the same parts however they are cut; no part exceeds the limit, and all together are no
/// more than what arrived.
pub fn multipart_reader(data: &[u8]) {
    let Some((&[seed, limit], data)) = data.split_first_chunk() else { return };
    let limit = usize::from(limit) * 8 + 16;
    let announced = [None, Some("multipart/x-mixed-replace;boundary=B"), Some("a;boundary=\"--frame\"")];
    let content_type = announced[usize::from(seed) % announced.len()];
    let whole = read_in_pieces(content_type, limit, data, &[]);
    let cut =
        read_in_pieces(content_type, limit, data, &[usize::from(seed % 7) + 1, 1, usize::from(seed), 3]);
    assert_eq!(whole, cut);
    let parts = whole.iter().flatten();
    assert!(parts.clone().all(|part| (1..=limit).contains(&part.len())));
    assert!(parts.map(Bytes::len).sum::<usize>() <= data.len());
}
