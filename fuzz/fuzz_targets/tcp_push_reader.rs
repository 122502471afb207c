//! TCP push: the same items however the bytes are cut.
#![no_main]

use camherd_media::wire::tcp_push::fuzzing::tcp_push_reader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tcp_push_reader(data));
