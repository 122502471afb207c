//! The device channel of the virtual camera: what it says of itself, and what it is told.

use super::Options;
use super::capture::Capture;
use super::wire::Sent;
use camherd_media::wire::device::{
    Ack, Command, Demand, FromDevice, Hello, IDLE_FPS, Image, Settings, Size, ToDevice, VERSION,
};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// How often the camera reports.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// What is kept of the camera's name in its id, characters.
const MAX_ID: usize = 48;

/// Rates that the channel can say.
const RATES: std::ops::RangeInclusive<f64> = 1.0..=60.0;

/// A camera's side of the channel, over all its connections.
pub(super) struct Channel {
    id: String,
    /// The rate that the camera was started with, which may be none that the channel can say.
    fps: f64,
    /// Width and height that are set; those that the camera was started with may be none that the channel can say.
    size: (u32, u32),
    settings: Settings,
    demand: Option<Demand>,
    started: Instant,
    connections: u64,
    report_at: tokio::time::Instant,
    /// Bytes and pictures sent, at the last report.
    before: (Instant, u64),
}

/// What comes of a message.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Outcome {
    /// What the camera says of itself, where that has changed; before the answer, so that whoever waits for that knows.
    pub(super) hello: Option<String>,
    /// What to answer.
    pub(super) answer: Option<String>,
    /// Whether to connect anew, which is what a restart looks like from outside.
    pub(super) restart: bool,
}

impl Channel {
    pub(super) fn new(options: &Options) -> Channel {
        let name = options.name.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\'));
        let settings = Settings {
            size: Size::of(options.width, options.height),
            quality: Some(options.quality.into()),
            fps: Some(options.fps.clamp(*RATES.start(), *RATES.end()).round() as u32),
            hflip: Some(false),
            vflip: Some(false),
            led: Some(0),
            adapt: Some(false),
        };
        Channel {
            id: format!("virtual-{}", name.take(MAX_ID).collect::<String>()),
            fps: options.fps,
            size: (options.width, options.height),
            settings,
            demand: None,
            started: Instant::now(),
            connections: 0,
            report_at: tokio::time::Instant::now(),
            before: (Instant::now(), 0),
        }
    }

    /// A connection begins: what the server wants is not known yet. Gives what to say first.
    pub(super) fn connected(&mut self, capture: &Capture, sent: &Sent) -> String {
        self.connections += 1;
        self.demand = None;
        self.report_at = tokio::time::Instant::now() + REPORT_EVERY;
        self.before = (Instant::now(), sent.bytes);
        self.adopt(capture);
        self.hello()
    }

    fn hello(&self) -> String {
        let hello = Hello {
            version: VERSION,
            id: self.id.clone(),
            model: "camherd camera".to_owned(),
            firmware: env!("CARGO_PKG_VERSION").to_owned(),
            sensor: "test picture".to_owned(),
            reset: "power-on".to_owned(),
            image: Some(Image::Confirmed),
            settings: self.settings,
            sizes: Size::all().collect(),
            max_fps: Some(*RATES.end() as u32),
            has_led: false,
            has_update: false,
        };
        FromDevice::Hello(Box::new(hello)).to_text()
    }

    /// Takes a text message of the server.
    pub(super) fn received(&mut self, text: &[u8], capture: &Capture) -> Outcome {
        let before = self.settings;
        let (id, result, restart) = match ToDevice::read(text) {
            Ok(None) => return Outcome::default(),
            Ok(Some(ToDevice { id, command })) => {
                let restart = command == Command::Reboot;
                (id, self.obey(command, capture), restart)
            }
            Err(bad) => (bad.id, Err(bad.to_string()), false),
        };
        let answer = id.map(|id| FromDevice::Ack(Ack { id, result }).to_text());
        let hello = (self.settings != before).then(|| self.hello());
        Outcome { hello, answer, restart }
    }

    fn obey(&mut self, command: Command, capture: &Capture) -> Result<(), String> {
        match command {
            Command::Hello | Command::Reboot => {}
            Command::Set(set) => {
                if set.led.is_some() {
                    return Err("led: this camera has none".to_owned());
                }
                if set.adapt == Some(true) {
                    return Err("adapt: this camera cannot".to_owned());
                }
                self.settings.apply(&set);
                self.fps = set.fps.map_or(self.fps, f64::from);
                self.size = set.size.map_or(self.size, sides);
                capture.set_look(|look| {
                    if let Some(quality) = set.quality.and_then(|quality| u8::try_from(quality).ok()) {
                        look.quality = quality;
                    }
                    look.mirrored = set.hflip.unwrap_or(look.mirrored);
                    look.flipped = set.vflip.unwrap_or(look.flipped);
                });
            }
            Command::Demand(demand) => self.demand = Some(demand),
            Command::Update(_) => return Err("update: this camera cannot".to_owned()),
        }
        self.adopt(capture);
        Ok(())
    }

    /// Takes pictures as they are of use now.
    fn adopt(&self, capture: &Capture) {
        let size = self.size();
        capture.set_look(|look| (look.width, look.height) = size);
        capture.set_rate(self.rate());
    }

    /// Width and height that are of use now: what is set, or what is wanted where that has fewer pixels.
    fn size(&self) -> (u32, u32) {
        let pixels = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
        let wanted = self.demand.and_then(|demand| demand.size).map(sides);
        wanted.filter(|wanted| pixels(*wanted) < pixels(self.size)).unwrap_or(self.size)
    }

    /// Pictures a second that are of use now; 0 for none.
    fn rate(&self) -> f64 {
        let Some(demand) = self.demand else { return self.fps };
        let wanted = demand.fps.map_or(f64::INFINITY, f64::from);
        let watched = if demand.viewers == 0 { f64::from(IDLE_FPS) } else { f64::INFINITY };
        self.fps.min(wanted).min(watched)
    }

    /// When the next report is due.
    pub(super) fn report_at(&self) -> tokio::time::Instant {
        self.report_at
    }

    /// How the camera fares.
    pub(super) fn report(&mut self, capture: &Capture, sent: &Sent) -> String {
        let (since, bytes) = std::mem::replace(&mut self.before, (Instant::now(), sent.bytes));
        let kbit = (sent.bytes - bytes) as f64 * 8.0 / 1000.0 / since.elapsed().as_secs_f64().max(1e-3);
        let counts = capture.counts();
        let (width, height) = self.size();
        self.report_at = tokio::time::Instant::now() + REPORT_EVERY;
        let report = json!({
            "type": "telemetry", "id": self.id, "uptime": self.started.elapsed().as_secs(),
            "reset": "power-on",
            "size": Size::of(width, height).map(|size| size.to_string()), "quality": self.settings.quality,
            "fps": self.rate().round() as u32, "kbit_s": kbit as u64, "captured": counts.captured,
            "sent": sent.frames, "replaced": counts.dropped, "failed": sent.broken,
            "connects": self.connections,
        });
        let members = if let Value::Object(members) = report { members } else { Map::new() };
        FromDevice::Telemetry(members).to_text()
    }
}

fn sides(size: Size) -> (u32, u32) {
    (size.width(), size.height())
}

#[cfg(test)]
mod tests {
    use super::super::pace::Pace;
    use super::*;
    use crate::random::Random;
    use bytes::Bytes;
    use camherd_media::wire::device::MESSAGE_MAX;

    fn capture() -> Capture {
        let pace = Pace::new(30.0, 0.0, Random::new(1), Instant::now());
        Capture::start(pace, Options::default().look(), |_| Ok(|_: &_, _| Ok(Bytes::new()))).expect("thread")
    }

    fn told(channel: &mut Channel, capture: &Capture, text: &str) -> Option<String> {
        channel.received(text.as_bytes(), capture).answer
    }

    #[test]
    fn the_rate_is_the_least_of_set_wanted_and_watched() {
        let capture = capture();
        let mut channel = Channel::new(&Options { fps: 12.5, ..Options::default() });
        channel.connected(&capture, &Sent::default());
        assert_eq!(channel.rate(), 12.5);
        for (message, rate) in [
            (r#"{"type":"demand","viewers":0}"#, 1.0),
            (r#"{"type":"demand","viewers":2}"#, 12.5),
            (r#"{"type":"demand","viewers":2,"fps":5}"#, 5.0),
            (r#"{"type":"set","fps":4}"#, 4.0),
            (r#"{"type":"demand","viewers":0,"fps":0}"#, 0.0),
        ] {
            assert_eq!(told(&mut channel, &capture, message), None);
            assert_eq!(channel.rate(), rate, "{message}");
        }
        channel.connected(&capture, &Sent::default());
        assert_eq!(channel.rate(), 4.0, "what is wanted is asked anew, what is set stays");
    }

    #[test]
    fn the_size_is_the_least_of_set_and_wanted() {
        let capture = capture();
        let mut channel = Channel::new(&Options { width: 642, height: 482, ..Options::default() });
        channel.connected(&capture, &Sent::default());
        for (message, size) in [
            (r#"{"type":"demand","viewers":1}"#, (642, 482)),
            (r#"{"type":"demand","viewers":1,"size":"320x240"}"#, (320, 240)),
            (r#"{"type":"set","size":"800x600"}"#, (320, 240)),
            (r#"{"type":"demand","viewers":1,"size":"1280x720"}"#, (800, 600)),
            (r#"{"type":"demand","viewers":1,"size":"160x120"}"#, (160, 120)),
        ] {
            assert_eq!(told(&mut channel, &capture, message), None);
            capture.set_look(|look| assert_eq!((look.width, look.height), size, "{message}"));
        }
        assert!(channel.report(&capture, &Sent::default()).contains(r#""size":"160x120""#));
        let hello = channel.connected(&capture, &Sent::default());
        assert!(hello.contains(r#""size":"800x600""#), "{hello}");
        capture.set_look(|look| assert_eq!((look.width, look.height), (800, 600), "nothing is wanted yet"));
    }

    #[test]
    fn a_change_is_told_and_what_changes_nothing_is_not() {
        let (capture, mut channel) = (capture(), Channel::new(&Options::default()));
        let hello = channel.received(br#"{"type":"set","quality":41}"#, &capture).hello.expect("hello");
        assert!(hello.contains(r#""quality":41"#), "{hello}");
        for same in [
            &br#"{"type":"set","quality":41}"#[..],
            br#"{"type":"set","id":7,"quality":50,"adapt":true}"#,
            br#"{"type":"demand","viewers":1,"size":"320x240","fps":5}"#,
            br#"{"type":"hello","v":1}"#,
        ] {
            assert_eq!(channel.received(same, &capture).hello, None);
        }
    }

    #[test]
    fn what_is_asked_for_with_an_id_is_answered() {
        let (capture, mut channel) = (capture(), Channel::new(&Options::default()));
        let answer = told(&mut channel, &capture, r#"{"type":"set","id":3,"size":"320x240"}"#);
        assert_eq!(answer.as_deref(), Some(r#"{"id":3,"ok":true,"type":"ack"}"#));
        let answer = told(&mut channel, &capture, r#"{"type":"set","id":4,"led":5}"#).expect("answer");
        assert!(answer.contains("led: ") && answer.contains("false"), "{answer}");
        let answer = told(&mut channel, &capture, r#"{"type":"set","id":7,"adapt":true}"#).expect("answer");
        assert!(answer.contains("adapt: ") && answer.contains("false"), "{answer}");
        let answer = told(&mut channel, &capture, r#"{"type":"set","id":5,"fps":0}"#).expect("answer");
        assert!(answer.contains("fps: 1 to 60"), "{answer}");
        let outcome = channel.received(br#"{"type":"reboot","id":6}"#, &capture);
        assert!(outcome.restart && outcome.answer.is_some());
        assert_eq!(channel.received(b"hello", &capture), Outcome::default());
    }

    #[test]
    fn what_it_says_is_of_the_protocol_whatever_its_name() {
        let capture = capture();
        let options = Options { name: "\"\u{e4}\u{1}".repeat(500), width: 162, ..Options::default() };
        let mut channel = Channel::new(&options);
        let hello = channel.connected(&capture, &Sent::default());
        let report = channel.report(&capture, &Sent::default());
        for text in [hello, report] {
            assert!(text.len() <= MESSAGE_MAX, "{text}");
            assert!(matches!(FromDevice::read(text.as_bytes()), Ok(Some(_))), "{text}");
        }
    }
}
