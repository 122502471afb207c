//! Memory for raw pictures, used again: a megabyte a frame that is fresh from the system costs more in page
//! faults than the copy into it.

use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};

/// Buffers kept for the next picture. More are in use than a ring holds only while slow readers send them.
const MAX_SPARE: usize = 4;

/// Bytes that they take at most: two pictures of 4K in BGR. Larger ones are rare, and fresh each time.
const MAX_SPARE_BYTES: usize = 64 << 20;

/// A pool of equal buffers. Clones are the same pool.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

/// A buffer on its way into [`Bytes`], after whose last use it returns to its pool.
pub(super) struct Buffer {
    data: Vec<u8>,
    pool: Pool,
}

impl Pool {
    /// A buffer of `length` bytes; what is in it is unspecified.
    pub(super) fn take(&self, length: usize) -> Buffer {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let data = match spare.pop() {
            Some(data) if data.len() == length => data,
            Some(_) => {
                // The size has changed; the others are of no use either.
                spare.clear();
                vec![0; length]
            }
            None => vec![0; length],
        };
        Buffer { data, pool: self.clone() }
    }
}

impl Buffer {
    /// The bytes to write.
    pub(super) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }

    /// The bytes to share.
    pub(super) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut spare = self.pool.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held: usize = spare.iter().map(Vec::len).sum();
        if spare.len() < MAX_SPARE && held + self.data.len() <= MAX_SPARE_BYTES {
            spare.push(std::mem::take(&mut self.data));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_after_its_last_reader() {
        let pool = Pool::default();
        let mut first = pool.take(1000);
        first.as_mut()[0] = 7;
        let address = first.data.as_ptr();
        let bytes = first.freeze();
        let reader = bytes.clone();
        drop(bytes);
        assert_ne!(pool.take(1000).data.as_ptr(), address, "it is being read");
        assert_eq!(reader[0], 7);
        drop(reader);
        assert_eq!(pool.take(1000).data.as_ptr(), address);
    }

    #[test]
    fn another_size_is_another_buffer_and_spares_are_bounded() {
        let pool = Pool::default();
        let many: Vec<Buffer> = (0..20).map(|_| pool.take(10)).collect();
        drop(many);
        assert_eq!(pool.0.lock().unwrap().len(), MAX_SPARE);
        assert_eq!(pool.take(20).data.len(), 20);
        drop(pool.take(MAX_SPARE_BYTES + 1));
        assert!(pool.0.lock().unwrap().iter().all(|spare| spare.len() <= 20), "it was given back");
    }
}
