//! Packaging, once for all viewers of a rendition.

use super::demand::{Demand, Wish};
use super::input::{Input, Want};
use super::{H264_FMP4, H264_TS, multipart};
use camherd_hub::{Clock, DeriveError, Event, RenditionKey, Stream, Writer};
use camherd_media::container::{Fmp4Muxer, Multipart, MuxError, TsMuxer, WallClock};
use camherd_media::unit::Unit;
use tokio::runtime::Handle;

/// One kind of packaging and its state.
pub(super) enum Packager {
    Fmp4(Fmp4Muxer),
    Ts(TsMuxer),
    Multipart(Multipart),
}

impl Packager {
    /// The packager that makes the rendition `key`.
    pub(super) fn for_key(key: &RenditionKey) -> Option<Packager> {
        match key {
            _ if *key == H264_FMP4 => Some(Packager::Fmp4(Fmp4Muxer::new())),
            _ if *key == H264_TS => Some(Packager::Ts(TsMuxer::new())),
            _ => multipart(key).map(Packager::Multipart),
        }
    }

    fn wants(&self) -> Want {
        match self {
            Packager::Fmp4(_) | Packager::Ts(_) => Want::Video,
            Packager::Multipart(_) => Want::Jpeg,
        }
    }

    /// Whether pictures of another origin may follow in the same answer: each part stands alone.
    fn goes_on(&self) -> bool {
        matches!(self, Packager::Multipart(_))
    }

    fn push(&mut self, unit: &Unit, clock: &Clock) -> Result<Unit, MuxError> {
        let wall = || WallClock(u64::try_from(clock.unix_micros(unit.stamps.taken())).unwrap_or(0));
        let mut packaged = match self {
            Packager::Fmp4(muxer) => muxer.push(unit, Some(wall()))?,
            Packager::Ts(muxer) => muxer.push(unit)?,
            Packager::Multipart(multipart) => multipart.push(unit, wall())?,
        };
        packaged.stamps.packaged = Some(clock.now());
        Ok(packaged)
    }
}

/// Starts a task that packages until nobody reads.
pub(super) fn start(
    stream: &Stream,
    packager: Packager,
    writer: Writer,
    runtime: &Handle,
) -> Result<(), DeriveError> {
    // The upstream is subscribed to before the task runs, so that its encoder starts a moment earlier.
    let input = Input::open(stream, packager.wants())?;
    let clock = stream.clock();
    runtime.spawn(run(stream.clone(), input, packager, clock, writer));
    Ok(())
}

async fn run(stream: Stream, mut input: Input, mut packager: Packager, clock: Clock, writer: Writer) {
    let mut demand = Demand::default();
    // Whether this input has given a unit.
    let mut given = false;
    loop {
        let event = tokio::select! {
            event = input.next() => event,
            wish = demand.next(&writer) => {
                match wish {
                    Wish::Keyframe => input.request_keyframe(),
                    Wish::End => return,
                }
                continue;
            }
        };
        match event {
            Event::Unit(delivery) => {
                given = true;
                match packager.push(&delivery.unit, &clock) {
                    Ok(unit) => {
                        if writer.push(unit).is_err() {
                            return;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a unit cannot be packaged");
                        input.request_keyframe();
                    }
                }
            }
            Event::State(_) => {}
            // A camera with another codec: who reads parts takes those of one picture after those of any other.
            Event::Ended(reason) => {
                match packager.goes_on().then(|| Input::open(&stream, packager.wants())) {
                    Some(Ok(next)) if std::mem::replace(&mut given, false) && stream.removed().is_none() => {
                        input = next;
                    }
                    Some(Err(error)) => return writer.fail(error.reason),
                    _ => return writer.fail(&*reason),
                }
            }
        }
    }
}
