//! `WS /ws/camera`, `/ws/camera?stream=NAME`, `/ws/camera/NAME`: decides who may publish under which name,
//! then hands the socket to `sources`.

use super::access::close_at_once;
use super::error::ApiError;
use super::extract::{Path, Query};
use super::state::Server;
use crate::auth::{Decision, Moment};
use crate::net::websocket::{Handshake, close};
use crate::sources::device::Session;
use crate::sources::{naming, websocket};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use camherd_hub::{Owner, Stream};
use camherd_media::codec::jpeg::MAX_JPEG;
use camherd_media::ids::StreamName;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError};

/// The query of a camera's address.
#[derive(Deserialize)]
pub struct CameraQuery {
    stream: Option<String>,
}

/// A camera that names its stream in the path.
pub async fn named(
    state: State<Arc<Server>>,
    peer: ConnectInfo<SocketAddr>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    admit(&state, peer.0, Some(&name), request)
}

/// A camera that names its stream in the query, or not at all.
pub async fn unnamed(
    state: State<Arc<Server>>,
    peer: ConnectInfo<SocketAddr>,
    Query(query): Query<CameraQuery>,
    request: Request,
) -> Response {
    admit(&state, peer.0, query.stream.as_deref(), request)
}

fn admit(server: &Arc<Server>, peer: SocketAddr, name: Option<&str>, mut request: Request) -> Response {
    let asked = name.unwrap_or_default();
    let refuse = |status: StatusCode, reason: String| {
        server.refusals.note(peer.ip(), asked, &reason);
        ApiError::new(status, reason).into_response()
    };
    let proved = match proves_itself(server, &request, peer.ip()) {
        Ok(proved) => proved,
        Err(error) => return refuse(error.status, error.message),
    };
    if let Err(refusal) = server.ingest.check(peer.ip(), proved) {
        return refuse(StatusCode::FORBIDDEN, refusal.to_string());
    }
    if let Err(refusal) = server.origins.check_camera(request.headers(), proved) {
        return refuse(StatusCode::FORBIDDEN, refusal.to_string());
    }
    let name = match name.filter(|name| !name.is_empty()).map(str::parse::<StreamName>).transpose() {
        Ok(name) => name,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, format!("{asked:?}: {error}")),
    };
    let handshake = match Handshake::new(&mut request) {
        Ok(handshake) => handshake,
        Err(error) => return ApiError::from(error).into_response(),
    };
    let mut takeovers = server.admission.lock().unwrap_or_else(PoisonError::into_inner);
    let owner = Owner(if proved { "token".to_owned() } else { peer.ip().to_canonical().to_string() });
    let stream = match stream_for(server, name, peer.ip(), &owner) {
        Ok(stream) => stream,
        Err(reason) => {
            server.refusals.note(peer.ip(), asked, &reason);
            return close_at_once(handshake, close::TRY_LATER, reason);
        }
    };
    if let Err(contested) = takeovers.admit(&stream, &owner) {
        let reason = contested.to_string();
        server.refusals.note(peer.ip(), stream.name().as_str(), &reason);
        return close_at_once(handshake, close::POLICY, reason);
    }
    publish(server, peer, &stream, owner, handshake)
}

fn stream_for(
    server: &Server,
    name: Option<StreamName>,
    address: IpAddr,
    owner: &Owner,
) -> Result<Stream, String> {
    match name {
        Some(name) => server.hub.get_or_create(&name).map_err(|full| format!("{full} (limits.streams)")),
        None => naming::stream_for(&server.hub, address, owner).map_err(|error| error.to_string()),
    }
}

/// Claims the stream before the answer goes out, so that of two cameras the first one is first.
fn publish(
    server: &Arc<Server>,
    peer: SocketAddr,
    stream: &Stream,
    owner: Owner,
    handshake: Handshake,
) -> Response {
    let publisher = match stream.publish(owner, peer.ip().to_canonical().to_string()) {
        Ok(publisher) => publisher,
        Err(busy) => {
            let reason = format!("{busy}; choose another name");
            server.refusals.note(peer.ip(), stream.name().as_str(), &reason);
            return close_at_once(handshake, close::POLICY, reason);
        }
    };
    let (response, socket) = handshake.accept(MAX_JPEG);
    let server = server.clone();
    tokio::spawn(async move {
        let _counted = server.cameras.enter();
        let Ok(socket) = socket.await else { return };
        tracing::info!(stream = %publisher.stream().name(), %peer, "camera connected");
        let stall = server.config.stall_timeout;
        let device = Session::new(&server.devices, &server.telemetry, publisher.stream().clone());
        websocket::run(socket, publisher, device, stall, server.shutdown.clone()).await;
    });
    response
}

/// Whether the camera sends a valid token. A wrong one is an error: somebody meant to sign in.
fn proves_itself(server: &Server, request: &Request, peer: IpAddr) -> Result<bool, ApiError> {
    match server.auth.check(request.headers(), request.uri().query(), peer, Moment::now()) {
        Decision::Allowed(identity) => Ok(identity.is_proved()),
        Decision::Missing => Ok(false),
        Decision::Wrong => {
            Err(ApiError::new(StatusCode::UNAUTHORIZED, "the camera's token is not valid here"))
        }
        Decision::TooMany { .. } => {
            Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens from this address"))
        }
    }
}
