//! The hub: named streams, each with one publisher at a time and any number of readers.
//!
//! What is here: the registry of streams ([`Hub`]), the ring of units behind every rendition, publishers,
//! subscriptions, the demand that starts and stops derived renditions, and counters.
//! What is not: any protocol, any codec library, any timer or task. Whoever derives a rendition
//! implements [`Derive`] and runs it where it likes.
//!
//! Rules that hold everywhere: a write never waits for a reader; no queue is unbounded; a reader that
//! falls behind resumes at a keyframe and is told how many units it missed.

mod clock;
mod publisher;
mod registry;
mod rendition;
mod ring;
mod stats;
mod stream;
mod subscription;
mod sync;
mod want;
mod writer;

pub use clock::Clock;
pub use publisher::{Busy, Owner, Publisher, Superseded};
pub use registry::{Full, Hub};
pub use rendition::RenditionKey;
pub use ring::RingLimits;
pub use stats::{Drops, StreamStats, ViewerGuard};
pub use stream::{Derive, DeriveError, RenditionInfo, Stream, StreamState};
pub use subscription::{Delivery, Event, Start, Subscription};
pub use want::Want;
pub use writer::{Closed, Writer};
