//! Sources: how pictures come in. Each file speaks one protocol and publishes units into the hub; none of
//! them knows who watches.

pub mod naming;
pub mod refusals;
pub mod telemetry;
pub mod websocket;
