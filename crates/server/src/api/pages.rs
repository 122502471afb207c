//! The pages and their files, embedded in the binary.

use super::error::ApiError;
use super::extract::Path;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use rust_embed::{EmbeddedFile, RustEmbed};

/// `web/`: the pages.
#[derive(RustEmbed)]
#[folder = "../../web"]
struct Web;

/// `clients/js/src/`: the player that the pages use.
#[derive(RustEmbed)]
#[folder = "../../clients/js/src"]
struct Client;

/// What a page may load: nothing from elsewhere, nothing inline.
const POLICY: &str = "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/// A page of `web/`.
pub fn page(name: &str) -> Response<Body> {
    match Web::get(name) {
        Some(file) => answer(file),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `GET /static/...`
pub async fn file(Path(path): Path<String>) -> Result<Response<Body>, ApiError> {
    let file = match path.strip_prefix("camherd/") {
        Some(path) => Client::get(path),
        None => Web::get(&path),
    };
    let missing = || ApiError::new(StatusCode::NOT_FOUND, format!("there is nothing at /static/{path}"));
    file.map(answer).ok_or_else(missing)
}

fn answer(file: EmbeddedFile) -> Response<Body> {
    let kind = HeaderValue::from_str(file.metadata.mimetype());
    let mut response = Response::new(Body::from(file.data.into_owned()));
    let headers = response.headers_mut();
    headers
        .insert(header::CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    // The files belong to this binary; after an update a page must not run with yesterday's player.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
