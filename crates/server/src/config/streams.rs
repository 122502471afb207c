//! `streams`: the table of the file, and its one-line form for variables and flags: `NAME`, `NAME=URL` or
//! `NAME.KEY=VALUE`.
//!
//! No message repeats a value: it may be a URL with a password.

use super::input::{Input, Invalid};
use super::nearest::nearest;
use super::stream_keys::{SOURCE, STREAM_KEYS};
use super::value::Problem;
use super::{Config, Source, Stream};
use crate::sources::pull::{SNAPSHOT_INTERVAL, Transport};
use camherd_media::ids::StreamName;

/// The key of the table.
pub(super) const PATH: &str = "streams";

/// Said of a name or key that looks like an address: it is not repeated.
const IS_URL: &str = "it looks like a URL, not like a name; a camera's URL belongs behind `NAME=`";

impl Default for Stream {
    /// A stream that a camera pushes, without settings of its own.
    fn default() -> Stream {
        Stream {
            source: None,
            size: None,
            on_demand: false,
            transport: Transport::default(),
            snapshot_interval: SNAPSHOT_INTERVAL,
            h264: super::StreamH264::default(),
        }
    }
}

pub(super) fn name(text: &str) -> Result<StreamName, Problem> {
    if looks_like_url(text) {
        return Err(IS_URL.into());
    }
    text.parse().map_err(|error| format!("{text:?}: {error}"))
}

/// Whether a text may hold the password of an address.
pub(super) fn looks_like_url(text: &str) -> bool {
    text.contains("://") || text.contains('@')
}

/// Sets entry by entry: other keys and other streams stay as they are.
pub(super) fn set(config: &mut Config, input: &Input) -> Result<(), Invalid> {
    for item in &input.items {
        let source = &item.source;
        let invalid = |problem: Problem| Invalid { source: source.clone(), problem };
        for text in entries(&item.text) {
            let (left, value) = match text.split_once('=') {
                Some((left, value)) => (left.trim(), Some(value.trim())),
                None => (text, None),
            };
            let (stream, key) = match left.split_once('.') {
                Some((stream, key)) => (stream, Some(key)),
                None => (left, None),
            };
            if looks_like_url(left) {
                return Err(invalid(IS_URL.into()));
            }
            let stream = name(stream).map_err(invalid)?;
            match (key, value) {
                (None, None) => {
                    config.streams.entry(stream).or_default();
                }
                (Some(_), None) => return Err(invalid(format!("{left:?} has no value"))),
                (None, Some(url)) => set_one(config, stream, SOURCE, url, source)?,
                (Some(key), Some(value)) => set_one(config, stream, key, value, source)?,
            }
        }
    }
    Ok(())
}

/// The entries of one text, which commas separate. A comma within a URL belongs to the URL unless an entry
/// with a value follows it: `NAME=SCHEME://` or `NAME.KEY=` with a key of a stream.
fn entries(text: &str) -> impl Iterator<Item = &str> {
    let mut entries = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(',') {
        let (entry, rest) = (text.get(start..at).unwrap_or(""), text.get(at + 1..).unwrap_or(""));
        if !entry.contains("://") || begins_with_value(rest) {
            entries.push(entry);
            start = at + 1;
        }
    }
    entries.push(text.get(start..).unwrap_or(""));
    entries.into_iter().map(str::trim).filter(|entry| !entry.is_empty())
}

/// Whether a text begins with an entry that has a value.
fn begins_with_value(text: &str) -> bool {
    let Some((left, value)) = text.split_once('=') else { return false };
    let (stream, key) = match left.trim().split_once('.') {
        Some((stream, key)) => (stream, Some(key)),
        None => (left.trim(), None),
    };
    stream.parse::<StreamName>().is_ok()
        && match key {
            Some(key) => STREAM_KEYS.iter().any(|known| known.path == key),
            None => begins_with_scheme(value),
        }
}

fn begins_with_scheme(text: &str) -> bool {
    let scheme = text.trim_start().split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric()))
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
