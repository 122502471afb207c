//! The text messages between server and player on the WebSocket outputs, as JSON objects with a `type`.
//! `docs/ref/websocket.md` describes them.

use camherd_hub::StreamState;
use serde::{Deserialize, Serialize};

/// Server to player.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ToPlayer<'a> {
    /// Which stream this is.
    Stream {
        /// Its name.
        name: &'a str,
    },
    /// Whether there are pictures.
    State {
        /// `live`, `offline` or `waiting`.
        state: &'static str,
        /// Why not, for a person; empty when live.
        reason: &'a str,
    },
    /// The next binary message is an initialisation segment.
    Init {
        /// For `MediaSource.isTypeSupported`.
        mime: String,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// The next binary message is this JPEG (only with `meta=1`).
    Frame {
        /// Number of the frame; gaps are frames that were not sent.
        seq: u64,
        /// When it was taken, in Unix milliseconds of the server's clock.
        captured: f64,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// This viewer was too slow.
    Dropped {
        /// Frames missed since the last one.
        missed: u64,
        /// Frames missed in all.
        total: u64,
    },
    /// What follows has another quality than before, at first another than `high`; or it is not the one that was
    /// asked for.
    Quality {
        /// `high`, `medium` or `low`.
        quality: &'static str,
        /// Whether it is the one that was asked for.
        chosen: bool,
        /// Why it is not, or why there is no better one, for a person; empty when it is, and when the viewer's link
        /// carries no more.
        reason: &'a str,
    },
    /// Answer to a ping.
    Pong {
        /// What the ping said.
        t: f64,
        /// The server's clock in Unix milliseconds.
        now: f64,
    },
}

/// Player to server.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum FromPlayer {
    /// Asks for the server's clock.
    Ping {
        /// Comes back in the answer.
        t: f64,
    },
}

impl ToPlayer<'_> {
    /// As JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Plain structs of numbers and text: nothing here can fail to serialise but a non-finite float,
        // which becomes null.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The message for a state.
    #[must_use]
    pub fn state(state: &StreamState) -> ToPlayer<'_> {
        ToPlayer::State { state: state.label(), reason: state.reason() }
    }
}
