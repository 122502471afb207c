//! What a command takes pictures from: a text on the command line, and the start of it.

use super::local::{Local, LocalError};
use super::server::{self, ServerUrl, ServerUrlError, Wanted};
use crate::sources::pull::{self, SNAPSHOT_INTERVAL, Spec, Transport};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The environment variable with the token for a camherd server.
pub const TOKEN_VARIABLE: &str = "CAMHERD_TOKEN";

/// A camera that is silent for so long is connected to anew, whatever a command says.
const SHORTEST_STALL: Duration = Duration::from_secs(10);

/// Where pictures come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A camera that is pulled.
    Camera(pull::Source),
    /// A stream on a camherd server.
    Server(ServerUrl),
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
    /// A camera of this machine.
    Device(PathBuf),
}

/// Why a text is no source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not the address of a camera.
    #[error(transparent)]
    Camera(#[from] pull::SourceError),
    /// Not the address of a stream.
    #[error(transparent)]
    Server(#[from] ServerUrlError),
    /// The camera sends of its own accord.
    #[error(
        "{0}:// cameras push their pictures to a server; take them from there: camherd://HOST[:PORT]/NAME, \
         where NAME is stream1 for what is pushed over TCP with number 1"
    )]
    Pushes(String),
    /// Nothing at all.
    #[error("it is empty")]
    Empty,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some(server::url::SCHEME) => Ok(Address::Server(text.parse()?)),
            Some(scheme @ ("tcp" | "ws")) => Err(AddressError::Pushes(scheme.to_owned())),
            Some(_) => Ok(Address::Camera(text.parse()?)),
            None if text.is_empty() => Err(AddressError::Empty),
            None if text == "-" => Ok(Address::Stdin),
            None if text.starts_with("/dev/video") => Ok(Address::Device(text.into())),
            None => Ok(Address::File(text.into())),
        }
    }
}

/// Without any password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Camera(source) => source.fmt(f),
            Address::Server(url) => url.fmt(f),
            Address::Stdin => f.write_str("standard input"),
            Address::File(path) | Address::Device(path) => path.display().fmt(f),
        }
    }
}

/// The flags of a source on the network.
#[derive(Clone, clap::Args)]
pub struct SourceArgs {
    /// Token for a camherd server; by default what CAMHERD_TOKEN in the environment says. Other users of this machine
    /// see it in the list of processes: use the variable.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// How an RTSP camera sends its packets: tcp or udp.
    #[arg(long, value_name = "HOW", default_value = "tcp", value_parser = parse_transport)]
    transport: Transport,
    /// How often an HTTP camera that gives single pictures is asked for one.
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = super::time::parse_positive)]
    snapshot_interval: Duration,
}

fn parse_transport(text: &str) -> Result<Transport, String> {
    text.parse().map_err(|error: pull::SourceError| error.to_string())
}

impl SourceArgs {
    /// The options that the flags and the environment say.
    #[must_use]
    pub fn into_options(self) -> SourceOptions {
        let token = self.token.or_else(|| std::env::var(TOKEN_VARIABLE).ok());
        SourceOptions {
            token: token.filter(|token| !token.is_empty()),
            transport: self.transport,
            snapshot_interval: self.snapshot_interval,
        }
    }
}

/// How a source on the network is taken. `Debug` leaves the token out.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceOptions {
    /// Token for a camherd server.
    pub token: Option<String>,
    /// How RTP packets come from an RTSP camera.
    pub transport: Transport,
    /// How often a camera that only gives single pictures is asked for one.
    pub snapshot_interval: Duration,
}

impl Default for SourceOptions {
    fn default() -> SourceOptions {
        SourceOptions { token: None, transport: Transport::default(), snapshot_interval: SNAPSHOT_INTERVAL }
    }
}

impl fmt::Debug for SourceOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceOptions({:?}, {:?})", self.transport, self.snapshot_interval)
    }
}

/// How a source ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It has given all that it has.
    Done,
    /// It cannot go on, for this reason.
    Failed(String),
}

/// Hears when a source ends.
#[derive(Clone, Debug)]
pub(crate) struct Ending(watch::Receiver<Option<(End, Instant)>>);

/// Says that a source ends. Dropped without a word, the source never ends.
#[derive(Debug)]
pub(crate) struct Ender(watch::Sender<Option<(End, Instant)>>);

impl Ender {
    pub(crate) fn new() -> (Ender, Ending) {
        let (sender, receiver) = watch::channel(None);
        (Ender(sender), Ending(receiver))
    }

    pub(crate) fn end(&self, end: End) {
        self.0.send_replace(Some((end, Instant::now())));
    }
}

impl Ending {
    /// Waits for the end. Cancel-safe, and may be called again.
    pub(crate) async fn wait(&self) -> End {
        self.wait_with_time().await.0
    }

    /// Waits until some time after the end. Cancel-safe, and may be called again.
    pub(crate) async fn wait_and(&self, time: Duration) {
        let (_, ended) = self.wait_with_time().await;
        sleep_until(ended + time).await;
    }

    async fn wait_with_time(&self) -> (End, Instant) {
        let mut receiver = self.0.clone();
        match receiver.wait_for(Option::is_some).await.map(|end| end.clone()) {
            Ok(Some(end)) => end,
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// The end, if it has come.
    pub(crate) fn now(&self) -> Option<End> {
        self.0.borrow().as_ref().map(|(end, _)| end.clone())
    }
}

/// Begins to take a source on the network; what is not on it, is not taken here and gives `None`.
///
/// A camera without a picture for about `patience` is connected to anew, before who waits for it gives up.
///
/// # Errors
/// [`LocalError`].
pub(crate) fn start(
    local: &mut Local,
    address: &Address,
    options: &SourceOptions,
    wanted: Wanted,
    patience: Duration,
) -> Result<Option<Ending>, LocalError> {
    let (ender, ending) = Ender::new();
    match address {
        Address::Camera(source) => {
            local.pull((patience * 2 / 3).max(SHORTEST_STALL), |name| Spec {
                name,
                source: source.clone(),
                transport: options.transport,
                snapshot_interval: options.snapshot_interval,
                size: None,
                on_demand: false,
            })?;
        }
        Address::Server(url) => {
            let mut publisher = local.publish(url.to_string())?;
            let (url, token) = (url.clone(), options.token.clone());
            tokio::spawn(async move {
                let reason = server::run(&url, token.as_deref(), wanted, &mut publisher).await;
                ender.end(End::Failed(reason));
            });
        }
        Address::Stdin | Address::File(_) | Address::Device(_) => return Ok(None),
    }
    Ok(Some(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_source_is_told_from_its_text() {
        let kind = |text: &str| match text.parse().unwrap() {
            Address::Camera(_) => "camera",
            Address::Server(_) => "server",
            Address::Stdin => "stdin",
            Address::File(_) => "file",
            Address::Device(_) => "device",
        };
        let texts =
            ["rtsp://cam/1", "http://cam/stream", "camherd://host/door", "-", "a.mjpeg", "/dev/video0"];
        assert_eq!(texts.map(kind), ["camera", "camera", "server", "stdin", "file", "device"]);
    }

    #[test]
    fn what_pushes_is_explained_and_no_password_is_repeated() {
        let error = |text: &str| text.parse::<Address>().unwrap_err().to_string();
        assert!(
            error("tcp://0.0.0.0:12345/1").contains("camherd://HOST"),
            "{}",
            error("tcp://0.0.0.0:12345/1")
        );
        assert!(error("ws://host/ws/camera/door").contains("camherd://HOST"));
        assert!(!error("ftp://u:s3cret@host/").contains("s3cret"));
        assert_eq!("".parse::<Address>(), Err(AddressError::Empty));
    }

    #[tokio::test]
    async fn an_end_is_heard_by_who_waits_and_by_who_comes_later() {
        let (ender, ending) = Ender::new();
        assert_eq!(ending.now(), None);
        let waiting = tokio::spawn({
            let ending = ending.clone();
            async move { ending.wait().await }
        });
        ender.end(End::Done);
        assert_eq!(waiting.await.unwrap(), End::Done);
        assert_eq!((ending.wait().await, ending.now()), (End::Done, Some(End::Done)));
    }
}
