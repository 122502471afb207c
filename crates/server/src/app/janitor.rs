//! What is done every few seconds: forgetting streams that nobody misses, following changes of the tokens.

use crate::api::state::Server;
use camherd_media::ids::StreamName;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often: "within seconds" for a token that was reset.
const ROUND: Duration = Duration::from_secs(3);

/// A stream that never had a picture is forgotten after so long: a camera that is set up sends one at once,
/// and names that somebody tries out must not use up `limits.streams` for `forget_after`.
const NEVER_SEEN: Duration = Duration::from_secs(60);

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

/// Forgets each stream that is in no configuration and not fetched by this server, has not been live for `forget_after` (or
/// [`NEVER_SEEN`]), and that nobody holds.
fn forget_streams(server: &Server, silent: &mut HashMap<StreamName, Instant>) {
    let mut old = Vec::new();
    let mut before = std::mem::take(silent);
    for stream in server.hub.streams() {
        let name = stream.name();
        let kept = server.config.streams.contains_key(name) || server.pulls.get(name).is_some();
        if kept || stream.state().is_live() {
            continue;
        }
        let (name, since) = before.remove_entry(name).unwrap_or_else(|| (name.clone(), Instant::now()));
        let longest = server.config.forget_after;
        let longest = if stream.stats().units == 0 { longest.min(NEVER_SEEN) } else { longest };
        if since.elapsed() >= longest {
            old.push((name.clone(), longest));
        }
        silent.insert(name, since);
    }
    for (name, longest) in old {
        if server.hub.forget(&name) {
            tracing::info!(stream = %name, "forgotten after {longest:?} without a picture");
            server.telemetry.forget(&name);
            server.devices.forget(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;
    use crate::config::Config;
    use crate::net::shutdown;
    use bytes::Bytes;
    use camherd_hub::{Owner, Stream};
    use camherd_media::time::MediaTime;
    use camherd_media::unit::{Codec, Format, Packaging, Stamps, Unit};

    fn show(stream: &Stream) {
        let format = Format { codec: Codec::Jpeg, width: 1, height: 1, packaging: Packaging::Bare };
        let mut camera = stream.publish(Owner(String::new()), String::new()).unwrap();
        let (payload, stamps) = (Bytes::new(), Stamps::default());
        let pts = MediaTime(0);
        let unit = Unit { payload, pts, dts: pts, keyframe: true, format: Arc::new(format), stamps };
        camera.push(unit).unwrap();
    }

    #[tokio::test]
    async fn a_name_without_any_picture_goes_soon_and_a_camera_that_left_stays() {
        let mut config = Config::default();
        config.http.listen.clear();
        config.tcp_push.listen.clear();
        config.streams.insert("configured".parse().unwrap(), Default::default());
        config.state = std::env::temp_dir().join("camherd-janitor-test-writes-no-state.sqlite");
        let (_trigger, shutdown) = shutdown::channel();
        let server = App::start(config, shutdown).unwrap().server;
        for name in ["left", "tried", "held"] {
            server.hub.get_or_create(&name.parse().unwrap()).unwrap();
        }
        let get = |name: &str| server.hub.get(&name.parse().unwrap());
        show(&get("left").unwrap());
        let _held = get("held");

        let mut silent = HashMap::new();
        forget_streams(&server, &mut silent);
        assert_eq!(silent.len(), 3);
        silent.values_mut().for_each(|since| *since -= NEVER_SEEN);
        forget_streams(&server, &mut silent);
        let left: Vec<String> = server.hub.streams().iter().map(|s| s.name().to_string()).collect();
        assert_eq!(left, ["configured", "held", "left"]);
        forget_streams(&server, &mut silent);
        assert_eq!(silent.len(), 2, "what is forgotten leaves nothing here");
    }
}
