//! `GET /status` and `GET /health`.

use super::state::Server;
use crate::outputs::pick::default_stream;
use axum::Json;
use axum::extract::State;
use camherd_hub::{RenditionInfo, Stream};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use utoipa::ToSchema;

/// The answer of `GET /status`: the three keys of the old server, and more.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Camera connections.
    camera_clients: usize,
    /// Viewers, over WebSocket and HTTP.
    viewer_clients: usize,
    /// Whether any stream is live.
    streaming: bool,
    /// Version of the server.
    version: &'static str,
    /// The stream of addresses without a name.
    default_stream: Option<String>,
    /// All streams, by name.
    streams: Vec<StreamStatus>,
    /// Cameras that were turned away lately, newest last.
    refused_cameras: Vec<RefusedCamera>,
}

#[derive(Debug, Serialize)]
struct StreamStatus {
    name: String,
    state: &'static str,
    reason: String,
    codec: Option<&'static str>,
    width: u32,
    height: u32,
    fps: f64,
    bitrate: u64,
    age_ms: Option<f64>,
    viewers: usize,
    received: u64,
    received_bytes: u64,
    dropped: camherd_hub::Drops,
    last_error: Option<String>,
    camera: Option<String>,
    renditions: Vec<RenditionStatus>,
    telemetry: Option<Map<String, Value>>,
}

/// One form of a stream.
#[derive(Debug, Serialize, ToSchema)]
pub struct RenditionStatus {
    /// `source` as the camera sends it, and what is made of it, such as `h264/fmp4`.
    #[schema(example = "h264/fmp4")]
    name: String,
    /// Whether somebody writes it now.
    active: bool,
    /// Who reads it, the server's own parts included.
    readers: usize,
    /// Memory that its pictures take, bytes.
    held_bytes: usize,
}

#[derive(Debug, Serialize)]
struct RefusedCamera {
    address: String,
    stream: String,
    reason: String,
    count: u64,
    last_ms_ago: u128,
}

/// `GET /status`
pub async fn status(State(server): State<Arc<Server>>) -> Json<Status> {
    let hub = &server.hub;
    let streams: Vec<StreamStatus> = hub.streams().iter().map(|s| stream_status(&server, s)).collect();
    let default = default_stream(hub, server.config.default_stream.as_ref());
    Json(Status {
        camera_clients: server.cameras.count(),
        viewer_clients: server.viewers.count(),
        streaming: streams.iter().any(|stream| stream.state == "live"),
        version: env!("CARGO_PKG_VERSION"),
        default_stream: default.map(|stream| stream.name().to_string()),
        streams,
        refused_cameras: refused(&server),
    })
}

/// Whether the server runs
///
/// For load balancers and the like: asks for no token and tells nothing about cameras.
#[utoipa::path(get, path = "/health", tag = "server", security(()), responses(
    (status = 200, body = Value, description = "it runs", example = json!({"status": "healthy", "timestamp": 1_795_247_777})),
))]
pub async fn health(State(server): State<Arc<Server>>) -> Json<Value> {
    let clock = server.hub.clock();
    Json(json!({ "status": "healthy", "timestamp": clock.unix_micros(clock.now()) / 1_000_000 }))
}

fn stream_status(server: &Server, stream: &Stream) -> StreamStatus {
    let (state, stats, now) = (stream.state(), stream.stats(), stream.clock().now());
    let newest = stream.newest().map(|(unit, _)| unit);
    let format = newest.as_ref().map(|unit| unit.format.clone());
    let age = newest.as_ref().map(|unit| now.since(unit.stamps.taken()).as_secs_f64() * 1000.0);
    let renditions = stream.renditions().into_iter().map(rendition_status);
    StreamStatus {
        name: stream.name().to_string(),
        state: state.label(),
        reason: state.reason().to_owned(),
        codec: format.as_ref().map(|format| format.codec.name()),
        width: format.as_ref().map_or(0, |format| format.width),
        height: format.as_ref().map_or(0, |format| format.height),
        fps: rounded(stats.fps, 2),
        bitrate: stats.bitrate as u64,
        age_ms: age.map(|age| rounded(age, 1)),
        viewers: stats.viewers,
        received: stats.units,
        received_bytes: stats.bytes,
        dropped: stats.drops,
        last_error: stats.last_error,
        camera: stream.publisher(),
        renditions: renditions.collect(),
        telemetry: server.telemetry.get(stream.name()),
    }
}

/// What is told of a rendition.
pub(super) fn rendition_status(rendition: RenditionInfo) -> RenditionStatus {
    RenditionStatus {
        name: rendition.key.as_str().to_owned(),
        active: rendition.active,
        readers: rendition.readers,
        held_bytes: rendition.held_bytes,
    }
}

/// A number with so many decimals.
pub(super) fn rounded(value: f64, decimals: i32) -> f64 {
    let factor = 10f64.powi(decimals);
    (value * factor).round() / factor
}

fn refused(server: &Server) -> Vec<RefusedCamera> {
    let list = server.refusals.list().into_iter();
    list.map(|refusal| RefusedCamera {
        address: refusal.address.to_string(),
        stream: refusal.stream,
        reason: refusal.reason,
        count: refusal.count,
        last_ms_ago: refusal.last.elapsed().as_millis(),
    })
    .collect()
}
