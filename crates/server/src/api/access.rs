//! Who may ask: the middleware before pages, API and viewers, and signing in and out.

use super::error::ApiError;
use super::extract::{Form, Query};
use super::pages;
use super::state::Server;
use crate::auth::{Decision, Moment};
use crate::net::websocket::Handshake;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

/// Close code of a viewer's WebSocket that has no valid token.
const NOT_SIGNED_IN: u16 = 4401;

/// Answers only to the names of this server.
pub async fn known_host(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    match server.hosts.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => ApiError::new(StatusCode::MISDIRECTED_REQUEST, refusal.to_string()).into_response(),
    }
}

/// Lets through who has a token or needs none.
pub async fn signed_in(
    State(server): State<Arc<Server>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let query = request.uri().query();
    let decision = server.auth.check(request.headers(), query, peer.ip(), Moment::now());
    let error = match refused(decision) {
        None => return next.run(request).await,
        Some(error) => error,
    };
    if let Some(handshake) = page_handshake(&mut request) {
        return close_at_once(handshake, NOT_SIGNED_IN, error.message);
    }
    let page = request.method() == Method::GET && wants_html(request.headers());
    if page && error.status == StatusCode::UNAUTHORIZED {
        return Redirect::to(&sign_in_address(request.uri())).into_response();
    }
    error.into_response()
}

/// The sign-in page's address, with the page that was asked for as `next`.
///
/// `next` is a path and query and nothing else, so it never leads to another server. It leaves out a token
/// that was of no use: it would be refused again after the sign-in, and is nobody's business in a history.
fn sign_in_address(asked: &Uri) -> String {
    let parameters = asked.query().unwrap_or_default().split('&');
    let kept: Vec<&str> =
        parameters.filter(|p| !p.is_empty() && *p != "token" && !p.starts_with("token=")).collect();
    // Two slashes at the start are the address of another server (RFC 3986, 4.2).
    let mut next = format!("/{}", asked.path().trim_start_matches('/'));
    if !kept.is_empty() {
        next.push('?');
        next.push_str(&kept.join("&"));
    }
    if next == "/" { "/sign-in".to_owned() } else { format!("/sign-in?next={}", percent_encoded(&next)) }
}

/// A text as a value in a query: all but the unreserved characters and the slash encoded (RFC 3986, 2.1).
fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte))
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// The handshake of a page's WebSocket, to refuse it with. A browser shows its pages nothing of an HTTP
/// status before the upgrade, so they are told after it; other clients get the status.
pub fn page_handshake(request: &mut Request) -> Option<Handshake> {
    let from_page = request.headers().contains_key(header::ORIGIN);
    Handshake::new(request).ok().filter(|_| from_page)
}

/// Accepts a WebSocket to close it with a code and a reason that the page can show.
pub fn close_at_once(handshake: Handshake, code: u16, reason: String) -> Response {
    let (response, socket) = handshake.accept(0);
    tokio::spawn(async move {
        if let Ok(socket) = socket.await {
            socket.close(code, &reason).await;
        }
    });
    response
}

fn refused(decision: Decision) -> Option<ApiError> {
    let unauthorized = |message: &str| Some(ApiError::new(StatusCode::UNAUTHORIZED, message));
    match decision {
        Decision::Allowed(_) => None,
        Decision::Missing => unauthorized(
            "sign in first: open the sign-in link, or send the token as `Authorization: Bearer` or `?token=`",
        ),
        Decision::Wrong => unauthorized("this token is not valid here"),
        Decision::TooMany { retry_after } => Some(ApiError {
            retry_after: Some(retry_after),
            ..ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens from this address")
        }),
    }
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|v| v.contains("text/html"))
}

/// What the sign-in form or link sends.
#[derive(Deserialize)]
pub struct SignIn {
    token: Option<String>,
}

/// `GET /sign-in`: the page, or with `?token=` the sign-in itself.
pub async fn sign_in_page(
    State(server): State<Arc<Server>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Query(query): Query<SignIn>,
) -> Response {
    match query.token {
        Some(token) => sign_in(&server, peer, &token).await,
        None => pages::page("sign-in.html"),
    }
}

/// `POST /sign-in` from the form.
pub async fn sign_in_form(
    State(server): State<Arc<Server>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Form(form): Form<SignIn>,
) -> Response {
    sign_in(&server, peer, form.token.unwrap_or_default().trim()).await
}

async fn sign_in(server: &Arc<Server>, peer: SocketAddr, token: &str) -> Response {
    match server.auth.check_token(token, peer.ip(), Moment::now()) {
        Decision::Allowed(_) => {}
        Decision::TooMany { .. } => return Redirect::to("/sign-in?error=too-many").into_response(),
        Decision::Missing | Decision::Wrong => return Redirect::to("/sign-in?error=wrong").into_response(),
    }
    let server = server.clone();
    let opened = tokio::task::spawn_blocking(move || server.auth.open_session(false, Moment::now())).await;
    match opened.map_err(|error| error.to_string()).and_then(|r| r.map_err(|error| error.to_string())) {
        Ok(cookie) => with_cookie(Redirect::to("/").into_response(), cookie),
        Err(error) => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error).into_response(),
    }
}

/// `POST /sign-out`.
pub async fn sign_out(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    let closed = tokio::task::spawn_blocking(move || server.auth.close_session(&headers, false)).await;
    match closed.map_err(|error| error.to_string()).and_then(|r| r.map_err(|error| error.to_string())) {
        Ok(cookie) => with_cookie(Redirect::to("/sign-in").into_response(), cookie),
        Err(error) => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error).into_response(),
    }
}

fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_in_leads_back_to_the_page_that_was_asked_for() {
        let cases = [
            ("/", "/sign-in"),
            ("/?token=chd_1", "/sign-in"),
            ("/mjpeg", "/sign-in?next=/mjpeg"),
            ("/watch?stream=front-door", "/sign-in?next=/watch%3Fstream%3Dfront-door"),
            ("/watch?a=1&stream=b%20c&d", "/sign-in?next=/watch%3Fa%3D1%26stream%3Db%2520c%26d"),
            ("/watch?token=chd_1&stream=door&token", "/sign-in?next=/watch%3Fstream%3Ddoor"),
            ("/watch?tokens=2", "/sign-in?next=/watch%3Ftokens%3D2"),
        ];
        for (asked, expected) in cases {
            assert_eq!(sign_in_address(&Uri::from_static(asked)), expected, "{asked}");
        }
    }

    #[test]
    fn next_stays_on_this_server() {
        for asked in ["//example.org/watch", "///example.org", "http://example.org/watch"] {
            let address = sign_in_address(&Uri::from_static(asked));
            let next = address.strip_prefix("/sign-in?next=").expect(asked);
            assert!(next.starts_with('/') && !next.starts_with("//"), "{asked}: {next}");
        }
    }
}
