//! A multipart body of a camera: the same parts however the bytes are cut. The first two bytes of the input say
//! what the header announces, where the body is cut, and how large a part may be.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| camherd_media::wire::multipart_reader::fuzzing::multipart_reader(data));
