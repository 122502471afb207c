//! Framing on the wire: bytes that arrive cut anywhere, messages out; and the layout of what is shared in memory.

pub mod device;
pub mod frame_bus;
pub mod http1;
pub mod multipart_reader;
mod sized;
pub mod tcp_push;
pub mod tcpcam;
pub mod websocket;
