//! Names for cameras that give none: from the address, the same one after each reconnect.

use camherd_hub::{Full, Hub, Owner, Stream};
use camherd_media::ids::StreamName;
use std::net::IpAddr;
use std::time::Duration;

/// A connection that has sent a frame, or come, within this time is at work. A device that reconnects has
/// been silent for longer: it waits 5 s after a close, and gives up on a send after 1 s.
const AT_WORK: Duration = Duration::from_secs(2);

/// Most unnamed cameras behind one address, e.g. a router or a machine full of virtual cameras.
const MAX_SIBLINGS: usize = 64;

/// Why an unnamed camera gets no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NamingError {
    /// The hub has no room.
    #[error(transparent)]
    Full(#[from] Full),
    /// Too many at one address.
    #[error(
        "{MAX_SIBLINGS} unnamed cameras send from this address already; give this one a name: /ws/camera/NAME"
    )]
    Siblings,
}

/// `cam-192-168-1-23`, or for the n-th camera at the address `cam-192-168-1-23-n`.
fn from_address(address: IpAddr, number: usize) -> Option<StreamName> {
    let address = address.to_canonical().to_string().replace(['.', ':', '%'], "-");
    match number {
        1 => format!("cam-{address}").parse().ok(),
        n => format!("cam-{address}-{n}").parse().ok(),
    }
}

/// The stream of an unnamed camera at `address`: the first of its names that no camera is at work on.
///
/// # Errors
/// [`NamingError`] when there is no room.
pub fn stream_for(hub: &Hub, address: IpAddr, owner: &Owner) -> Result<Stream, NamingError> {
    for number in 1..=MAX_SIBLINGS {
        let Some(name) = from_address(address, number) else { continue };
        let stream = hub.get_or_create(&name)?;
        if may_take(&stream, owner) {
            return Ok(stream);
        }
    }
    Err(NamingError::Siblings)
}

fn may_take(stream: &Stream, owner: &Owner) -> bool {
    stream.owner().is_none_or(|(holder, _)| holder == *owner) && !is_at_work(stream)
}

/// Whether a camera has sent a picture for the stream a moment ago, or has just come.
pub(super) fn is_at_work(stream: &Stream) -> bool {
    let Some((_, since)) = stream.owner() else { return false };
    let last_sign = stream.stats().last_unit.map_or(since, |unit| unit.max(since));
    stream.clock().now().since(last_sign) <= AT_WORK
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_same_address_gets_the_same_name_and_a_second_camera_another() {
        let hub = testing::hub(3);
        let address: IpAddr = "::ffff:192.168.1.23".parse().unwrap();
        let owner = Owner("192.168.1.23".to_owned());
        let first = stream_for(&hub, address, &owner).unwrap();
        assert_eq!(first.name().as_str(), "cam-192-168-1-23");
        let held = first.publish(owner.clone(), String::new()).unwrap();
        let second = stream_for(&hub, address, &owner).unwrap();
        assert_eq!(second.name().as_str(), "cam-192-168-1-23-2");
        drop(held);
        assert_eq!(stream_for(&hub, address, &owner).unwrap().name(), first.name());
        let six = stream_for(&hub, "fe80::1".parse().unwrap(), &owner).unwrap();
        assert_eq!(six.name().as_str(), "cam-fe80--1");
        assert!(stream_for(&hub, "10.0.0.1".parse().unwrap(), &owner).is_err());
    }
}
