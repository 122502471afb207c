//! Configuration: `camherd.yaml`, environment variables and flags become one [`Config`] of typed values.
//!
//! Here: the keys ([`KEYS`], [`STREAM_KEYS`]), their types, where a value came from, and the errors that say
//! so. Not here: what the values do, log levels (`LOG_LEVEL`, `RUST_LOG`), and anything that the API creates
//! (that lives in [`crate::store`]; the file is the operator's and is never written).
//!
//! A flag wins over an environment variable, which wins over the file, which wins over the default. Every
//! value given is checked, also one that another place overrides.

mod document;
mod error;
mod flags;
mod input;
mod key;
mod nearest;
mod origin;
mod push_streams;
#[cfg(test)]
mod source_tests;
mod stream_keys;
mod streams;
#[cfg(test)]
mod tests;
mod value;
mod variables;

pub use error::{ConfigError, Hint, Source};
pub use flags::{Overrides, flags, from_matches};
pub use input::Key;
pub use key::KEYS;
pub(crate) use origin::split_authority;
pub use origin::{AllowedOrigins, OriginError, Scheme, WebOrigin};
pub use stream_keys::STREAM_KEYS;
pub use value::{AuthMode, Bitrate, Ingest, MAX_PICTURE_SIDE, MIN_PICTURE_SIDE, Size};
pub use variables::{CONFIG_VARIABLE, OTHER_VARIABLES, PORT_VARIABLE};

use crate::sources::pull;
use camherd_media::ids::StreamName;
use camherd_media::wire::tcpcam::Pin;
use input::Input;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file that is read when no other is named, if it exists in the working directory.
pub const DEFAULT_FILE: &str = "camherd.yaml";

/// Longest configuration file, in bytes: room for thousands of streams, and a wrong path (a video, a device)
/// is refused before it fills the memory.
pub const MAX_FILE: u64 = 1 << 20;

/// The port of HTTP and WebSocket.
pub const PORT: u16 = 8080;

/// The port that clients of the RTSP single-ingest server know; the same is served there.
pub const OLD_PORT: u16 = 8091;

/// The port of cameras that push over plain TCP.
pub const PUSH_PORT: u16 = 12345;

/// All settings, checked and with defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The HTTP and WebSocket server.
    pub http: Http,
    /// Who must sign in.
    pub auth: AuthMode,
    /// Which cameras may push without a token.
    pub ingest: Ingest,
    /// Whether devices of the network find the server by themselves.
    pub announce: bool,
    /// The stream of addresses that name none; `None` leaves the choice to the server.
    pub default_stream: Option<StreamName>,
    /// The SQLite file for what the server must remember. Relative only to the working directory.
    pub state: PathBuf,
    /// H.264 encoding where a stream does not say otherwise.
    pub h264: H264,
    /// Lower qualities, for viewers whose link is slow.
    pub quality: Quality,
    /// Upper bounds of the whole server.
    pub limits: Limits,
    /// Raw pictures through shared memory.
    pub bus: Bus,
    /// Cameras that push over plain TCP.
    pub tcp_push: TcpPush,
    /// A stream for clients of a TCPCam.
    pub tcpcam_server: TcpCamServer,
    /// A camera that sends no picture for so long is offline.
    pub stall_timeout: Duration,
    /// An offline stream that nobody configured and nobody watches is forgotten after so long.
    pub forget_after: Duration,
    /// The streams that the configuration names, and their own settings.
    pub streams: BTreeMap<StreamName, Stream>,
}

/// The HTTP and WebSocket server (`http.*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Addresses to listen on; at least one, none twice.
    pub listen: Vec<SocketAddr>,
    /// Web pages of other origins that may use this server.
    pub allowed_origins: AllowedOrigins,
    /// Most connections at a time.
    pub max_connections: usize,
}

/// H.264 encoding (`h264.*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct H264 {
    /// Target bitrate.
    pub bitrate: Bitrate,
    /// Longest time between two IDR pictures.
    pub idr_period: Duration,
}

/// Lower qualities (`quality.*`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// Whether a viewer whose link is too slow is served a lower one by itself.
    pub adapt: bool,
    /// The one below the camera's own.
    pub medium: Level,
    /// The lowest.
    pub low: Level,
}

/// What camherd makes of a camera for a lower quality (`quality.medium.*`, `quality.low.*`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Height of the picture in pixels; `None`: there is no such quality.
    pub height: Option<u32>,
    /// Most frames per second; `None` is all of the camera's.
    pub fps: Option<f64>,
    /// Target bitrate of H.264.
    pub bitrate: Bitrate,
}

/// Upper bounds (`limits.*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most streams at a time.
    pub streams: usize,
    /// Most viewers at a time, over all streams.
    pub viewers: usize,
    /// Most H.264 encoders at a time, over all streams.
    pub encoders: usize,
    /// Most video decoders at a time, over all streams.
    pub decoders: usize,
}

/// Raw pictures through shared memory (`bus.*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bus {
    /// Whether there is any.
    pub enabled: bool,
    /// Where its files are.
    pub directory: PathBuf,
    /// Most bytes, over all streams.
    pub max_bytes: u64,
}

/// Cameras that push over plain TCP (`tcp_push.*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpPush {
    /// Addresses to listen on; none where it is switched off.
    pub listen: Vec<SocketAddr>,
    /// Most stream numbers at a time.
    pub max_streams: usize,
    /// The streams of some numbers; the others are called `stream` and their number. No stream is there twice.
    pub streams: BTreeMap<u16, StreamName>,
}

impl TcpPush {
    /// The stream of a number, unless its name is no stream name, which cannot be.
    #[must_use]
    pub fn name(&self, number: u16) -> Option<StreamName> {
        self.streams.get(&number).cloned().or_else(|| format!("stream{number}").parse().ok())
    }
}

/// A stream for clients of a TCPCam (`tcpcam_server.*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpCamServer {
    /// Addresses to listen on; none where it is switched off.
    pub listen: Vec<SocketAddr>,
    /// What clients must send, 4 to 16 digits; there where `listen` is not empty.
    pub pin: Option<Pin>,
    /// What they get; there where `listen` is not empty.
    pub stream: Option<StreamName>,
    /// Most clients at a time.
    pub max_clients: usize,
}

/// What the configuration says about one stream (`streams.NAME`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The camera that the server fetches it from; `None` when a camera pushes it.
    pub source: Option<pull::Source>,
    /// Size of raw pictures for who asks for none, in pixels; `None` is the camera's own.
    pub size: Option<(u32, u32)>,
    /// Connect to `source` only while somebody watches.
    pub on_demand: bool,
    /// How an RTSP camera sends its packets.
    pub transport: pull::Transport,
    /// How often a camera that gives single pictures is asked for one.
    pub snapshot_interval: Duration,
    /// H.264 encoding of this stream.
    pub h264: StreamH264,
}

/// H.264 encoding of one stream (`streams.NAME.h264.*`); `None` means as `h264.*` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamH264 {
    /// Target bitrate.
    pub bitrate: Option<Bitrate>,
    /// Longest time between two IDR pictures.
    pub idr_period: Option<Duration>,
    /// Size to scale to; `None` keeps the camera's size.
    pub size: Option<Size>,
}

/// H.264 encoding of one stream with the global settings filled in: see [`Config::encoding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// Target bitrate.
    pub bitrate: Bitrate,
    /// Longest time between two IDR pictures.
    pub idr_period: Duration,
    /// Size to scale to; `None` keeps the camera's size.
    pub size: Option<Size>,
}

impl Default for Config {
    /// The settings without file, variables and flags. A test keeps them equal to the defaults in [`KEYS`].
    fn default() -> Config {
        Config {
            http: Http {
                listen: default_listen(OLD_PORT),
                allowed_origins: AllowedOrigins::Listed(Vec::new()),
                max_connections: 2048,
            },
            auth: AuthMode::Token,
            ingest: Ingest::Loopback,
            announce: true,
            default_stream: None,
            state: PathBuf::from("camherd.db"),
            h264: H264 { bitrate: Bitrate::Automatic, idr_period: Duration::from_secs(2) },
            quality: Quality {
                adapt: true,
                medium: Level { height: Some(480), fps: None, bitrate: Bitrate::Automatic },
                low: Level { height: Some(240), fps: Some(15.0), bitrate: Bitrate::Automatic },
            },
            limits: Limits { streams: 256, viewers: 1024, encoders: 64, decoders: 64 },
            bus: Bus {
                enabled: cfg!(target_os = "linux"),
                directory: PathBuf::from("/dev/shm"),
                max_bytes: 512 << 20,
            },
            tcp_push: TcpPush {
                listen: vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PUSH_PORT)],
                max_streams: 256,
                streams: BTreeMap::new(),
            },
            tcpcam_server: TcpCamServer { listen: Vec::new(), pin: None, stream: None, max_clients: 8 },
            stall_timeout: Duration::from_secs(10),
            forget_after: Duration::from_secs(3600),
            streams: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Reads the settings of this process: the file that `--config` or `CAMHERD_CONFIG` names (it must exist)
    /// or `camherd.yaml` in the working directory (if it exists), then `environment`, then `overrides`.
    ///
    /// `environment` is [`std::env::vars_os`]; variables other than
    /// `CAMHERD_*` and `PORT` are ignored.
    ///
    /// # Errors
    /// [`ConfigError`] names the first fault and where it is.
    pub fn load(
        overrides: &Overrides,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Config, ConfigError> {
        let variables = variables::collect(environment)?;
        let named = overrides.config.as_deref().or(variables.config.as_deref());
        let text = match named {
            Some(path) => Some((path, read(path)?)),
            None if Path::new(DEFAULT_FILE).exists() => {
                Some((Path::new(DEFAULT_FILE), read(Path::new(DEFAULT_FILE))?))
            }
            None => None,
        };
        let file = text.as_ref().map(|(path, text)| File { path, text });
        Config::resolve(file, overrides, &variables)
    }

    /// The same as [`Config::load`] with the file given as text; touches neither disk nor process.
    ///
    /// # Errors
    /// [`ConfigError`] names the first fault and where it is.
    pub fn parse(
        file: Option<File<'_>>,
        overrides: &Overrides,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Config, ConfigError> {
        Config::resolve(file, overrides, &variables::collect(environment)?)
    }

    fn resolve(
        file: Option<File<'_>>,
        overrides: &Overrides,
        variables: &variables::Variables,
    ) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        // No place can set an empty list, so it tells that none has set any.
        config.http.listen.clear();
        if let Some(file) = file {
            document::apply(&mut config, file)?;
            if let Some(directory) = file.path.parent() {
                // The path in the file (and the default) is beside the file; joining keeps an absolute path.
                config.state = directory.join(&config.state);
            }
        }
        for (key, input) in &variables.values {
            apply(&mut config, key, input)?;
        }
        for (path, texts) in &overrides.values {
            if let Some(key) = KEYS.iter().find(|key| key.path == *path) {
                apply(&mut config, key, &Input::flag(key, texts))?;
            }
        }
        if config.http.listen.is_empty() {
            let port = variables.port.as_deref().map_or(Ok(OLD_PORT), port)?;
            config.http.listen = default_listen(port);
        }
        if config.streams.len() > config.limits.streams {
            return Err(ConfigError::TooManyStreams {
                configured: config.streams.len(),
                limit: config.limits.streams,
            });
        }
        config.check_tcpcam_server()?;
        Ok(config)
    }

    /// Whoever offers a stream must say which, and to whom.
    fn check_tcpcam_server(&self) -> Result<(), ConfigError> {
        let server = &self.tcpcam_server;
        let missing = match (&server.pin, &server.stream) {
            _ if server.listen.is_empty() => return Ok(()),
            (None, _) => "tcpcam_server.pin",
            (_, None) => "tcpcam_server.stream",
            _ => return Ok(()),
        };
        Err(ConfigError::Needs { key: "tcpcam_server.listen", missing })
    }

    /// How to encode stream `name`: its own settings, and the global ones where it has none.
    #[must_use]
    pub fn encoding(&self, name: &StreamName) -> Encoding {
        let own = self.streams.get(name).map(|stream| stream.h264).unwrap_or_default();
        Encoding {
            bitrate: own.bitrate.unwrap_or(self.h264.bitrate),
            idr_period: own.idr_period.unwrap_or(self.h264.idr_period),
            size: own.size,
        }
    }
}

/// The addresses to listen on unless something else is said: this machine only.
fn default_listen(second: u16) -> Vec<SocketAddr> {
    let address = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let mut listen = vec![address(PORT), address(second)];
    listen.dedup();
    listen
}

/// The port that the variable `PORT` names.
fn port(text: &OsStr) -> Result<u16, ConfigError> {
    text.to_str().and_then(|text| text.trim().parse().ok()).ok_or_else(|| ConfigError::Value {
        location: Source::Variable(PORT_VARIABLE.to_owned()),
        key: "http.listen".to_owned(),
        problem: format!("{text:?} is not a port"),
        expected: "a number from 0 to 65535 in place of 8091, or addresses in `http.listen`, which it does not change",
    })
}

/// A configuration file in memory.
#[derive(Clone, Copy)]
pub struct File<'a> {
    /// Where it is from: for messages, and as the base of a relative `state`.
    pub path: &'a Path,
    /// Its text, YAML 1.2.
    pub text: &'a str,
}

/// Sets one key and turns what the setter says into an error that names the key and the place.
fn apply<T>(target: &mut T, key: &Key<T>, input: &Input) -> Result<(), ConfigError> {
    (key.set)(target, input).map_err(|invalid| ConfigError::Value {
        location: invalid.source,
        key: key.path.to_owned(),
        problem: invalid.problem,
        expected: key.expected,
    })
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => ConfigError::Missing { path: path.to_owned() },
        _ => unreadable(source),
    })?;
    let mut text = String::new();
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_FILE {
        return Err(ConfigError::TooLarge { path: path.to_owned() });
    }
    Ok(text)
}
