//! The authenticator: from a request's headers, query and address to a decision.

use super::throttle::Throttle;
use super::token::{hash, random_text};
use super::{Moment, Policy, cookie};
use crate::store::{Role, Store, StoreError, StoredToken, TokenHash};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// How long a browser stays signed in, in seconds: 30 days.
const SESSION_SECONDS: u64 = 30 * 24 * 3600;
/// Most browsers signed in at a time; the oldest are signed out. Bounds the file and the memory.
const MAX_SESSIONS: usize = 1000;
/// Most session cookies looked at in one request; a browser sends one, in odd cases two.
const MAX_COOKIES: usize = 4;

/// Who sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// How the sender showed it.
    pub credential: Credential,
}

/// How a sender showed who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Not at all: no token is asked for.
    Open,
    /// With a token.
    Token,
    /// With the cookie of a session.
    Session,
}

impl Identity {
    /// Whether the sender has proved to be more than somebody who can reach the server.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        self.credential != Credential::Open
    }
}

/// What to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Allowed(Identity),
    /// No token, or a session that has ended: sign in (HTTP status 401).
    Missing,
    /// A token that opens nothing (HTTP status 401).
    Wrong,
    /// One wrong token too many from this address (HTTP status 429 with `Retry-After`).
    TooMany {
        /// Seconds until the next attempt counts afresh, at least 1.
        retry_after: u64,
    },
}

/// Why a token or a session cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The state file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system's random generator.
    #[error("the system has no randomness to make a token of")]
    Random(#[source] getrandom::Error),
    /// The made secret is not usable.
    #[error("the token that was made is not usable")]
    Unusable,
}

/// Checks requests. All hashes are held in memory, so a check costs one SHA-256 per credential and never
/// waits.
pub struct Authenticator {
    policy: Policy,
    store: Arc<Store>,
    /// The key is a hash of the secret, so how long a lookup takes says nothing about any secret.
    known: RwLock<HashMap<TokenHash, Known>>,
    /// Held over a reload, so that of two the later one has the last word; checks do not wait for it.
    reloading: Mutex<()>,
    throttle: Mutex<Throttle>,
}

#[derive(Clone, Copy)]
struct Known {
    role: Role,
    expires: Option<u64>,
}

impl Authenticator {
    /// An authenticator for the tokens in `store`.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn new(policy: Policy, store: Arc<Store>) -> Result<Authenticator, StoreError> {
        // What is about to be read is not news to the first `refresh`, such as a file that was just made.
        store.changed_elsewhere()?;
        let known = RwLock::new(load(&store)?);
        Ok(Authenticator { policy, store, known, reloading: Mutex::default(), throttle: Mutex::default() })
    }

    /// The policy that it was made with.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Decides on a request from its `Authorization: Bearer`, its `token` in the query (as in the target,
    /// without the `?`) and its session cookie. One that is right suffices.
    pub fn check(&self, headers: &HeaderMap, query: Option<&str>, peer: IpAddr, moment: Moment) -> Decision {
        let tokens = [bearer(headers), query.and_then(query_token)];
        for token in tokens.iter().flatten() {
            if self.is_known(token, Role::Admin, moment) {
                return Decision::Allowed(Identity { credential: Credential::Token });
            }
        }
        if cookie::values(headers)
            .take(MAX_COOKIES)
            .any(|secret| self.is_known(secret, Role::Session, moment))
        {
            return Decision::Allowed(Identity { credential: Credential::Session });
        }
        if !self.policy.required {
            return Decision::Allowed(Identity { credential: Credential::Open });
        }
        if tokens.iter().all(Option::is_none) {
            return Decision::Missing;
        }
        self.wrong(peer, moment)
    }

    /// Decides on a token from elsewhere, such as the field of a form. Asks for it even where none is
    /// required.
    pub fn check_token(&self, token: &str, peer: IpAddr, moment: Moment) -> Decision {
        if self.is_known(token, Role::Admin, moment) {
            Decision::Allowed(Identity { credential: Credential::Token })
        } else if token.is_empty() {
            Decision::Missing
        } else {
            self.wrong(peer, moment)
        }
    }

    /// Signs a browser in: the `Set-Cookie` value of a new session of 30 days. For a sender whose
    /// [`Credential::Token`] has been checked. `secure` when the request came by TLS. Blocks on the disk.
    ///
    /// # Errors
    /// When the state cannot be written, or there is no randomness.
    pub fn open_session(&self, secure: bool, moment: Moment) -> Result<HeaderValue, AuthError> {
        let secret = random_text()?;
        let hash = hash(&secret).ok_or(AuthError::Unusable)?;
        let value = cookie::set(&secret, SESSION_SECONDS, secure).ok_or(AuthError::Unusable)?;
        let session = StoredToken {
            hash,
            role: Role::Session,
            created: moment.unix,
            expires: Some(moment.unix.saturating_add(SESSION_SECONDS)),
            note: String::new(),
        };
        self.store.insert_session(&session, moment.unix, MAX_SESSIONS)?;
        self.reload()?;
        Ok(value)
    }

    /// Signs a browser out: ends the sessions of its cookies, and returns the `Set-Cookie` value that removes
    /// them. Blocks on the disk.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub fn close_session(&self, headers: &HeaderMap, secure: bool) -> Result<HeaderValue, AuthError> {
        for hash in cookie::values(headers).take(MAX_COOKIES).filter_map(hash) {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&hash).copied();
            if known.is_some_and(|known| known.role == Role::Session) {
                self.store.delete_token(&hash)?;
            }
        }
        self.reload()?;
        cookie::set("", 0, secure).ok_or(AuthError::Unusable)
    }

    /// Follows what another process has written (`camherd token reset`), and says whether it had. Cheap when
    /// not; for a call every few seconds, where blocking is allowed.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn refresh(&self) -> Result<bool, StoreError> {
        let changed = self.store.changed_elsewhere()?;
        if changed {
            self.reload()?;
        }
        Ok(changed)
    }

    fn reload(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = load(&self.store)?;
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }

    fn is_known(&self, secret: &str, role: Role, moment: Moment) -> bool {
        let Some(hash) = hash(secret) else { return false };
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&hash).copied();
        known.is_some_and(|known| {
            known.role == role && known.expires.is_none_or(|expires| moment.unix < expires)
        })
    }

    fn wrong(&self, peer: IpAddr, moment: Moment) -> Decision {
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        match throttle.failed(peer, moment.instant) {
            Some(left) => Decision::TooMany { retry_after: whole_seconds(left) },
            None => Decision::Wrong,
        }
    }
}

fn load(store: &Store) -> Result<HashMap<TokenHash, Known>, StoreError> {
    let tokens = store.tokens()?;
    Ok(tokens.into_iter().map(|t| (t.hash, Known { role: t.role, expires: t.expires })).collect())
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750, 2.1; the scheme's case does not matter, RFC 9110,
/// 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The first `token` of a query. Not percent-decoded: a token has nothing that needs it.
fn query_token(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("token=")).filter(|token| !token.is_empty())
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests;
