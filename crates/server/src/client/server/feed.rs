//! Keeps a connection to the server and publishes what it sends.

use super::fmp4::{self, Coding, Fragment, Init};
use super::url::ServerUrl;
use crate::client::video_units::VideoUnits;
use crate::client::ws::{Incoming, Link, Lost, Options, UrlError};
use crate::net::backoff::{Backoff, Reconnect};
use crate::random::Random;
use crate::sources::jpeg_units::JpegUnits;
use bytes::Bytes;
use camherd_hub::{Clock, Publisher, Superseded};
use camherd_media::codec::jpeg;
use camherd_media::time::{MediaTime, Monotonic};
use camherd_media::unit::Stamps;
use serde::Deserialize;
use std::time::Duration;

/// Between two attempts.
const RECONNECT: Reconnect = Reconnect { min: Duration::from_millis(500), max: Duration::from_secs(10) };
/// Largest message that is taken: the largest picture, and its boxes or the texts around it.
const MAX_MESSAGE: usize = jpeg::MAX_JPEG + 64 * 1024;
/// A picture whose age comes out larger was stamped by a clock that is set wrong.
const OLDEST: Duration = Duration::from_secs(60);
/// Time between two pictures where the server began its time line anew.
const STEP: i64 = 33_000;

/// A refusal that comes after the handshake is a close code: so much more than the HTTP status.
const CLOSE_CODES: u16 = 4000;

// Refusals that pass (RFC 9110, 15.5; RFC 6585, 4): a server that was restarted knows a stream when its camera is back,
// which takes some seconds.
const NOT_FOUND: u16 = 404;
const REQUEST_TIMEOUT: u16 = 408;
const MISDIRECTED: u16 = 421;
const TOO_MANY: u16 = 429;

/// In which form the pictures are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// JPEG.
    Jpeg {
        /// At most so many a second; `None` is all of them.
        fps: Option<u32>,
    },
    /// H.264, or H.265 where the camera sends that.
    Video,
}

/// Why one connection is over.
#[derive(Debug, thiserror::Error)]
enum Over {
    #[error(transparent)]
    Lost(#[from] Lost),
    #[error(transparent)]
    Url(#[from] UrlError),
    #[error(transparent)]
    Fault(#[from] fmp4::Fault),
    #[error(transparent)]
    Superseded(#[from] Superseded),
}

impl Over {
    /// Whether the next attempt would end in the same way; `had_pictures` says that the stream was there before.
    fn is_final(&self, had_pictures: bool) -> bool {
        match self {
            Over::Lost(lost) => match status(lost) {
                Some(NOT_FOUND | REQUEST_TIMEOUT | MISDIRECTED | TOO_MANY) => !had_pictures,
                Some(status) => matches!(status, 400..=499),
                None => false,
            },
            Over::Fault(_) => false,
            Over::Url(_) | Over::Superseded(_) => true,
        }
    }
}

/// What the server answered to a request: an HTTP status, or the close code that stands for one.
fn status(lost: &Lost) -> Option<u16> {
    match lost {
        Lost::Refused { status, .. } => Some(*status),
        Lost::Closed { code, .. } => code.checked_sub(CLOSE_CODES),
        _ => None,
    }
}

/// What the server says beside the pictures.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum FromServer {
    State {
        state: String,
        #[serde(default)]
        reason: String,
    },
    Frame {
        captured: Option<f64>,
    },
    #[serde(other)]
    Other,
}

/// Publishes the stream, and connects to it again and again; gives the reason when there is nothing to try again
/// for: the server refuses, or it does not know the stream, of which it never gave a picture.
pub(crate) async fn run(
    url: &ServerUrl,
    token: Option<&str>,
    wanted: Wanted,
    publisher: &mut Publisher,
) -> String {
    let mut backoff = Backoff::new(RECONNECT, Random::unpredictable());
    let mut feed = Feed::new(publisher);
    loop {
        let before = feed.publisher.stream().stats().units;
        let over = match feed.attempt(url, token, wanted).await {
            Ok(never) => match never {},
            Err(over) => over,
        };
        let reason = over.to_string();
        feed.publisher.stalled(&reason);
        let units = feed.publisher.stream().stats().units;
        if over.is_final(units > 0) {
            return reason;
        }
        if units > before {
            backoff.reset();
        }
        let pause = backoff.delay();
        tracing::warn!(source = %url, "{reason}; next attempt in {pause:.1?}");
        tokio::time::sleep(pause).await;
    }
}

/// From messages to units.
struct Feed<'a> {
    publisher: &'a mut Publisher,
    clock: Clock,
    jpegs: JpegUnits,
    video: Option<(VideoUnits, Init)>,
    /// What is added to the server's times, and the last time that came out.
    shift: i64,
    last: Option<MediaTime>,
    captured: Option<f64>,
}

impl<'a> Feed<'a> {
    fn new(publisher: &'a mut Publisher) -> Feed<'a> {
        let clock = publisher.stream().clock();
        Feed {
            publisher,
            clock,
            jpegs: JpegUnits::default(),
            video: None,
            shift: 0,
            last: None,
            captured: None,
        }
    }

    async fn attempt(
        &mut self,
        url: &ServerUrl,
        token: Option<&str>,
        wanted: Wanted,
    ) -> Result<std::convert::Infallible, Over> {
        let target = match wanted {
            Wanted::Jpeg { fps: None } => url.target("/ws/jpeg", "&meta=1")?,
            Wanted::Jpeg { fps: Some(fps) } => url.target("/ws/jpeg", &format!("&meta=1&fps={fps}"))?,
            Wanted::Video => url.target("/ws/fmp4", "")?,
        };
        (self.video, self.captured) = (None, None);
        let options = Options { token, send_buffer: None, max_received: MAX_MESSAGE };
        let mut link = Link::open(&target, options).await?;
        tracing::info!(source = %url, "connected");
        loop {
            match link.next().await? {
                Incoming::Text(text) => self.text(&text),
                Incoming::Binary(data) => match wanted {
                    Wanted::Jpeg { .. } => self.jpeg(&data)?,
                    Wanted::Video => self.fragment(&data)?,
                },
            }
        }
    }

    fn text(&mut self, text: &str) {
        match serde_json::from_str(text) {
            Ok(FromServer::State { state, reason }) if state != "live" => self.publisher.stalled(&reason),
            Ok(FromServer::Frame { captured }) => self.captured = captured,
            Ok(FromServer::State { .. } | FromServer::Other) | Err(_) => {}
        }
    }

    fn jpeg(&mut self, data: &Bytes) -> Result<(), Superseded> {
        let received = self.clock.now();
        let taken = self.captured.take().map(|millis| millis * 1000.0);
        match jpeg::normalise(data) {
            Ok(picture) => {
                let mut unit = self.jpegs.unit(&self.clock, picture, received);
                // A float becomes the nearest integer that there is.
                unit.stamps.captured = taken.and_then(|micros| self.taken_at(received, micros as i64));
                self.publisher.push(unit)
            }
            Err(error) => {
                self.publisher.stream().count_drop(error.kind().label(), error.to_string());
                Ok(())
            }
        }
    }

    fn fragment(&mut self, data: &Bytes) -> Result<(), Over> {
        if fmp4::is_init(data) {
            self.init(Init::parse(data)?);
            return Ok(());
        }
        let received = self.clock.now();
        let fragment = Fragment::parse(data)?;
        let taken = fragment.taken_unix.and_then(|micros| i64::try_from(micros).ok());
        let stamps = Stamps {
            captured: taken.and_then(|micros| self.taken_at(received, micros)),
            ..Stamps::received(received)
        };
        let Some((units, init)) = &mut self.video else { return Ok(()) };
        let micros = |ticks: u64| {
            let micros = u128::from(ticks) * 1_000_000 / u128::from(init.timescale);
            i64::try_from(micros).unwrap_or(i64::MAX)
        };
        let at = micros(fragment.decode_time);
        if let Some(last) = self.last.filter(|last| at.saturating_add(self.shift) < last.0) {
            // The server was started anew, and so was its time.
            self.shift = last.0.saturating_add(STEP).saturating_sub(at);
        }
        let dts = MediaTime(at.saturating_add(self.shift));
        let pts = MediaTime(dts.0.saturating_add(micros(fragment.composition_offset.into())));
        match units.unit(&fragment.access_unit, pts, dts, stamps) {
            Ok(Some(unit)) => {
                self.last = Some(dts);
                self.publisher.push(unit)?;
            }
            Ok(None) => {}
            Err((label, error)) => self.publisher.stream().count_drop(label, error),
        }
        Ok(())
    }

    fn init(&mut self, init: Init) {
        let mut units = match init.coding {
            Coding::H264 => VideoUnits::h264(),
            Coding::H265 => VideoUnits::h265(),
        };
        for set in &init.sets {
            if let Err((label, error)) = units.learn(set) {
                self.publisher.stream().count_drop(label, error);
            }
        }
        self.video = Some((units, init));
    }

    /// When something was, that happened at `unix` microseconds by the server's clock; `None` where that clock is
    /// not this machine's.
    fn taken_at(&self, received: Monotonic, unix: i64) -> Option<Monotonic> {
        let age = self.clock.unix_micros(received).checked_sub(unix)?;
        let age = Duration::from_micros(u64::try_from(age).ok()?);
        (age <= OLDEST).then(|| received - age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_refuses_is_not_asked_again_and_one_that_is_away_is() {
        let refused = |status| Over::Lost(Lost::Refused { status, reason: String::new() });
        let closed = |code| Over::Lost(Lost::Closed { code, reason: String::new() });
        for over in [refused(401), refused(403), closed(4401), closed(4403)] {
            assert!(over.is_final(false) && over.is_final(true), "{over}");
        }
        for over in [refused(503), closed(1001), closed(1008), closed(4503), Over::Lost(Lost::Ended)] {
            assert!(!over.is_final(false) && !over.is_final(true), "{over}");
        }
    }

    #[test]
    fn a_stream_that_was_there_is_asked_for_again_and_one_that_never_was_is_not() {
        let refused = |status| Over::Lost(Lost::Refused { status, reason: String::new() });
        let closed = Over::Lost(Lost::Closed { code: 4404, reason: String::new() });
        for over in [refused(404), refused(408), refused(421), refused(429), closed] {
            assert!(over.is_final(false) && !over.is_final(true), "{over}");
        }
    }

    #[test]
    fn messages_of_the_server_are_understood_and_new_ones_ignored() {
        let parse = |text| serde_json::from_str::<FromServer>(text).unwrap();
        assert!(matches!(
            parse(r#"{"type":"frame","seq":4,"captured":1795247870585.961,"width":6,"height":4}"#),
            FromServer::Frame { captured: Some(c) } if c > 1e12
        ));
        assert!(matches!(
            parse(r#"{"type":"state","state":"offline","reason":"gone"}"#),
            FromServer::State { state, reason } if state == "offline" && reason == "gone"
        ));
        assert!(matches!(parse(r#"{"type":"new","x":1}"#), FromServer::Other));
    }
}
