use super::fuzzing::device_message;
use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Shared with the firmware.
const TO_DEVICE: &str = include_str!("../../../../../testdata/vectors/device/to_device.json");
const FROM_DEVICE: &str = include_str!("../../../../../testdata/vectors/device/from_device.json");

/// The texts of a file of vectors, and what they mean.
fn cases(file: &str) -> Vec<(String, Vec<u8>, Value)> {
    let file: Value = serde_json::from_str(file).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    let text = |case: &Value| match case["hex"].as_str() {
        Some(hex) => {
            let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            (0..hex.len()).step_by(2).map(byte).collect()
        }
        None => case["text"].as_str().unwrap().as_bytes().to_vec(),
    };
    let about = |case: &Value| case["about"].as_str().unwrap().to_owned();
    cases.iter().map(|case| (about(case), text(case), case["meaning"].clone())).collect()
}

/// A message's own text as the vectors tell it: `kind` in place of `type`.
fn told(text: &str) -> Value {
    let mut members: Map<String, Value> = serde_json::from_str(text).unwrap();
    let kind = members.remove("type").unwrap();
    members.insert("kind".to_owned(), kind);
    Value::Object(members)
}

/// What was read, as the vectors tell it.
fn meaning(read: Result<Option<String>, BadMember>) -> Value {
    match read {
        Ok(None) => json!({"kind": "ignored"}),
        Ok(Some(text)) => told(&text),
        Err(bad) => {
            let mut meaning = json!({"kind": "invalid", "field": bad.member});
            if let Some(id) = bad.id {
                meaning["id"] = id.into();
            }
            meaning
        }
    }
}

#[test]
fn what_a_server_says_means_what_the_shared_vectors_say() {
    for (about, text, mut expected) in cases(TO_DEVICE) {
        let read = ToDevice::read(&text);
        let is_hello = matches!(&read, Ok(Some(ToDevice { command: Command::Hello, .. })));
        let meaning = meaning(read.map(|message| message.map(|message| message.to_text())));
        if is_hello {
            // A hello has no other meaning than that it came.
            expected["v"] = meaning["v"].clone();
            expected["server"] = meaning["server"].clone();
        }
        assert_eq!(meaning, expected, "{about}");
    }
}

#[test]
fn what_a_device_says_means_what_the_shared_vectors_say() {
    for (about, text, mut expected) in cases(FROM_DEVICE) {
        // A member of a later version, which this one does not know.
        expected.as_object_mut().unwrap().remove("colour");
        let read = FromDevice::read(&text).map(|message| message.map(|message| message.to_text()));
        assert_eq!(meaning(read), expected, "{about}");
    }
}

#[test]
fn a_message_that_is_cut_off_anywhere_is_none() {
    for (about, text, meaning) in cases(TO_DEVICE).into_iter().chain(cases(FROM_DEVICE)) {
        if matches!(meaning["kind"].as_str(), Some("ignored" | "invalid")) {
            continue;
        }
        let end = text.iter().rposition(|byte| *byte == b'}').unwrap();
        for cut in 0..end {
            assert_eq!(ToDevice::read(&text[..cut]), Ok(None), "{about}, {cut} bytes");
            assert_eq!(FromDevice::read(&text[..cut]), Ok(None), "{about}, {cut} bytes");
        }
    }
}

#[test]
fn what_a_device_has_carried_out_is_known() {
    let mut settings = Settings { quality: Some(80), fps: Some(30), ..Settings::default() };
    let set = Set { fps: Some(5), size: Size::of(320, 240), ..Set::default() };
    settings.apply(&set);
    let expected =
        Settings { quality: Some(80), fps: Some(5), size: Size::of(320, 240), ..Settings::default() };
    assert_eq!(settings, expected);
}

#[test]
fn a_long_reason_does_not_make_an_answer_too_long_for_the_channel() {
    let ack = FromDevice::Ack(Ack { id: u32::MAX, result: Err("\u{1}".repeat(5000)) });
    assert!(ack.to_text().len() <= MESSAGE_MAX);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        device_message(&bytes);
    }

    #[test]
    fn any_change_of_a_message_is_read_without_harm(
        case in any::<proptest::sample::Index>(),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let all: Vec<_> = cases(TO_DEVICE).into_iter().chain(cases(FROM_DEVICE)).collect();
        let mut text = case.get(&all).1.clone();
        if !text.is_empty() {
            let at = at.index(text.len());
            text[at] = byte;
        }
        device_message(&text);
    }
}
