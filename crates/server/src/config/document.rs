//! The file: YAML into keys, each with its line and column.
//!
//! Scalars are kept as they are written (`007` stays `007`), because what they mean is up to the key.

use super::input::{Input, Item, Key};
use super::nearest::nearest;
use super::{Config, ConfigError, File, KEYS, STREAM_KEYS, Source, Stream, push_streams, streams, value};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Error as YamlError, Location, Spanned};
use std::fmt;

/// Deepest nesting that is read: twice what any key needs, and far from what the recursion can take.
const MAX_DEPTH: usize = 16;
/// Most events that aliases may add: settings repeated for a few thousand streams, and no file of a kilobyte
/// that unfolds into gigabytes.
const MAX_REPLAYED: usize = 50_000;

/// Sets what the file says.
pub(super) fn apply(config: &mut Config, file: File<'_>) -> Result<(), ConfigError> {
    let root: Spanned<Node> =
        serde_saphyr::from_str_with_options(file.text, options()).map_err(|error| syntax(file, &error))?;
    match &root.value {
        Node::Null => Ok(()),
        Node::Map(entries) => {
            let mut walk = Walk { file, keys: KEYS, seen: Vec::new(), shown: String::new() };
            walk.section(config, "", entries)
        }
        _ => Err(ConfigError::Syntax {
            location: place(file, root.referenced),
            message: "a configuration is a table of keys such as `http:`".into(),
        }),
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        // A merged value has no place of its own to name in an error.
        merge_keys: serde_saphyr::options::MergeKeyPolicy::Error,
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::Error,
        with_snippet: false,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPLAYED,
            max_alias_expansions_per_anchor: MAX_REPLAYED,
        },
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            // One anchor for the settings of all streams is what anchors are for; MAX_REPLAYED bounds it.
            enforce_alias_anchor_ratio: false,
        },
    }
}

fn syntax(file: File<'_>, error: &YamlError) -> ConfigError {
    let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
    let message = error.without_snippet().to_string();
    // The place stands in front already.
    let message = match message.rfind(" at line ") {
        Some(end) => message.get(..end).unwrap_or(&message).to_owned(),
        None => message,
    };
    ConfigError::Syntax { location: Source::File { path: file.path.to_owned(), line, column }, message }
}

fn place(file: File<'_>, at: Location) -> Source {
    Source::File { path: file.path.to_owned(), line: at.line(), column: at.column() }
}

/// A node of the document.
enum Node {
    Null,
    /// A number or a truth value, as the parser understands it.
    Plain(String),
    Text(String),
    List(Vec<Spanned<Node>>),
    Map(Vec<Entry>),
}

type Entry = (Spanned<String>, Spanned<Node>);

/// The way through one table of keys.
struct Walk<'a, T: 'static> {
    file: File<'a>,
    keys: &'static [Key<T>],
    /// Keys found so far; `a.b` and `a: {b}` are the same key, which the parser cannot know.
    seen: Vec<&'static str>,
    /// What to put before a key in messages: `streams.NAME.`, or nothing.
    shown: String,
}

impl<T: Target> Walk<'_, T> {
    fn section(&mut self, target: &mut T, prefix: &str, entries: &[Entry]) -> Result<(), ConfigError> {
        for (name, node) in entries {
            let path = format!("{prefix}{}", name.value);
            if let Some(key) = self.keys.iter().find(|key| key.path == path) {
                self.key(target, key, name, node)?;
                continue;
            }
            let inner = format!("{path}.");
            if !self.keys.iter().any(|key| key.path.starts_with(&inner)) {
                let hint = nearest(&path, self.keys.iter().flat_map(|key| with_sections(key.path)));
                let location = place(self.file, name.referenced);
                // A camera's URL that lost its name, such as `rtsp://...:` on a line of its own.
                let path = if streams::looks_like_url(&path) { "(a URL)" } else { &path };
                return Err(ConfigError::UnknownKey { location, key: format!("{}{path}", self.shown), hint });
            }
            match &node.value {
                Node::Null => {}
                Node::Map(entries) => self.section(target, &inner, entries)?,
                _ => {
                    return Err(ConfigError::Value {
                        location: place(self.file, node.referenced),
                        key: format!("{}{path}", self.shown),
                        problem: "it is a section, not a value".into(),
                        expected: "keys below it",
                    });
                }
            }
        }
        Ok(())
    }

    fn key(
        &mut self,
        target: &mut T,
        key: &'static Key<T>,
        name: &Spanned<String>,
        node: &Spanned<Node>,
    ) -> Result<(), ConfigError> {
        if self.seen.contains(&key.path) {
            let location = place(self.file, name.referenced);
            let message = format!("`{}{}` is there twice", self.shown, key.path);
            return Err(ConfigError::Syntax { location, message });
        }
        self.seen.push(key.path);
        if T::table(self.file, target, key.path, node)? {
            return Ok(());
        }
        let source = place(self.file, node.referenced);
        let invalid = |location, problem: &str| ConfigError::Value {
            location,
            key: format!("{}{}", self.shown, key.path),
            problem: problem.into(),
            expected: key.expected,
        };
        let item = |node: &Spanned<Node>| match text(self.file, node) {
            Some(text) => Ok(Item { text, source: place(self.file, node.referenced) }),
            None => Err(invalid(place(self.file, node.referenced), "it is no single value")),
        };
        let (items, listed) = match &node.value {
            // `key:` with nothing after it leaves the default.
            Node::Null => return Ok(()),
            Node::List(nodes) => (nodes.iter().map(item).collect::<Result<_, _>>()?, true),
            _ => (vec![item(node)?], false),
        };
        (key.set)(target, &Input { items, listed, source })
            .map_err(|fault| invalid(fault.source, &fault.problem))
    }
}

/// What a table of keys fills in.
trait Target: Sized + 'static {
    /// Takes a key whose value is a table of free names; `false` when `path` is no such key.
    fn table(
        file: File<'_>,
        target: &mut Self,
        path: &str,
        node: &Spanned<Node>,
    ) -> Result<bool, ConfigError>;
}

impl Target for Stream {
    fn table(_: File<'_>, _: &mut Stream, _: &str, _: &Spanned<Node>) -> Result<bool, ConfigError> {
        Ok(false)
    }
}

impl Target for Config {
    fn table(
        file: File<'_>,
        config: &mut Config,
        path: &str,
        node: &Spanned<Node>,
    ) -> Result<bool, ConfigError> {
        if path == push_streams::PATH {
            return push_streams_table(file, config, node);
        }
        if path != streams::PATH {
            return Ok(false);
        }
        let invalid = |at: &Location, key: String, problem: String, expected| ConfigError::Value {
            location: place(file, *at),
            key,
            problem,
            expected,
        };
        let entries = match &node.value {
            Node::Null => return Ok(true),
            Node::Map(entries) => entries,
            _ => {
                let problem = "it is not a table".to_owned();
                return Err(invalid(
                    &node.referenced,
                    path.into(),
                    problem,
                    "stream names with their settings",
                ));
            }
        };
        for (name, node) in entries {
            let key = streams::name(&name.value)
                .map_err(|problem| invalid(&name.referenced, path.into(), problem, "a stream name"))?;
            let shown = format!("{path}.{key}");
            let stream = config.streams.entry(key).or_default();
            let bad = |problem| {
                invalid(
                    &node.referenced,
                    shown.clone(),
                    problem,
                    "a camera's URL, settings such as `source:`, or nothing",
                )
            };
            match &node.value {
                Node::Null => {}
                Node::Map(entries) => {
                    Walk { file, keys: STREAM_KEYS, seen: Vec::new(), shown: format!("{shown}.") }
                        .section(stream, "", entries)?;
                }
                Node::Text(url) | Node::Plain(url) => stream.source = Some(value::camera(url).map_err(bad)?),
                Node::List(_) => return Err(bad("it is a list".to_owned())),
            }
        }
        Ok(true)
    }
}

/// `tcp_push.streams` where it is a table: numbers and the names of their streams.
fn push_streams_table(
    file: File<'_>,
    config: &mut Config,
    node: &Spanned<Node>,
) -> Result<bool, ConfigError> {
    let Node::Map(entries) = &node.value else { return Ok(false) };
    for (number, node) in entries {
        let invalid = |at: Location, key: &str, problem: String| ConfigError::Value {
            location: place(file, at),
            key: key.to_owned(),
            problem,
            expected: "numbers from 0 to 65535 with the names of their streams",
        };
        let Some(name) = text(file, node) else {
            let key = format!("{}.{}", push_streams::PATH, number.value);
            return Err(invalid(node.referenced, &key, "it is no stream name".into()));
        };
        push_streams::entry(config, &number.value, &name)
            .map_err(|problem| invalid(number.referenced, push_streams::PATH, problem))?;
    }
    Ok(true)
}

/// A path and the sections above it: `a.b.c`, `a.b`, `a`.
fn with_sections(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rfind('.').and_then(|dot| path.get(..dot)))
}

/// The text of a scalar as it is written; `None` for a list or a table.
fn text(file: File<'_>, node: &Spanned<Node>) -> Option<String> {
    match &node.value {
        Node::Text(text) => Some(text.clone()),
        Node::Plain(understood) => Some(written(file, node.defined).unwrap_or(understood).to_owned()),
        Node::Null => Some(String::new()),
        Node::List(_) | Node::Map(_) => None,
    }
}

/// The bytes of the file at a place.
fn written(file: File<'_>, at: Location) -> Option<&str> {
    let start = usize::try_from(at.span().byte_offset()?).ok()?;
    let end = start.checked_add(usize::try_from(at.span().byte_len()?).ok()?)?;
    file.text.get(start..end).filter(|text| !text.is_empty())
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = access.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}
