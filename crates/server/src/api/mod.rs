//! The HTTP side: which address does what, who may ask, and answers as JSON.

pub mod access;
pub mod cameras;
pub mod cors;
pub mod device;
pub mod docs;
pub mod error;
pub mod extract;
pub mod frames;
pub mod pages;
pub mod router;
pub mod state;
pub mod status;
pub mod streams;
pub mod watch;
