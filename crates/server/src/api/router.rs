//! Which address does what.

use super::error::ApiError;
use super::extract::{MAX_FORM, MAX_JSON, Query};
use super::state::Server;
use super::watch::{ViewerQuery, default_file};
use super::{access, cameras, cors, device, docs, frames, pages, status, streams, watch};
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post};
use serde::Deserialize;
use std::sync::Arc;

/// The router of a server.
pub fn router(server: Arc<Server>) -> Router {
    let signed_in = from_fn_with_state(server.clone(), access::signed_in);
    let known_host = from_fn_with_state(server.clone(), access::known_host);
    let sign_in = get(access::sign_in_page).post(access::sign_in_form);
    let open = Router::new()
        .route("/health", get(status::health))
        .route("/sign-in", sign_in.layer(DefaultBodyLimit::max(MAX_FORM)))
        .route("/static/{*path}", get(pages::file))
        .route("/ws/camera", get(cameras::unnamed))
        .route("/ws/camera/{name}", get(cameras::named));
    // Signing in comes after the page's origin: a page that may not ask is not told what a token would change.
    let known_page = from_fn_with_state(server.clone(), cors::known_page);
    let api = api().into_iter().fold(Router::new(), |router, (_, path, methods)| router.route(path, methods));
    let api = api.route_layer(signed_in.clone()).route_layer(known_page);
    let routes = protected().route_layer(signed_in).merge(api).merge(open);
    let routes = routes.fallback(nothing_here).method_not_allowed_fallback(another_method);
    // Preflights carry no token, so they are answered before one is asked for.
    routes.layer(from_fn_with_state(server.clone(), cors::answer)).layer(known_host).with_state(server)
}

/// The methods that a path takes, the path, and what they do.
type Route = (&'static [&'static str], &'static str, MethodRouter<Arc<Server>>);

/// The API, as a table, so that a test can compare it with its description.
fn api() -> Vec<Route> {
    let create = post(streams::create).layer(DefaultBodyLimit::max(MAX_JSON));
    let device = post(device::command).layer(DefaultBodyLimit::max(MAX_JSON));
    let start = post(streams::start_with_url).layer(DefaultBodyLimit::max(MAX_JSON));
    vec![
        (&["GET", "POST"], "/api/streams", create.get(streams::list)),
        (&["POST"], "/api/streams/start-with-url", start),
        (&["GET", "DELETE"], "/api/streams/{id}", get(streams::one).delete(streams::delete)),
        (&["GET"], "/api/streams/{id}/stats", get(streams::stats)),
        (&["POST"], "/api/streams/{id}/device", device),
        (&["DELETE"], "/api/streams/{id}/force", delete(streams::force_delete)),
        (&["GET"], "/api/streams/{id}/frame", get(frames::frame)),
        (&["GET"], "/api/streams/{id}/bus", get(frames::bus)),
        (&["GET"], docs::DOCUMENT, get(docs::openapi)),
        (&["GET"], "/api/docs", get(docs::to_page)),
        (&["GET"], docs::PAGE, get(docs::page)),
        (&["GET"], "/api/docs/{file}", get(docs::file)),
    ]
}

async fn nothing_here(uri: Uri) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, format!("there is nothing at {}", uri.path()))
}

async fn another_method(method: Method, uri: Uri) -> ApiError {
    let message = format!("{} does not take {method}; see Allow", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message)
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
        .route("/ws/{id}", get(frames::socket))
        .route("/streams/{name}/{what}", get(watch::stream_file))
        .route("/stream{number}", get(watch::numbered))
        .route("/stream.ts", default("ts"))
        .route("/stream.mp4", default("stream.mp4"))
        .route("/stream.mjpeg", default("mjpeg"))
        .route("/snapshot.jpg", default("snapshot.jpg"))
}

/// A file of the default stream.
fn default(what: &'static str) -> MethodRouter<Arc<Server>> {
    get(
        move |State(server): State<Arc<Server>>, Query(query): Query<ViewerQuery>, headers: HeaderMap| async move {
            default_file(&server, what, &query, &headers).await
        },
    )
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
    headers: HeaderMap,
) -> Response {
    match action.action.as_deref() {
        Some("stream") => default_file(&server, "mjpeg", &query, &headers).await,
        Some("snapshot") => default_file(&server, "snapshot.jpg", &query, &headers).await,
        _ => pages::page("index.html"),
    }
}

#[cfg(test)]
mod tests {
    use crate::api::docs;
    use crate::app::App;
    use crate::config::Config;
    use crate::net::shutdown;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    #[test]
    fn every_route_of_the_api_is_described_and_the_other_way_round() {
        let mut routes: Vec<(String, String)> = vec![("GET".to_owned(), "/health".to_owned())];
        for (methods, path, _) in super::api() {
            if path != docs::DOCUMENT && !path.starts_with("/api/docs") {
                routes.extend(methods.iter().map(|method| (method.to_string(), path.to_owned())));
            }
        }
        let mut described = docs::described();
        routes.sort();
        described.sort();
        assert_eq!(described, routes);
    }

    async fn ask(server: SocketAddr, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(server).await.unwrap();
        let length = body.len();
        let request = format!(
            "{head} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n"
        );
        let form = "Content-Type: application/x-www-form-urlencoded\r\n\r\n";
        stream.write_all(format!("{request}{form}{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn every_error_says_what_was_wrong_as_json() {
        let mut config = Config::default();
        config.tcp_push.listen.clear();
        config.http.listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        config.state = std::env::temp_dir().join("camherd-router-test-writes-no-state.sqlite");
        let (trigger, shutdown) = shutdown::channel();
        let app = App::start(config, shutdown).unwrap();
        let server = app.addresses()[0];
        let running = tokio::spawn(app.run());
        let long = format!("token={}", "x".repeat(super::MAX_FORM));
        for (head, body, status) in [
            ("POST /api/streams", "{}", "415"),
            ("PUT /api/streams", "", "405"),
            ("GET /api/streams/nobody", "", "404"),
            ("GET /api/streams/a%20b/stats", "", "404"),
            ("DELETE /api/streams/nobody", "", "404"),
            ("DELETE /api/streams/nobody/force", "", "404"),
            ("GET /api/docs/nothing", "", "404"),
            ("GET /stream.mjpeg?fps=fast", "", "400"),
            ("GET /ws/camera/%FF", "", "400"),
            ("GET /nothing", "", "404"),
            ("GET /static/nothing", "", "404"),
            ("POST /status", "", "405"),
            ("POST /sign-in", &long, "413"),
            ("GET /ws/viewer", "", "426"),
        ] {
            let answer = ask(server, head, body).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
            assert!(answer.ends_with("\"}") && answer.contains("\r\n\r\n{\"error\":\""), "{head}: {answer}");
            assert_eq!(answer.contains("\r\nallow: "), status == "405", "{head}: {answer}");
        }
        trigger.fire();
        running.await.unwrap();
    }
}
