//! `cargo fuzz run h265_normalise`, with `testdata/h265` as the first corpus.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| camherd_media::codec::fuzzing::h265_normalise(data));
