//! What devices say about themselves: the newest JSON object that each sent as a text message.

use camherd_media::ids::StreamName;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Longest text that is kept: a device's report is a few hundred bytes.
const MAX_TEXT: usize = 8 * 1024;

/// The newest report of each stream's device.
#[derive(Debug, Default)]
pub struct Telemetry(Mutex<HashMap<StreamName, Map<String, Value>>>);

impl Telemetry {
    /// Keeps `text` if it is a JSON object of reasonable size; anything else is ignored.
    pub fn note(&self, stream: &StreamName, text: &[u8]) {
        if text.len() > MAX_TEXT {
            return;
        }
        if let Ok(Value::Object(report)) = serde_json::from_slice(text) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(stream.clone(), report);
        }
    }

    /// The newest report.
    #[must_use]
    pub fn get(&self, stream: &StreamName) -> Option<Map<String, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(stream).cloned()
    }

    /// Forgets a stream's device.
    pub fn forget(&self, stream: &StreamName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_of_reasonable_size_are_kept() {
        let telemetry = Telemetry::default();
        let door: StreamName = "door".parse().unwrap();
        for ignored in [&b"hello"[..], b"[1,2]", b"\xff\xfe", &vec![b' '; MAX_TEXT + 1]] {
            telemetry.note(&door, ignored);
            assert_eq!(telemetry.get(&door), None);
        }
        telemetry.note(&door, br#"{"rssi":-60}"#);
        assert_eq!(telemetry.get(&door).map(|r| r["rssi"].clone()), Some(Value::from(-60)));
        telemetry.forget(&door);
        assert_eq!(telemetry.get(&door), None);
    }
}
