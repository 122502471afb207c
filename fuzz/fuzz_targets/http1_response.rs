//! A response of a camera: the same head and body however the bytes are cut. The first byte of the input says
//! where.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| camherd_media::wire::http1::fuzzing::http1_response(data));
