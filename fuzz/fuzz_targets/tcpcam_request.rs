//! TCPCam, what a client sends: the same request however the bytes are cut.
#![no_main]

use camherd_media::wire::tcpcam::fuzzing::tcpcam_request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tcpcam_request(data));
