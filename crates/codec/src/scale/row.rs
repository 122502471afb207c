//! The arithmetic on rows.
//!
//! Between the two directions a sample has 8 more bits than at the beginning, and 2^15 is taken off so that it fits
//! an `i16`: `256 * sample - 32768`. Vector instructions multiply such numbers and add pairs of products.

use super::filter::{Filter, Taps};

/// Sum of the weights of an output sample in [`resample`].
pub(super) const SUM: i16 = 1 << SUM_BITS;
const SUM_BITS: u32 = 14;

/// Weights come in groups of so many.
pub(super) const LANES: usize = 4;

/// What [`centred`] takes off.
const CENTRE: u16 = 1 << 15;

/// Bits that the samples have gained by the end of [`resample`].
const SHIFT: u32 = 8 + SUM_BITS;

/// Adds the centre again, and a half for rounding.
const BIAS: i32 = ((CENTRE as i32) << SUM_BITS) + (1 << (SHIFT - 1));

/// `256 * sample` as the numbers between the directions.
fn centred(sum: u16) -> i16 {
    (sum ^ CENTRE).cast_signed()
}

/// The mean of a few rows. The weights sum up to 256, so that no sum of bytes is more than 16 bits.
pub(super) fn blend<const N: usize>(rows: [&[u8]; N], weights: [i16; N], out: &mut [i16]) {
    // All have the same length, which the compiler does not know.
    let rows = rows.map(|row| &row[..out.len()]);
    for (at, out) in out.iter_mut().enumerate() {
        let mut sum = 0u16;
        for (row, weight) in rows.iter().zip(weights) {
            sum = sum.wrapping_add(u16::from(row[at]).wrapping_mul(weight.cast_unsigned()));
        }
        *out = centred(sum);
    }
}

/// Adds a row of many.
pub(super) fn add(row: &[u8], weight: i16, sums: &mut [u32]) {
    for (sum, sample) in sums.iter_mut().zip(row) {
        *sum += u32::from(*sample) * u32::from(weight.cast_unsigned());
    }
}

/// The mean of the rows that were added, whose weights sum up to `total`, a power of two of at least 256.
pub(super) fn finish(sums: &[u32], total: i16, out: &mut [i16]) {
    let shift = total.trailing_zeros().saturating_sub(8);
    for (out, sum) in out.iter_mut().zip(sums) {
        // At most 255 * 256.
        *out = centred((sum >> shift) as u16);
    }
}

/// Makes a row longer or shorter. `row` has [`LANES`] samples more than the filter is for, of any value.
pub(super) fn resample(row: &[i16], filter: &Filter, out: &mut [u8]) {
    // The loop over the groups of an output is gone where their number is known: most often it is one, and up to four
    // where a picture shrinks to an eighth.
    match filter.taps() / LANES {
        1 => resample_groups::<1>(row, filter, out),
        2 => resample_groups::<2>(row, filter, out),
        3 => resample_groups::<3>(row, filter, out),
        4 => resample_groups::<4>(row, filter, out),
        _ => {
            for (out, Taps { start, weights }) in out.iter_mut().zip(filter.outputs()) {
                let samples = row[start..start + weights.len()].as_chunks().0;
                *out = mean(samples, weights.as_chunks().0);
            }
        }
    }
}

/// `N` groups of weights for each output.
fn resample_groups<const N: usize>(row: &[i16], filter: &Filter, out: &mut [u8]) {
    let (starts, weights) = filter.columns();
    let weights = weights.as_chunks::<LANES>().0.as_chunks::<N>().0;
    #[cfg(target_arch = "x86_64")]
    let (starts, weights, out) = sse2::fours(row, (starts, weights), out);
    for ((out, start), weights) in out.iter_mut().zip(starts).zip(weights) {
        *out = mean(samples::<N>(row, *start), weights);
    }
}

/// The samples that `N` groups of weights are for.
#[inline]
fn samples<const N: usize>(row: &[i16], start: usize) -> &[[i16; LANES]] {
    row[start..start + N * LANES].as_chunks().0
}

fn mean(samples: &[[i16; LANES]], weights: &[[i16; LANES]]) -> u8 {
    let products = samples.as_flattened().iter().zip(weights.as_flattened());
    let sum: i32 = products.map(|(sample, weight)| i32::from(*sample) * i32::from(*weight)).sum();
    // 0 to 255, as the weights are those of a mean.
    ((sum + BIAS) >> SHIFT) as u8
}

/// The instruction that multiplies and adds pairs, which the compiler does not find by itself.
#[cfg(target_arch = "x86_64")]
mod sse2 {
    use super::{BIAS, LANES, SHIFT, samples};
    use std::arch::x86_64::{
        __m128i, _mm_add_epi32, _mm_castps_si128, _mm_castsi128_ps, _mm_cvtsi128_si32, _mm_madd_epi16,
        _mm_packs_epi32, _mm_packus_epi16, _mm_set1_epi32, _mm_setzero_si128, _mm_shuffle_ps, _mm_srai_epi32,
    };

    /// What is left: where the outputs begin, their weights, and where they go.
    type Rest<'f, 'o, const N: usize> = (&'f [usize], &'f [[[i16; LANES]; N]], &'o mut [u8]);

    /// Makes outputs by fours, as far as that goes.
    pub(super) fn fours<'f, 'o, const N: usize>(
        row: &[i16],
        (starts, weights): (&'f [usize], &'f [[[i16; LANES]; N]]),
        out: &'o mut [u8],
    ) -> Rest<'f, 'o, N> {
        let ((starts, last_starts), (weights, last_weights)) =
            (starts.as_chunks::<4>(), weights.as_chunks::<4>());
        let (out, last_out) = out.as_chunks_mut::<4>();
        for ((out, starts), weights) in out.iter_mut().zip(starts).zip(weights) {
            // SAFETY: every x86-64 has SSE2.
            *out = unsafe { means(row, starts, weights) };
        }
        (last_starts, last_weights, last_out)
    }

    /// Two groups in a register.
    #[inline]
    fn pair(a: [i16; LANES], b: [i16; LANES]) -> __m128i {
        // SAFETY: both types are 16 bytes, of which any will do.
        unsafe { std::mem::transmute([a, b]) }
    }

    /// Four outputs, two in a register.
    #[target_feature(enable = "sse2")]
    #[inline]
    fn means<const N: usize>(row: &[i16], starts: &[usize; 4], weights: &[[[i16; LANES]; N]; 4]) -> [u8; 4] {
        let from = |at: usize| samples::<N>(row, starts[at]);
        let (a, b, c, d) = (from(0), from(1), from(2), from(3));
        let (mut ab, mut cd) = (_mm_setzero_si128(), _mm_setzero_si128());
        for at in 0..N {
            let (first, second) =
                (pair(weights[0][at], weights[1][at]), pair(weights[2][at], weights[3][at]));
            ab = _mm_add_epi32(ab, _mm_madd_epi16(pair(a[at], b[at]), first));
            cd = _mm_add_epi32(cd, _mm_madd_epi16(pair(c[at], d[at]), second));
        }
        // Each output is the sum of two neighbours.
        let (ab, cd) = (_mm_castsi128_ps(ab), _mm_castsi128_ps(cd));
        let even = _mm_castps_si128(_mm_shuffle_ps::<0b10_00_10_00>(ab, cd));
        let odd = _mm_castps_si128(_mm_shuffle_ps::<0b11_01_11_01>(ab, cd));
        let sums = _mm_add_epi32(_mm_add_epi32(even, odd), _mm_set1_epi32(BIAS));
        let means = _mm_srai_epi32::<{ SHIFT as i32 }>(sums);
        let means = _mm_packs_epi32(means, means);
        _mm_cvtsi128_si32(_mm_packus_epi16(means, means)).to_le_bytes()
    }
}
