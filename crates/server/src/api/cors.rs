//! Pages of other origins: which may send requests, and the headers that let them read the answers
//! (<https://fetch.spec.whatwg.org/#http-cors-protocol>).
//!
//! Cookies are not for them: without `Access-Control-Allow-Credentials` a browser sends none from another site.
//! Such a page shows a token.

use super::error::ApiError;
use super::state::Server;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// What a preflight is answered with, beside the origin. It holds for an hour, in seconds: Chromium keeps none
/// for more than two.
const PREFLIGHT: [(HeaderName, HeaderValue); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE, OPTIONS")),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Content-Type, Authorization")),
    (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600")),
];

/// The headers of answers that scripts may read beside the few that they always may.
const READABLE: HeaderValue = HeaderValue::from_static(
    "X-Frame-Timestamp, X-Frame-Seq, X-Frame-Size, X-Frame-Format, X-Frame-Age-Ms, X-Timestamp, Retry-After",
);

/// Answers preflights, and marks answers that a page of another origin may read.
pub async fn answer(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
        return next.run(request).await;
    };
    let refusal = server.origins.check_viewer(request.headers()).err();
    let mut response = match &refusal {
        Some(refusal) if is_preflight(&request) => {
            ApiError::new(StatusCode::FORBIDDEN, refusal.to_string()).into_response()
        }
        None if request.method() == Method::OPTIONS => {
            let mut response = StatusCode::NO_CONTENT.into_response();
            response.headers_mut().extend(PREFLIGHT);
            response
        }
        _ => next.run(request).await,
    };
    mark(response.headers_mut(), origin, refusal.is_none(), server.origins.allows_any());
    response
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn mark(headers: &mut HeaderMap, origin: HeaderValue, allowed: bool, any: bool) {
    if any {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else {
        // A cache must not give one page the answer that was meant for another.
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
    }
    if allowed {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, READABLE);
    }
}

/// Refuses what a page sends that may not use this server. A browser that hides the answer from the page has
/// sent the request all the same.
pub async fn known_page(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    match server.origins.check_viewer(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => ApiError::new(StatusCode::FORBIDDEN, refusal.to_string()).into_response(),
    }
}
