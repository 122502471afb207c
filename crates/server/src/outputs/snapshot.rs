//! One picture: the newest, from memory.

use super::wake::Wake;
use crate::sources::pull;
use crate::transcode::{Input, Want};
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use camherd_hub::{Event, Stream};
use camherd_media::container::WallClock;
use camherd_media::unit::{Codec, Unit};
use std::time::Duration;
use tokio::time::timeout_at;

/// How long a request with `newer_than` waits: below the usual time-out of HTTP clients and proxies.
pub const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Why there is no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// No picture comes from the camera now.
    #[error("stream {stream} is offline: {reason}")]
    Offline {
        /// The stream.
        stream: String,
        /// Why.
        reason: String,
    },
    /// No JPEG can be made of what comes.
    #[error("stream {stream} has no picture to give: {reason}")]
    Unusable {
        /// The stream.
        stream: String,
        /// Why.
        reason: String,
    },
    /// The stream is live, but nothing newer came in time.
    #[error("stream {stream}: no newer picture within {LONGEST_WAIT:?}")]
    NothingNewer {
        /// The stream.
        stream: String,
    },
}

/// The newest picture; with `newer_than` (Unix time in microseconds) one that was taken later than that.
///
/// What the camera sent is at hand. A picture that must be decoded first, or for which the camera must be
/// connected to, is waited for; of a device that rests, a new one for a moment ([`super::wake`]).
///
/// # Errors
/// [`SnapshotError`] when there is none.
pub async fn respond(stream: &Stream, newer_than: Option<i64>) -> Result<Response<Body>, SnapshotError> {
    let newest = stream.newest().filter(|_| stream.state().is_live());
    let is_new = |unit: &Unit, then| stream.clock().unix_micros(unit.stamps.taken()) > then;
    match newest {
        Some((unit, seq)) if unit.format.codec == Codec::Jpeg => match newer_than {
            None => return Ok(woken(stream, (unit, seq)).await),
            Some(then) if is_new(&unit, then) => return Ok(picture(stream, unit, seq)),
            Some(_) => {}
        },
        None if newer_than.is_none() && !pull::is_resting(stream) && !stream.is_resting() => {
            return Err(offline(stream));
        }
        _ => {}
    }
    let waited = tokio::time::timeout(LONGEST_WAIT, wait(stream, newer_than.unwrap_or(i64::MIN))).await;
    let (unit, seq) = waited.map_err(|_| {
        if stream.state().is_live() {
            SnapshotError::NothingNewer { stream: stream.name().to_string() }
        } else {
            offline(stream)
        }
    })??;
    Ok(picture(stream, unit, seq))
}

/// A picture of now, where `held` is of a device that rests; else that.
async fn woken(stream: &Stream, held: (Unit, u64)) -> Response<Body> {
    let (unit, seq) = match Wake::of(stream) {
        Some(wake) => {
            let new = async {
                // It reads and so wakes the device. What it finds first is what is held.
                let mut input = Input::open(stream, Want::Jpeg).ok()?;
                loop {
                    match input.next().await {
                        Event::Unit(delivery) if wake.is_new(&delivery.unit) => {
                            return Some((delivery.unit, delivery.seq));
                        }
                        Event::Ended(_) => return None,
                        Event::Unit(_) | Event::State(_) => {}
                    }
                }
            };
            timeout_at(wake.until, new).await.ok().flatten().unwrap_or(held)
        }
        None => held,
    };
    picture(stream, unit, seq)
}

fn offline(stream: &Stream) -> SnapshotError {
    let state = stream.state();
    SnapshotError::Offline { stream: stream.name().to_string(), reason: state.reason().to_owned() }
}

async fn wait(stream: &Stream, newer_than: i64) -> Result<(Unit, u64), SnapshotError> {
    // What a camera left behind when it went away is not news.
    let left_behind = if stream.state().is_live() { None } else { stream.newest().map(|(_, seq)| seq) };
    let mut subscription = Input::open(stream, Want::Jpeg).map_err(|error| SnapshotError::Unusable {
        stream: stream.name().to_string(),
        reason: error.reason,
    })?;
    loop {
        match subscription.next().await {
            Event::Unit(delivery) => {
                let taken = stream.clock().unix_micros(delivery.unit.stamps.taken());
                if taken > newer_than && left_behind.is_none_or(|seq| delivery.seq > seq) {
                    return Ok((delivery.unit, delivery.seq));
                }
            }
            Event::State(_) => {}
            Event::Ended(reason) => {
                let stream = stream.name().to_string();
                return Err(SnapshotError::Unusable { stream, reason: reason.to_string() });
            }
        }
    }
}

fn picture(stream: &Stream, unit: Unit, seq: u64) -> Response<Body> {
    let clock = stream.clock();
    let age = clock.now().since(unit.stamps.taken());
    let taken = WallClock(u64::try_from(clock.unix_micros(unit.stamps.taken())).unwrap_or(0));
    let fields = [
        ("content-type", "image/jpeg".to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("x-timestamp", taken.to_string()),
        ("x-frame-age-ms", format!("{:.1}", age.as_secs_f64() * 1000.0)),
        ("x-frame-seq", seq.to_string()),
        ("x-frame-size", format!("{}x{}", unit.format.width, unit.format.height)),
    ];
    let mut response = Response::new(Body::from(unit.payload));
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(header::HeaderName::from_static(name), value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use camherd_hub::{Owner, Publisher};
    use camherd_media::unit::{Format, Packaging, Stamps};
    use std::sync::Arc;
    use std::task::{Context, Waker};

    fn show(camera: &mut Publisher, payload: &'static [u8]) {
        let format = Format { codec: Codec::Jpeg, width: 1, height: 1, packaging: Packaging::Bare };
        let clock = camera.stream().clock();
        let unit = Unit {
            payload: payload.into(),
            pts: clock.media_time(clock.now()),
            dts: clock.media_time(clock.now()),
            keyframe: true,
            format: Arc::new(format),
            stamps: Stamps::received(clock.now()),
        };
        camera.push(unit).unwrap();
    }

    #[tokio::test]
    async fn who_waits_for_an_offline_camera_gets_no_old_picture() {
        let hub = testing::hub(1);
        let stream = hub.get_or_create(&"door".parse().unwrap()).unwrap();
        let mut camera = stream.publish(Owner(String::new()), String::new()).unwrap();
        show(&mut camera, b"old");
        assert!(respond(&stream, Some(0)).await.is_ok(), "it is live, and this is newer than 1970");
        camera.stalled("no frame");
        assert!(respond(&stream, None).await.is_err());
        let mut waiting = std::pin::pin!(wait(&stream, 0));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        show(&mut camera, b"new");
        let (unit, seq) = waiting.await.unwrap();
        assert_eq!((&unit.payload[..], seq), (&b"new"[..], 1));
    }
}
