//! Bits of a NAL unit: fixed-length and Exp-Golomb codes, with the emulation prevention bytes taken out.

/// The bits ended in the middle of a syntax element, or an Exp-Golomb code is longer than 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) struct OutOfBits;

/// Reads the payload of a NAL unit (RBSP, ITU-T H.264 7.3.1, H.265 7.3.1) bit by bit.
pub(in crate::codec) struct BitReader<'a> {
    rest: &'a [u8],
    /// The byte that is being read.
    byte: u8,
    /// How many of its bits are still to come.
    left: u32,
    /// How many zero bytes were read last, to recognise 00 00 03.
    zeros: u32,
}

impl<'a> BitReader<'a> {
    /// Starts at the first bit of `payload`: what follows the NAL unit header.
    pub(in crate::codec) fn new(payload: &'a [u8]) -> BitReader<'a> {
        BitReader { rest: payload, byte: 0, left: 0, zeros: 0 }
    }

    fn next_byte(&mut self) -> Result<u8, OutOfBits> {
        let (&byte, rest) = self.rest.split_first().ok_or(OutOfBits)?;
        self.rest = rest;
        if self.zeros >= 2 && byte == 3 {
            // emulation_prevention_three_byte (7.4.1.1): not part of the payload.
            self.zeros = 0;
            return self.next_byte();
        }
        self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
        Ok(byte)
    }

    /// One bit, u(1).
    pub(in crate::codec) fn flag(&mut self) -> Result<bool, OutOfBits> {
        if self.left == 0 {
            self.byte = self.next_byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Ok(self.byte >> self.left & 1 == 1)
    }

    /// `count` bits, u(n), most significant first. `count` is at most 32.
    pub(in crate::codec) fn bits(&mut self, count: u32) -> Result<u32, OutOfBits> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Ok(value)
    }

    /// Unsigned Exp-Golomb code, ue(v) (9.1).
    pub(in crate::codec) fn ue(&mut self) -> Result<u32, OutOfBits> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return Err(OutOfBits);
            }
        }
        Ok((1 << zeros) - 1 + self.bits(zeros)?)
    }

    /// Signed Exp-Golomb code, se(v) (9.1.1).
    pub(in crate::codec) fn se(&mut self) -> Result<i64, OutOfBits> {
        let code = i64::from(self.ue()?);
        Ok(if code % 2 == 0 { -(code / 2) } else { code / 2 + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_codes_of_table_9_2() {
        // 1 010 011 00100 00101 | 00110, padded
        let mut reader = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1001_1000]);
        let codes: Vec<u32> = std::iter::from_fn(|| reader.ue().ok()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5]);
        let mut reader = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1001_1000]);
        let codes: Vec<i64> = std::iter::from_fn(|| reader.se().ok()).collect();
        assert_eq!(codes, [0, 1, -1, 2, -2, 3]);
    }

    #[test]
    fn the_longest_code_fits_and_a_longer_one_is_an_error() {
        // 31 zeros, a one, 31 ones; no 00 00 03 in it.
        let mut reader = BitReader::new(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(reader.ue(), Ok(u32::MAX - 1));
        assert_eq!(BitReader::new(&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff]).ue(), Err(OutOfBits));
    }

    #[test]
    fn takes_out_emulation_prevention() {
        let mut reader = BitReader::new(&[0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 3]);
        let bytes: Vec<u32> = std::iter::from_fn(|| reader.bits(8).ok()).collect();
        assert_eq!(bytes, [0, 0, 1, 0, 0, 0, 0, 3]);
        assert_eq!(BitReader::new(&[0, 0, 3]).bits(24), Err(OutOfBits));
        assert_eq!(BitReader::new(&[3]).bits(8), Ok(3));
    }
}
