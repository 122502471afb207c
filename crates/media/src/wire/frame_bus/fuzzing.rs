//! Body of the fuzz target, also run by the tests.

use super::{HEADER_BYTES, Header, SLOT_HEADER_BYTES, SlotHeader};

/// How many of the first bytes of the input are the size of the file.
const SIZE: usize = 8;

/// A header that is accepted has all of its slots within the file and is written as it was read; and so is any
/// slot header.
pub fn frame_bus_header(data: &[u8]) {
    if let Some(bytes) = data.first_chunk::<SLOT_HEADER_BYTES>() {
        let slot = SlotHeader::from_bytes(bytes);
        assert_eq!(SlotHeader::from_bytes(&slot.to_bytes()), slot);
    }
    let Some((size, data)) = data.split_first_chunk::<SIZE>() else { return };
    let file_bytes = u64::from_le_bytes(*size);
    // Short inputs are taken for the beginning of a header, so that a fuzzer need not find 4096 bytes.
    let mut padded = [0; HEADER_BYTES];
    let length = data.len().min(HEADER_BYTES);
    padded[..length].copy_from_slice(&data[..length]);
    let Ok(header) = Header::parse(&padded, file_bytes) else { return };
    assert!(header.file_bytes() <= file_bytes);
    assert!(header.slot_bytes() >= SLOT_HEADER_BYTES as u64 + header.frame_bytes());
    for number in [0, u64::from(header.slots()) - 1, u64::from(header.slots()), header.next, u64::MAX] {
        assert!(header.slot_offset(number) + header.slot_bytes() <= file_bytes);
    }
    assert_eq!(Header::parse(&header.to_bytes(), header.file_bytes()).as_ref(), Ok(&header));
    assert!(Header::parse(&header.to_bytes(), header.file_bytes() - 1).is_err());
}
