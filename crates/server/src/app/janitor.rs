//! What is done every few seconds: forgetting streams that nobody misses, following changes of the tokens.

use crate::api::state::Server;
use camherd_media::ids::StreamName;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often: "within seconds" for a token that was reset.
const ROUND: Duration = Duration::from_secs(3);

/// Goes its rounds for ever.
pub(super) async fn run(server: Arc<Server>) {
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silent = HashMap::new();
    loop {
        rounds.tick().await;
        forget_streams(&server, &mut silent);
        let server = server.clone();
        let refreshed = tokio::task::spawn_blocking(move || server.auth.refresh()).await;
        match refreshed {
            Ok(Ok(true)) => tracing::info!("the tokens were changed by another process and are read anew"),
            Ok(Err(error)) => tracing::warn!(%error, "the tokens cannot be read"),
            _ => {}
        }
    }
}

/// Forgets each stream that is in no configuration, has not been live for `forget_after`, and that nobody
/// holds.
fn forget_streams(server: &Server, silent: &mut HashMap<StreamName, Instant>) {
    let mut old = Vec::new();
    let mut before = std::mem::take(silent);
    for stream in server.hub.streams() {
        let name = stream.name();
        if stream.state().is_live() || server.config.streams.contains_key(name) {
            continue;
        }
        let (name, since) = before.remove_entry(name).unwrap_or_else(|| (name.clone(), Instant::now()));
        if since.elapsed() >= server.config.forget_after {
            old.push(name.clone());
        }
        silent.insert(name, since);
    }
    for name in old {
        if server.hub.forget(&name) {
            tracing::info!(stream = %name, "forgotten after {:?} without a picture", server.config.forget_after);
            server.telemetry.forget(&name);
        }
    }
}
