//! Bytes and time, without I/O: the access unit that flows through camherd ([`mod@unit`]), its clock
//! ([`time`]) and names ([`ids`]), what is known of the codecs' headers ([`codec`]) and the containers
//! that carry them ([`container`]) and the framing on the wire ([`wire`]).
//!
//! Nothing here reads a socket, a file or a clock: callers pass bytes and times in and get bytes and
//! times out. Parsers never panic and never size an allocation from what they read.

pub mod codec;
pub mod container;
pub mod ids;
pub mod time;
pub mod unit;
pub mod wire;
