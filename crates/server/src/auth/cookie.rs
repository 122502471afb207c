//! The session cookie (RFC 6265).

use http::header::COOKIE as COOKIE_HEADER;
use http::{HeaderMap, HeaderValue};

/// The cookie that holds a session's secret.
pub const COOKIE: &str = "camherd_session";

/// The values of the session cookie, in the order sent: a browser may hold several, of other paths or hosts.
pub(super) fn values(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(COOKIE_HEADER)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value.trim_matches('"'))
}

/// The `Set-Cookie` value for a secret of hexadecimal digits; an empty one with age 0 removes the cookie.
///
/// `HttpOnly` keeps it from scripts, `SameSite=Lax` from other sites' requests and sockets.
pub(super) fn set(secret: &str, max_age: u64, secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{COOKIE}={secret}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}");
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_cookie_among_others() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", HeaderValue::from_static("a=1; camherd_session=x;camherd_session=\"y\""));
        headers.append("cookie", HeaderValue::from_static("xcamherd_session=no; camherd_session=z; broken"));
        headers.append("cookie", HeaderValue::from_bytes(b"camherd_session=\xff").unwrap());
        assert_eq!(values(&headers).collect::<Vec<_>>(), ["x", "y", "z"]);
        assert_eq!(values(&HeaderMap::new()).count(), 0);
    }

    #[test]
    fn cookie_is_kept_from_scripts_and_other_sites() {
        let value = set("ab", 60, true).unwrap();
        let expected = "camherd_session=ab; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure";
        assert_eq!(value.to_str().unwrap(), expected);
        assert!(!format!("{value:?}").contains("ab;"));
        assert!(!set("ab", 60, false).unwrap().to_str().unwrap().contains("Secure"));
    }
}
