//! A camera that comes back takes its name from its own older connection. Two cameras that somebody gave one name would
//! do so for ever, and this ends it.

use super::naming;
use camherd_hub::{Owner, Stream};
use camherd_media::time::Monotonic;
use std::collections::HashMap;
use std::time::Duration;

/// A name that was taken from a camera at work is not taken so again before nobody has tried for so long: more than the
/// longest time that a device waits between attempts, which is 30 s.
const CONTESTED: Duration = Duration::from_secs(60);

/// Two cameras want the same name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "two cameras have the name {stream}, and the one at {by} is at work as it: choose another name for this one"
)]
pub struct Contested {
    stream: String,
    by: String,
}

/// The streams that were taken from a camera at work, by [`Stream::order`], and when it was tried last.
#[derive(Debug, Default)]
pub struct Takeovers(HashMap<u64, Monotonic>);

impl Takeovers {
    /// Whether a camera of `owner` may take the stream, as far as its own other connections are concerned.
    ///
    /// # Errors
    /// [`Contested`] when it has been taken from one that is at work already.
    pub fn admit(&mut self, stream: &Stream, owner: &Owner) -> Result<(), Contested> {
        let now = stream.clock().now();
        self.0.retain(|_, last| now.since(*last) < CONTESTED);
        let is_own = stream.owner().is_some_and(|(holder, _)| holder == *owner);
        if !is_own || !naming::is_at_work(stream) {
            return Ok(());
        }
        match self.0.insert(stream.order(), now) {
            None => Ok(()),
            Some(_) => Err(Contested {
                stream: stream.name().to_string(),
                by: stream.publisher().unwrap_or_default(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_camera_may_come_back_and_two_of_one_name_do_not_take_turns() {
        let hub = testing::hub(2);
        let stream = hub.get_or_create(&"door".parse().unwrap()).unwrap();
        let owner = Owner("192.168.1.23".to_owned());
        let mut takeovers = Takeovers::default();
        assert_eq!(takeovers.admit(&stream, &owner), Ok(()));
        let first = stream.publish(owner.clone(), "192.168.1.23".to_owned()).unwrap();
        assert_eq!(takeovers.admit(&stream, &owner), Ok(()), "the network was lost for a moment");
        let second = stream.publish(owner.clone(), "192.168.1.23".to_owned()).unwrap();
        drop(first);
        for _ in 0..3 {
            let contested = takeovers.admit(&stream, &owner).unwrap_err().to_string();
            assert!(contested.contains("door") && contested.contains("192.168.1.23"), "{contested}");
        }
        assert_eq!(
            takeovers.admit(&stream, &Owner("token".to_owned())),
            Ok(()),
            "that is for the hub to say"
        );
        let other = hub.get_or_create(&"yard".parse().unwrap()).unwrap();
        let _held = other.publish(owner.clone(), String::new()).unwrap();
        assert_eq!(takeovers.admit(&other, &owner), Ok(()), "each name for itself");
        drop(second);
        assert_eq!(takeovers.admit(&stream, &owner), Ok(()), "it has left");
    }
}
