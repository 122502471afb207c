//! What the commands share that are clients: `camherd camera`, `camherd grab` and `camherd push`.
//!
//! [`local`] is a hub in this process with one stream, which [`source`] fills: from a camera, from another camherd
//! server (`server`), or as `push` does from a pipe or a file. [`ws`] is the client's end of a WebSocket, [`exit`]
//! what scripts see of how it went, `progress` what a person sees while it goes. What is done with the pictures
//! is for the commands to say.

pub mod exit;
pub mod local;
pub(crate) mod progress;
pub(crate) mod server;
pub mod source;
pub(crate) mod time;
pub(crate) mod video_units;
pub mod ws;
