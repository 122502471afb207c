//! Endless HTTP answers: MPEG-TS, fragmented MP4 and `multipart/x-mixed-replace`.

use super::label::{Label, label};
use super::quality::{Choice, Follower};
use super::viewer::Watching;
use super::websocket::{FRESH_WAIT, fresh};
use crate::net::shutdown::Shutdown;
use crate::transcode::{
    H264_FMP4, H264_TS, Input, JPEG_MULTIPART, JPEG_MULTIPART_OLD, Ladder, Pace, multipart,
};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use camherd_hub::{Delivery, DeriveError, Event, RenditionKey, Start, Stream};
use camherd_media::container::Multipart;
use camherd_media::time::Monotonic;
use camherd_media::unit::{Format, Packaging};
use http_body::{Frame, SizeHint};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep, timeout};

/// The kinds of endless answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `video/mp2t`.
    Ts,
    /// `video/mp4`.
    Mp4,
    /// `multipart/x-mixed-replace`.
    Mjpeg(Mjpeg),
}

/// How the parts of MJPEG go out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mjpeg {
    /// For browsers: each part ends with the headers of the next one. Programs want each part to say how long it is.
    ///
    /// Blink shows a part when it has read the headers of the part after it
    /// (Chromium issue 527446), and so would show every picture one frame late, and the only picture
    /// of a camera never. Headers that are sent ahead cannot say the length of what is not there yet.
    pub headers_ahead: bool,
    /// With the boundary of the older multi-format server.
    pub old_boundary: bool,
}

/// The headers of a part that are sent with the part before it.
const HEADERS_AHEAD: Bytes = Bytes::from_static(b"Content-Type: image/jpeg\r\n\r\n");

impl Kind {
    fn rendition(self, stream: &Stream) -> (RenditionKey, Start) {
        match self {
            Kind::Ts => (H264_TS, fresh(stream)),
            Kind::Mp4 => (H264_FMP4, fresh(stream)),
            Kind::Mjpeg(Mjpeg { old_boundary: false, .. }) => (JPEG_MULTIPART, Start::Newest),
            Kind::Mjpeg(Mjpeg { old_boundary: true, .. }) => (JPEG_MULTIPART_OLD, Start::Newest),
        }
    }

    /// Reads a stream in the quality that is wanted, or that fits. Who takes a file or a transport stream may record
    /// it, and its packets are counted: nothing else can follow in its place.
    fn follow(self, stream: &Stream, ladder: &Arc<Ladder>, choice: Choice) -> Result<Follower, DeriveError> {
        let open = move |stream: &Stream| {
            let (key, start) = self.rendition(stream);
            Input::of(stream, &key, start)
        };
        let follower = Follower::new(stream, ladder.clone(), choice, Box::new(open))?;
        Ok(if self.is_mjpeg() { follower } else { follower.for_recording() })
    }

    fn is_mjpeg(self) -> bool {
        matches!(self, Kind::Mjpeg(_))
    }
}

/// How long the first bytes may take: a camera that is connected to for this viewer sends its first keyframe
/// within this, and a codec starts in a tenth of it.
const FIRST_PICTURE: Duration = Duration::from_secs(5);

/// Why there is nothing to send. An HTTP client has no way to learn it later, so it is told before the
/// first byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream {stream}: {reason}")]
pub struct NothingToSend {
    /// The stream.
    pub stream: String,
    /// Why.
    pub reason: String,
}

/// How an endless answer is wanted.
pub struct Wanted {
    /// Its kind.
    pub kind: Kind,
    /// Most frames per second; only for MJPEG, where each frame stands alone.
    pub fps: Option<f64>,
    /// Its quality.
    pub choice: Choice,
    /// What has the qualities.
    pub ladder: Arc<Ladder>,
}

/// The answer that carries `stream`. Resolves when there is something to send.
///
/// # Errors
/// [`NothingToSend`] when there is no picture, or the rendition cannot be made.
pub async fn respond(
    stream: &Stream,
    wanted: Wanted,
    watching: Watching,
    shutdown: Shutdown,
) -> Result<Response<Body>, NothingToSend> {
    let nothing =
        |reason: &str| NothingToSend { stream: stream.name().to_string(), reason: reason.to_owned() };
    if stream.newest().is_none() && stream.publisher().is_none() {
        return Err(nothing(stream.state().reason()));
    }
    let Wanted { kind, fps, choice, ladder } = wanted;
    let follower = kind.follow(stream, &ladder, choice).map_err(|error| nothing(&error.reason))?;
    let multipart = multipart(&kind.rendition(stream).0);
    let headers_ahead = matches!(kind, Kind::Mjpeg(Mjpeg { headers_ahead: true, .. }));
    let content_type = match (&multipart, kind) {
        (Some(multipart), _) => multipart.content_type(),
        (None, Kind::Mp4) => "video/mp4".to_owned(),
        (None, _) => "video/mp2t".to_owned(),
    };
    let mut live = Live {
        follower,
        received: Monotonic::default(),
        ready: multipart
            .iter()
            .map(Multipart::preamble)
            .chain(headers_ahead.then_some(HEADERS_AHEAD))
            .collect(),
        headers_ahead,
        format: None,
        pace: Pace::new(fps.filter(|_| kind.is_mjpeg())),
        missed: 0,
        patience: Some(Box::pin(sleep(FRESH_WAIT))),
        stopping: Box::pin(async move { shutdown.wait().await }),
        _watching: watching,
    };
    match timeout(FIRST_PICTURE, poll_fn(|cx| live.poll_unit(cx))).await {
        Ok(Ok(())) => {}
        Ok(Err(reason)) => return Err(nothing(&reason)),
        Err(_) if stream.state().is_live() => return Err(nothing("nothing to send came in time")),
        Err(_) => return Err(nothing(stream.state().reason())),
    }
    let first = label(&ladder, stream, choice, live.follower.quality(), live.received);
    let mut response = Response::new(Body::new(live));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    if let Ok(value) = content_type.parse() {
        headers.insert(header::CONTENT_TYPE, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let Label { quality, reason, .. } = first;
    headers.insert(HeaderName::from_static("x-quality"), HeaderValue::from_static(quality.name()));
    // Names and numbers only, so that it is a header's value.
    if let Some(reason) = HeaderValue::try_from(reason).ok().filter(|reason| !reason.is_empty()) {
        headers.insert(HeaderName::from_static("x-quality-reason"), reason);
    }
    Ok(response)
}

/// A body without end, polled by the connection when it has room: what it has no room for is skipped in
/// the ring, not queued here.
struct Live {
    follower: Follower,
    /// When the newest picture had arrived at the server.
    received: Monotonic,
    /// What goes out before the next unit: a preamble, an initialisation segment and its fragment.
    ready: VecDeque<Bytes>,
    /// Parts go without their own headers and with those of the next one.
    headers_ahead: bool,
    format: Option<Arc<Format>>,
    pace: Pace,
    /// Units missed since the last one that went out.
    missed: u64,
    patience: Option<Pin<Box<Sleep>>>,
    stopping: Pin<Box<dyn Future<Output = ()> + Send>>,
    _watching: Watching,
}

impl Live {
    fn take(&mut self, delivery: Delivery) {
        let Delivery { unit, missed, .. } = delivery;
        self.received = unit.stamps.received;
        self.missed += missed;
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
            Packaging::Multipart if self.missed > 0 && !self.headers_ahead => {
                self.ready.push_back(Bytes::from(format!("X-Missed: {}\r\n", self.missed)));
            }
            _ => {}
        }
        self.missed = 0;
        if self.headers_ahead {
            self.ready.push_back(without_headers(&unit.payload));
            self.ready.push_back(HEADERS_AHEAD);
        } else {
            self.ready.push_back(unit.payload);
        }
    }
}

impl Live {
    /// Takes the next unit; the error is why there is none any more.
    fn poll_unit(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Arc<str>>> {
        loop {
            match self.follower.poll_next(cx) {
                Poll::Ready(Event::Unit(delivery)) => {
                    self.patience = None;
                    self.take(delivery);
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Event::State(_)) => continue,
                Poll::Ready(Event::Ended(reason)) => return Poll::Ready(Err(reason)),
                Poll::Pending => {}
            }
            if self.stopping.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(Arc::from("the server is shutting down")));
            }
            match self.patience.as_mut().map(|patience| patience.as_mut().poll(cx)) {
                Some(Poll::Ready(())) => {
                    self.patience = None;
                    self.follower.take_newest();
                }
                _ => return Poll::Pending,
            }
        }
    }
}

/// A part from its picture on; the bytes are shared.
fn without_headers(part: &Bytes) -> Bytes {
    const END: &[u8] = b"\r\n\r\n";
    let end = part.windows(END.len()).position(|window| window == END);
    part.slice(end.map_or(0, |at| at + END.len())..)
}

impl http_body::Body for Live {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        while this.ready.is_empty() {
            match ready!(this.poll_unit(cx)) {
                Ok(()) => {}
                Err(_) => return Poll::Ready(None),
            }
        }
        Poll::Ready(this.ready.pop_front().map(|bytes| Ok(Frame::data(bytes))))
    }

    /// What is chosen already: the rest of a picture does not wait until the connection has room for another one.
    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.ready.iter().map(|bytes| bytes.len() as u64).sum());
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_without_its_headers_begins_with_the_picture() {
        let part = Bytes::from_static(
            b"Content-Type: image/jpeg\r\nContent-Length: 6\r\n\r\n\xff\xd8\r\n\r\n\r\n--b\r\n",
        );
        let rest = without_headers(&part);
        assert_eq!(rest, &b"\xff\xd8\r\n\r\n\r\n--b\r\n"[..]);
        assert_eq!(rest.as_ptr(), part[part.len() - rest.len()..].as_ptr(), "not a copy");
        assert_eq!(without_headers(&Bytes::new()), Bytes::new());
    }
}
