//! User name and password for a camera that asks for them: Basic (RFC 7617) and Digest (RFC 7616).

use crate::sources::pull::PullError;
use camherd_media::wire::http1::ResponseHead;
use http_auth::{PasswordClient, PasswordParams};

/// Characters of a camera's challenge that are worth telling when it cannot be answered.
const SHOWN_ERROR: usize = 120;

/// What is known of a camera's wishes. Before the first challenge nothing is sent: most cameras want nothing, and
/// Digest needs the camera's nonce.
pub(super) struct Auth {
    credentials: Option<(String, String)>,
    scheme: Option<PasswordClient>,
}

impl Auth {
    /// For a camera whose address holds these, decoded.
    pub(super) fn new(credentials: Option<(String, String)>) -> Auth {
        Auth { credentials, scheme: None }
    }

    /// Takes the challenge of a response with status 401.
    ///
    /// # Errors
    /// [`PullError::Unauthorized`] when there is nothing to answer it with, or it cannot be answered.
    pub(super) fn challenged(&mut self, head: &ResponseHead) -> Result<(), PullError> {
        if self.credentials.is_none() {
            let why = "it asks for them, and its address holds none";
            return Err(PullError::Unauthorized(why.to_owned()));
        }
        let mut challenges = PasswordClient::builder();
        for challenge in head.headers_named("www-authenticate") {
            challenges = challenges.challenges(challenge);
        }
        self.scheme = Some(challenges.build().map_err(|error| unanswerable(&error))?);
        Ok(())
    }

    /// The value of `Authorization` for a GET of `target`, once the camera has asked for one.
    ///
    /// # Errors
    /// [`PullError::Unauthorized`] when the camera's scheme cannot be followed.
    pub(super) fn header(&mut self, target: &str) -> Result<Option<String>, PullError> {
        let (Some(scheme), Some((username, password))) = (&mut self.scheme, &self.credentials) else {
            return Ok(None);
        };
        let mut respond =
            |body| scheme.respond(&PasswordParams { username, password, uri: target, method: "GET", body });
        // Without a body the quality of protection is `auth`, which all cameras know that offer any; with one it
        // is `auth-int`, for those that offer nothing else.
        let answer = respond(None).or_else(|_| respond(Some(b"")));
        answer.map(Some).map_err(|error| unanswerable(&error))
    }

    /// Forgets user name and password: the camera has sent us to somebody else.
    pub(super) fn forget(&mut self) {
        (self.credentials, self.scheme) = (None, None);
    }
}

fn unanswerable(error: &str) -> PullError {
    // What it says of them it quotes.
    if error.starts_with("invalid username") {
        return PullError::Unauthorized("the user name has characters that cannot be sent".to_owned());
    }
    let error: String = error.chars().filter(|c| !c.is_control()).take(SHOWN_ERROR).collect();
    PullError::Unauthorized(format!("its way to ask for them is not understood: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use camherd_media::wire::http1::parse_head;

    fn auth(challenges: &[&str]) -> Result<Auth, PullError> {
        let mut head = "HTTP/1.1 401 Unauthorized\r\n".to_owned();
        for challenge in challenges {
            head.push_str(&format!("WWW-Authenticate: {challenge}\r\n"));
        }
        let (head, _) = parse_head(format!("{head}\r\n").as_bytes()).unwrap().unwrap();
        let mut auth = Auth::new(Some(("Mufasa".to_owned(), "Circle of Life".to_owned())));
        assert_eq!(auth.header("/"), Ok(None), "nothing is sent before it is asked for");
        auth.challenged(&head).map(|()| auth)
    }

    #[test]
    fn the_strongest_scheme_offered_is_used() {
        let basic = "Basic realm=\"camera\"";
        let digest = "Digest realm=\"camera\", nonce=\"abc\", qop=\"auth,auth-int\"";
        let header = |challenges: &[&str]| auth(challenges).unwrap().header("/stream?a=b").unwrap().unwrap();
        assert_eq!(header(&[basic]), "Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl");
        for challenges in [[basic, digest], [digest, basic]] {
            let header = header(&challenges);
            assert!(header.starts_with("Digest username=\"Mufasa\""), "{header}");
            assert!(header.contains("uri=\"/stream?a=b\"") && header.contains("qop=auth,"), "{header}");
        }
    }

    #[test]
    fn the_count_of_a_nonce_goes_up() {
        let mut auth = auth(&["Digest realm=\"camera\", nonce=\"abc\", qop=\"auth\""]).unwrap();
        for count in ["nc=00000001", "nc=00000002"] {
            assert!(auth.header("/").unwrap().unwrap().contains(count));
        }
    }

    #[test]
    fn old_cameras_without_quality_of_protection_and_those_with_integrity_only_are_answered() {
        let mut old = auth(&["Digest realm=\"camera\", nonce=\"abc\""]).unwrap();
        assert!(!old.header("/").unwrap().unwrap().contains("qop="));
        let mut strict = auth(&["Digest realm=\"camera\", nonce=\"abc\", qop=\"auth-int\""]).unwrap();
        assert!(strict.header("/").unwrap().unwrap().contains("qop=auth-int"));
    }

    #[test]
    fn what_cannot_be_answered_is_told_without_the_password() {
        for challenges in [&[][..], &["Negotiate"], &["Digest realm=\"camera\""]] {
            let error = auth(challenges).map(|_| ()).unwrap_err();
            assert!(matches!(error, PullError::Unauthorized(_)), "{error}");
            assert!(!error.to_string().contains("Circle"), "{error}");
        }
        let mut forgotten = auth(&["Basic realm=\"camera\""]).unwrap();
        forgotten.forget();
        assert_eq!(forgotten.header("/"), Ok(None));
    }
}
