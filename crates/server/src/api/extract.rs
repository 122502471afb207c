//! What a handler takes out of a request, with errors in the API's one shape.

use super::error::ApiError;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How long the body of a form may take. Nobody has signed in yet who sends one, so it must not keep a
/// connection for long.
const FORM_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest form, in bytes: a token has 68.
pub const MAX_FORM: usize = 4096;

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
        match tokio::time::timeout(FORM_TIMEOUT, form).await {
            Ok(Ok(axum::Form(form))) => Ok(Form(form)),
            Ok(Err(rejection)) => Err(ApiError::new(rejection.status(), rejection.body_text())),
            Err(_) => Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "the form did not arrive in time")),
        }
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
}
