//! Where pictures come from. A source turns what a camera speaks into units of the hub and knows nothing of
//! viewers.
//!
//! Cameras that push: [`websocket`], with [`naming`] for those that say no name and [`takeover`]
//! for those that come back, [`device`] for those that can be told
//! something and [`telemetry`] for what the others say about themselves; [`tcp_push`]; [`connected`] counts them and
//! [`refusals`] notes those that were turned away. Cameras that are pulled: [`pull`] keeps one connection to each,
//! through [`rtsp`], [`http`] or [`tcpcam`].

pub mod connected;
pub mod device;
pub(crate) mod h264_pause;
pub mod http;
pub(crate) mod jpeg_units;
pub mod naming;
pub mod pull;
pub mod refusals;
pub mod rtsp;
pub mod takeover;
pub mod tcp_push;
pub mod tcpcam;
pub mod telemetry;
pub mod websocket;
