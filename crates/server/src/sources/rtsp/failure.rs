//! What retina says of a failure, in words for people, without secrets.

use crate::sources::pull::{PullError, Source};
use retina::Error;

/// Longest text that is kept of what retina says, in characters: it quotes what a camera sent.
const MAX_TEXT: usize = 200;

/// Shorter values in a query are no secrets, and too likely to be a part of something else.
const MIN_SECRET: usize = 4;

/// Where in the conversation a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Name look-up, TCP connection and DESCRIBE.
    Describe,
    /// SETUP of the video stream.
    Setup,
    /// PLAY.
    Play,
    /// Pictures had been asked for.
    Stream,
}

impl Step {
    /// What the camera did not answer.
    fn name(self) -> &'static str {
        match self {
            Step::Describe => "DESCRIBE",
            Step::Setup => "SETUP",
            Step::Play => "PLAY",
            Step::Stream => "the stream",
        }
    }
}

/// Puts failures into words.
pub(super) struct Failures {
    /// What must not be shown: it is replaced wherever it occurs.
    secrets: Vec<String>,
    has_credentials: bool,
}

impl Failures {
    /// For connections to `source`.
    pub(super) fn of(source: &Source) -> Failures {
        let bare = source.bare();
        let mut secrets = Vec::new();
        let credentials = source.credentials();
        if let Some((user, password)) = &credentials {
            // Without a password, the user name is one: an access key.
            secrets.push(if password.is_empty() { user.clone() } else { password.clone() });
        }
        secrets.extend(bare.query().map(str::to_owned));
        let values = bare.query_pairs().map(|(_, value)| value.into_owned());
        secrets.extend(values.filter(|value| value.len() >= MIN_SECRET));
        // Recorders take user name and password as parameters in the path.
        secrets.extend(Some(bare.path()).filter(|path| path.contains('=')).map(str::to_owned));
        secrets.retain(|secret| !secret.is_empty());
        // A secret within another would leave the rest of the longer one.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Failures { secrets, has_credentials: credentials.is_some() }
    }

    /// What `error` means at `step`.
    pub(super) fn explain(&self, step: Step, error: &Error) -> PullError {
        match error.status_code() {
            Some(status) => self.refused(step, status, &error.to_string()),
            None => self.broken(step, &error.to_string()),
        }
    }

    /// The camera took too long to answer at `step`.
    pub(super) fn timed_out(&self, step: Step, seconds: u64) -> PullError {
        PullError::Unreachable(format!("no answer to {} within {seconds} s", step.name()))
    }

    /// `text` without secrets, cut after its first paragraph: what follows are addresses and positions.
    pub(super) fn scrub(&self, text: &str) -> String {
        let mut text = text.split("\n\n").next().unwrap_or_default().to_owned();
        for secret in &self.secrets {
            text = text.replace(secret, "***");
        }
        let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        one_line.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
    }

    fn refused(&self, step: Step, status: u16, text: &str) -> PullError {
        match status {
            401 | 403 if !self.has_credentials => {
                PullError::Unauthorized(format!("it wants them, and the URL has none (status {status})"))
            }
            401 | 403 => PullError::Unauthorized(format!("status {status}")),
            404 => PullError::Unusable("it has no stream at this path (status 404)".to_owned()),
            // An answer that was good by itself and made no sense.
            200..=299 => PullError::Unusable(self.scrub(text)),
            453 | 503 => PullError::Unusable(format!("it has too many viewers already (status {status})")),
            461 => PullError::Unusable(
                "it does not support this transport (status 461); try the other".to_owned(),
            ),
            _ => PullError::Unusable(format!("it answers {} with status {status}", step.name())),
        }
    }

    fn broken(&self, step: Step, text: &str) -> PullError {
        if let Some(cause) = text.strip_prefix("Unable to connect to RTSP server: ") {
            return PullError::Unreachable(without_number(&self.scrub(cause)));
        }
        if text.starts_with("RTSP framing error") && step == Step::Describe {
            return PullError::Unusable("it does not speak RTSP at this port".to_owned());
        }
        match step {
            Step::Stream => PullError::Broken(self.scrub(text)),
            _ => PullError::Broken(format!("at {}: {}", step.name(), self.scrub(text))),
        }
    }
}

/// `Connection refused (os error 111)` without the number.
fn without_number(text: &str) -> String {
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(source: &str) -> Failures {
        Failures::of(&source.parse().unwrap())
    }

    #[test]
    fn a_status_says_what_to_do() {
        let (anonymous, known) = (failures("rtsp://cam/x"), failures("rtsp://u:p4ssw0rd@cam/x"));
        let text = |failures: &Failures, status| failures.refused(Step::Describe, status, "").to_string();
        assert_eq!(
            text(&anonymous, 401),
            "the camera refuses user name and password: it wants them, and the URL has none (status 401)"
        );
        assert_eq!(text(&known, 401), "the camera refuses user name and password: status 401");
        assert!(matches!(known.refused(Step::Describe, 403, ""), PullError::Unauthorized(_)));
        assert_eq!(
            text(&known, 404),
            "the camera has nothing to show: it has no stream at this path (status 404)"
        );
        assert_eq!(
            known.refused(Step::Setup, 500, "").to_string(),
            "the camera has nothing to show: it answers SETUP with status 500"
        );
    }

    #[test]
    fn what_cannot_be_reached_is_told_from_what_breaks() {
        let failures = failures("rtsp://cam/x");
        let refused = "Unable to connect to RTSP server: Connection refused (os error 111)";
        assert_eq!(
            failures.broken(Step::Describe, refused),
            PullError::Unreachable("connection refused".to_owned())
        );
        let eof = "Error reading from RTSP peer: EOF while expecting response to DESCRIBE\n\nconn: 1.2.3.4:5";
        assert_eq!(
            failures.broken(Step::Describe, eof).to_string(),
            "the connection to the camera broke: at DESCRIBE: \
             Error reading from RTSP peer: EOF while expecting response to DESCRIBE"
        );
        let rubbish = "RTSP framing error: Invalid RTSP message: bad\n\nconn: x";
        assert!(matches!(failures.broken(Step::Describe, rubbish), PullError::Unusable(_)));
        assert!(matches!(failures.broken(Step::Stream, rubbish), PullError::Broken(_)));
        assert_eq!(
            failures.timed_out(Step::Setup, 10).to_string(),
            "the camera cannot be reached: no answer to SETUP within 10 s"
        );
    }

    #[test]
    fn no_text_has_a_secret() {
        let failures = failures("rtsp://admin:se%20cret@cam/x?user=me&pwd=hunter%232&channel=1");
        let said = "DESCRIBE response at rtsp://cam/x?user=me&pwd=hunter%232&channel=1 has se cret and hunter#2 in it";
        assert_eq!(failures.scrub(said), "DESCRIBE response at rtsp://cam/x?*** has *** and *** in it");
        assert_eq!(failures.scrub(&"long ".repeat(1000)).chars().count(), MAX_TEXT);
        assert_eq!(failures.scrub("two\nlines\u{7}"), "two lines");
        let key = self::failures("rtsp://accesskey@cam/x");
        assert_eq!(key.scrub("bad accesskey"), "bad ***");
    }
}
