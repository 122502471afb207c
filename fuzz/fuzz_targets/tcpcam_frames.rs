//! TCPCam, what a camera sends: the same pictures however the bytes are cut.
#![no_main]

use camherd_media::wire::tcpcam::fuzzing::tcpcam_frames;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tcpcam_frames(data));
