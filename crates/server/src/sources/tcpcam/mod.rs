//! TCPCam: ESP32 cameras that serve JPEGs over plain TCP for a PIN, `tcpcam://HOST[:3333]?pin=1235`.
//!
//! [`pull`] is one connection to such a camera; `sources::pull` makes them anew. What goes over the wire is in
//! `camherd_media::wire::tcpcam`.

#[cfg(test)]
mod tests;

use crate::net::dial::dial;
use crate::sources::jpeg_units::JpegUnits;
use crate::sources::pull::{Feed, PullError, Spec};
use bytes::Bytes;
use camherd_media::codec::jpeg;
use camherd_media::wire::tcpcam::{Count, FrameReader, PORT, Pin};
use std::convert::Infallible;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// Between PIN and count. The camera takes what one `recv` gives for the PIN, so the count must not be there yet when
/// its task gets to that: it wakes within ten milliseconds, and a Wi-Fi station that sleeps between beacons gets the
/// PIN up to a hundred milliseconds late. Who has waited once for the first picture hardly sees it.
const APART: Duration = Duration::from_millis(150);

/// Read at a time: a JPEG in a few reads.
const READ: usize = 32 * 1024;

/// Said when nothing came: these cameras do not say what they do not like.
const WRONG_PIN: &str = "the PIN may be wrong";

/// Pulls pictures until the connection ends. They are published as they are complete; a payload that is no picture is
/// counted, with the labels of the JPEG normaliser, and said as the reason why there is none.
///
/// # Errors
/// [`PullError`], always: why it is over.
pub async fn pull(spec: &Spec, feed: &mut Feed<'_>) -> Result<Infallible, PullError> {
    let pin = spec.source.pin().map_err(|error| PullError::Unusable(error.to_string()))?;
    let connected = dial(&spec.source.bare(), PORT).await;
    let mut socket = connected.map_err(|error| PullError::Unreachable(error.to_string()))?;
    ask(&mut socket, &pin).await.map_err(hung_up)?;
    let (mut reader, mut units, mut buffer) = (FrameReader::new(), JpegUnits::default(), vec![0; READ]);
    let mut silent = true;
    loop {
        let length = match socket.read(&mut buffer).await {
            Ok(0) if silent => return Err(PullError::ClosedAtOnce(WRONG_PIN)),
            Err(error) if silent => return Err(hung_up(error)),
            Ok(0) if reader.is_unfinished() => {
                return Err(PullError::Broken("the camera hung up in the middle of a picture".to_owned()));
            }
            Ok(0) => return Err(PullError::Ended),
            Ok(length) => length,
            Err(error) => return Err(PullError::Broken(error.to_string())),
        };
        silent = false;
        let mut input = &buffer[..length];
        while let Some(payload) = reader
            .read(&mut input)
            .map_err(|error| PullError::Unusable(format!("it does not speak TCPCam: {error}")))?
        {
            publish(&payload, &mut units, feed)?;
        }
    }
}

/// Sends PIN and count so that they arrive apart.
async fn ask(socket: &mut TcpStream, pin: &Pin) -> io::Result<()> {
    socket.write_all(pin.expose().as_bytes()).await?;
    sleep(APART).await;
    socket.write_all(Count::Endless.encode().as_bytes()).await
}

fn publish(payload: &Bytes, units: &mut JpegUnits, feed: &mut Feed<'_>) -> Result<(), PullError> {
    let received = feed.clock().now();
    match jpeg::normalise(payload) {
        Ok(jpeg) => feed.push(units.unit(&feed.clock(), jpeg, received)),
        Err(error) => {
            feed.count_drop(error.kind().label(), error.to_string());
            // A picture that got damaged is no reason to call the camera offline; what never was one is.
            if error.kind() == jpeg::JpegErrorKind::NotJpeg {
                feed.unusable(error.to_string());
            }
            Ok(())
        }
    }
}

/// An error before anything came. A camera that hangs up on what it has not read makes one.
fn hung_up(error: io::Error) -> PullError {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    match error.kind() {
        ConnectionReset | ConnectionAborted | BrokenPipe => PullError::ClosedAtOnce(WRONG_PIN),
        _ => PullError::Broken(error.to_string()),
    }
}
