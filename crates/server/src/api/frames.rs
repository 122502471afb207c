//! Addresses for programs that read raw pictures: one (`/api/streams/ID/frame`), each (`/ws/ID`), or where they
//! lie in shared memory (`/api/streams/ID/bus`).

use super::error::ApiError;
use super::extract::{Path, Query};
use super::state::Server;
use super::streams::{self, ErrorBody};
use super::watch;
use crate::outputs::websocket::Feed;
use crate::outputs::{bus, frame};
use crate::transcode::Form;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use camherd_hub::{DeriveError, Stream};
use serde::Deserialize;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Sides of a picture that may be asked for, in pixels.
pub const SIDES: RangeInclusive<u32> = 16..=8192;

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct FrameQuery {
    /// `bgr24` (default), `gray`, `i420` or `jpeg`.
    pub format: Option<String>,
    /// Width in pixels, together with `height`.
    pub width: Option<u32>,
    /// Height in pixels.
    pub height: Option<u32>,
    /// `WIDTHxHEIGHT` or `native`.
    pub size: Option<String>,
    /// Number of the frame that the caller has: wait for a newer one.
    pub after: Option<u64>,
    /// Whether each frame is announced by a text message.
    pub meta: Option<u8>,
}

impl FrameQuery {
    fn form(&self) -> Result<Form, ApiError> {
        let Some(name) = self.format.as_deref() else { return Ok(Form::Bgr24) };
        Form::from_name(name).ok_or_else(|| {
            let known = Form::ALL.map(Form::name).join(", ");
            bad(format!("there is no format {:?}; there are {known}", shorten(name)))
        })
    }

    /// The size asked for, or else that of the stream; `None` is the camera's own.
    fn size(&self, of_stream: Option<(u32, u32)>) -> Result<Option<(u32, u32)>, ApiError> {
        let asked = match (self.width, self.height, self.size.as_deref()) {
            (None, None, None) => return Ok(of_stream),
            (None, None, Some("native")) => return Ok(None),
            (None, None, Some(size)) => {
                let sides = size.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
                sides.ok_or_else(|| bad("`size` is WIDTHxHEIGHT such as 640x480, or `native`"))?
            }
            (Some(width), Some(height), None) => (width, height),
            _ => return Err(bad("a size is `width` and `height`, or `size`")),
        };
        check_size(asked).map(Some)
    }
}

/// A size within [`SIDES`].
///
/// # Errors
/// 400 with the range.
pub fn check_size(size: (u32, u32)) -> Result<(u32, u32), ApiError> {
    if SIDES.contains(&size.0) && SIDES.contains(&size.1) {
        return Ok(size);
    }
    let (least, most) = (SIDES.start(), SIDES.end());
    Err(bad(format!(
        "a size of {}x{} is out of range: width and height are {least} to {most}",
        size.0, size.1
    )))
}

fn bad(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, message)
}

fn shorten(text: &str) -> String {
    text.chars().take(32).collect()
}

type Shared = State<Arc<Server>>;

/// One picture, the newest
///
/// Each caller gets the newest picture, and takes it from nobody else. `after` waits up to 5 s for a newer one.
#[utoipa::path(get, path = "/api/streams/{id}/frame", tag = "frames",
    params(
        ("id" = String, Path, description = "id or name of the stream"),
        ("format" = Option<String>, Query, description = "`bgr24` (default), `gray`, `i420` or `jpeg`"),
        ("size" = Option<String>, Query, description = "`WIDTHxHEIGHT` or `native`; by default the stream's own"),
        ("width" = Option<u32>, Query, minimum = 16, maximum = 8192, description = "pixels, together with `height`"),
        ("height" = Option<u32>, Query, minimum = 16, maximum = 8192, description = "pixels"),
        ("after" = Option<u64>, Query, description = "`X-Frame-Seq` of the picture that the caller has"),
    ),
    responses(
        (status = 200, content_type = "application/octet-stream", description = "the picture", headers(
            ("X-Frame-Timestamp" = i64, description = "when it was taken, Unix time in ns"),
            ("X-Frame-Seq" = u64, description = "its number"),
            ("X-Frame-Size" = String, description = "`640x480`, pixels"),
            ("X-Frame-Format" = String, description = "`bgr24`, `gray`, `i420` or `jpeg`"),
            ("X-Frame-Age-Ms" = f64, description = "its age in ms"),
        )),
        (status = 204, description = "no picture within 5 s"),
        (status = 400, body = ErrorBody, description = "a bad format or size"),
        (status = 404, body = ErrorBody, description = "unknown id"),
        (status = 503, body = ErrorBody, description = "the stream is not running"),
    ),
)]
pub async fn frame(
    State(server): Shared,
    Path(id): Path<String>,
    Query(query): Query<FrameQuery>,
) -> Result<Response, ApiError> {
    let (stream, own_size) = find(&server, &id)?;
    let (form, size) = (query.form()?, query.size(own_size)?);
    Ok(frame::respond(&stream, form, size, query.after).await?)
}

/// Each picture, through shared memory
///
/// For programs on the same machine. The answer has no end; each line is a JSON object or the number of a picture that is
/// complete. HTTP/1.0 gives it without chunks.
#[utoipa::path(get, path = "/api/streams/{id}/bus", tag = "frames",
    params(
        ("id" = String, Path, description = "id or name of the stream"),
        ("format" = Option<String>, Query, description = "`bgr24` (default), `gray` or `i420`"),
        ("size" = Option<String>, Query, description = "`WIDTHxHEIGHT` or `native`; by default the stream's own"),
        ("width" = Option<u32>, Query, minimum = 16, maximum = 8192, description = "pixels, together with `height`"),
        ("height" = Option<u32>, Query, minimum = 16, maximum = 8192, description = "pixels"),
    ),
    responses(
        (status = 200, content_type = "application/x-ndjson", description = "lines without end"),
        (status = 400, body = ErrorBody, description = "a bad format or size"),
        (status = 404, body = ErrorBody, description = "unknown id"),
        (status = 501, body = ErrorBody, description = "no shared memory here"),
        (status = 503, body = ErrorBody, description = "the stream is not running, or there are too many viewers"),
    ),
)]
pub async fn bus(
    State(server): Shared,
    Path(id): Path<String>,
    Query(query): Query<FrameQuery>,
) -> Result<Response, ApiError> {
    let (stream, own_size) = find(&server, &id)?;
    let (form, size) = (query.form()?, query.size(own_size)?);
    if form == Form::Jpeg {
        return Err(bad("shared memory holds raw pictures: bgr24, gray or i420"));
    }
    if !(server.config.bus.enabled && cfg!(unix)) {
        let message = "this server has no shared memory (bus.enabled); use the WebSocket at /ws/ID";
        return Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, message));
    }
    let watching = server.viewers.enter()?.watch(&stream);
    Ok(bus::respond(&stream, form, size, watching, server.shutdown.clone())?)
}

/// `WS /ws/{id}`
pub async fn socket(
    State(server): Shared,
    Path(id): Path<String>,
    Query(query): Query<FrameQuery>,
    request: Request,
) -> Response {
    if let Some(refusal) = watch::foreign_page(&server, &request) {
        return refusal;
    }
    let chosen = find(&server, &id).and_then(|(stream, own_size)| {
        let meta = query.meta.is_some_and(|meta| meta != 0);
        Ok((stream, Feed::Frames { form: query.form()?, size: query.size(own_size)?, meta }))
    });
    match chosen {
        Ok((stream, feed)) => watch::socket_of(&server, stream, feed, request),
        Err(error) => watch::refuse_with(request, error),
    }
}

/// The stream of an id and the size of its raw pictures.
fn find(server: &Server, id: &str) -> Result<(Stream, Option<(u32, u32)>), ApiError> {
    let unknown = || streams::unknown(id);
    let name = server.catalogue.resolve(id).ok_or_else(unknown)?;
    let stream = server.hub.get(&name).ok_or_else(unknown)?;
    if stream.publisher().is_none() && !stream.state().is_live() {
        let message = format!("stream {name} is not running: {}", stream.state().reason());
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message));
    }
    Ok((stream, streams::info::frame_size(server, id, &name)))
}

impl From<DeriveError> for ApiError {
    fn from(error: DeriveError) -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, error.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> FrameQuery {
        axum::extract::Query::try_from_uri(&format!("/?{text}").parse().unwrap()).unwrap().0
    }

    #[test]
    fn a_size_is_asked_for_in_either_way_or_taken_from_the_stream() {
        let own = Some((320, 240));
        for (text, size) in [
            ("", own),
            ("width=64&height=48", Some((64, 48))),
            ("size=64x48", Some((64, 48))),
            ("size=native", None),
            ("width=16&height=8192", Some((16, 8192))),
        ] {
            assert_eq!(query(text).size(own).unwrap(), size, "{text}");
        }
        for text in
            ["width=64", "size=64", "size=x", "width=15&height=48", "size=64x8193", "size=1x1&width=64"]
        {
            let error = query(text).size(own).unwrap_err();
            assert_eq!(error.status, StatusCode::BAD_REQUEST, "{text}");
        }
    }

    #[test]
    fn an_unknown_format_is_an_error_that_names_the_known_ones() {
        assert_eq!(query("").form().unwrap(), Form::Bgr24);
        assert_eq!(query("format=gray").form().unwrap(), Form::Gray);
        let error = query("format=rgb").form().unwrap_err();
        assert!(error.message.contains("bgr24, gray, i420, jpeg"), "{}", error.message);
    }
}
