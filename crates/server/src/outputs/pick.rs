//! Which stream a request means.

use camherd_hub::{Hub, Stream};
use camherd_media::ids::{NameError, StreamName};

/// Why a request means no stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PickError {
    /// The name is not one.
    #[error("{0:?} is not a stream name: {1}")]
    BadName(String, NameError),
    /// There is no stream of that name.
    #[error("there is no stream {0}; it comes to be when its camera connects")]
    Unknown(StreamName),
    /// No camera has ever connected, so there is no default either.
    #[error("no camera has connected yet")]
    None,
}

/// The stream that a request without a name means: the one of the setting, else the first.
#[must_use]
pub fn default_stream(hub: &Hub, setting: Option<&StreamName>) -> Option<Stream> {
    match setting {
        Some(name) => hub.get(name),
        None => hub.first(),
    }
}

/// The stream called `name`, or the default one.
///
/// # Errors
/// [`PickError`] when there is none.
pub fn pick(hub: &Hub, name: Option<&str>, setting: Option<&StreamName>) -> Result<Stream, PickError> {
    match name.filter(|name| !name.is_empty()) {
        Some(text) => {
            let name: StreamName =
                text.parse().map_err(|error| PickError::BadName(text.to_owned(), error))?;
            hub.get(&name).ok_or(PickError::Unknown(name))
        }
        None => default_stream(hub, setting).ok_or(PickError::None),
    }
}
