//! Bits of a NAL unit of H.264: reading and writing.

/// Bits of the payload of a NAL unit, without emulation prevention bytes (7.3.1).
pub(super) struct Bits<'a> {
    rest: &'a [u8],
    byte: u8,
    left: u32,
    zeros: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Bits<'a> {
        Bits { rest, byte: 0, left: 0, zeros: 0 }
    }

    pub(super) fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            if self.zeros >= 2 && self.rest.first() == Some(&3) {
                self.rest = &self.rest[1..];
                self.zeros = 0;
            }
            let (&byte, rest) = self.rest.split_first()?;
            self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
            (self.byte, self.rest, self.left) = (byte, rest, 8);
        }
        self.left -= 1;
        Some(u32::from(self.byte >> self.left & 1))
    }

    /// u(n) of at most 32 bits.
    pub(super) fn u(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, _| Some(value << 1 | self.bit()?))
    }

    /// ue(v) (9.1) of at most 31 leading zeros.
    pub(super) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.u(zeros)?)
    }
}

/// Bits in the making.
#[derive(Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    /// Bits of the last byte that are still free.
    free: u32,
}

impl Writer {
    /// Appends bits, each 0 or 1.
    pub(super) fn bits(&mut self, bits: &[u32]) {
        for bit in bits {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            self.free -= 1;
            if let Some(last) = self.bytes.last_mut() {
                *last |= (*bit as u8 & 1) << self.free;
            }
        }
    }

    /// ue(v) (9.1).
    pub(super) fn ue(&mut self, value: u32) {
        let code = u64::from(value) + 1;
        let length = code.ilog2();
        for at in (0..=2 * length).rev() {
            self.bits(&[u32::from(at <= length && code >> at & 1 == 1)]);
        }
    }

    /// Appends the bytes with emulation prevention (7.4.1), without zeros at the end, which only fill the last
    /// byte.
    pub(super) fn append_escaped(mut self, out: &mut Vec<u8>) {
        while self.bytes.last() == Some(&0) {
            self.bytes.pop();
        }
        let mut zeros = 0;
        for byte in self.bytes {
            if zeros >= 2 && byte <= 3 {
                out.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            out.push(byte);
        }
    }
}
