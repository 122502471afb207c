//! What a server says to a device.

use super::members::{Members, Read};
use super::size::Size;
use super::{
    BadMember, FPS, ID, IMAGE_MAX, LED, QUALITY, SIGNATURE_MAX, TAKES_FPS, TAKES_ID, TAKES_LED,
    TAKES_QUALITY, URL_MAX, VERSION,
};
use serde_json::{Map, Value, json};

/// A message to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToDevice {
    /// With an id the device answers with an acknowledgement of it.
    pub id: Option<u32>,
    /// What to do.
    pub command: Command,
}

/// What a device is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Nothing: the server knows the channel.
    Hello,
    /// Change what is set.
    Set(Set),
    /// What viewers want now.
    Demand(Demand),
    /// Restart.
    Reboot,
    /// Fetch firmware and restart into it.
    Update(Box<Update>),
}

/// A change of what is set. What is `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// Picture size.
    pub size: Option<Size>,
    /// JPEG quality, 1 to 100.
    pub quality: Option<u32>,
    /// Most pictures a second, 1 to 60.
    pub fps: Option<u32>,
    /// Mirrored, against how the board is meant to be held.
    pub hflip: Option<bool>,
    /// Upside down, against how the board is meant to be held.
    pub vflip: Option<bool>,
    /// Lamp, 0 to 100 %.
    pub led: Option<u32>,
    /// Whether the device gives less when its network is too slow.
    pub adapt: Option<bool>,
    /// Whether what is set is kept over restarts.
    pub save: Option<bool>,
}

/// What viewers want.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// How many watch.
    pub viewers: u32,
    /// Most pictures a second that are of use, 0 to 60; `None`: as many as are set, or 1 without viewers.
    pub fps: Option<u32>,
    /// Largest size that is of use; `None`: what is set.
    pub size: Option<Size>,
}

/// Firmware for a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// `http://` or `https://`, at most [`URL_MAX`] bytes.
    pub url: String,
    /// Of the image, bytes, 1 to [`IMAGE_MAX`].
    pub size: u32,
    /// Of the image, 64 hexadecimal digits.
    pub sha256: String,
    /// ECDSA over P-256 of the SHA-256, DER, in base64.
    pub signature: String,
}

impl ToDevice {
    /// Reads a message; `None` for what a device ignores.
    ///
    /// # Errors
    /// [`BadMember`] names the first member that is wrong.
    pub fn read(text: &[u8]) -> Result<Option<ToDevice>, BadMember> {
        let Some(members) = Members::parse(text) else { return Ok(None) };
        let Some(kind @ ("hello" | "set" | "demand" | "reboot" | "update")) = members.kind() else {
            return Ok(None);
        };
        let id = members.number("id", ID, TAKES_ID)?;
        let command = match kind {
            "hello" => Ok(Command::Hello),
            "set" => Set::read(&members).map(Command::Set),
            "demand" => Demand::read(&members).map(Command::Demand),
            "reboot" => Ok(Command::Reboot),
            _ => Update::read(&members.0).map(|update| Command::Update(Box::new(update))),
        };
        command.map(|command| Some(ToDevice { id, command })).map_err(|bad| bad.with_id(id))
    }

    /// The message as text, of at most [`super::MESSAGE_MAX`] bytes.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut message = match &self.command {
            Command::Hello => {
                let server = concat!("camherd ", env!("CARGO_PKG_VERSION"));
                json!({"type": "hello", "v": VERSION, "server": server})
            }
            Command::Set(set) => json!({
                "type": "set", "size": set.size.map(|size| size.to_string()), "quality": set.quality,
                "fps": set.fps, "hflip": set.hflip, "vflip": set.vflip, "led": set.led,
                "adapt": set.adapt, "save": set.save,
            }),
            Command::Demand(demand) => json!({
                "type": "demand", "viewers": demand.viewers, "fps": demand.fps,
                "size": demand.size.map(|size| size.to_string()),
            }),
            Command::Reboot => json!({"type": "reboot"}),
            Command::Update(update) => json!({
                "type": "update", "url": update.url, "size": update.size, "sha256": update.sha256,
                "signature": update.signature,
            }),
        };
        message["id"] = self.id.into();
        if let Value::Object(members) = &mut message {
            members.retain(|_, value| !value.is_null());
        }
        message.to_string()
    }
}

impl Set {
    fn read(members: &Members) -> Read<Set> {
        Ok(Set {
            size: members.size()?,
            quality: members.number("quality", QUALITY, TAKES_QUALITY)?,
            fps: members.number("fps", FPS, TAKES_FPS)?,
            hflip: members.boolean("hflip")?,
            vflip: members.boolean("vflip")?,
            led: members.number("led", LED, TAKES_LED)?,
            adapt: members.boolean("adapt")?,
            save: members.boolean("save")?,
        })
    }
}

impl Demand {
    fn read(members: &Members) -> Read<Demand> {
        const VIEWERS: BadMember = BadMember::new("viewers", "a whole number from 0, and needed");
        Ok(Demand {
            viewers: members.number("viewers", 0..=u32::MAX, VIEWERS.takes)?.ok_or(VIEWERS)?,
            fps: members.number("fps", 0..=*FPS.end(), "0 to 60")?,
            size: members.size()?,
        })
    }
}

impl Update {
    /// Reads the members `url`, `size`, `sha256` and `signature`.
    ///
    /// # Errors
    /// [`BadMember`] names the first that is missing or wrong.
    pub fn read(members: &Map<String, Value>) -> Result<Update, BadMember> {
        let text = |member| members.get(member).and_then(Value::as_str).filter(|text| !text.contains('\0'));
        let url = text("url").filter(|url| is_address(url));
        let size = members.get("size").and_then(Value::as_u64).and_then(|size| u32::try_from(size).ok());
        let sha256 = text("sha256").filter(|digits| is_sha256(digits));
        let signature = text("signature").filter(|text| is_signature(text));
        Ok(Update {
            url: url
                .ok_or(BadMember::new(
                    "url",
                    "an http:// or https:// address of at most 255 bytes, without blanks",
                ))?
                .to_owned(),
            size: size
                .filter(|size| (1..=IMAGE_MAX).contains(size))
                .ok_or(BadMember::new("size", "1 to 16777216 bytes"))?,
            sha256: sha256
                .ok_or(BadMember::new("sha256", "64 hexadecimal digits"))?
                // The digits' case has no meaning; one form compares.
                .to_ascii_lowercase(),
            signature: signature.ok_or(BadMember::new("signature", "base64 of at most 72 bytes"))?.to_owned(),
        })
    }
}

/// Whether it can go into an HTTP request as it is: it names a host, and nothing in it ends a line or a word.
fn is_address(url: &str) -> bool {
    let after_scheme = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let has_host = after_scheme.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']));
    has_host && url.len() <= URL_MAX && url.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_sha256(digits: &str) -> bool {
    digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Whether it is base64 (RFC 4648, section 4) with padding and without stray bits, of 1 to [`SIGNATURE_MAX`] bytes.
fn is_signature(text: &str) -> bool {
    if text.is_empty() || !text.len().is_multiple_of(4) || text.len() > SIGNATURE_MAX.div_ceil(3) * 4 {
        return false;
    }
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let Some(values) = digits.bytes().map(base64_digit).collect::<Option<Vec<u8>>>() else { return false };
    // Two digits at the end carry 4 bits too many, three carry 2.
    let stray = match values.len() % 4 {
        2 => 0b1111,
        3 => 0b11,
        _ => 0,
    };
    values.last().is_some_and(|last| last & stray == 0) && values.len() * 6 / 8 <= SIGNATURE_MAX
}

fn base64_digit(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}
