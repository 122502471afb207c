//! A camera that gives one picture for each request, and is asked again and again.
//!
//! A picture with the very bytes of the one before is not published: noise alone makes two pictures of a sensor
//! differ, so it is the same picture, and a camera that has frozen while its HTTP server still answers must not
//! look alive. Its stream goes offline as that of any camera that sends nothing, also across reconnects, and comes
//! back with the first new picture.

use super::client::Client;
use super::connection::Response;
use crate::sources::jpeg_units::JpegUnits;
use crate::sources::pull::{Feed, PullError};
use bytes::{Buf, Bytes};
use camherd_media::codec::jpeg::{self, MAX_JPEG};
use camherd_media::time::Monotonic;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Shortest time from one request to the next. No camera answers faster, and a timer needs more than zero.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// How long a picture may take from its first byte to its last.
const PICTURE_TIMEOUT: Duration = Duration::from_secs(8);

/// The same picture for so long is told, once: several times what cameras take to renew the picture that they give.
/// It comes before the stream is given up for want of pictures, as the explanation of that.
const FROZEN: Duration = Duration::from_secs(5);

/// Label of that in the counters.
const UNCHANGED: &str = "unchanged";

/// Asks for a picture each `every`, the first of which is on its way in `first`, if it is.
pub(super) async fn run(
    client: &mut Client,
    first: Option<Response>,
    every: Duration,
    units: &mut JpegUnits,
    feed: &mut Feed<'_>,
) -> Result<Infallible, PullError> {
    let mut due = interval(every.max(MIN_INTERVAL));
    // A camera that was slow is not asked twice at once.
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    due.tick().await;
    let mut latest = Latest::of(feed);
    let mut response = first;
    loop {
        if let Some(response) = response {
            let picture = take(client, response, feed).await?;
            let received = feed.clock().now();
            if let Some(picture) = picture {
                latest.publish(&picture, received, units, feed)?;
            }
        }
        due.tick().await;
        response = Some(client.get().await?);
    }
}

/// Reads the picture to its end; `None`, counted, when it is too large.
async fn take(
    client: &mut Client,
    mut response: Response,
    feed: &Feed<'_>,
) -> Result<Option<Bytes>, PullError> {
    let whole = async {
        while response.body.len() <= MAX_JPEG && response.more().await? {}
        Ok(())
    };
    let late = || PullError::Broken(format!("a picture took more than {} s", PICTURE_TIMEOUT.as_secs()));
    timeout(PICTURE_TIMEOUT, whole).await.unwrap_or_else(|_| Err(late()))?;
    if response.body.len() > MAX_JPEG {
        // The rest of it is left in a connection that is closed.
        feed.count_drop("too_large", format!("a picture has more than {MAX_JPEG} bytes (10 MiB)"));
        return Ok(None);
    }
    let mut picture = std::mem::take(&mut response.body);
    // A line end too many before the picture belongs to the headers.
    let blank = picture.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    picture.advance(blank);
    client.keep(response.into_connection());
    Ok(Some(picture.freeze()))
}

/// The newest picture of the stream, and since when it is the same.
struct Latest {
    picture: Bytes,
    since: Monotonic,
    told: bool,
}

impl Latest {
    /// The stream's newest picture may come from the connection before this one.
    fn of(feed: &Feed<'_>) -> Latest {
        let picture = feed.stream().newest().map(|(unit, _)| unit.payload).unwrap_or_default();
        Latest { picture, since: feed.clock().now(), told: false }
    }

    /// Publishes a picture if it is a new one.
    fn publish(
        &mut self,
        picture: &Bytes,
        received: Monotonic,
        units: &mut JpegUnits,
        feed: &mut Feed<'_>,
    ) -> Result<(), PullError> {
        let jpeg = match jpeg::normalise(picture) {
            Ok(jpeg) => jpeg,
            Err(error) => {
                feed.count_drop(error.kind().label(), error.to_string());
                return Ok(());
            }
        };
        if jpeg.data != self.picture {
            *self = Latest { picture: jpeg.data.clone(), since: received, told: false };
            return feed.push(units.unit(&feed.clock(), jpeg, received));
        }
        let unchanged = received.since(self.since);
        if unchanged >= FROZEN && !self.told {
            self.told = true;
            feed.count_drop(
                UNCHANGED,
                format!("the camera gives the same picture for {} s", unchanged.as_secs()),
            );
        }
        Ok(())
    }
}
