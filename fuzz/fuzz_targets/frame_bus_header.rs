//! The header of the frame bus: what is accepted lies within its file. The first eight bytes of the input are
//! the size of the file.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| camherd_media::wire::frame_bus::fuzzing::frame_bus_header(data));
