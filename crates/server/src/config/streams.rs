//! `streams`: the table of the file, and its one-line form `NAME` or `NAME.KEY=VALUE` for variables and
//! flags.

use super::key::{Input, Invalid, STREAM_KEYS};
use super::nearest::nearest;
use super::value::Problem;
use super::{Config, Source};
use camherd_media::ids::StreamName;

/// The key of the table.
pub(super) const PATH: &str = "streams";

/// What is said about a stream that is given as one text. The text is never repeated: a URL may hold a
/// password.
pub(super) const NO_URLS: &str = "sources by URL are not supported by this version";

pub(super) fn name(text: &str) -> Result<StreamName, Problem> {
    if text.contains("://") {
        return Err(NO_URLS.into());
    }
    text.parse().map_err(|error| format!("{text:?}: {error}"))
}

/// Sets from `NAME` or `NAME.KEY=VALUE`, entry by entry: other keys and other streams stay as they are.
pub(super) fn set(config: &mut Config, input: &Input) -> Result<(), Invalid> {
    for (text, source) in input.entries() {
        let invalid = |problem: Problem| Invalid { source: source.clone(), problem };
        let (left, value) = match text.split_once('=') {
            Some((left, value)) => (left.trim(), Some(value.trim())),
            None => (text, None),
        };
        match (left.split_once('.'), value) {
            _ if text.contains("://") => return Err(invalid(NO_URLS.into())),
            (None, None) => {
                config.streams.entry(name(left).map_err(invalid)?).or_default();
            }
            (None, Some(_)) => return Err(invalid(NO_URLS.into())),
            (Some(_), None) => return Err(invalid(format!("{left:?} has no value"))),
            (Some((stream, key)), Some(value)) => {
                let stream = name(stream).map_err(invalid)?;
                set_one(config, stream, key, value, source)?;
            }
        }
    }
    Ok(())
}

fn set_one(
    config: &mut Config,
    stream: StreamName,
    path: &str,
    value: &str,
    source: &Source,
) -> Result<(), Invalid> {
    let Some(key) = STREAM_KEYS.iter().find(|key| key.path == path) else {
        let hint = nearest(path, STREAM_KEYS.iter().map(|key| key.path));
        let problem = format!("a stream has no key `{path}`{hint}");
        return Err(Invalid { source: source.clone(), problem });
    };
    let target = config.streams.entry(stream.clone()).or_default();
    (key.set)(target, &Input::one(value, source.clone())).map_err(|invalid| Invalid {
        problem: format!("{stream}.{path}: {} (it takes {})", invalid.problem, key.expected),
        ..invalid
    })
}
