//! So many bytes, collected as they arrive: what size fields and payloads have in common.

use bytes::{Bytes, BytesMut};

/// Most that is reserved for a field before its bytes are there. A typical JPEG fits, so it is held without slack;
/// a longer one grows with what really arrives.
const MAX_RESERVE: usize = 256 * 1024;

/// Collects one field of a known length.
#[derive(Debug)]
pub(super) struct Field {
    length: usize,
    data: BytesMut,
}

impl Field {
    /// A field of `length` bytes, none of which is there yet.
    pub(super) fn new(length: usize) -> Field {
        Field { length, data: BytesMut::new() }
    }

    /// How long it is to be.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// How much of it is there.
    pub(super) fn have(&self) -> usize {
        self.data.len()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.data.capacity()
    }

    /// Takes what it can from the front of `input`; gives the field when it is complete.
    pub(super) fn fill(&mut self, input: &mut &[u8]) -> Option<Bytes> {
        let take = (self.length - self.data.len()).min(input.len());
        let (taken, rest) = input.split_at(take);
        if take > 0 && self.data.is_empty() {
            self.data.reserve(self.length.min(MAX_RESERVE.max(take)));
        }
        self.data.extend_from_slice(taken);
        *input = rest;
        (self.data.len() == self.length).then(|| std::mem::take(&mut self.data).freeze())
    }
}
