//! The frame bus over HTTP: an endless answer of lines that say where raw pictures lie in shared memory and
//! which of them are complete. The connection is the demand: it ends, and so does the work.

use super::viewer::Watching;
use crate::net::shutdown::Shutdown;
use crate::transcode::{Form, shared};
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use bytes::Bytes;
use camherd_hub::{DeriveError, Event, Start, Stream, StreamState, Subscription};
use camherd_media::unit::{Format, Packaging};
use http_body::Frame;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The answer for `stream` in that form and size.
///
/// # Errors
/// [`DeriveError`] when such pictures cannot be made.
pub fn respond(
    stream: &Stream,
    form: Form,
    size: Option<(u32, u32)>,
    watching: Watching,
    shutdown: Shutdown,
) -> Result<Response<Body>, DeriveError> {
    let subscription = stream.subscribe(&shared(form, size), Start::Newest)?;
    let stopping = Box::pin(async move { shutdown.wait().await });
    let lines = Lines {
        subscription,
        ready: VecDeque::new(),
        format: None,
        over: false,
        stopping,
        _watching: watching,
    };
    let mut response = Response::new(Body::new(lines));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

struct Lines {
    subscription: Subscription,
    /// What goes out before the next event: a descriptor and the line after it.
    ready: VecDeque<Bytes>,
    format: Option<Arc<Format>>,
    over: bool,
    stopping: Pin<Box<dyn Future<Output = ()> + Send>>,
    _watching: Watching,
}

impl Lines {
    fn take(&mut self, event: Event) {
        match event {
            Event::Unit(delivery) => {
                let unit = delivery.unit;
                if let Packaging::SharedMemory { descriptor } = &unit.format.packaging
                    && !self.format.as_ref().is_some_and(|format| Arc::ptr_eq(format, &unit.format))
                {
                    self.ready.push_back(descriptor.clone());
                    self.format = Some(unit.format.clone());
                }
                self.ready.push_back(unit.payload);
            }
            Event::State(state) => self.ready.push_back(state_line(state.label(), state.reason())),
            Event::Ended(reason) => {
                self.ready.push_back(state_line(StreamState::Offline(reason.clone()).label(), &reason));
                self.over = true;
            }
        }
    }
}

fn state_line(state: &str, reason: &str) -> Bytes {
    let line = serde_json::json!({ "type": "state", "state": state, "reason": reason });
    Bytes::from(format!("{line}\n"))
}

impl http_body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        loop {
            if let Some(line) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(line))));
            }
            if this.over || this.stopping.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            match this.subscription.poll_next(cx) {
                Poll::Ready(event) => this.take(event),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
