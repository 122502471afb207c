//! The flags: one for every key, made from the table.

use super::input::Key;
use super::key::KEYS;
use super::{CONFIG_VARIABLE, Config, DEFAULT_FILE};
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::path::PathBuf;

const CONFIG_ID: &str = "config";

/// What the command line says: the strongest of the places that a setting comes from.
#[derive(Clone, Default)]
pub struct Overrides {
    /// The configuration file; it must exist.
    pub config: Option<PathBuf>,
    /// Paths of keys and the texts given for them, in the order of [`KEYS`].
    pub values: Vec<(&'static str, Vec<String>)>,
}

/// Adds `--config` and a flag for every key to `command`.
#[must_use]
pub fn flags(command: Command) -> Command {
    let file = Arg::new(CONFIG_ID)
        .long(CONFIG_ID)
        .value_name("FILE")
        .value_parser(OsStringValueParser::new().map(PathBuf::from))
        .help(format!(
            "The configuration file [env: {CONFIG_VARIABLE}] [default: {DEFAULT_FILE}, if it exists]"
        ));
    command.arg(file).args(KEYS.iter().map(flag))
}

/// What the command line says, out of the matches of a command made with [`flags`].
#[must_use]
pub fn from_matches(matches: &ArgMatches) -> Overrides {
    let texts = |key: &Key<Config>| {
        let given = matches.try_get_many::<String>(key.path).ok().flatten()?;
        Some((key.path, given.cloned().collect()))
    };
    Overrides {
        config: matches.try_get_one::<PathBuf>(CONFIG_ID).ok().flatten().cloned(),
        values: KEYS.iter().filter_map(texts).collect(),
    }
}

fn flag(key: &'static Key<Config>) -> Arg {
    let default = match key.default {
        "" | "[]" | "{}" => String::new(),
        default => format!(" [default: {default}]"),
    };
    let name = key.path.rsplit('.').next().unwrap_or(key.path).to_ascii_uppercase();
    Arg::new(key.path)
        .long(key.flag())
        .value_name(name)
        .action(if key.list { ArgAction::Append } else { ArgAction::Set })
        .help(format!("{} [env: {}]{default}", key.doc, key.variable()))
        .long_help(format!("{}\nTakes {}. [env: {}]{default}", key.doc, key.expected, key.variable()))
}
