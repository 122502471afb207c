//! Endless HTTP answers: MPEG-TS, fragmented MP4 and `multipart/x-mixed-replace`.

use super::pace::Pace;
use super::viewer::Watching;
use super::websocket::{FRESH, FRESH_WAIT};
use crate::net::shutdown::Shutdown;
use crate::transcode::{BOUNDARY, H264_FMP4, H264_TS, JPEG_MULTIPART};
use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use bytes::Bytes;
use camherd_hub::{Delivery, DeriveError, Event, RenditionKey, Start, Stream, Subscription};
use camherd_media::container::Multipart;
use camherd_media::unit::{Format, Packaging};
use http_body::Frame;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::{Sleep, sleep};

/// The kinds of endless answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `video/mp2t`.
    Ts,
    /// `video/mp4`.
    Mp4,
    /// `multipart/x-mixed-replace`.
    Mjpeg,
}

impl Kind {
    fn rendition(self) -> (RenditionKey, Start) {
        match self {
            Kind::Ts => (H264_TS, Start::Fresh(FRESH)),
            Kind::Mp4 => (H264_FMP4, Start::Fresh(FRESH)),
            Kind::Mjpeg => (JPEG_MULTIPART, Start::Newest),
        }
    }
}

/// The answer that carries `stream` as `kind`, at most `fps` frames a second if given (only for MJPEG,
/// where each frame stands alone).
///
/// # Errors
/// [`DeriveError`] when the rendition cannot be made.
pub fn respond(
    stream: &Stream,
    kind: Kind,
    fps: Option<f64>,
    watching: Watching,
    shutdown: Shutdown,
) -> Result<Response<Body>, DeriveError> {
    let (key, start) = kind.rendition();
    let subscription = stream.subscribe(&key, start)?;
    let multipart = Multipart::new(BOUNDARY).ok().filter(|_| kind == Kind::Mjpeg);
    let content_type = match (&multipart, kind) {
        (Some(multipart), _) => multipart.content_type(),
        (None, Kind::Mp4) => "video/mp4".to_owned(),
        (None, _) => "video/mp2t".to_owned(),
    };
    let live = Live {
        subscription,
        ready: multipart.iter().map(Multipart::preamble).collect(),
        format: None,
        pace: Pace::new(fps.filter(|_| kind == Kind::Mjpeg)),
        patience: Some(Box::pin(sleep(FRESH_WAIT))),
        stopping: Box::pin(async move { shutdown.wait().await }),
        _watching: watching,
    };
    let mut response = Response::new(Body::new(live));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    if let Ok(value) = content_type.parse() {
        headers.insert(header::CONTENT_TYPE, value);
    }
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A body without end, polled by the connection when it has room: what it has no room for is skipped in
/// the ring, not queued here.
struct Live {
    subscription: Subscription,
    /// What goes out before the next unit: a preamble, an initialisation segment and its fragment.
    ready: VecDeque<Bytes>,
    format: Option<Arc<Format>>,
    pace: Pace,
    patience: Option<Pin<Box<Sleep>>>,
    stopping: Pin<Box<dyn Future<Output = ()> + Send>>,
    _watching: Watching,
}

impl Live {
    fn take(&mut self, delivery: Delivery) {
        let Delivery { unit, missed, .. } = delivery;
        if !self.pace.admits(unit.stamps.received) {
            return;
        }
        match &unit.format.packaging {
            Packaging::Fmp4 { init }
                if !self.format.as_ref().is_some_and(|f| Arc::ptr_eq(f, &unit.format)) =>
            {
                self.ready.push_back(init.clone());
                self.format = Some(unit.format.clone());
            }
            // A part begins with its headers, so one more goes in front of it.
            Packaging::Multipart if missed > 0 => {
                self.ready.push_back(Bytes::from(format!("X-Missed: {missed}\r\n")));
            }
            _ => {}
        }
        self.ready.push_back(unit.payload);
    }
}

impl http_body::Body for Live {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        loop {
            if let Some(bytes) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            match this.subscription.poll_next(cx) {
                Poll::Ready(Event::Unit(delivery)) => {
                    this.patience = None;
                    this.take(delivery);
                    continue;
                }
                Poll::Ready(Event::State(_)) => continue,
                Poll::Ready(Event::Ended(_)) => return Poll::Ready(None),
                Poll::Pending if this.stopping.as_mut().poll(cx).is_ready() => return Poll::Ready(None),
                Poll::Pending => {}
            }
            match this.patience.as_mut().map(|patience| patience.as_mut().poll(cx)) {
                Some(Poll::Ready(())) => {
                    this.patience = None;
                    this.subscription.take_newest();
                }
                _ => return Poll::Pending,
            }
        }
    }
}
