//! The cameras that are fetched from the start: what the configuration names, and what the API created before.

use super::StartError;
use crate::api::streams::catalogue::Catalogue;
use crate::config::Config;
use crate::sources::pull::{Pulls, Spec};

/// Starts them all. What the API created and finds no room any more stays in the catalogue, and is logged.
pub(super) fn start(pulls: &Pulls, config: &Config, catalogue: &Catalogue) -> Result<(), StartError> {
    for spec in configured(config) {
        pulls.add(spec)?;
    }
    for entry in catalogue.all().into_iter().filter(|entry| entry.shares.is_none()) {
        let name = entry.spec.name.clone();
        if let Err(error) = pulls.add(entry.spec) {
            tracing::warn!(stream = %name, "created through the API before, and not fetched now: {error}");
        }
    }
    Ok(())
}

fn configured(config: &Config) -> impl Iterator<Item = Spec> + '_ {
    config.streams.iter().filter_map(|(name, stream)| {
        Some(Spec {
            name: name.clone(),
            source: stream.source.clone()?,
            transport: stream.transport,
            snapshot_interval: stream.snapshot_interval,
            size: stream.size,
            on_demand: stream.on_demand,
        })
    })
}
