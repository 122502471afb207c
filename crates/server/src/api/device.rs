//! `POST /api/streams/{id}/device`: what a camera that speaks the device channel is told, and what is shown of it.

use super::error::ApiError;
use super::extract::{JsonObject, Path};
use super::state::Server;
use super::streams::{ErrorBody, unknown};
use crate::sources::device::{Seen, TellError};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use camherd_media::ids::StreamName;
use camherd_media::wire::device::{
    BadMember, Command, Hello, MESSAGE_MAX, Progress, Set, Settings, Size, ToDevice,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;

/// How long a device may take to answer: a sensor that is set up anew takes one or two seconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Fields of the request that change what is set, and their names in the device channel.
const SETTINGS: [(&str, &str); 8] = [
    ("size", "size"),
    ("quality", "quality"),
    ("fps", "fps"),
    ("flip", "vflip"),
    ("mirror", "hflip"),
    ("led", "led"),
    ("adapt", "adapt"),
    ("save", "save"),
];

/// What a device is to do: any of the settings, or `reboot`, or `update`.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, reason = "it describes the request; its fields are read one by one, for better errors")]
pub struct DeviceCommand {
    /// Picture size, one of `hello.sizes`.
    #[schema(example = "640x480")]
    size: Option<String>,
    /// JPEG quality, 1 to 100.
    #[schema(minimum = 1, maximum = 100)]
    quality: Option<u32>,
    /// Most pictures a second, 1 to 60.
    #[schema(minimum = 1, maximum = 60)]
    fps: Option<u32>,
    /// Upside down.
    flip: Option<bool>,
    /// Left and right changed.
    mirror: Option<bool>,
    /// Lamp, 0 to 100 %.
    #[schema(maximum = 100)]
    led: Option<u32>,
    /// Whether the device gives less when its network is too slow.
    adapt: Option<bool>,
    /// Whether the device keeps all of its settings over restarts.
    save: Option<bool>,
    /// Restart; stands alone.
    reboot: Option<bool>,
    /// Fetch firmware and restart into it; stands alone.
    update: Option<DeviceUpdate>,
}

/// Firmware for a device, signed with the key that the device knows.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, reason = "as above")]
pub struct DeviceUpdate {
    /// `http://` or `https://`, at most 255 bytes.
    url: String,
    /// Of the image, bytes.
    #[schema(minimum = 1, maximum = 16_777_216)]
    size: u32,
    /// Of the image, 64 hexadecimal digits.
    sha256: String,
    /// ECDSA over P-256 of the SHA-256, in DER, as base64.
    signature: String,
}

/// The answer of a device that has done as it was told.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceAnswer {
    /// Always true; what was refused is an error.
    ok: bool,
    /// `set`, `reboot` or `update`.
    command: &'static str,
    /// What is set now.
    settings: DeviceSettings,
}

/// What a device is set to; null where it did not say.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct DeviceSettings {
    /// Picture size.
    #[schema(example = "640x480")]
    size: Option<String>,
    /// JPEG quality, 1 to 100.
    quality: Option<u32>,
    /// Most pictures a second.
    fps: Option<u32>,
    /// Upside down.
    flip: Option<bool>,
    /// Left and right changed.
    mirror: Option<bool>,
    /// Lamp, %.
    led: Option<u32>,
    /// Whether the device gives less when its network is too slow.
    adapt: Option<bool>,
}

/// A camera that speaks the device channel.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceInfo {
    /// Whether it is connected. What it said is shown on until another camera connects.
    connected: bool,
    /// Since it said something last, ms.
    age_ms: u64,
    /// What it said it is and can, as in the device channel.
    #[schema(value_type = Object)]
    hello: Value,
    /// What is set now.
    settings: DeviceSettings,
    /// Its newest report on this connection, unchanged; null before the first.
    #[schema(value_type = Option<Object>)]
    telemetry: Option<Map<String, Value>>,
    /// Since that report, ms.
    telemetry_age_ms: Option<u64>,
    /// How many it was told to give pictures for; null before it was told.
    viewers: Option<u32>,
    /// The size that it was told to be enough for them; null: what is set is wanted.
    wanted_size: Option<String>,
    /// The pictures a second that it was told to be enough for them; null: what is set is wanted.
    wanted_fps: Option<u32>,
    /// Whether it was told that nobody watches: it gives one picture a second at most.
    resting: bool,
    /// How its update goes.
    update: Option<DeviceProgress>,
    /// What it has not answered yet.
    pending: Vec<PendingCommand>,
}

/// How an update goes.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct DeviceProgress {
    /// `loading`, `restarting` or `failed`.
    state: &'static str,
    /// With `loading`.
    percent: Option<u32>,
    /// With `failed`.
    error: Option<String>,
    /// Since this is known, ms.
    age_ms: u64,
}

/// A command that a device has not answered yet.
#[derive(Debug, Serialize, ToSchema)]
pub struct PendingCommand {
    id: u32,
    /// `set`, `reboot` or `update`.
    command: &'static str,
    /// Since it was sent, ms.
    age_ms: u64,
}

/// Tell a camera what to do
///
/// For cameras that speak the device channel. Waits up to 5 s for the camera's answer.
#[utoipa::path(post, path = "/api/streams/{id}/device", tag = "streams",
    params(("id" = String, Path, description = "id or name of the stream")),
    request_body = DeviceCommand,
    responses(
        (status = 200, body = DeviceAnswer, description = "the camera has done it"),
        (status = 400, body = ErrorBody, description = "not JSON, a bad value, or something that this camera cannot"),
        (status = 404, body = ErrorBody, description = "unknown id, or a camera that does not speak the device channel"),
        (status = 409, body = ErrorBody, description = "the camera refuses"),
        (status = 503, body = ErrorBody, description = "the camera is not connected, or has too much to answer already"),
        (status = 504, body = ErrorBody, description = "the camera did not answer"),
    ),
)]
pub async fn command(
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
    body: JsonObject,
) -> Result<Json<DeviceAnswer>, ApiError> {
    let stream = server.catalogue.resolve(&id).and_then(|name| server.hub.get(&name));
    let stream = stream.ok_or_else(|| unknown(&id))?;
    let name = stream.name();
    let seen = server.devices.get(&stream).ok_or_else(|| not_told(name, TellError::NoDevice))?;
    let command = read(&body.0).and_then(|command| fits(command, &seen.hello)).map_err(bad)?;
    let kind = kind(&command);
    let answer = server.devices.tell(name, command).map_err(|error| not_told(name, error))?;
    let error = |status, text: &str| ApiError::new(status, format!("stream {name}: {text}"));
    match timeout(ANSWER_LIMIT, answer).await {
        Ok(Ok(Ok(()))) => {
            tracing::info!(stream = %name, kind, "the device has carried out a command");
            let settings = server.devices.get(&stream).map_or(seen.settings, |seen| seen.settings);
            Ok(Json(DeviceAnswer { ok: true, command: kind, settings: settings.into() }))
        }
        Ok(Ok(Err(reason))) => {
            Err(error(StatusCode::CONFLICT, &format!("the device refuses: {}", in_api_words(&reason))))
        }
        Ok(Err(_)) => {
            Err(error(StatusCode::SERVICE_UNAVAILABLE, "the device disconnected before it answered"))
        }
        Err(_) => {
            let text = format!("the device has not answered for {} s", ANSWER_LIMIT.as_secs());
            Err(error(StatusCode::GATEWAY_TIMEOUT, &text))
        }
    }
}

fn bad(message: String) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, message)
}

fn not_told(name: &StreamName, error: TellError) -> ApiError {
    let (status, retry_after) = match error {
        TellError::NoDevice => (StatusCode::NOT_FOUND, None),
        TellError::Away => (StatusCode::SERVICE_UNAVAILABLE, None),
        TellError::Busy => (StatusCode::SERVICE_UNAVAILABLE, Some(ANSWER_LIMIT.as_secs())),
    };
    ApiError { retry_after, ..ApiError::new(status, format!("stream {name}: {error}")) }
}

/// The command that a request asks for; the error names the field.
fn read(body: &Map<String, Value>) -> Result<Command, String> {
    let given: Vec<&String> = body.iter().filter(|(_, value)| !value.is_null()).map(|(key, _)| key).collect();
    let is_setting = |key: &str| SETTINGS.iter().any(|(name, _)| *name == key);
    if let Some(other) =
        given.iter().find(|key| !is_setting(key) && !["reboot", "update"].contains(&key.as_str()))
    {
        let known: Vec<&str> = SETTINGS.iter().map(|(name, _)| *name).chain(["reboot", "update"]).collect();
        let other: String = other.chars().take(32).collect();
        return Err(format!("there is no `{other}`; there are {}", known.join(", ")));
    }
    let alone = given.len() == 1;
    match (body.get("reboot"), body.get("update")) {
        (Some(Value::Bool(true)), _) if alone => Ok(Command::Reboot),
        (_, Some(Value::Object(update))) if alone => update_of(update),
        (Some(Value::Bool(true)), _) | (_, Some(Value::Object(_))) => {
            Err("`reboot` and `update` stand alone: send them without anything else".to_owned())
        }
        (Some(Value::Bool(false) | Value::Null) | None, Some(Value::Null) | None) => settings_of(body),
        (_, Some(Value::Null) | None) => Err("`reboot`: true or false".to_owned()),
        _ => Err("`update`: an object with url, size, sha256 and signature".to_owned()),
    }
}

fn update_of(update: &Map<String, Value>) -> Result<Command, String> {
    use camherd_media::wire::device::Update;
    Update::read(update)
        .map(|update| Command::Update(Box::new(update)))
        .map_err(|BadMember { member, takes, .. }| format!("`update.{member}`: {takes}"))
}

/// Settings are read as the device would read them, so that both have the same rules.
fn settings_of(body: &Map<String, Value>) -> Result<Command, String> {
    let mut message = json!({"type": "set"});
    for (name, member) in SETTINGS {
        message[member] = body.get(name).cloned().unwrap_or_default();
    }
    let message = ToDevice::read(message.to_string().as_bytes());
    let message = message.map_err(|BadMember { member, takes, .. }| {
        format!("`{}`: {takes}", SETTINGS.iter().find(|(_, m)| *m == member).map_or(member, |(name, _)| name))
    })?;
    match message.map(|message| message.command) {
        Some(Command::Set(set)) if set == Set::default() => Err("there is nothing to do".to_owned()),
        Some(command) => Ok(command),
        None => Err(format!("the settings are longer than {MESSAGE_MAX} bytes")),
    }
}

/// Whether this device can do that; the device itself has the last word.
fn fits(command: Command, hello: &Hello) -> Result<Command, String> {
    match &command {
        Command::Set(Set { size: Some(size), .. })
            if !hello.sizes.is_empty() && !hello.sizes.contains(size) =>
        {
            let sizes: Vec<String> = hello.sizes.iter().map(Size::to_string).collect();
            Err(format!("`size`: this camera has {}", sizes.join(", ")))
        }
        Command::Set(Set { led: Some(_), .. }) if !hello.has_led => {
            Err("`led`: this camera has none".to_owned())
        }
        Command::Update(_) if !hello.has_update => Err("`update`: this camera cannot".to_owned()),
        _ => Ok(command),
    }
}

/// What a device finds wrong, with the API's names for its members.
fn in_api_words(reason: &str) -> String {
    let renamed = SETTINGS.iter().find_map(|(name, member)| {
        let rest = reason.strip_prefix(member)?;
        rest.starts_with(':').then(|| format!("{name}{rest}"))
    });
    renamed.unwrap_or_else(|| reason.to_owned())
}

fn kind(command: &Command) -> &'static str {
    match command {
        Command::Reboot => "reboot",
        Command::Update(_) => "update",
        _ => "set",
    }
}

impl From<Settings> for DeviceSettings {
    fn from(settings: Settings) -> DeviceSettings {
        DeviceSettings {
            size: settings.size.map(|size| size.to_string()),
            quality: settings.quality,
            fps: settings.fps,
            flip: settings.vflip,
            mirror: settings.hflip,
            led: settings.led,
            adapt: settings.adapt,
        }
    }
}

impl From<Seen> for DeviceInfo {
    fn from(seen: Seen) -> DeviceInfo {
        let mut hello = seen.hello.to_json();
        if let Value::Object(members) = &mut hello {
            members.remove("type");
        }
        let telemetry_age_ms = seen.telemetry.as_ref().map(|(_, at)| age_ms(*at));
        let viewers = seen.demand.map(|demand| demand.viewers);
        let pending = seen.pending.into_iter();
        DeviceInfo {
            connected: seen.connected,
            age_ms: age_ms(seen.heard),
            hello,
            settings: seen.settings.into(),
            telemetry: seen.telemetry.map(|(report, _)| report),
            telemetry_age_ms,
            viewers,
            wanted_size: seen.demand.and_then(|demand| demand.size).map(|size| size.to_string()),
            wanted_fps: seen.demand.and_then(|demand| demand.fps),
            resting: viewers == Some(0),
            update: seen.update.map(|(progress, at)| DeviceProgress::of(progress, at)),
            pending: pending
                .map(|(id, command, since)| PendingCommand { id, command, age_ms: age_ms(since) })
                .collect(),
        }
    }
}

impl DeviceProgress {
    fn of(progress: Progress, at: Instant) -> DeviceProgress {
        let (state, percent, error) = match progress {
            Progress::Loading(percent) => ("loading", Some(percent), None),
            Progress::Restarting => ("restarting", None, None),
            Progress::Failed(error) => ("failed", None, Some(error)),
        };
        DeviceProgress { state, percent, error, age_ms: age_ms(at) }
    }
}

fn age_ms(at: Instant) -> u64 {
    u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_json(body: Value) -> Result<Command, String> {
        let Value::Object(body) = body else { panic!("{body}") };
        read(&body)
    }

    #[test]
    fn settings_have_the_names_that_people_use() {
        let set = Set { vflip: Some(true), fps: Some(5), ..Set::default() };
        assert_eq!(
            read_json(json!({"flip": true, "fps": 5, "size": null, "reboot": false})),
            Ok(Command::Set(set))
        );
        let set = Set { hflip: Some(false), size: Size::of(320, 240), save: Some(true), ..Set::default() };
        assert_eq!(
            read_json(json!({"mirror": false, "size": "320x240", "save": true})),
            Ok(Command::Set(set))
        );
        assert_eq!(in_api_words("vflip: true or false"), "flip: true or false");
        assert_eq!(in_api_words("the lamp is hot"), "the lamp is hot");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let update = json!({"url": "http://x/", "size": 1, "sha256": "0".repeat(64), "signature": "AA=="});
        assert!(matches!(read_json(json!({"update": update})), Ok(Command::Update(_))));
        assert_eq!(read_json(json!({"reboot": true})), Ok(Command::Reboot));
        for (body, part) in [
            (json!({}), "nothing"),
            (json!({"reboot": false}), "nothing"),
            (json!({"flip": 1}), "`flip`: true or false"),
            (json!({"quality": 0}), "`quality`: 1 to 100"),
            (json!({"size": "vga"}), "`size`"),
            (json!({"vflip": true}), "there is no `vflip`"),
            (json!({"x".repeat(500): true}), "there is no `xxx"),
            (json!({"size": "x".repeat(5000)}), "1024 bytes"),
            (json!({"reboot": 1}), "`reboot`"),
            (json!({"reboot": true, "fps": 5}), "alone"),
            (json!({"update": update, "reboot": true}), "alone"),
            (json!({"update": "http://x/"}), "`update`"),
            (json!({"update": {"url": "ftp://x"}}), "`update.url`"),
            (json!({"update": {"url": format!("http://x/{}", "\u{1}".repeat(240))}}), "`update.url`"),
        ] {
            let error = read_json(body.clone()).unwrap_err();
            assert!(error.contains(part) && error.len() < 200, "{body}: {error}");
        }
    }

    #[test]
    fn what_a_camera_cannot_is_not_asked_of_it() {
        let mut hello = Hello { sizes: Size::of(640, 480).into_iter().collect(), ..Hello::default() };
        let other_size = Command::Set(Set { size: Size::of(320, 240), ..Set::default() });
        let lamp = Command::Set(Set { led: Some(0), ..Set::default() });
        assert!(fits(other_size.clone(), &hello).unwrap_err().contains("640x480"));
        assert!(fits(lamp.clone(), &hello).is_err());
        assert!(fits(Command::Reboot, &hello).is_ok());
        hello.has_led = true;
        hello.sizes.clear();
        assert!(fits(lamp, &hello).is_ok());
        assert!(fits(other_size, &hello).is_ok(), "no sensor yet: the device knows better");
    }
}
