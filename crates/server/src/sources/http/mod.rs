//! Cameras over HTTP: MJPEG (`multipart/x-mixed-replace`) as ESP32 CameraWebServer, ESPHome and mjpg-streamer
//! serve it, and single JPEGs that are asked for again and again.
//!
//! [`pull`] is one connection to such a camera, or one series of requests; `sources::pull` makes them anew. How a
//! response is cut into pictures is in `camherd_media::wire`.

mod auth;
mod client;
mod connection;
mod snapshot;
mod stream;
#[cfg(test)]
mod tests;

use crate::sources::jpeg_units::JpegUnits;
use crate::sources::pull::{Feed, PullError, Spec};
use client::Client;
use connection::Response;
use std::convert::Infallible;

/// What JPEG begins with (SOI, ITU-T T.81, table B.1).
const SOI: &[u8] = &[0xff, 0xd8];

/// Longest media type that is repeated to people, in characters; the registered ones that cameras send are shorter.
const SHOWN_TYPE: usize = 60;

/// Most white space that is taken in front of a body whose kind is not known: some line ends too many.
const MAX_BLANK: usize = 64;

/// What a camera gives for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Pictures without end.
    Stream,
    /// One picture.
    Snapshot,
    /// A picture, and perhaps more of them until the camera hangs up.
    Pictures,
}

/// Pulls pictures until the connection ends. They are published as they are complete; what is no picture
/// is counted, with the labels of the JPEG normaliser.
///
/// # Errors
/// [`PullError`], always: why it is over.
pub async fn pull(spec: &Spec, feed: &mut Feed<'_>) -> Result<Infallible, PullError> {
    let (mut client, mut units) = (Client::new(&spec.source), JpegUnits::default());
    let mut response = client.get().await?;
    let kind = kind(&mut response).await?;
    tracing::info!(stream = %feed.stream().name(), ?kind, "the camera answers");
    let first = match kind {
        Kind::Snapshot => Some(response),
        Kind::Stream | Kind::Pictures => {
            let mut parts = 0;
            match stream::run(&mut response, &mut units, feed, &mut parts).await {
                // It was a snapshot without a length.
                Err(PullError::Ended) if kind == Kind::Pictures && parts == 1 => None,
                over => return over,
            }
        }
    };
    snapshot::run(&mut client, first, spec.snapshot_interval, &mut units, feed).await
}

/// Finds out what the response is: by its type if that is one of pictures, else by how its body begins, since
/// small servers leave the type out or call everything `text/html`.
async fn kind(response: &mut Response) -> Result<Kind, PullError> {
    let content_type = response.head.content_type().unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media_type.starts_with("multipart/") {
        return Ok(Kind::Stream);
    }
    let is_jpeg = matches!(&media_type[..], "image/jpeg" | "image/jpg" | "image/pjpeg");
    if is_jpeg {
        return Ok(if response.is_bounded() { Kind::Snapshot } else { Kind::Pictures });
    }
    loop {
        let blank = response.body.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | b' ')).count();
        let begin = &response.body[blank..];
        if begin.starts_with(SOI) {
            return Ok(if response.has_length() { Kind::Snapshot } else { Kind::Pictures });
        }
        if begin.starts_with(b"--") {
            return Ok(Kind::Stream);
        }
        if begin.len() >= 2 || blank > MAX_BLANK {
            return Err(PullError::Unusable(no_picture(&media_type)));
        }
        if !response.more().await? {
            return Err(PullError::Unusable("its answer is empty".to_owned()));
        }
    }
}

fn no_picture(media_type: &str) -> String {
    let shown: String = media_type.chars().filter(|c| !c.is_control()).take(SHOWN_TYPE).collect();
    let what = if shown.is_empty() { "something without a type" } else { &shown };
    format!("it sends {what}, which is no JPEG; the address of its pictures is another one")
}
