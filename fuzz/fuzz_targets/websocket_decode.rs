//! WebSocket frames of a client: the same items however the bytes are cut.
#![no_main]

use camherd_media::wire::websocket::fuzzing::websocket_decode;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| websocket_decode(data));
