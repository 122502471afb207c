//! A message of the device channel, of either side: any bytes are read without harm, and what is a message stays
//! the same when it is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| camherd_media::wire::device::fuzzing::device_message(data));
