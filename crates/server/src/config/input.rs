//! What a key is, and what one place says about it.

use super::Source;
use super::value::Problem;

/// A setting: how it is called, what it takes, and how it is set.
pub struct Key<T> {
    /// Path in the file, sections joined by dots: `http.listen`.
    pub path: &'static str,
    /// The default as written in the file; empty when not set.
    pub default: &'static str,
    /// Whether it takes a list (a YAML list, or one text with commas).
    pub list: bool,
    /// What it takes, to be read after "expected".
    pub expected: &'static str,
    /// What it is for; one or two sentences.
    pub doc: &'static str,
    pub(super) set: fn(&mut T, &Input) -> Result<(), Invalid>,
}

impl<T> Key<T> {
    /// The environment variable: `http.listen` is `CAMHERD_HTTP_LISTEN`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("CAMHERD_{}", self.path.replace('.', "_").to_ascii_uppercase())
    }

    /// The flag without its dashes: `http.listen` is `http-listen`.
    #[must_use]
    pub fn flag(&self) -> String {
        self.path.replace(['.', '_'], "-")
    }
}

/// What one place says about one key.
pub(super) struct Input {
    pub items: Vec<Item>,
    /// Whether it is a YAML list.
    pub listed: bool,
    /// Where it is as a whole.
    pub source: Source,
}

/// One text and where it came from.
#[derive(Clone)]
pub(super) struct Item {
    pub text: String,
    pub source: Source,
}

/// A value that its key does not take.
pub(super) struct Invalid {
    pub source: Source,
    pub problem: Problem,
}

impl Input {
    pub fn one(text: &str, source: Source) -> Input {
        Input { items: vec![Item { text: text.to_owned(), source: source.clone() }], listed: false, source }
    }

    pub fn flag<T>(key: &Key<T>, texts: &[String]) -> Input {
        let source = Source::Flag(format!("--{}", key.flag()));
        let items = texts.iter().map(|text| Item { text: text.clone(), source: source.clone() });
        Input { items: items.collect(), listed: false, source }
    }

    /// The texts of a list, split at commas, without empty ones.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.items.iter().flat_map(|item| {
            item.text
                .split(',')
                .map(str::trim)
                .filter(|text| !text.is_empty())
                .map(|text| (text, &item.source))
        })
    }

    /// The parsed entries of a list.
    pub fn parse_all<V>(&self, parse: impl Fn(&str) -> Result<V, Problem>) -> Result<Vec<V>, Invalid> {
        self.entries()
            .map(|(text, source)| parse(text).map_err(|problem| Invalid { source: source.clone(), problem }))
            .collect()
    }

    /// The parsed single value.
    pub fn parse<V>(&self, parse: impl Fn(&str) -> Result<V, Problem>) -> Result<V, Invalid> {
        match self.items.as_slice() {
            [item] if !self.listed => {
                parse(&item.text).map_err(|problem| Invalid { source: item.source.clone(), problem })
            }
            _ => Err(self.invalid("it takes one value, not a list")),
        }
    }

    pub fn invalid(&self, problem: impl Into<Problem>) -> Invalid {
        Invalid { source: self.source.clone(), problem: problem.into() }
    }
}
