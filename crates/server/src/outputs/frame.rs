//! One raw picture or JPEG: the newest, or the next after one that the caller has.

use super::wake::Wake;
use super::websocket::open_frames;
use crate::transcode::Form;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use camherd_hub::{DeriveError, Event, Stream};
use camherd_media::unit::Unit;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a request waits for a picture before the answer is that there is none (204).
pub const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The newest picture, to every caller the same, and of a device that rests a new one if it comes in a moment
/// ([`super::wake`]); with `after`, the first with a larger number than that, or any where the numbers have begun anew.
/// Without one within [`LONGEST_WAIT`], 204.
///
/// # Errors
/// [`DeriveError`] when such pictures cannot be made.
pub async fn respond(
    stream: &Stream,
    form: Form,
    size: Option<(u32, u32)>,
    after: Option<u64>,
) -> Result<Response<Body>, DeriveError> {
    match timeout(LONGEST_WAIT, newest(stream, form, size, after)).await {
        Ok(found) => found.map(|(unit, seq)| picture(stream, form, unit, seq)),
        Err(_) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            Ok(response)
        }
    }
}

async fn newest(
    stream: &Stream,
    form: Form,
    size: Option<(u32, u32)>,
    after: Option<u64>,
) -> Result<(Unit, u64), DeriveError> {
    let wake = Wake::of(stream);
    let mut input = open_frames(stream, form, size)?;
    // The first one is the newest that there is, so one below the caller's comes from another line of numbers: the
    // server was restarted, or the stream made anew. Its caller must not wait until the numbers have caught up.
    let is_wanted = |seq: u64| after != Some(seq);
    // Who names a number has said which picture is old.
    let wake = wake.filter(|_| after.is_none());
    let mut held = None;
    loop {
        let event = match (wake, held.take()) {
            (Some(wake), Some(found)) => match timeout_at(wake.until, input.next()).await {
                Ok(event) => {
                    held = Some(found);
                    event
                }
                Err(_) => return Ok(found),
            },
            _ => input.next().await,
        };
        match event {
            Event::Unit(mut delivery) => {
                while let Some(newer) = input.try_next() {
                    delivery = newer;
                }
                // What a camera left behind when it went away is no picture of now.
                if is_wanted(delivery.seq) && stream.state().is_live() {
                    let found = (delivery.unit, delivery.seq);
                    if wake.is_none_or(|wake| wake.is_new(&found.0) || wake.until <= Instant::now()) {
                        return Ok(found);
                    }
                    held = Some(found);
                }
            }
            Event::State(_) => {}
            Event::Ended(reason) => {
                let key = crate::transcode::frames(form, size);
                return Err(DeriveError { key, reason: reason.to_string() });
            }
        }
    }
}

fn picture(stream: &Stream, form: Form, unit: Unit, seq: u64) -> Response<Body> {
    let (clock, taken) = (stream.clock(), unit.stamps.taken());
    let kind = if form == Form::Jpeg { "image/jpeg" } else { "application/octet-stream" };
    let fields = [
        ("x-frame-timestamp", clock.unix_micros(taken).saturating_mul(1000).to_string()),
        ("x-frame-seq", seq.to_string()),
        ("x-frame-size", format!("{}x{}", unit.format.width, unit.format.height)),
        ("x-frame-format", form.name().to_owned()),
        ("x-frame-age-ms", format!("{:.1}", clock.now().since(taken).as_secs_f64() * 1000.0)),
    ];
    let mut response = Response::new(Body::from(unit.payload));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}
