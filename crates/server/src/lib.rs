//! The camherd server: sources, transcode, outputs, API and how they are put together.
//!
//! The way of the data: `sources` publish units into the hub (`camherd-hub`), `transcode` derives
//! renditions while somebody wants them, `outputs` read units and serve viewers. `api` decides which
//! address does what and who may ask; `net` owns the sockets; [`app`] wires it all.

pub mod api;
pub mod app;
pub mod auth;
pub mod cli;
pub mod client;
pub mod config;
pub mod grab;
pub mod net;
pub mod outputs;
pub mod push;
mod random;
pub mod sources;
pub mod store;
#[cfg(test)]
mod testing;
pub mod transcode;
pub mod virtual_camera;
