#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| camherd_media::container::fuzzing::ts_mux(data));
