//! Addresses for viewers: picks the stream, takes a seat, and hands over to `outputs`.

use super::access::{close_at_once, page_handshake};
use super::error::ApiError;
use super::extract::{Path, Query};
use super::state::Server;
use super::streams;
use crate::net::websocket::{Handshake, close};
use crate::outputs::http::{self, Kind, Mjpeg, Wanted};
use crate::outputs::pick::{PickError, default_stream, pick};
use crate::outputs::quality::Choice;
use crate::outputs::snapshot;
use crate::outputs::websocket::{Feed, MAX_FROM_PLAYER, Viewer};
use crate::transcode::Quality;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use camherd_hub::Stream;
use serde::Deserialize;
use std::sync::Arc;

/// The query of a viewer's address.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ViewerQuery {
    /// Which stream; none is the default one.
    pub stream: Option<String>,
    /// Most frames per second.
    pub fps: Option<f64>,
    /// Whether each JPEG is announced by a text message.
    pub meta: Option<u8>,
    /// Unix seconds: wait for a picture that is newer than this.
    pub newer_than: Option<f64>,
    /// `auto` (default), `high`, `medium` or `low`.
    pub quality: Option<String>,
}

impl ViewerQuery {
    fn choice(&self) -> Result<Choice, ApiError> {
        let choice = self.quality.as_deref().map_or(Ok(Choice::default()), Choice::from_name);
        choice.map_err(|error| ApiError::new(StatusCode::BAD_REQUEST, error.to_string()))
    }
}

type Shared = State<Arc<Server>>;

/// `WS /ws/viewer`
pub async fn ws_ts(server: Shared, Query(query): Query<ViewerQuery>, request: Request) -> Response {
    socket(&server, &query, Feed::Ts, request)
}

/// `WS /ws/fmp4`
pub async fn ws_fmp4(server: Shared, Query(query): Query<ViewerQuery>, request: Request) -> Response {
    socket(&server, &query, Feed::Fmp4, request)
}

/// `WS /ws/jpeg`
pub async fn ws_jpeg(server: Shared, Query(query): Query<ViewerQuery>, request: Request) -> Response {
    let feed = Feed::Jpeg { fps: query.fps, meta: query.meta.is_some_and(|meta| meta != 0) };
    socket(&server, &query, feed, request)
}

fn socket(server: &Arc<Server>, query: &ViewerQuery, feed: Feed, request: Request) -> Response {
    if let Some(refusal) = foreign_page(server, &request) {
        return refusal;
    }
    let choice = match query.choice() {
        Ok(choice) => choice,
        Err(error) => return refuse(request, close::POLICY, error),
    };
    let asked = query.stream.as_deref().map(|id| streams::name_of(server, id));
    let stream = match pick(&server.hub, asked.as_deref(), server.config.default_stream.as_ref()) {
        Ok(stream) => Some(stream),
        // Who asks for the default stream before there is one waits for it.
        Err(PickError::None) => None,
        Err(error) => return refuse(request, close::NO_STREAM, error.into()),
    };
    serve(server, stream, (feed, choice), request)
}

/// The answer to a page that may not use this server. It comes before all others, which tell what streams there
/// are and how they do.
pub fn foreign_page(server: &Server, request: &Request) -> Option<Response> {
    let refusal = server.origins.check_viewer(request.headers()).err()?;
    Some(ApiError::new(StatusCode::FORBIDDEN, refusal.to_string()).into_response())
}

/// A socket that carries `feed` of one stream, for who is no [`foreign_page`].
pub fn socket_of(server: &Arc<Server>, stream: Stream, feed: Feed, request: Request) -> Response {
    serve(server, Some(stream), (feed, Choice::default()), request)
}

/// Serves a viewer; without a stream it waits for the default one.
fn serve(
    server: &Arc<Server>,
    stream: Option<Stream>,
    wanted: (Feed, Choice),
    mut request: Request,
) -> Response {
    let seat = match server.viewers.enter() {
        Ok(seat) => seat,
        Err(error) => return refuse(request, close::TRY_LATER, error.into()),
    };
    let handshake = match Handshake::new(&mut request) {
        Ok(handshake) => handshake,
        Err(error) => return ApiError::from(error).into_response(),
    };
    let (response, socket) = handshake.accept(MAX_FROM_PLAYER);
    let server = server.clone();
    tokio::spawn(async move {
        let Ok(socket) = socket.await else { return };
        let mut viewer = Viewer::new(socket, wanted, server.ladder.clone(), server.hub.clock());
        let default =
            || server.hub.wait_for(|hub| default_stream(hub, server.config.default_stream.as_ref()));
        let stream = match stream {
            Some(stream) => stream,
            None => match viewer.wait(default(), &server.shutdown).await {
                Some(stream) => stream,
                None => return viewer.close(close::GOING_AWAY, "").await,
            },
        };
        let watching = seat.watch(&stream);
        viewer.run(stream, watching, server.shutdown.clone()).await;
    });
    response
}

/// Refuses a socket with the close code that fits the status.
pub fn refuse_with(request: Request, error: ApiError) -> Response {
    let code = match error.status {
        StatusCode::NOT_FOUND => close::NO_STREAM,
        StatusCode::SERVICE_UNAVAILABLE => close::TRY_LATER,
        _ => close::POLICY,
    };
    refuse(request, code, error)
}

/// Refuses a socket so that a page can show why: with a close code, other clients with the status.
fn refuse(mut request: Request, code: u16, error: ApiError) -> Response {
    match page_handshake(&mut request) {
        Some(handshake) => close_at_once(handshake, code, error.message),
        None => error.into_response(),
    }
}

/// `GET /streams/NAME/WHAT`
pub async fn stream_file(
    server: Shared,
    Path((name, what)): Path<(String, String)>,
    Query(query): Query<ViewerQuery>,
    headers: HeaderMap,
) -> Response {
    file(&server, Some(&name), &what, &query, &headers).await.unwrap_or_else(IntoResponse::into_response)
}

/// The same for the default stream, e.g. `GET /snapshot.jpg`.
pub async fn default_file(
    server: &Arc<Server>,
    what: &str,
    query: &ViewerQuery,
    headers: &HeaderMap,
) -> Response {
    file(server, query.stream.as_deref(), what, query, headers)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

async fn file(
    server: &Arc<Server>,
    name: Option<&str>,
    what: &str,
    query: &ViewerQuery,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let kind = match what {
        "ts" => Some(Kind::Ts),
        "stream.mp4" => Some(Kind::Mp4),
        "mjpeg" => Some(Kind::Mjpeg(Mjpeg { headers_ahead: is_browser(headers), old_boundary: false })),
        "snapshot.jpg" => None,
        _ => {
            let message = format!("a stream has no {what:?}; it has ts, stream.mp4, mjpeg and snapshot.jpg");
            return Err(ApiError::new(StatusCode::NOT_FOUND, message));
        }
    };
    let mut query = ViewerQuery { stream: name.map(ToOwned::to_owned), ..query.clone() };
    if let Some(kind) = kind {
        // A program that reads slowly is busy with the last picture, and has no use for smaller ones.
        if !is_browser(headers) {
            query.quality.get_or_insert_with(|| Quality::High.name().to_owned());
        }
        return endless(server, kind, &query).await;
    }
    let stream = picked(server, &query)?;
    let newer_than = query.newer_than.map(|seconds| (seconds * 1e6).round() as i64);
    Ok(snapshot::respond(&stream, newer_than).await?)
}

fn picked(server: &Server, query: &ViewerQuery) -> Result<Stream, PickError> {
    let name = query.stream.as_deref().map(|id| streams::name_of(server, id));
    pick(&server.hub, name.as_deref(), server.config.default_stream.as_ref())
}

async fn endless(server: &Server, kind: Kind, query: &ViewerQuery) -> Result<Response, ApiError> {
    let stream = picked(server, query)?;
    let wanted = Wanted { kind, fps: query.fps, choice: query.choice()?, ladder: server.ladder.clone() };
    let watching = server.viewers.enter()?.watch(&stream);
    Ok(http::respond(&stream, wanted, watching, server.shutdown.clone()).await?)
}

/// `GET /stream<N>`: as the older multi-format server answers. MJPEG; and on an upgrade to WebSocket, H.264 in the byte
/// stream format. What the camera does not send is made of what it sends.
pub async fn numbered(
    server: Shared,
    Path(number): Path<String>,
    Query(query): Query<ViewerQuery>,
    request: Request,
) -> Response {
    let Some(name) = numbered_name(&server, &number) else {
        let message = format!("there is nothing at {}", request.uri().path());
        return ApiError::new(StatusCode::NOT_FOUND, message).into_response();
    };
    let query = ViewerQuery { stream: Some(name), ..query };
    if request.headers().contains_key(header::UPGRADE) {
        return socket(&server, &query, Feed::AnnexB, request);
    }
    let kind = Kind::Mjpeg(Mjpeg { headers_ahead: is_browser(request.headers()), old_boundary: true });
    endless(&server, kind, &query).await.unwrap_or_else(IntoResponse::into_response)
}

/// The stream that a number in an address means: that of the camera that pushes under it.
fn numbered_name(server: &Server, number: &str) -> Option<String> {
    let plain = number.bytes().all(|byte| byte.is_ascii_digit());
    let name = server.config.tcp_push.name(number.parse().ok().filter(|_| plain)?)?;
    Some(name.to_string())
}

/// Whether a browser asks, for a page or for an image in one: both say so in `Accept`, and programs that
/// read MJPEG (ffmpeg, OpenCV, VLC, curl) take anything.
fn is_browser(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("text/html") || accept.contains("image/")
}
