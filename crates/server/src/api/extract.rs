//! What a handler takes out of a request, with errors in the API's one shape.

use super::error::ApiError;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::time::Duration;

/// How long a body may take. Nobody has signed in yet who sends a form, so it must not keep a connection for
/// long.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest form, in bytes: a token has 68.
pub const MAX_FORM: usize = 4096;

/// Longest JSON body, in bytes: several times the longest URL of a camera.
pub const MAX_JSON: usize = 16 * 1024;

/// The query of the address.
pub struct Query<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(query)| Query(query))
            .map_err(|rejection| ApiError::new(rejection.status(), rejection.body_text()))
    }
}

/// The variable parts of the address.
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(path)| Path(path))
            .map_err(|rejection| ApiError::new(rejection.status(), rejection.body_text()))
    }
}

/// A form in the body, of at most [`MAX_FORM`] bytes where the route says so, within 10 s.
pub struct Form<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let form = axum::Form::<T>::from_request(request, state);
        match tokio::time::timeout(BODY_TIMEOUT, form).await {
            Ok(Ok(axum::Form(form))) => Ok(Form(form)),
            Ok(Err(rejection)) => Err(ApiError::new(rejection.status(), rejection.body_text())),
            Err(_) => Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "the form did not arrive in time")),
        }
    }
}

/// A JSON object in the body, of at most [`MAX_JSON`] bytes where the route says so, within 10 s.
///
/// Its type must be JSON or not given: a page of another site can send the types of forms without being asked
/// for by a preflight. What is wrong is said by its place and not repeated, because it may hold a password.
pub struct JsonObject(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            let message = "the body must be JSON: send `Content-Type: application/json`";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let body = match tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await {
            Ok(Ok(body)) => body,
            Ok(Err(rejection)) => return Err(ApiError::new(rejection.status(), rejection.body_text())),
            Err(_) => {
                return Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"));
            }
        };
        let bad = |message: String| ApiError::new(StatusCode::BAD_REQUEST, message);
        match serde_json::from_slice(&body) {
            Ok(Value::Object(object)) => Ok(JsonObject(object)),
            Ok(_) => Err(bad("the body is not a JSON object".to_owned())),
            Err(error) => {
                Err(bad(format!("the body is not JSON: line {}, column {}", error.line(), error.column())))
            }
        }
    }
}

/// Whether a request says that its body is JSON, or nothing about it.
fn is_json(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    match (kinds.next(), kinds.next()) {
        (None, _) => true,
        (Some(kind), None) => {
            let essence = kind.to_str().ok().and_then(|kind| kind.split(';').next());
            essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::watch::ViewerQuery;

    #[tokio::test]
    async fn an_unreadable_query_is_an_error_in_the_one_shape() {
        for (target, good) in
            [("/?fps=5&newer_than=1e300", true), ("/?fps=fast", false), ("/?meta=-1", false)]
        {
            let (mut parts, ()) = axum::http::Request::get(target).body(()).unwrap().into_parts();
            let query = Query::<ViewerQuery>::from_request_parts(&mut parts, &()).await;
            assert_eq!(query.is_ok(), good, "{target}");
            if let Err(error) = query {
                assert_eq!(error.status, StatusCode::BAD_REQUEST);
                assert!(!error.message.is_empty());
            }
        }
    }

    #[tokio::test]
    async fn a_body_is_a_json_object_and_never_repeated() {
        for (kind, body, status) in [
            (Some("application/json"), r#"{"a":1}"#, None),
            (Some("Application/JSON; charset=utf-8"), "{}", None),
            (None, r#"{"a":1}"#, None),
            (Some("text/plain"), "{}", Some(StatusCode::UNSUPPORTED_MEDIA_TYPE)),
            (Some("application/x-www-form-urlencoded"), "{}", Some(StatusCode::UNSUPPORTED_MEDIA_TYPE)),
            (None, "", Some(StatusCode::BAD_REQUEST)),
            (None, r#""rtsp://u:hunter2@cam""#, Some(StatusCode::BAD_REQUEST)),
            (None, r#"{"url": rtsp://u:hunter2@cam}"#, Some(StatusCode::BAD_REQUEST)),
            (None, "{\"a\":\"\\ud800\"}", Some(StatusCode::BAD_REQUEST)),
        ] {
            let mut request = Request::post("/").body(axum::body::Body::from(body)).unwrap();
            if let Some(kind) = kind {
                request.headers_mut().insert(header::CONTENT_TYPE, kind.parse().unwrap());
            }
            let error = JsonObject::from_request(request, &()).await.err();
            assert_eq!(error.as_ref().map(|error| error.status), status, "{kind:?} {body}");
            assert!(error.is_none_or(|error| !error.message.contains("hunter2")));
        }
    }
}
