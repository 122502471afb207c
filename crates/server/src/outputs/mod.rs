//! Outputs: how pictures go out. Each file speaks one protocol and reads units from the hub; none of them
//! knows where the pictures come from.

pub mod bus;
pub mod frame;
pub mod http;
pub mod label;
pub mod messages;
pub mod pick;
pub mod quality;
pub mod snapshot;
pub mod tcpcam;
pub mod viewer;
pub mod wake;
pub mod websocket;
