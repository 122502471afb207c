//! Which address does what.

use super::error::ApiError;
use super::state::Server;
use super::watch::{ViewerQuery, default_file};
use super::{access, cameras, pages, status, watch};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use serde::Deserialize;
use std::sync::Arc;

/// The router of a server.
pub fn router(server: Arc<Server>) -> Router {
    let signed_in = from_fn_with_state(server.clone(), access::signed_in);
    let known_host = from_fn_with_state(server.clone(), access::known_host);
    let open = Router::new()
        .route("/health", get(status::health))
        .route("/sign-in", get(access::sign_in_page).post(access::sign_in_form))
        .route("/static/{*path}", get(pages::file))
        .route("/ws/camera", get(cameras::unnamed))
        .route("/ws/camera/{name}", get(cameras::named));
    let routes = protected().route_layer(signed_in).merge(open).fallback(nothing_here);
    routes.layer(known_host).with_state(server)
}

async fn nothing_here(uri: Uri) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path()))
}

/// What asks for a token when the server is reachable from elsewhere.
fn protected() -> Router<Arc<Server>> {
    Router::new()
        .route("/", get(index))
        .route("/watch", get(async || pages::page("watch.html")))
        .route("/mjpeg", get(async || pages::page("mjpeg.html")))
        .route("/sign-out", post(access::sign_out))
        .route("/status", get(status::status))
        .route("/ws/viewer", get(watch::ws_ts))
        .route("/ws/fmp4", get(watch::ws_fmp4))
        .route("/ws/jpeg", get(watch::ws_jpeg))
        .route("/streams/{name}/{what}", get(watch::stream_file))
        .route("/stream.ts", default("ts"))
        .route("/stream.mp4", default("stream.mp4"))
        .route("/stream.mjpeg", default("mjpeg"))
        .route("/snapshot.jpg", default("snapshot.jpg"))
}

/// A file of the default stream.
fn default(what: &'static str) -> MethodRouter<Arc<Server>> {
    get(move |State(server): State<Arc<Server>>, Query(query): Query<ViewerQuery>| async move {
        default_file(&server, what, &query).await
    })
}

/// mjpg-streamer's addresses, which many programs know: `/?action=stream`, `/?action=snapshot`.
#[derive(Deserialize)]
struct Action {
    action: Option<String>,
}

async fn index(
    State(server): State<Arc<Server>>,
    Query(action): Query<Action>,
    Query(query): Query<ViewerQuery>,
) -> Response {
    match action.action.as_deref() {
        Some("stream") => default_file(&server, "mjpeg", &query).await,
        Some("snapshot") => default_file(&server, "snapshot.jpg", &query).await,
        _ => pages::page("index.html"),
    }
}
