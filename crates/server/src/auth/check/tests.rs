use super::super::throttle::{MAX_FAILURES, WINDOW};
use super::super::{COOKIE, ensure_admin_token, reset_admin_token};
use super::*;
use http::header::COOKIE as COOKIE_HEADER;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// A store in a directory of its own, with an admin token, removed at the end.
struct Place {
    directory: PathBuf,
    token: String,
    start: Moment,
}

impl Place {
    fn new() -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("camherd-auth-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        let mut place = Place {
            directory,
            token: String::new(),
            start: Moment { unix: 1_000_000, instant: Instant::now() },
        };
        let new = ensure_admin_token(&place.store(), place.start).unwrap().unwrap();
        place.token = new.token.expose().to_owned();
        place
    }

    fn store(&self) -> Arc<Store> {
        Arc::new(Store::open(self.directory.join("camherd.db")).unwrap())
    }

    fn authenticator(&self, required: bool) -> Authenticator {
        let policy = Policy { required, loopback_only: !required, warning: None };
        Authenticator::new(policy, self.store()).unwrap()
    }

    fn after(&self, seconds: u64) -> Moment {
        Moment { unix: self.start.unix + seconds, instant: self.start.instant + Duration::from_secs(seconds) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

const BY_TOKEN: Decision = Decision::Allowed(Identity { credential: Credential::Token });
const BY_SESSION: Decision = Decision::Allowed(Identity { credential: Credential::Session });
const OPEN: Decision = Decision::Allowed(Identity { credential: Credential::Open });

fn header(name: http::HeaderName, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
}

fn with_cookie(set_cookie: &HeaderValue) -> HeaderMap {
    header(COOKIE_HEADER, set_cookie.to_str().unwrap().split(';').next().unwrap())
}

#[test]
fn a_token_opens_by_header_and_by_query() {
    let place = Place::new();
    let auth = place.authenticator(true);
    let check = |headers: &HeaderMap, query: Option<&str>| auth.check(headers, query, PEER, place.start);
    for scheme in ["Bearer", "bearer", "BEARER "] {
        assert_eq!(check(&header(AUTHORIZATION, &format!("{scheme} {}", place.token)), None), BY_TOKEN);
    }
    let none = HeaderMap::new();
    assert_eq!(check(&none, Some(&format!("stream=door&token={}&x=1", place.token))), BY_TOKEN);
    assert_eq!(check(&header(AUTHORIZATION, "Bearer no"), Some(&format!("token={}", place.token))), BY_TOKEN);
    assert_eq!(auth.check_token(&place.token, PEER, place.start), BY_TOKEN);
}

#[test]
fn missing_and_wrong_are_told_apart() {
    let place = Place::new();
    let auth = place.authenticator(true);
    let check = |headers: &HeaderMap, query: Option<&str>| auth.check(headers, query, PEER, place.start);
    let none = HeaderMap::new();
    for query in [None, Some(""), Some("token="), Some("xtoken=1"), Some("token")] {
        assert_eq!(check(&none, query), Decision::Missing, "{query:?}");
    }
    assert_eq!(check(&header(AUTHORIZATION, "Basic eDp5"), None), Decision::Missing);
    assert_eq!(check(&header(COOKIE_HEADER, &format!("{COOKIE}=gone")), None), Decision::Missing);
    assert_eq!(auth.check_token("", PEER, place.start), Decision::Missing);
    assert_eq!(check(&header(AUTHORIZATION, "Bearer no"), None), Decision::Wrong);
    assert_eq!(check(&none, Some(&format!("token={}0", place.token))), Decision::Wrong);
    assert_eq!(check(&none, Some(&format!("token={}", "x".repeat(100_000)))), Decision::Wrong);
    assert_eq!(auth.check_token("no", PEER, place.start), Decision::Wrong);
}

#[test]
fn where_no_token_is_required_all_pass_and_a_token_still_proves() {
    let place = Place::new();
    let auth = place.authenticator(false);
    assert_eq!(auth.check(&HeaderMap::new(), None, PEER, place.start), OPEN);
    assert_eq!(auth.check(&HeaderMap::new(), Some("token=no"), PEER, place.start), OPEN);
    let proved = auth.check(&HeaderMap::new(), Some(&format!("token={}", place.token)), PEER, place.start);
    assert_eq!(proved, BY_TOKEN);
    for (credential, expected) in
        [(Credential::Open, false), (Credential::Token, true), (Credential::Session, true)]
    {
        assert_eq!(Identity { credential }.is_proved(), expected);
    }
}

#[test]
fn wrong_tokens_are_limited_but_right_ones_pass() {
    let place = Place::new();
    let auth = place.authenticator(true);
    let wrong = |moment| auth.check(&HeaderMap::new(), Some("token=no"), PEER, moment);
    for _ in 0..MAX_FAILURES {
        assert_eq!(wrong(place.start), Decision::Wrong);
    }
    assert_eq!(wrong(place.after(15)), Decision::TooMany { retry_after: WINDOW.as_secs() - 15 });
    assert_eq!(auth.check_token("no", PEER, place.start), Decision::TooMany { retry_after: 60 });
    assert_eq!(auth.check_token(&place.token, PEER, place.start), BY_TOKEN);
    assert_eq!(auth.check(&HeaderMap::new(), None, PEER, place.start), Decision::Missing);
    assert_eq!(auth.check_token("no", "10.0.0.2".parse().unwrap(), place.start), Decision::Wrong);
    assert_eq!(wrong(place.after(WINDOW.as_secs())), Decision::Wrong);
}

#[test]
fn a_session_lasts_thirty_days_and_over_restarts() {
    let place = Place::new();
    let auth = place.authenticator(true);
    let headers = with_cookie(&auth.open_session(true, place.start).unwrap());
    assert_eq!(auth.check(&headers, None, PEER, place.start), BY_SESSION);
    let restarted = place.authenticator(true);
    assert_eq!(restarted.check(&headers, None, PEER, place.after(SESSION_SECONDS - 1)), BY_SESSION);
    assert_eq!(restarted.check(&headers, None, PEER, place.after(SESSION_SECONDS)), Decision::Missing);
}

#[test]
fn a_session_is_no_token_and_a_token_no_session() {
    let place = Place::new();
    let auth = place.authenticator(true);
    let cookie = with_cookie(&auth.open_session(false, place.start).unwrap());
    let secret = cookie[COOKIE_HEADER].to_str().unwrap().split('=').nth(1).unwrap();
    assert_ne!(secret, place.token);
    assert_eq!(auth.check_token(secret, PEER, place.start), Decision::Wrong);
    let token_as_cookie = header(COOKIE_HEADER, &format!("{COOKIE}={}", place.token));
    assert_eq!(auth.check(&token_as_cookie, None, PEER, place.start), Decision::Missing);
}

#[test]
fn signing_out_ends_this_session_only() {
    let place = Place::new();
    let auth = place.authenticator(true);
    let mine = with_cookie(&auth.open_session(false, place.start).unwrap());
    let other = with_cookie(&auth.open_session(false, place.start).unwrap());
    let removed = auth.close_session(&mine, false).unwrap();
    assert!(removed.to_str().unwrap().starts_with("camherd_session=; Path=/; Max-Age=0;"));
    assert_eq!(auth.check(&mine, None, PEER, place.start), Decision::Missing);
    assert_eq!(auth.check(&other, None, PEER, place.start), BY_SESSION);
    let token_as_cookie = header(COOKIE_HEADER, &format!("{COOKIE}={}", place.token));
    auth.close_session(&token_as_cookie, false).unwrap();
    assert_eq!(auth.check_token(&place.token, PEER, place.start), BY_TOKEN, "a sign-out ends no token");
}

#[test]
fn a_reset_elsewhere_ends_token_and_sessions_at_the_next_refresh() {
    let place = Place::new();
    let auth = place.authenticator(true);
    let cookie = with_cookie(&auth.open_session(false, place.start).unwrap());
    assert!(!auth.refresh().unwrap());
    let new = reset_admin_token(&place.store(), place.start).unwrap();
    assert!(auth.refresh().unwrap());
    assert_eq!(auth.check_token(&place.token, PEER, place.start), Decision::Wrong);
    assert_eq!(auth.check(&cookie, None, PEER, place.start), Decision::Missing);
    assert_eq!(auth.check_token(new.token.expose(), PEER, place.start), BY_TOKEN);
}

#[test]
fn the_first_token_is_made_once_and_never_stored() {
    let place = Place::new();
    assert!(ensure_admin_token(&place.store(), place.start).unwrap().is_none());
    let bytes = std::fs::read(place.directory.join("camherd.db")).unwrap();
    let token = place.token.as_bytes();
    assert!(!bytes.windows(token.len()).any(|window| window == token));
}

#[test]
fn retry_after_rounds_up_and_is_never_zero() {
    assert_eq!(whole_seconds(Duration::ZERO), 1);
    assert_eq!(whole_seconds(Duration::from_millis(1_001)), 2);
    assert_eq!(whole_seconds(Duration::from_secs(60)), 60);
}
