//! The address of a camera, as a person writes it: an URL that may hold a password.

use camherd_media::wire::tcpcam::{DEFAULT_PIN, MAX_PIN, Pin};
use std::fmt;
use std::str::FromStr;
use url::Url;

/// Longest URL that is taken, in bytes: what cameras have is below 300, and it is kept and shown.
pub const MAX_URL: usize = 2048;

/// Where a camera is and how it speaks. Shown (`Display`, `Debug`) without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    url: Url,
    kind: Kind,
}

/// How a camera speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RTSP (RFC 2326), `rtsp://`.
    Rtsp,
    /// MJPEG or single JPEGs over HTTP, `http://`.
    Http,
    /// JPEGs over plain TCP for a PIN, `tcpcam://`.
    TcpCam,
}

/// How RTP packets come from an RTSP camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Within the RTSP connection: nothing is lost.
    #[default]
    Tcp,
    /// As datagrams of their own: what is lost stays lost.
    Udp,
}

impl FromStr for Transport {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Transport, SourceError> {
        match text {
            "tcp" => Ok(Transport::Tcp),
            "udp" => Ok(Transport::Udp),
            _ => Err(SourceError::Transport),
        }
    }
}

/// Why a text names no camera. It never repeats the text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// No URL at all.
    #[error("it is not a URL such as rtsp://user:password@192.168.1.20/stream1: {0}")]
    Url(#[from] url::ParseError),
    /// Too long.
    #[error("it is longer than {MAX_URL} bytes")]
    TooLong,
    /// A scheme that camherd does not speak.
    #[error("its scheme is not one of rtsp://, http:// and tcpcam://")]
    Scheme,
    /// Encrypted, which camherd does not speak.
    #[error("rtsps:// and https:// cameras are not supported; use rtsp:// or http://")]
    Tls,
    /// An address without a host.
    #[error("it names no host")]
    Host,
    /// The PIN of a TCPCam is none.
    #[error("its `pin` does not have 1 to {MAX_PIN} digits and nothing else")]
    Pin,
    /// A TCPCam has no such parameter. Named if it is a word: a PIN that lost its `pin=` is not repeated.
    #[error("its parameter {0} is not known; a tcpcam:// address takes `pin` alone")]
    Parameter(String),
    /// No transport of that name.
    #[error("it is neither `tcp` nor `udp`")]
    Transport,
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Source, SourceError> {
        if text.len() > MAX_URL {
            return Err(SourceError::TooLong);
        }
        let mut url = Url::parse(text.trim())?;
        let kind = match url.scheme() {
            "rtsp" => Kind::Rtsp,
            "http" => Kind::Http,
            "tcpcam" => Kind::TcpCam,
            "rtsps" | "https" => return Err(SourceError::Tls),
            _ => return Err(SourceError::Scheme),
        };
        if url.host_str().is_none_or(str::is_empty) {
            return Err(SourceError::Host);
        }
        url.set_fragment(None);
        let source = Source { url, kind };
        if kind == Kind::TcpCam {
            source.check_parameters()?;
        }
        Ok(source)
    }
}

impl Source {
    /// How the camera speaks.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The URL without user name and password.
    #[must_use]
    pub fn bare(&self) -> Url {
        let mut url = self.url.clone();
        // Both only fail for URLs that cannot have them, which have no host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url
    }

    /// User name and password, percent-decoded, where there is either.
    #[must_use]
    pub fn credentials(&self) -> Option<(String, String)> {
        let (user, password) = (self.url.username(), self.url.password());
        if user.is_empty() && password.is_none() {
            return None;
        }
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        Some((decode(user), decode(password.unwrap_or_default())))
    }

    /// What opens a TCPCam: the `pin` of the query, or what these cameras have when nobody has set another.
    ///
    /// # Errors
    /// [`SourceError::Pin`].
    pub fn pin(&self) -> Result<Pin, SourceError> {
        let given = self.url.query_pairs().find(|(name, _)| name == PIN).map(|(_, value)| value);
        given.as_deref().unwrap_or(DEFAULT_PIN).parse().map_err(|_| SourceError::Pin)
    }

    /// A misspelt `pin` would be the PIN that cameras have by default, and nobody would see why it is wrong.
    fn check_parameters(&self) -> Result<(), SourceError> {
        if let Some((name, _)) = self.url.query_pairs().find(|(name, _)| name != PIN) {
            let is_word = name.len() <= MAX_PIN && name.bytes().all(|byte| byte.is_ascii_alphabetic());
            let shown = if is_word && !name.is_empty() { format!("`{name}`") } else { String::new() };
            return Err(SourceError::Parameter(shown));
        }
        self.pin().map(drop)
    }

    /// The whole URL with its password, for the state file and the camera only.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.url.as_str()
    }
}

/// What the names of parameters with secrets contain in the addresses of known cameras: `password`, `passwd`,
/// `loginpas`, `apikey`, `access_token` and so on.
const SECRET_NAMES: [&str; 8] = ["pas", "pwd", "psw", "token", "auth", "key", "secret", "sign"];

/// The name of a TCPCam's PIN.
const PIN: &str = "pin";

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "pw" || name == PIN || SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// A path with `***` for the secrets in it: recorders have addresses such as
/// `rtsp://10.0.0.9/user=admin_password=abc_channel=1.sdp`. A password may hold whatever divides the parameters
/// of some vendor, so all of the segment that follows goes with it.
fn shown_path(path: &str) -> String {
    let shown = |segment: &str| {
        let mut begin = 0;
        for (at, _) in segment.match_indices('=') {
            if is_secret(&segment[begin..at]) {
                return format!("{}***", &segment[..=at]);
            }
            begin = at + 1;
        }
        segment.to_owned()
    };
    path.split('/').map(shown).collect::<Vec<_>>().join("/")
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.bare();
        if self.credentials().is_some() {
            let _ = url.set_username("***");
        }
        if self.url.path().contains('=') {
            url.set_path(&shown_path(self.url.path()));
        }
        if self.url.query_pairs().any(|(name, _)| is_secret(&name)) {
            let shown = self.url.query_pairs().map(|(name, value)| {
                let value = if is_secret(&name) { "***".into() } else { value };
                (name.into_owned(), value.into_owned())
            });
            let shown: Vec<_> = shown.collect();
            url.query_pairs_mut().clear().extend_pairs(shown);
        }
        f.write_str(url.as_str())
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        text.parse().unwrap()
    }

    #[test]
    fn passwords_are_never_shown() {
        for text in [
            "rtsp://admin:s3cret@10.0.0.9:554/h264?channel=1",
            "rtsp://s3cret@10.0.0.9/",
            "http://10.0.0.9/video.cgi?user=me&pwd=s3cret&size=1",
            "http://10.0.0.9/videostream.cgi?loginuse=me&loginpas=s3cret",
            "http://10.0.0.9/x?access_token=s3cret",
            "rtsp://10.0.0.9:554/user=admin_password=s3cret_channel=1_stream=0.sdp",
            "rtsp://10.0.0.9/user=admin&password=an_s3cret=&channel=1/x",
        ] {
            let source = source(text);
            assert!(!format!("{source} {source:?}").contains("s3cret"), "{source}");
            assert!(source.expose().contains("s3cret"));
        }
        assert_eq!(source("rtsp://a:b@cam/x?y=1").to_string(), "rtsp://***@cam/x?y=1");
        assert_eq!(source("rtsp://cam/x#frag").to_string(), "rtsp://cam/x");
        assert_eq!(source("rtsp://cam/ch=1/PASSWORD=a_b/x").to_string(), "rtsp://cam/ch=1/PASSWORD=***/x");
        assert_eq!(source("rtsp://cam/a%20b/c=1").to_string(), "rtsp://cam/a%20b/c=1");
    }

    #[test]
    fn a_tcpcam_has_a_pin_that_is_not_shown() {
        let camera = source("tcpcam://cam:4444?pin=471108");
        assert_eq!((camera.kind(), camera.pin().unwrap().expose()), (Kind::TcpCam, "471108"));
        assert_eq!(camera.to_string(), "tcpcam://cam:4444?pin=***");
        assert!(!format!("{camera:?}").contains("4711") && camera.expose().contains("471108"));
        assert_eq!(source("tcpcam://10.0.0.9").pin().unwrap().expose(), "1235");
        for bad in ["", "12a5", "12345678901234567"] {
            let refused = format!("tcpcam://cam/?pin={bad}").parse::<Source>();
            assert_eq!(refused, Err(SourceError::Pin), "{bad}");
        }
        assert_eq!("tcpcam://".parse::<Source>(), Err(SourceError::Host));
        let told = |text: &str| text.parse::<Source>().unwrap_err().to_string();
        assert!(told("tcpcam://cam?pni=1").contains("its parameter `pni` is not known"));
        assert!(!told("tcpcam://cam?471108").contains("4711"));
    }

    #[test]
    fn credentials_are_decoded() {
        let camera = source("rtsp://us%40er:p%3Aw%2F@cam/x");
        assert_eq!(camera.credentials(), Some(("us@er".to_owned(), "p:w/".to_owned())));
        assert_eq!(camera.bare().as_str(), "rtsp://cam/x");
        assert_eq!(source("rtsp://cam/x").credentials(), None);
    }

    #[test]
    fn what_is_no_camera_is_refused_without_being_repeated() {
        for (text, error) in [
            ("rtsps://u:s3cret@cam/", SourceError::Tls),
            ("ftp://u:s3cret@cam/", SourceError::Scheme),
            ("rtsp:///nohost", SourceError::Host),
            ("/dev/video0", SourceError::Url(url::ParseError::RelativeUrlWithoutBase)),
        ] {
            let refused = text.parse::<Source>().unwrap_err();
            assert_eq!(refused, error, "{text}");
            assert!(!refused.to_string().contains("s3cret"));
        }
        assert_eq!(
            format!("rtsp://cam/{}", "x".repeat(MAX_URL)).parse::<Source>(),
            Err(SourceError::TooLong)
        );
    }
}
