//! The types of values, and how they are written.

use super::{AllowedOrigins, Source, WebOrigin};
use crate::sources::pull::{Source as CameraSource, Transport};
use camherd_codec::h264::{MAX_LONG_SIDE, MAX_SHORT_SIDE, MIN_DIMENSION};
use camherd_media::wire::tcpcam::{MAX_PIN, Pin};
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

/// Bitrate of a 640x480 picture when nothing else is said: what the picture of a small camera needs to look
/// right.
const AUTOMATIC_AT_VGA: u64 = 1_000_000;
/// Pixels of a 640x480 picture.
const VGA_PIXELS: u64 = 640 * 480;
/// Lowest bitrate, in bit/s: below it even a still QQVGA picture falls apart.
const MIN_BITRATE: u32 = 50_000;
/// Highest bitrate, in bit/s: above H.264 level 4.1's 50 Mbit/s (ITU-T H.264 table A-1) lies only a typing
/// error.
const MAX_BITRATE: u32 = 50_000_000;

/// Who must sign in (`auth`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// Everybody, as soon as one address to listen on is not loopback.
    Token,
    /// Everybody, also on loopback: for a reverse proxy on the same machine.
    Always,
    /// Nobody.
    None,
}

/// Which cameras may push pictures without a token (`ingest`). Loopback always may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ingest {
    /// Only this machine.
    Loopback,
    /// Every address.
    Open,
    /// This machine and these networks.
    Networks(Vec<IpNet>),
}

impl fmt::Display for Ingest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ingest::Loopback => f.write_str("loopback"),
            Ingest::Open => f.write_str("open"),
            Ingest::Networks(networks) => {
                let list: Vec<String> = networks.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", list.join(", "))
            }
        }
    }
}

/// The bitrate of an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bitrate {
    /// By the size of the picture: 1 Mbit/s at 640x480.
    Automatic,
    /// This many bits per second, 50 000 to 50 000 000.
    Fixed(u32),
}

impl Bitrate {
    /// Bits per second for a picture of `width` by `height` pixels.
    #[must_use]
    pub fn bits_per_second(self, width: u32, height: u32) -> u32 {
        match self {
            Bitrate::Fixed(bits) => bits,
            Bitrate::Automatic => {
                let pixels = u64::from(width) * u64::from(height);
                let bits = pixels.saturating_mul(AUTOMATIC_AT_VGA) / VGA_PIXELS;
                u32::try_from(bits).unwrap_or(MAX_BITRATE).clamp(MIN_BITRATE, MAX_BITRATE)
            }
        }
    }
}

/// The size of a picture in pixels; both sides even, from 16x16 to what the encoder takes: 3840x2160, or
/// 2160x3840 upright.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

/// Shortest side of a raw picture, in pixels: one macroblock, below which nothing is to be seen.
pub const MIN_PICTURE_SIDE: u32 = 16;
/// Longest side of a raw picture, in pixels: that of the largest picture a camera may send.
pub const MAX_PICTURE_SIDE: u32 = 8192;

/// What is wrong with a text, to be read after the key's name.
pub(super) type Problem = String;

pub(super) fn address(text: &str) -> Result<SocketAddr, Problem> {
    text.parse().map_err(|_| {
        if text.parse::<u16>().is_ok()
            || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
        {
            format!("{text:?} does not say which address to listen on")
        } else {
            format!("{text:?} is not an IP address with a port")
        }
    })
}

/// Fewest digits of a PIN that this server asks for: fewer are tried out in an afternoon.
const MIN_PIN: usize = 4;

/// What clients of the TCPCam server must send. The text is not repeated: it is a secret, however wrong.
pub(super) fn pin(text: &str) -> Result<Pin, Problem> {
    let wrong = || format!("it does not have {MIN_PIN} to {MAX_PIN} digits and nothing else");
    if text.len() < MIN_PIN { Err(wrong()) } else { text.parse().map_err(|_| wrong()) }
}

fn origin(text: &str) -> Result<WebOrigin, Problem> {
    let trimmed = text.strip_suffix('/').unwrap_or(text);
    trimmed.parse().map_err(|error| format!("{text:?} is not an origin: {error}"))
}

/// A list of origins, or `*` among them for all.
pub(super) fn origins(entries: &[(&str, &Source)]) -> Result<AllowedOrigins, (Source, Problem)> {
    let mut listed = Vec::new();
    let mut any = false;
    for (text, source) in entries {
        match *text {
            "*" => any = true,
            text => listed.push(origin(text).map_err(|problem| ((*source).clone(), problem))?),
        }
    }
    Ok(if any { AllowedOrigins::Any } else { AllowedOrigins::Listed(listed) })
}

pub(super) fn truth(text: &str) -> Result<bool, Problem> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{text:?} is neither")),
    }
}

/// The address of a camera. What is wrong is said without the text, which may hold a password.
pub(super) fn camera(text: &str) -> Result<CameraSource, Problem> {
    text.parse().map_err(|error: crate::sources::pull::SourceError| error.to_string())
}

pub(super) fn transport(text: &str) -> Result<Transport, Problem> {
    text.parse().map_err(|error: crate::sources::pull::SourceError| error.to_string())
}

/// The size of a raw picture, in pixels.
pub(super) fn picture_size(text: &str) -> Result<(u32, u32), Problem> {
    let (width, height) = sides(text).ok_or_else(|| format!("{text:?} is not a size"))?;
    for side in [width, height] {
        if !(MIN_PICTURE_SIDE..=MAX_PICTURE_SIDE).contains(&side) {
            return Err(format!("{side} is out of range"));
        }
    }
    Ok((width, height))
}

/// Bytes, as a number with or without `k`, `M` or `G` (powers of 1024).
pub(super) fn bytes(text: &str, least: u64, most: u64) -> Result<u64, Problem> {
    let (number, shift) = match text.split_at_checked(text.len().saturating_sub(1)) {
        Some((number, "k" | "K")) => (number, 10),
        Some((number, "M")) => (number, 20),
        Some((number, "G")) => (number, 30),
        _ => (text, 0),
    };
    let plain = number.bytes().all(|b| b.is_ascii_digit());
    let number: Option<u64> = plain.then(|| number.parse().ok()).flatten();
    let number = number.ok_or_else(|| format!("{text:?} is not a number of bytes"))?;
    let bytes = number.saturating_mul(1 << shift);
    if (least..=most).contains(&bytes) { Ok(bytes) } else { Err(format!("{text} is out of range")) }
}

pub(super) fn count(text: &str, least: usize, most: usize) -> Result<usize, Problem> {
    match text.parse::<usize>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        Ok(_) => Err(format!("{text} is out of range")),
        Err(_) => Err(format!("{text:?} is not a whole number")),
    }
}

/// A height in pixels; `None` is `off`.
pub(super) fn height(text: &str) -> Result<Option<u32>, Problem> {
    if text == "off" {
        return Ok(None);
    }
    let sides = MIN_PICTURE_SIDE as usize..=MAX_PICTURE_SIDE as usize;
    // In the range of u32, as the longest side is.
    count(text, *sides.start(), *sides.end()).map(|height| Some(height as u32))
}

/// Frames per second; `None` is `camera`, as many as it sends.
pub(super) fn frame_rate(text: &str) -> Result<Option<f64>, Problem> {
    if text == "camera" {
        return Ok(None);
    }
    match text.parse::<f64>() {
        Ok(fps) if (1.0..=120.0).contains(&fps) => Ok(Some(fps)),
        Ok(_) => Err(format!("{text} is out of range")),
        Err(_) => Err(format!("{text:?} is not a number")),
    }
}

pub(super) fn auth_mode(text: &str) -> Result<AuthMode, Problem> {
    match text {
        "token" => Ok(AuthMode::Token),
        "always" => Ok(AuthMode::Always),
        "none" => Ok(AuthMode::None),
        _ => Err(format!("{text:?} is no such mode")),
    }
}

pub(super) fn network(text: &str) -> Result<IpNet, Problem> {
    text.parse::<IpNet>()
        .map(|network| network.trunc())
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| format!("{text:?} is neither an IP address nor a network"))
}

pub(super) fn ingest(entries: &[(&str, &Source)]) -> Result<Ingest, (Source, Problem)> {
    if let [(mode @ ("loopback" | "open"), _)] = entries {
        return Ok(if *mode == "open" { Ingest::Open } else { Ingest::Loopback });
    }
    let mut networks = Vec::new();
    for (text, source) in entries {
        match *text {
            "open" => return Err(((*source).clone(), "`open` stands alone, not in a list".into())),
            // Always allowed, so it may stand in the list and adds nothing.
            "loopback" => {}
            _ => networks.push(network(text).map_err(|problem| ((*source).clone(), problem))?),
        }
    }
    Ok(if networks.is_empty() { Ingest::Loopback } else { Ingest::Networks(networks) })
}

pub(super) fn duration(text: &str, least: Duration, most: Duration) -> Result<Duration, Problem> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| format!("{text:?} is not a whole number and a unit"))?;
    let milliseconds = match unit.trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" => return Err(format!("{text:?} has no unit")),
        _ => return Err(format!("{text:?} has no known unit (ms, s, m or h)")),
    };
    let duration = Duration::from_millis(number.saturating_mul(milliseconds));
    if (least..=most).contains(&duration) { Ok(duration) } else { Err(format!("{text} is out of range")) }
}

pub(super) fn bitrate(text: &str) -> Result<Bitrate, Problem> {
    if text == "auto" {
        return Ok(Bitrate::Automatic);
    }
    let (number, factor) = match text.strip_suffix(['k', 'K']) {
        Some(number) => (number, 1e3),
        None => match text.strip_suffix('M') {
            Some(number) => (number, 1e6),
            None => (text, 1.0),
        },
    };
    let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let bits = match f64::from_str(number) {
        Ok(number) if plain => (number * factor).round(),
        _ => return Err(format!("{text:?} is not a bitrate")),
    };
    if (f64::from(MIN_BITRATE)..=f64::from(MAX_BITRATE)).contains(&bits) {
        // In the range of u32 by the line above.
        Ok(Bitrate::Fixed(bits as u32))
    } else {
        Err(format!("{text} is out of range"))
    }
}

pub(super) fn size(text: &str) -> Result<Size, Problem> {
    let (width, height) = sides(text).ok_or_else(|| format!("{text:?} is not a size"))?;
    if width.min(height) > MAX_SHORT_SIDE {
        return Err(format!("{text} is larger than {MAX_LONG_SIDE}x{MAX_SHORT_SIDE}"));
    }
    for side in [width, height] {
        if !(MIN_DIMENSION..=MAX_LONG_SIDE).contains(&side) {
            return Err(format!("{side} is out of range"));
        }
        // Chroma has half the resolution in both directions.
        if side % 2 == 1 {
            return Err(format!("{side} is odd"));
        }
    }
    Ok(Size { width, height })
}

/// The two numbers of `WIDTHxHEIGHT`.
fn sides(text: &str) -> Option<(u32, u32)> {
    let side =
        |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
    text.split_once('x').and_then(|(width, height)| Some((side(width)?, side(height)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: (Duration, Duration) = (Duration::ZERO, Duration::MAX);

    #[test]
    fn durations_need_a_unit_and_a_range() {
        for (text, milliseconds) in
            [("500ms", 500), ("10s", 10_000), ("2m", 120_000), ("1h", 3_600_000), ("5 s", 5000)]
        {
            assert_eq!(duration(text, ALL.0, ALL.1), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "10", "s", "1.5s", "-1s", "10 days", "10S", "99999999999999999999s", "é"] {
            assert!(duration(text, ALL.0, ALL.1).is_err(), "{text}");
        }
        let second = Duration::from_secs(1);
        assert_eq!(duration("1s", second, second), Ok(second));
        assert_eq!(duration("999ms", second, second), Err("999ms is out of range".into()));
        assert_eq!(
            duration("18446744073709551615h", ALL.0, second),
            Err("18446744073709551615h is out of range".into())
        );
    }

    #[test]
    fn bitrates_take_thousands_and_millions() {
        for (text, bits) in [
            ("1500k", 1_500_000),
            ("1500K", 1_500_000),
            ("2M", 2_000_000),
            ("1.5M", 1_500_000),
            ("800000", 800_000),
        ] {
            assert_eq!(bitrate(text), Ok(Bitrate::Fixed(bits)), "{text}");
        }
        assert_eq!(bitrate("auto"), Ok(Bitrate::Automatic));
        for text in ["", "k", "M", "2m", "1e6", "-1M", "inf", "NaN", "1.2.3M", "49999", "51M", "0"] {
            assert!(bitrate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn automatic_bitrate_follows_the_size() {
        assert_eq!(Bitrate::Automatic.bits_per_second(640, 480), 1_000_000);
        assert_eq!(Bitrate::Automatic.bits_per_second(320, 240), 250_000);
        assert_eq!(Bitrate::Automatic.bits_per_second(1, 1), MIN_BITRATE);
        assert_eq!(Bitrate::Automatic.bits_per_second(u32::MAX, u32::MAX), MAX_BITRATE);
        assert_eq!(Bitrate::Fixed(70_000).bits_per_second(640, 480), 70_000);
    }

    #[test]
    fn sizes_are_even_and_bounded() {
        assert_eq!(size("640x480"), Ok(Size { width: 640, height: 480 }));
        assert_eq!(size("2160x3840"), Ok(Size { width: 2160, height: 3840 }));
        for text in [
            "",
            "x",
            "640",
            "640x",
            "x480",
            "641x480",
            "640x481",
            "14x16",
            "3842x16",
            "3840x2162",
            "640X480",
            "+640x480",
            "640x480x2",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn raw_pictures_have_any_size_in_range() {
        assert_eq!(picture_size("641x16"), Ok((641, 16)));
        assert_eq!(picture_size("8192x8192"), Ok((8192, 8192)));
        for text in ["", "x", "native", "15x16", "16x8193", "-16x16", "16x16x", "4294967312x16"] {
            assert!(picture_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_take_powers_of_1024() {
        let any = |text: &str| bytes(text, 0, u64::MAX);
        assert_eq!(any("512M"), Ok(512 << 20));
        assert_eq!((any("7"), any("2k"), any("1K"), any("3G")), (Ok(7), Ok(2048), Ok(1024), Ok(3 << 30)));
        for text in ["", "M", "m", "1m", "-1", "1.5G", "1 M", "é", "99999999999999999999"] {
            assert!(any(text).is_err(), "{text}");
        }
        assert_eq!(bytes("17179869184G", 0, 1), Err("17179869184G is out of range".into()));
    }

    #[test]
    fn networks_lose_their_host_bits() {
        assert_eq!(network("10.0.0.9/24").unwrap().to_string(), "10.0.0.0/24");
        assert_eq!(network("10.0.0.9").unwrap().to_string(), "10.0.0.9/32");
        assert_eq!(network("fd00::1").unwrap().to_string(), "fd00::1/128");
        assert!(network("10.0.0.0/33").is_err());
        assert!(network("camera.lan").is_err());
    }
}
