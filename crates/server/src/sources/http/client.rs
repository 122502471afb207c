//! Asks a camera for its pictures: one GET at a time, through redirects and the question for a password.

use super::auth::Auth;
use super::connection::{Connection, Response, shown};
use crate::sources::pull::{PullError, Source};
use http::StatusCode;
use url::{Position, Url};

/// Most redirects that are followed. Cameras have one, from a page to a port of its own for the stream.
const MAX_REDIRECTS: usize = 5;

/// How camherd calls itself.
const USER_AGENT: &str = concat!("camherd/", env!("CARGO_PKG_VERSION"));

/// One camera.
pub(super) struct Client {
    /// Where to ask, after redirects; without user name and password.
    url: Url,
    auth: Auth,
    idle: Option<Connection>,
}

/// What to do about a response.
enum Next {
    Take(Response),
    Again,
    Redirected,
}

impl Client {
    pub(super) fn new(source: &Source) -> Client {
        Client { url: source.bare(), auth: Auth::new(source.credentials()), idle: None }
    }

    /// A connection that the next request may use.
    pub(super) fn keep(&mut self, idle: Option<Connection>) {
        self.idle = idle;
    }

    /// The response to a GET: one of success, or without any status.
    ///
    /// # Errors
    /// [`PullError`], as its kinds say.
    pub(super) async fn get(&mut self) -> Result<Response, PullError> {
        let (mut redirects, mut challenged) = (0, false);
        loop {
            let response = self.exchange().await?;
            match self.judge(response, &mut challenged)? {
                Next::Take(response) => return Ok(response),
                Next::Again => {}
                Next::Redirected if redirects == MAX_REDIRECTS => {
                    return Err(unusable(format!("it redirects more than {MAX_REDIRECTS} times")));
                }
                Next::Redirected => redirects += 1,
            }
        }
    }

    fn judge(&mut self, response: Response, challenged: &mut bool) -> Result<Next, PullError> {
        let Some(status) = response.head.status else { return Ok(Next::Take(response)) };
        match status {
            200..=299 => Ok(Next::Take(response)),
            301 | 302 | 303 | 307 | 308 => {
                self.redirect(response.head.header("location"))?;
                *challenged = false;
                Ok(Next::Redirected)
            }
            401 if !*challenged => {
                // One answer to a challenge per request: the nonce of the last may have become stale, but a
                // fresh one that is refused means that the password is wrong.
                *challenged = true;
                self.auth.challenged(&response.head)?;
                Ok(Next::Again)
            }
            401 | 403 => Err(PullError::Unauthorized(named(status))),
            _ => Err(unusable(format!("it answers {}", named(status)))),
        }
    }

    /// Sends a request on the connection that is there, or on a new one.
    async fn exchange(&mut self) -> Result<Response, PullError> {
        let target = &self.url[Position::BeforePath..Position::AfterQuery];
        let request = request(&self.url, target, self.auth.header(target)?);
        if let Some(idle) = self.idle.take().filter(|idle| !idle.is_spent()) {
            match idle.exchange(request.as_bytes()).await {
                // The camera may close an idle connection while the request is under way (RFC 9112, 9.3.1).
                Err(PullError::Broken(_)) => {}
                done => return done,
            }
        }
        Connection::open(&self.url).await?.exchange(request.as_bytes()).await
    }

    fn redirect(&mut self, location: Option<&str>) -> Result<(), PullError> {
        let location = location.ok_or_else(|| unusable("it redirects without saying where to".to_owned()))?;
        let mut url =
            self.url.join(location).map_err(|error| unusable(format!("it redirects nowhere: {error}")))?;
        if url.scheme() != "http" {
            let scheme: String = url.scheme().chars().take(16).collect();
            return Err(unusable(format!("it redirects to {scheme}://, only http:// is supported")));
        }
        // Both only fail for URLs that cannot have them, which have no host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_fragment(None);
        if url.host() != self.url.host() {
            // The password is the camera's alone.
            self.auth.forget();
        }
        tracing::debug!(from = %shown(&self.url), to = %shown(&url), "redirected");
        self.url = url;
        Ok(())
    }
}

fn request(url: &Url, target: &str, authorization: Option<String>) -> String {
    let host = &url[Position::BeforeHost..Position::AfterPort];
    let authorization = authorization.map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
    format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\n\
         Accept: multipart/x-mixed-replace, image/jpeg, */*;q=0.1\r\n{authorization}\r\n"
    )
}

fn unusable(why: String) -> PullError {
    PullError::Unusable(why)
}

/// `404 Not Found`, in the words of the standard and not in those of the camera, which may repeat what it was sent.
fn named(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(|| format!("status {status}"), |reason| format!("{status} {reason}"))
}
