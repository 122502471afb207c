//! Connections: listeners, the accept loop, the WebSocket handshake, and the end of all of it.
//!
//! What is not here: what a connection is for (`sources`, `outputs`, `api`) and who may have one (`auth`).

pub mod accept;
pub mod announce;
pub mod backoff;
pub mod dial;
pub mod link;
pub mod listener;
pub mod server;
pub mod shutdown;
pub mod websocket;
