//! A response without end: JPEG after JPEG.

use super::connection::Response;
use crate::sources::jpeg_units::JpegUnits;
use crate::sources::pull::{Feed, PullError};
use bytes::Bytes;
use camherd_media::codec::jpeg;
use camherd_media::time::Monotonic;
use camherd_media::wire::multipart_reader::Reader;
use std::convert::Infallible;

/// Publishes the pictures of `response` until it ends, and counts its parts in `parts`.
pub(super) async fn run(
    response: &mut Response,
    units: &mut JpegUnits,
    feed: &mut Feed<'_>,
    parts: &mut u64,
) -> Result<Infallible, PullError> {
    let mut reader = Reader::new(response.head.content_type());
    let clock = feed.clock();
    loop {
        let received = clock.now();
        reader.push(&response.body);
        response.body.clear();
        while let Some(part) = reader.next() {
            match part {
                Ok(part) => {
                    *parts += 1;
                    publish(&part, received, units, feed)?;
                }
                Err(problem) => feed.count_drop(problem.label(), problem.to_string()),
            }
        }
        if !response.more().await? {
            return Err(PullError::Ended);
        }
    }
}

/// Publishes a picture, or counts what is none.
pub(super) fn publish(
    picture: &Bytes,
    received: Monotonic,
    units: &mut JpegUnits,
    feed: &mut Feed<'_>,
) -> Result<(), PullError> {
    match jpeg::normalise(picture) {
        Ok(jpeg) => feed.push(units.unit(&feed.clock(), jpeg, received)),
        Err(error) => {
            feed.count_drop(error.kind().label(), error.to_string());
            Ok(())
        }
    }
}
