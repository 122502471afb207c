//! `cargo fuzz run h264_split`, with `testdata/h264` as the first corpus: the first five bytes of the input
//! are the sizes of the chunks and the limit on access units.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| camherd_media::codec::fuzzing::h264_split(data));
