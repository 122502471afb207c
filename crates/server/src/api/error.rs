//! Errors as answers: one table from kind to status, one shape, `{"error": "..."}`.

use crate::net::websocket::HandshakeError;
use crate::outputs::http::NothingToSend;
use crate::outputs::pick::PickError;
use crate::outputs::snapshot::SnapshotError;
use crate::outputs::viewer::TooMany;
use crate::sources::pull::AddError;
use crate::store::StoreError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use camherd_hub::Full;
use serde_json::json;

/// An answer that says what was wrong.
#[derive(Debug)]
pub struct ApiError {
    /// HTTP status.
    pub status: StatusCode,
    /// For a person.
    pub message: String,
    /// Seconds after which to try again.
    pub retry_after: Option<u64>,
    /// Who watches the stream and would lose it.
    pub client_count: Option<usize>,
}

impl ApiError {
    /// An error with a status and a sentence.
    #[must_use]
    pub fn new(status: StatusCode, message: impl Into<String>) -> ApiError {
        ApiError { status, message: message.into(), retry_after: None, client_count: None }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.message });
        if let Some(count) = self.client_count {
            body["client_count"] = count.into();
        }
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"camherd\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            // RFC 9110, 15.5.22 and RFC 6455, 4.4: the answer says what would be right.
            let headers = response.headers_mut();
            headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

impl From<PickError> for ApiError {
    fn from(error: PickError) -> ApiError {
        let status = match error {
            PickError::BadName(..) => StatusCode::BAD_REQUEST,
            PickError::Unknown(_) => StatusCode::NOT_FOUND,
            PickError::None => StatusCode::SERVICE_UNAVAILABLE,
        };
        ApiError::new(status, error.to_string())
    }
}

impl From<AddError> for ApiError {
    fn from(error: AddError) -> ApiError {
        match error {
            AddError::Full(full) => full.into(),
            AddError::InUse(..) => ApiError::new(StatusCode::CONFLICT, error.to_string()),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl From<SnapshotError> for ApiError {
    fn from(error: SnapshotError) -> ApiError {
        let status = match error {
            SnapshotError::Offline { .. } | SnapshotError::Unusable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            SnapshotError::NothingNewer { .. } => StatusCode::GATEWAY_TIMEOUT,
        };
        ApiError::new(status, error.to_string())
    }
}

impl From<TooMany> for ApiError {
    fn from(error: TooMany) -> ApiError {
        let retry_after = Some(5);
        ApiError { retry_after, ..ApiError::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()) }
    }
}

impl From<Full> for ApiError {
    fn from(error: Full) -> ApiError {
        let message = format!("{error} (limits.streams)");
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

impl From<NothingToSend> for ApiError {
    fn from(error: NothingToSend) -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl From<HandshakeError> for ApiError {
    fn from(error: HandshakeError) -> ApiError {
        ApiError::new(StatusCode::UPGRADE_REQUIRED, error.to_string())
    }
}
