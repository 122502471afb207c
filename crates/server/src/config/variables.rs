//! The environment: `CAMHERD_*`, and `PORT`.

use super::input::{Input, Key};
use super::key::KEYS;
use super::nearest::nearest;
use super::{Config, ConfigError, Source};
use std::ffi::OsString;
use std::path::PathBuf;

/// The variable that names the configuration file, as `--config` does.
pub const CONFIG_VARIABLE: &str = "CAMHERD_CONFIG";

/// Variables that begin with `CAMHERD_`, are no setting, and are read elsewhere.
pub const OTHER_VARIABLES: &[&str] =
    &[CONFIG_VARIABLE, "CAMHERD_ALLOW_SLOW_CODECS", crate::client::source::TOKEN_VARIABLE];

/// The variable of the RTSP single-ingest server: the port that its clients know, in place of
/// [`OLD_PORT`](super::OLD_PORT) among the default addresses.
pub const PORT_VARIABLE: &str = "PORT";

const PREFIX: &str = "CAMHERD_";

/// What Kubernetes sets in every pod beside a service called `camherd` (and Docker for a link of that name):
/// `CAMHERD_SERVICE_HOST`, `CAMHERD_PORT`, `CAMHERD_PORT_8080_TCP_ADDR` and so on. They are not typing
/// errors.
const ORCHESTRATOR: &[&str] = &["CAMHERD_SERVICE_", "CAMHERD_PORT_"];
/// The one among them that is a whole name.
const ORCHESTRATOR_PORT: &str = "CAMHERD_PORT";

/// The settings that the environment holds, in the order of [`KEYS`].
pub(super) struct Variables {
    pub config: Option<PathBuf>,
    /// What [`PORT_VARIABLE`] says, not looked at yet: it may be meant for another program.
    pub port: Option<OsString>,
    pub values: Vec<(&'static Key<Config>, Input)>,
}

/// Picks the settings out of `environment`. An empty variable counts as not set.
pub(super) fn collect(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Variables, ConfigError> {
    let mut variables = Variables { config: None, port: None, values: Vec::new() };
    for (name, value) in environment {
        if name == PORT_VARIABLE {
            variables.port = (!value.is_empty()).then_some(value);
            continue;
        }
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        if name == CONFIG_VARIABLE {
            variables.config = (!value.is_empty()).then(|| PathBuf::from(value));
        } else if let Some(key) = KEYS.iter().find(|key| key.variable() == name) {
            let source = Source::Variable(name.to_owned());
            let Some(text) = value.to_str() else {
                let problem = "it is not UTF-8".to_owned();
                let key_path = key.path.to_owned();
                return Err(ConfigError::Value {
                    location: source,
                    key: key_path,
                    problem,
                    expected: key.expected,
                });
            };
            if !text.is_empty() {
                variables.values.push((key, Input::one(text, source)));
            }
        } else if !is_known(name) {
            let known: Vec<String> = KEYS.iter().map(Key::variable).collect();
            let candidates = known.iter().map(String::as_str).chain([CONFIG_VARIABLE]);
            return Err(ConfigError::UnknownVariable {
                name: name.to_owned(),
                hint: nearest(name, candidates),
            });
        }
    }
    Ok(variables)
}

fn is_known(name: &str) -> bool {
    OTHER_VARIABLES.contains(&name)
        || name == ORCHESTRATOR_PORT
        || ORCHESTRATOR.iter().any(|prefix| name.starts_with(prefix))
}
