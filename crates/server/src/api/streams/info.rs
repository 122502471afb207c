//! What is told of a stream: the fields of the RTSP single-ingest server, and more.

use super::catalogue::Entry;
use super::rfc3339;
use crate::api::device::DeviceInfo;
use crate::api::state::Server;
use crate::api::status::{RenditionStatus, rendition_status, rounded};
use crate::transcode::{H264, JPEG, Ladder, PICTURE, Quality};
use camherd_hub::{RenditionKey, Stream};
use camherd_media::ids::StreamName;
use camherd_media::unit::Stamps;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use utoipa::ToSchema;

/// One stream. Fields may be added; ignore those that you do not know.
#[derive(Debug, Serialize, ToSchema)]
pub struct StreamInfo {
    /// The id as it was given.
    #[schema(example = "door")]
    stream_id: String,
    /// The camera's URL without user name, password and the like; empty when a camera pushes the stream.
    #[schema(example = "rtsp://***@192.168.1.20/stream1")]
    rtsp_url: String,
    /// Whether the server fetches the stream, or a camera is connected.
    is_running: bool,
    /// Who watches, over WebSocket, HTTP and shared memory.
    client_count: usize,
    /// Pictures taken from the camera.
    frame_count: u64,
    /// When the newest picture reached the server, RFC 3339; `0001-01-01T00:00:00Z` before the first.
    last_frame_time: String,
    /// Pictures that are kept for who comes next.
    buffer_size: usize,
    /// The name of the stream in other addresses, such as `/streams/NAME/mjpeg`.
    name: String,
    /// As `rtsp_url`; null when a camera pushes the stream.
    source: Option<String>,
    /// The stream whose camera this id shares, when it was asked for by a URL that the server fetches already.
    shares: Option<String>,
    /// Whether the configuration names the stream, so that it cannot be deleted here.
    configured: bool,
    /// Whether the server fetches the stream only while somebody watches.
    on_demand: bool,
    /// Size of raw pictures for who asks for none: `640x480`, or `native` for the camera's own.
    #[schema(example = "640x480")]
    frame_size: String,
    /// The camera's codec: `jpeg`, `h264` or `h265`; null before the first picture.
    codec: Option<&'static str>,
    /// Width of the camera's pictures, pixels; 0 before the first.
    width: u32,
    /// Height of the camera's pictures, pixels; 0 before the first.
    height: u32,
    /// Pictures per second, over the last 3 s.
    fps: f64,
    /// Bit/s that the camera sends, over the last 3 s.
    bitrate: u64,
    /// `waiting`, `live` or `offline`.
    state: &'static str,
    /// Why there is no picture; empty when live.
    reason: String,
    /// The forms in which the stream exists now.
    renditions: Vec<RenditionStatus>,
    /// The qualities in which the stream exists now, best first.
    qualities: Vec<QualityInfo>,
    /// The qualities that cannot be had now, each with the reason.
    #[schema(value_type = std::collections::BTreeMap<String, String>, example = json!({"medium": "no medium quality: the camera sends high and low"}))]
    no_qualities: BTreeMap<&'static str, String>,
    /// What the camera sent and nobody can use, by kind.
    #[schema(value_type = std::collections::BTreeMap<String, u64>)]
    dropped: camherd_hub::Drops,
    /// The latest of these, in words.
    last_error: Option<String>,
    /// As `client_count`.
    viewers: usize,
    /// Age of the newest picture, ms: since the camera took it, where it says so, else since it arrived.
    age_ms: Option<f64>,
    /// How long the newest pictures took.
    latency: Latency,
    /// The camera as a device, when it speaks the device channel.
    device: Option<DeviceInfo>,
}

/// One quality of a stream.
#[derive(Debug, Serialize, ToSchema)]
pub struct QualityInfo {
    /// `high`, `medium` or `low`.
    #[schema(example = "low")]
    quality: &'static str,
    /// Whether camherd makes it, else the camera sends it.
    made: bool,
    /// `waiting`, `live` or `offline`.
    state: &'static str,
    /// How the camera sends it; null where camherd makes it, in whatever form somebody watches.
    codec: Option<&'static str>,
    /// Pixels.
    width: u32,
    /// Pixels.
    height: u32,
    /// Frames per second over the last 3 s.
    fps: f64,
    /// Bits per second over the last 3 s, as the camera sends it; null where camherd makes it.
    bitrate: Option<u64>,
    /// Who watches it now.
    viewers: usize,
}

/// The qualities of a stream that exist now.
fn qualities(stream: &Stream) -> Vec<QualityInfo> {
    let existing = Ladder::existing(stream);
    let lower: usize = existing.iter().skip(1).map(|(_, lower, _)| lower.stats().viewers).sum();
    let info = |(quality, of, made): (Quality, Stream, bool)| {
        let (stats, state) = (of.stats(), of.state());
        let format = of.newest().map(|(unit, _)| unit.format);
        // Every viewer is counted by the stream itself, and those of a lower quality there as well.
        let of_lower = if of.variant_name().is_none() { lower } else { 0 };
        QualityInfo {
            quality: quality.name(),
            made,
            state: state.label(),
            codec: format.as_ref().filter(|_| !made).map(|format| format.codec.name()),
            width: format.as_ref().map_or(0, |format| format.width),
            height: format.as_ref().map_or(0, |format| format.height),
            fps: rounded(stats.fps, 2),
            bitrate: (!made).then_some(stats.bitrate as u64),
            viewers: stats.viewers.saturating_sub(of_lower),
        }
    };
    existing.into_iter().map(info).collect()
}

/// Why the qualities that cannot be had cannot.
fn no_qualities(ladder: &Ladder, stream: &Stream) -> BTreeMap<&'static str, String> {
    let missing = |quality: Quality| Some((quality.name(), ladder.why_not(stream, quality)?));
    Quality::ALL.into_iter().filter_map(missing).collect()
}

/// How long the newest pictures took, ms; null where it is not known.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Latency {
    /// From the camera's shutter to the last byte here, where the camera says when it took the picture.
    camera_to_server_ms: Option<f64>,
    /// From the last byte here to the decoded picture; null while nothing is decoded.
    decode_ms: Option<f64>,
    /// From the decoded picture (else the last byte) to the encoded one; null while nothing is encoded.
    encode_ms: Option<f64>,
}

impl Latency {
    /// From the newest units of the source and of what is made of it.
    fn of<'a>(newest: impl Iterator<Item = &'a Stamps>) -> Latency {
        let mut latency = Latency::default();
        for stamps in newest {
            let since = |earlier| move |later: camherd_media::time::Monotonic| millis(later.since(earlier));
            let camera = stamps.captured.map(|captured| millis(stamps.received.since(captured)));
            let decode = stamps.decoded.map(since(stamps.received));
            let encode = stamps.encoded.map(since(stamps.decoded.unwrap_or(stamps.received)));
            latency.camera_to_server_ms = latency.camera_to_server_ms.or(camera);
            latency.decode_ms = latency.decode_ms.or(decode);
            latency.encode_ms = latency.encode_ms.or(encode);
        }
        latency
    }
}

fn millis(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1000.0, 1)
}

/// All streams by name, and the ids that share one.
#[must_use]
pub fn all(server: &Server) -> Vec<StreamInfo> {
    let streams = server.hub.streams();
    let mut list: Vec<StreamInfo> = streams
        .iter()
        .map(|stream| info(server, stream, server.catalogue.get(stream.name()).as_ref()))
        .collect();
    let sharing = server.catalogue.all().into_iter().filter_map(|entry| {
        let stream = streams.iter().find(|stream| entry.shares.as_ref() == Some(stream.name()))?;
        Some(info(server, stream, Some(&entry)))
    });
    list.extend(sharing);
    list.sort_by(|a, b| a.stream_id.cmp(&b.stream_id));
    list
}

/// The stream of an id.
#[must_use]
pub fn one(server: &Server, id: &str) -> Option<StreamInfo> {
    let stream = server.hub.get(&server.catalogue.resolve(id)?)?;
    let entry = server.catalogue.get(&super::catalogue::fold(id)?);
    Some(info(server, &stream, entry.as_ref()))
}

/// Size of raw pictures of a stream for who asks for none, pixels; `None` is the camera's own. `id` is that of
/// the address, which may have a size of its own although it shares a stream.
#[must_use]
pub fn frame_size(server: &Server, id: &str, name: &StreamName) -> Option<(u32, u32)> {
    if let Some(entry) = super::catalogue::fold(id).and_then(|name| server.catalogue.get(&name)) {
        return entry.spec.size;
    }
    server.config.streams.get(name).and_then(|stream| stream.size)
}

fn info(server: &Server, stream: &Stream, entry: Option<&Entry>) -> StreamInfo {
    let (state, stats, clock) = (stream.state(), stream.stats(), stream.clock());
    let renditions = stream.renditions();
    let newest = stream.newest().map(|(unit, _)| unit);
    let made = [RenditionKey::SOURCE, PICTURE, H264, JPEG].map(|key| stream.newest_of(&key));
    let stamps: Vec<Stamps> = made.into_iter().flatten().map(|(unit, _)| unit.stamps).collect();
    let format = newest.as_ref().map(|unit| unit.format.clone());
    let pulled = server.pulls.get(stream.name());
    let spec = entry.map(|entry| &entry.spec).or(pulled.as_deref());
    let source = spec.map(|spec| spec.source.to_string());
    let id = entry.map_or(stream.name().to_string(), |entry| entry.id.clone());
    let size = frame_size(server, &id, stream.name());
    StreamInfo {
        rtsp_url: source.clone().unwrap_or_default(),
        is_running: pulled.is_some() || stream.publisher().is_some(),
        client_count: stats.viewers,
        frame_count: stats.units,
        last_frame_time: stats
            .last_unit
            .map_or(rfc3339::NEVER.to_owned(), |at| rfc3339::format(clock.unix_micros(at))),
        buffer_size: renditions.first().map_or(0, |source| source.held_units),
        name: stream.name().to_string(),
        source,
        shares: entry.and_then(|entry| entry.shares.as_ref()).map(ToString::to_string),
        configured: entry.is_none() && server.config.streams.contains_key(stream.name()),
        on_demand: pulled.is_some_and(|spec| spec.on_demand),
        frame_size: size.map_or("native".to_owned(), |(width, height)| format!("{width}x{height}")),
        codec: format.as_ref().map(|format| format.codec.name()),
        width: format.as_ref().map_or(0, |format| format.width),
        height: format.as_ref().map_or(0, |format| format.height),
        fps: rounded(stats.fps, 2),
        bitrate: stats.bitrate as u64,
        state: state.label(),
        reason: state.reason().to_owned(),
        renditions: renditions.into_iter().map(rendition_status).collect(),
        qualities: qualities(stream),
        no_qualities: no_qualities(&server.ladder, stream),
        viewers: stats.viewers,
        dropped: stats.drops,
        last_error: stats.last_error,
        age_ms: newest.as_ref().map(|unit| millis(clock.now().since(unit.stamps.taken()))),
        latency: Latency::of(stamps.iter()),
        device: server.devices.get(stream).map(DeviceInfo::from),
        stream_id: id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camherd_media::time::Monotonic;

    #[test]
    fn latency_is_what_the_stamps_tell() {
        let source = Stamps { captured: Some(Monotonic(1_000)), ..Stamps::received(Monotonic(31_000)) };
        let raw = Stamps { decoded: Some(Monotonic(33_500)), ..source };
        let recoded = Stamps { encoded: Some(Monotonic(40_500)), ..raw };
        assert_eq!(Latency::of([].iter()), Latency::default());
        let one = Latency::of([source].iter());
        assert_eq!((one.camera_to_server_ms, one.decode_ms, one.encode_ms), (Some(30.0), None, None));
        let all = Latency::of([Stamps::received(Monotonic(1)), source, raw, recoded].iter());
        assert_eq!(
            (all.camera_to_server_ms, all.decode_ms, all.encode_ms),
            (Some(30.0), Some(2.5), Some(7.0))
        );
    }
}
