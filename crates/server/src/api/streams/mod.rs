//! `/api/streams`: which streams there are, and cameras to add and to take away.
//!
//! Here: the addresses. [`catalogue`] is what was created through them and outlives a restart, [`wanted`] what
//! a request asks for, [`change`] how streams come and go, [`info`] what is told of them.

pub mod catalogue;
pub mod change;
pub mod info;
mod rfc3339;
pub mod wanted;

use super::error::ApiError;
use super::extract::{JsonObject, Path};
use super::state::Server;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use change::Outcome;
use info::StreamInfo;
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;
use utoipa::ToSchema;
use wanted::{CreateStream, StartWithUrl, Wanted};

type Shared = State<Arc<Server>>;

/// A stream that was created, or was there.
#[derive(Debug, Serialize, ToSchema)]
pub struct Started {
    /// What was done, for a person.
    message: &'static str,
    /// The id, to be used in addresses.
    #[schema(example = "door")]
    stream_id: String,
    /// The name that the server uses, as in `/streams/NAME/mjpeg`.
    #[schema(example = "door")]
    name: String,
    /// The camera's URL without user name, password and the like.
    #[schema(example = "rtsp://***@192.168.1.20/stream1")]
    rtsp_url: String,
    /// Width of raw pictures for who asks for none, pixels; 0 is the camera's own.
    width: u32,
    /// Height of raw pictures, pixels; 0 is the camera's own.
    height: u32,
}

/// All streams.
#[derive(Debug, Serialize, ToSchema)]
pub struct StreamList {
    /// By name.
    streams: Vec<StreamInfo>,
}

/// A stream that is no more.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stopped {
    /// What was done, for a person.
    message: &'static str,
    /// The id as it was given.
    stream_id: String,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// For a person.
    error: String,
    /// How many watch the stream, where that is the reason.
    client_count: Option<usize>,
}

impl Started {
    fn new(message: &'static str, outcome: Outcome) -> Started {
        let (width, height) = outcome.size.unwrap_or_default();
        let (stream_id, name, rtsp_url) = (outcome.id, outcome.name.to_string(), outcome.source);
        Started { message, stream_id, name, rtsp_url, width, height }
    }
}

/// Add a camera
///
/// An unreachable camera is no error: the stream exists, its `state` and `reason` say why there is no picture.
#[utoipa::path(post, path = "/api/streams", tag = "streams", request_body = CreateStream, responses(
    (status = 200, body = Started, description = "the camera is being fetched"),
    (status = 400, body = ErrorBody, description = "not JSON, a missing field, a bad id, URL or size"),
    (status = 409, body = ErrorBody, description = "the id is in use"),
    (status = 503, body = ErrorBody, description = "`limits.streams` is reached"),
))]
pub async fn create(State(server): Shared, body: JsonObject) -> Result<Json<Started>, ApiError> {
    let wanted = Wanted::with_id(&body.0)?;
    Ok(Json(Started::new("Stream started", change::create(&server, wanted).await?)))
}

/// Add a camera, or find it, by its URL
///
/// The id is `stream_` and the first 9 hexadecimal digits of the MD5 of the URL as given. A camera that the
/// server fetches already is not fetched twice: the id is then another name of the stream that there is.
#[utoipa::path(post, path = "/api/streams/start-with-url", tag = "streams", request_body = StartWithUrl, responses(
    (status = 200, body = Started, description = "the camera is being fetched"),
    (status = 400, body = ErrorBody, description = "not JSON, a missing field, a bad URL or size"),
    (status = 503, body = ErrorBody, description = "`limits.streams` is reached"),
))]
pub async fn start_with_url(State(server): Shared, body: JsonObject) -> Result<Json<Started>, ApiError> {
    let outcome = change::start(&server, Wanted::by_url(&body.0)?).await?;
    let message = if outcome.existed { "Stream already running" } else { "Stream started" };
    Ok(Json(Started::new(message, outcome)))
}

/// All streams, whatever camera they come from
#[utoipa::path(get, path = "/api/streams", tag = "streams", responses(
    (status = 200, body = StreamList, description = "all streams"),
))]
pub async fn list(State(server): Shared) -> Json<StreamList> {
    Json(StreamList { streams: info::all(&server) })
}

/// One stream
#[utoipa::path(get, path = "/api/streams/{id}", tag = "streams",
    params(("id" = String, Path, description = "id or name of the stream")),
    responses(
        (status = 200, body = StreamInfo, description = "the stream"),
        (status = 404, body = ErrorBody, description = "unknown id"),
    ),
)]
pub async fn one(State(server): Shared, Path(id): Path<String>) -> Result<Json<StreamInfo>, ApiError> {
    info::one(&server, &id).map(Json).ok_or_else(|| unknown(&id))
}

/// One stream, as above
#[utoipa::path(get, path = "/api/streams/{id}/stats", tag = "streams",
    params(("id" = String, Path, description = "id or name of the stream")),
    responses(
        (status = 200, body = StreamInfo, description = "the stream"),
        (status = 404, body = ErrorBody, description = "unknown id"),
    ),
)]
pub async fn stats(server: Shared, id: Path<String>) -> Result<Json<StreamInfo>, ApiError> {
    one(server, id).await
}

/// Take a stream away, unless somebody watches it
#[utoipa::path(delete, path = "/api/streams/{id}", tag = "streams",
    params(("id" = String, Path, description = "id or name of the stream")), responses(
    (status = 200, body = Stopped, description = "it is gone"),
    (status = 404, body = ErrorBody, description = "unknown id"),
    (status = 409, body = ErrorBody, description = "somebody watches it, a camera pushes it, or the configuration names it"),
))]
pub async fn delete(State(server): Shared, Path(id): Path<String>) -> Result<Json<Stopped>, ApiError> {
    remove(&server, id, false).await
}

/// Take a stream away, whoever watches it
#[utoipa::path(delete, path = "/api/streams/{id}/force", tag = "streams",
    params(("id" = String, Path, description = "id or name of the stream")), responses(
    (status = 200, body = Stopped, description = "it is gone"),
    (status = 404, body = ErrorBody, description = "unknown id"),
    (status = 409, body = ErrorBody, description = "the configuration names it"),
))]
pub async fn force_delete(State(server): Shared, Path(id): Path<String>) -> Result<Json<Stopped>, ApiError> {
    remove(&server, id, true).await
}

async fn remove(server: &Arc<Server>, id: String, force: bool) -> Result<Json<Stopped>, ApiError> {
    let name = catalogue::fold(&id).ok_or_else(|| unknown(&id))?;
    change::remove(server, name, force).await?;
    Ok(Json(Stopped { message: "Stream stopped", stream_id: id }))
}

/// The name of the stream that an id of the API stands for: the id in lower case, or the stream whose camera it
/// shares. What the API has not created comes back as it is.
#[must_use]
pub fn name_of<'a>(server: &Server, id: &'a str) -> Cow<'a, str> {
    match catalogue::fold(id).and_then(|name| server.catalogue.get(&name)) {
        Some(entry) => Cow::Owned(entry.shares.unwrap_or(entry.spec.name).to_string()),
        None => Cow::Borrowed(id),
    }
}

/// The answer about a stream that there is not.
#[must_use]
pub fn unknown(id: &str) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, format!("there is no stream {:?}", shorten(id)))
}

/// As much of a text as an error repeats: no more than a name has.
fn shorten(text: &str) -> String {
    text.chars().take(camherd_media::ids::MAX_STREAM_NAME).collect()
}
