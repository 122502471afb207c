//! The device channel: JSON text messages over the WebSocket that carries a camera's pictures, version 1, see
//! `docs/ref/device-protocol.md`. Both directions are read and written here, for the server and for the virtual
//! camera.
//!
//! A text that is no message of this protocol reads as `None`: both sides ignore it. A message of a known kind with
//! a member that is wrong is a [`BadMember`] and has no effect at all.

mod from_device;
pub mod fuzzing;
mod json;
mod members;
mod size;
#[cfg(test)]
mod tests;
mod to_device;

pub use from_device::{Ack, FromDevice, Hello, Image, Progress, Settings};
pub use size::{Size, UnknownSize};
pub use to_device::{Command, Demand, Set, ToDevice, Update};

/// Version of the protocol.
pub const VERSION: u32 = 1;

/// Longest message, bytes: what the firmware keeps room for.
pub const MESSAGE_MAX: usize = 1024;

/// Most members of a message: what the firmware keeps room for.
pub const MEMBERS_MAX: usize = 32;

/// Deepest nesting, the message itself counted: recursion must not eat a device's small stack.
pub const NESTING_MAX: usize = 8;

/// Longest address of an update, bytes.
pub const URL_MAX: usize = 255;

/// Largest image of an update, bytes: the flash of the largest boards.
pub const IMAGE_MAX: u32 = 16 * 1024 * 1024;

/// Longest signature, bytes: ECDSA over P-256 in DER.
pub const SIGNATURE_MAX: usize = 72;

/// Longest text of an error in an acknowledgement, characters: with all of them escaped it still fits.
pub const ERROR_MAX: usize = 120;

/// JPEG quality on the scale of JPEG software.
pub const QUALITY: std::ops::RangeInclusive<u32> = 1..=100;

/// Pictures a second that can be set.
pub const FPS: std::ops::RangeInclusive<u32> = 1..=60;

/// Lamp, %.
pub const LED: std::ops::RangeInclusive<u32> = 0..=100;

/// Pictures a second that a camera gives at most while nobody watches.
pub const IDLE_FPS: u32 = 1;

const ID: std::ops::RangeInclusive<u32> = 0..=u32::MAX;

const TAKES_QUALITY: &str = "1 to 100";
const TAKES_FPS: &str = "1 to 60";
const TAKES_LED: &str = "0 to 100";
const TAKES_ID: &str = "a whole number from 0 to 4294967295";

/// A member of a message that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {takes}")]
pub struct BadMember {
    /// The member.
    pub member: &'static str,
    /// What it takes.
    pub takes: &'static str,
    /// The id of the message, if that was right: an acknowledgement can refer to it.
    pub id: Option<u32>,
}

impl BadMember {
    const fn new(member: &'static str, takes: &'static str) -> BadMember {
        BadMember { member, takes, id: None }
    }

    const fn with_id(self, id: Option<u32>) -> BadMember {
        BadMember { id, ..self }
    }
}
