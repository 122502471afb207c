//! `cargo fuzz run jpeg_normalise -- -max_len=65536`, with `testdata/jpeg` as the first corpus.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| camherd_media::codec::fuzzing::jpeg_normalise(data));
