//! What a device says to its server.

use super::members::{Members, Read};
use super::size::Size;
use super::to_device::Set;
use super::{BadMember, ERROR_MAX, FPS, ID, LED, QUALITY, TAKES_FPS, TAKES_ID, TAKES_LED, TAKES_QUALITY};
use serde_json::{Map, Value, json};

/// A message of a device.
#[derive(Clone, Debug, PartialEq)]
pub enum FromDevice {
    /// What it is and what it can.
    Hello(Box<Hello>),
    /// How it fares: all members that it sent, `null` ones left out. Those of the protocol are of the right type.
    Telemetry(Map<String, Value>),
    /// The answer to a message with an id.
    Ack(Ack),
    /// How an update goes.
    Update(Progress),
}

/// What a device is and can, and what is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// Version of the protocol that it speaks.
    pub version: u32,
    /// The device; stays the same over restarts.
    pub id: String,
    /// Such as `AtomS3R-CAM`.
    pub model: String,
    /// Version of its firmware.
    pub firmware: String,
    /// Such as `OV2640`; empty while none was found.
    pub sensor: String,
    /// Why it started: `power-on`, `panic` and so on.
    pub reset: String,
    /// Whether its firmware has proved itself.
    pub image: Option<Image>,
    /// What is set.
    pub settings: Settings,
    /// Sizes of the sensor; empty while none was found.
    pub sizes: Vec<Size>,
    /// Most pictures a second.
    pub max_fps: Option<u32>,
    /// Whether it has a lamp.
    pub has_led: bool,
    /// Whether it takes updates.
    pub has_update: bool,
}

/// What a device is set to, as far as it says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Picture size.
    pub size: Option<Size>,
    /// JPEG quality, 1 to 100.
    pub quality: Option<u32>,
    /// Most pictures a second.
    pub fps: Option<u32>,
    /// Mirrored.
    pub hflip: Option<bool>,
    /// Upside down.
    pub vflip: Option<bool>,
    /// Lamp, %.
    pub led: Option<u32>,
    /// Whether it gives less when its network is too slow.
    pub adapt: Option<bool>,
}

/// How far a device trusts the firmware that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// It has proved itself.
    Confirmed,
    /// An update that has not proved itself yet.
    Trial,
    /// The latest update did not prove itself and was taken back.
    RolledBack,
}

/// The answer to a message with an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// That of the message.
    pub id: u32,
    /// Why it was not carried out.
    pub result: Result<(), String>,
}

/// How an update goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It loads; 0 to 100 %.
    Loading(u32),
    /// It is written; the device restarts into it.
    Restarting,
    /// It failed, for this reason.
    Failed(String),
}

/// Members of telemetry that are whole numbers.
const MEASURES: [&str; 19] = [
    "uptime",
    "rssi",
    "temperature",
    "heap",
    "heap_min",
    "psram",
    "quality",
    "fps",
    "capture_ms",
    "convert_ms",
    "send_ms",
    "kbit_s",
    "captured",
    "sent",
    "replaced",
    "stale",
    "failed",
    "camera_errors",
    "connects",
];

impl FromDevice {
    /// Reads a message; `None` for what is none of this protocol.
    ///
    /// # Errors
    /// [`BadMember`] names the first member that is wrong.
    pub fn read(text: &[u8]) -> Result<Option<FromDevice>, BadMember> {
        let Some(members) = Members::parse(text) else { return Ok(None) };
        let message = match members.kind() {
            Some("hello") => FromDevice::Hello(Box::new(Hello::read(&members)?)),
            Some("telemetry") => FromDevice::Telemetry(telemetry(members)?),
            Some("ack") => FromDevice::Ack(Ack::read(&members)?),
            Some("update") => FromDevice::Update(Progress::read(&members)?),
            _ => return Ok(None),
        };
        Ok(Some(message))
    }

    /// The message as text. It is as long as what is in it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut message = match self {
            FromDevice::Hello(hello) => hello.to_json(),
            FromDevice::Telemetry(members) => Value::Object(members.clone()),
            FromDevice::Ack(Ack { id, result }) => {
                let error = result.as_ref().err().map(|error| shorten(error));
                json!({"type": "ack", "id": id, "ok": result.is_ok(), "error": error})
            }
            FromDevice::Update(Progress::Loading(percent)) => {
                json!({"type": "update", "state": "loading", "percent": percent})
            }
            FromDevice::Update(Progress::Restarting) => json!({"type": "update", "state": "restarting"}),
            FromDevice::Update(Progress::Failed(error)) => {
                json!({"type": "update", "state": "failed", "error": shorten(error)})
            }
        };
        if let Value::Object(members) = &mut message {
            members.retain(|_, value| !value.is_null());
        }
        message.to_string()
    }
}

fn shorten(error: &str) -> String {
    error.chars().take(ERROR_MAX).collect()
}

fn telemetry(members: Members) -> Read<Map<String, Value>> {
    for member in ["id", "reset", "size"] {
        members.text(member)?;
    }
    let measures = MEASURES.into_iter().chain(["tcpcam_clients"]);
    for member in measures {
        let is_whole = |value: &Value| value.is_i64() || value.is_u64();
        if members.0.get(member).is_some_and(|value| !is_whole(value)) {
            return Err(BadMember::new(member, "a whole number"));
        }
    }
    Ok(members.0)
}

impl Hello {
    fn read(members: &Members) -> Read<Hello> {
        const V: BadMember = BadMember::new("v", "a whole number from 1, and needed");
        const WHO: BadMember = BadMember::new("id", "a text that is not empty, and needed");
        let text = |member| Ok(members.text(member)?.unwrap_or_default().to_owned());
        let version = members.number("v", 1..=u32::MAX, V.takes)?.ok_or(V)?;
        let id = members.text("id").map_err(|_| WHO)?.filter(|id| !id.is_empty()).ok_or(WHO)?;
        Ok(Hello {
            version,
            id: id.to_owned(),
            model: text("model")?,
            firmware: text("firmware")?,
            sensor: text("sensor")?,
            reset: text("reset")?,
            image: members.text("image")?.and_then(Image::named),
            settings: Settings {
                // A size of a later version is none that this side knows, and no reason to know nothing at all.
                size: members.text("size")?.and_then(|size| size.parse().ok()),
                quality: members.number("quality", QUALITY, TAKES_QUALITY)?,
                fps: members.number("fps", FPS, TAKES_FPS)?,
                hflip: members.boolean("hflip")?,
                vflip: members.boolean("vflip")?,
                led: members.number("led", LED, TAKES_LED)?,
                adapt: members.boolean("adapt")?,
            },
            sizes: sizes(members)?,
            max_fps: members.number("max_fps", 1..=u32::MAX, "a whole number from 1")?,
            has_led: members.boolean("has_led")?.unwrap_or(false),
            has_update: members.boolean("has_update")?.unwrap_or(false),
        })
    }

    /// The message as JSON, with its `type`; what the device did not say is `null`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let set = &self.settings;
        json!({
            "type": "hello", "v": self.version, "id": self.id, "model": self.model, "firmware": self.firmware,
            "sensor": self.sensor, "reset": self.reset, "image": self.image.map(Image::name),
            "size": set.size.map(|size| size.to_string()), "quality": set.quality, "fps": set.fps,
            "hflip": set.hflip, "vflip": set.vflip, "led": set.led, "adapt": set.adapt,
            "sizes": self.sizes.iter().map(Size::to_string).collect::<Vec<_>>(), "max_fps": self.max_fps,
            "has_led": self.has_led, "has_update": self.has_update,
        })
    }
}

fn sizes(members: &Members) -> Read<Vec<Size>> {
    const SIZES: BadMember = BadMember::new("sizes", "a list of texts");
    match members.0.get("sizes") {
        None => Ok(Vec::new()),
        Some(Value::Array(names)) => {
            let names = names.iter().map(|name| name.as_str().ok_or(SIZES)).collect::<Read<Vec<_>>>()?;
            Ok(names.into_iter().filter_map(|name| name.parse().ok()).collect())
        }
        Some(_) => Err(SIZES),
    }
}

impl Settings {
    /// Changes what a device has carried out.
    pub fn apply(&mut self, set: &Set) {
        self.size = set.size.or(self.size);
        self.quality = set.quality.or(self.quality);
        self.fps = set.fps.or(self.fps);
        self.hflip = set.hflip.or(self.hflip);
        self.vflip = set.vflip.or(self.vflip);
        self.led = set.led.or(self.led);
        self.adapt = set.adapt.or(self.adapt);
    }
}

impl Image {
    /// Its name in the protocol.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Image::Confirmed => "confirmed",
            Image::Trial => "trial",
            Image::RolledBack => "rolled-back",
        }
    }

    fn named(name: &str) -> Option<Image> {
        [Image::Confirmed, Image::Trial, Image::RolledBack].into_iter().find(|image| image.name() == name)
    }
}

impl Ack {
    fn read(members: &Members) -> Read<Ack> {
        const WHICH: BadMember = BadMember::new("id", TAKES_ID);
        const OK: BadMember = BadMember::new("ok", "true or false, and needed");
        let id = members.number("id", ID, TAKES_ID)?.ok_or(WHICH)?;
        let error = members.text("error")?.map_or_else(|| "no reason given".to_owned(), shorten);
        let done = members.boolean("ok")?.ok_or(OK)?;
        Ok(Ack { id, result: if done { Ok(()) } else { Err(error) } })
    }
}

impl Progress {
    fn read(members: &Members) -> Read<Progress> {
        const STATE: BadMember = BadMember::new("state", "loading, restarting or failed");
        match members.text("state").map_err(|_| STATE)? {
            Some("loading") => {
                let percent = members.number("percent", 0..=100, "0 to 100")?;
                Ok(Progress::Loading(percent.unwrap_or(0)))
            }
            Some("restarting") => Ok(Progress::Restarting),
            Some("failed") => Ok(Progress::Failed(
                members.text("error")?.map_or_else(|| "no reason given".to_owned(), shorten),
            )),
            _ => Err(STATE),
        }
    }
}
