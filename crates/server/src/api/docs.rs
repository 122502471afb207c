//! The description of the API, made of the types and handlers themselves (OpenAPI 3.1), and a page to browse it,
//! which needs nothing from elsewhere.

use super::error::ApiError;
use super::extract::Path;
use super::{device, frames, status, streams};
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::{IntoResponse, Redirect};
use std::sync::{Arc, LazyLock};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_swagger_ui::Config;

/// Where the description is.
pub const DOCUMENT: &str = "/api/openapi.json";
/// Where the page is; its files are below.
pub const PAGE: &str = "/api/docs/";

/// What the page may load: nothing from elsewhere. It writes styles into its elements.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/// The description. A test sees to it that every route of the API is in it.
#[derive(OpenApi)]
#[openapi(
    info(title = "camherd", description = "One ingest per camera, any number of viewers."),
    tags((name = "streams", description = "Cameras and what comes from them"), (name = "frames", description = "Raw pictures for programs; each as it comes at `WS /ws/{id}`"), (name = "server", description = "The server itself")),
    paths(
        streams::create,
        streams::start_with_url,
        streams::list,
        streams::one,
        streams::stats,
        streams::delete,
        streams::force_delete,
        device::command,
        frames::frame,
        frames::bus,
        status::health,
    ),
    modifiers(&Token),
)]
struct Document;

/// The token, which is asked for where the server is reachable from other machines.
struct Token;

impl utoipa::Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let scheme = scheme.description(Some("Only where the server asks for one; `?token=` works as well."));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme.build()));
        document.security = Some(vec![
            utoipa::openapi::SecurityRequirement::default(),
            utoipa::openapi::SecurityRequirement::new::<_, [&str; 0], &str>("token", []),
        ]);
    }
}

/// The description, made once.
fn document() -> &'static utoipa::openapi::OpenApi {
    static MADE: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(Document::openapi);
    &MADE
}

/// `GET /api/openapi.json`
pub async fn openapi() -> Json<&'static utoipa::openapi::OpenApi> {
    Json(document())
}

/// `GET /api/docs`: the page's own addresses are relative to `/api/docs/`.
pub async fn to_page() -> Redirect {
    Redirect::permanent(PAGE)
}

/// `GET /api/docs/`
pub async fn page() -> Result<Response<Body>, ApiError> {
    answer("")
}

/// `GET /api/docs/FILE`
pub async fn file(Path(path): Path<String>) -> Result<Response<Body>, ApiError> {
    answer(&path)
}

fn answer(path: &str) -> Result<Response<Body>, ApiError> {
    static CONFIG: LazyLock<Arc<Config<'static>>> =
        // No validator: the page must not send the description to a service elsewhere.
        LazyLock::new(|| Arc::new(Config::from(DOCUMENT).validator_url("none").try_it_out_enabled(true)));
    let served = utoipa_swagger_ui::serve(path, CONFIG.clone());
    let served =
        served.map_err(|error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let missing = || ApiError::new(StatusCode::NOT_FOUND, "there is no such file in the API's page");
    let file = served.ok_or_else(missing)?;
    let kind = HeaderValue::from_str(&file.content_type).unwrap_or(HeaderValue::from_static("text/plain"));
    let mut response = Body::from(file.bytes.into_owned()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    if file.gzpipped {
        // All browsers take it, and the files are not held in another form.
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// Methods and paths that the description has, for the test of the router.
#[cfg(test)]
pub(super) fn described() -> Vec<(String, String)> {
    let value = serde_json::to_value(document()).unwrap();
    let paths = value["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, operations)| {
        let methods = operations.as_object().unwrap().keys();
        methods.map(|method| (method.to_ascii_uppercase(), path.clone())).collect::<Vec<_>>()
    });
    operations.collect()
}
