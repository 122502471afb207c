//! Tokens: random secrets, and the admin token of the first start.
//!
//! A token is stored as its SHA-256. A slow hash such as Argon2 protects secrets that can be guessed; 256
//! random bits cannot, and a fast hash lets every request carry the token.

use super::{AuthError, Moment, normalise};
use crate::store::{Role, Store, StoredToken, TokenHash};
use sha2::{Digest, Sha256};
use std::fmt::{self, Write as _};
use std::net::SocketAddr;

/// Random bytes of a token: more than anybody can try.
const TOKEN_BYTES: usize = 32;
/// What an admin token begins with, so that people and secret scanners know it when they see it.
const PREFIX: &str = "chd_";
/// Longest text that is hashed as a token, in bytes: a token has 68.
pub(super) const MAX_TOKEN: usize = 128;

/// A secret. Neither `Debug` nor anything else but [`Token::expose`] shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A new random token: `chd_` and 64 hexadecimal digits.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate() -> Result<Token, AuthError> {
        Ok(Token(format!("{PREFIX}{}", random_text()?)))
    }

    /// The text: letters, digits and `_`, so it needs no escaping in a URL or a header.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// 256 random bits as hexadecimal digits.
pub(super) fn random_text() -> Result<String, AuthError> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(AuthError::Random)?;
    Ok(bytes.iter().fold(String::with_capacity(2 * TOKEN_BYTES), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// The hash under which a secret is stored; `None` when the text is too long to be one.
pub(super) fn hash(text: &str) -> Option<TokenHash> {
    (!text.is_empty() && text.len() <= MAX_TOKEN).then(|| TokenHash(Sha256::digest(text).into()))
}

/// An admin token that was just made. This is the only time that it can be shown.
#[derive(Debug)]
pub struct NewToken {
    /// The token.
    pub token: Token,
}

/// Where to sign in. Holds the token: for the terminal, not for a log that others read.
pub struct SignInLink {
    /// The address to open.
    pub url: String,
    /// What to change when opening it from another machine.
    pub note: Option<&'static str>,
}

impl NewToken {
    /// The link that signs in a browser, for a server that listens on `listen` (with the ports really bound).
    ///
    /// `None` when `listen` is empty.
    #[must_use]
    pub fn sign_in_link(&self, listen: &[SocketAddr]) -> Option<SignInLink> {
        let wide = |address: &&SocketAddr| !normalise(address.ip()).is_loopback();
        let address = listen.iter().find(wide).or(listen.first())?;
        let ip = normalise(address.ip());
        let (host, note) = if ip.is_unspecified() {
            (
                "localhost".to_owned(),
                Some("from another machine, put this machine's name or address in place of localhost"),
            )
        } else if ip.is_ipv6() {
            (format!("[{ip}]"), None)
        } else {
            (ip.to_string(), None)
        };
        let url = format!("http://{host}:{}/sign-in?token={}", address.port(), self.token.expose());
        Some(SignInLink { url, note })
    }
}

/// Makes the first admin token; `None` when there is one already.
///
/// # Errors
/// When the state cannot be read or written, or there is no randomness.
pub fn ensure_admin_token(store: &Store, moment: Moment) -> Result<Option<NewToken>, AuthError> {
    if store.admin_token_exists()? {
        return Ok(None);
    }
    let token = Token::generate()?;
    let first = store.insert_first_admin_token(&admin(&token, moment)?)?;
    Ok(first.then_some(NewToken { token }))
}

/// Makes a new admin token and ends the old one and all sessions.
///
/// A running server follows with its next [`super::Authenticator::refresh`].
///
/// # Errors
/// When the state cannot be written, or there is no randomness.
pub fn reset_admin_token(store: &Store, moment: Moment) -> Result<NewToken, AuthError> {
    let token = Token::generate()?;
    store.replace_all_tokens(&admin(&token, moment)?)?;
    Ok(NewToken { token })
}

fn admin(token: &Token, moment: Moment) -> Result<StoredToken, AuthError> {
    let hash = hash(token.expose()).ok_or(AuthError::Unusable)?;
    Ok(StoredToken { hash, role: Role::Admin, created: moment.unix, expires: None, note: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_random_url_safe_and_hidden() {
        let (one, two) = (Token::generate().unwrap(), Token::generate().unwrap());
        assert_ne!(one, two);
        let digits = one.expose().strip_prefix("chd_").unwrap();
        assert!(digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!(
            format!("{one:?} {:?}", NewToken { token: one.clone() }),
            "Token(..) NewToken { token: Token(..) }"
        );
    }

    #[test]
    fn hash_is_sha256_of_short_texts_only() {
        // FIPS 180-2, B.1: SHA-256 of "abc".
        assert_eq!(hash("abc").unwrap().0[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert!(hash("").is_none());
        assert!(hash(&"x".repeat(MAX_TOKEN)).is_some());
        assert!(hash(&"x".repeat(MAX_TOKEN + 1)).is_none());
    }

    #[test]
    fn sign_in_link_names_an_address_that_can_be_opened() {
        let new = NewToken { token: Token("chd_1".into()) };
        for (listen, url, noted) in [
            (&["10.0.0.1:80"][..], "http://10.0.0.1:80/sign-in?token=chd_1", false),
            (&["127.0.0.1:1", "10.0.0.1:80"], "http://10.0.0.1:80/sign-in?token=chd_1", false),
            (&["127.0.0.1:1"], "http://127.0.0.1:1/sign-in?token=chd_1", false),
            (&["0.0.0.0:80"], "http://localhost:80/sign-in?token=chd_1", true),
            (&["[::]:80"], "http://localhost:80/sign-in?token=chd_1", true),
            (&["[fe80::1%3]:80"], "http://[fe80::1]:80/sign-in?token=chd_1", false),
        ] {
            let listen: Vec<SocketAddr> = listen.iter().map(|address| address.parse().unwrap()).collect();
            let link = new.sign_in_link(&listen).unwrap();
            assert_eq!((link.url.as_str(), link.note.is_some()), (url, noted));
        }
        assert!(new.sign_in_link(&[]).is_none());
    }
}
