//! Body of the fuzz target, also run by the tests.

use super::{FromDevice, MEMBERS_MAX, MESSAGE_MAX, ToDevice};

/// Reads any bytes as a message of either side. What is a message stays the same when it is written and read again,
/// and one for a device fits what a device takes.
///
/// # Panics
/// When that does not hold.
pub fn device_message(text: &[u8]) {
    if let Ok(Some(message)) = ToDevice::read(text) {
        assert!(text.len() <= MESSAGE_MAX);
        let written = message.to_text();
        assert!(written.len() <= MESSAGE_MAX, "{} bytes: {written}", written.len());
        assert_eq!(ToDevice::read(written.as_bytes()), Ok(Some(message)));
    }
    if let Ok(Some(message)) = FromDevice::read(text) {
        assert!(text.len() <= MESSAGE_MAX);
        if let FromDevice::Telemetry(members) = &message {
            // Members that the protocol does not have may hold numbers that no type holds exactly.
            assert!(members.len() <= MEMBERS_MAX);
            return;
        }
        let written = message.to_text();
        // Escapes that are written out make a text longer: what does not fit any more is not read.
        if written.len() <= MESSAGE_MAX {
            assert_eq!(FromDevice::read(written.as_bytes()), Ok(Some(message)), "{written}");
        }
    }
}
