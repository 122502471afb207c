//! Framing on the wire: bytes that arrive cut anywhere, messages out.

pub mod websocket;
