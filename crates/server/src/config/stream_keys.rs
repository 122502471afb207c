//! The keys of one stream, below `streams.NAME`.

use super::Stream;
use super::input::{Input, Invalid, Key};
use super::key::idr_period;
use super::streams::looks_like_url;
use super::value::{self, Problem};
use std::time::Duration;

/// The key that a stream given as one text sets.
pub(super) const SOURCE: &str = "source";

/// Shortest time between two requests for a single picture: what takes longer to answer than this is asked
/// again at once, and a camera has other things to do.
const MIN_SNAPSHOT_INTERVAL: Duration = Duration::from_millis(50);
/// Longest: beyond it the picture is no news.
const MAX_SNAPSHOT_INTERVAL: Duration = Duration::from_secs(3600);

/// Every key of one stream, below `streams.NAME`.
pub static STREAM_KEYS: &[Key<Stream>] = &[
    Key {
        path: SOURCE,
        default: "",
        list: false,
        expected: "a URL such as rtsp://USER:PASSWORD@192.168.1.20/stream1, http://192.168.1.21:81/stream or tcpcam://192.168.1.22?pin=1235",
        doc: "The camera that the server fetches this stream from. Not set: a camera pushes it.",
        set: |stream, input| {
            stream.source = Some(input.parse(value::camera)?);
            Ok(())
        },
    },
    Key {
        path: "size",
        default: "",
        list: false,
        expected: "WIDTHxHEIGHT, each from 16 to 8192, such as 640x480",
        doc: "The size of raw pictures for programs that ask for none. Not set: the camera's size.",
        set: |stream, input| {
            stream.size = Some(own(input, value::picture_size)?);
            Ok(())
        },
    },
    Key {
        path: "on_demand",
        default: "",
        list: false,
        expected: "`true` or `false`",
        doc: "Whether to connect to the camera at `source` only while somebody watches. Not set: `false`.",
        set: |stream, input| {
            stream.on_demand = own(input, value::truth)?;
            Ok(())
        },
    },
    Key {
        path: "rtsp.transport",
        default: "",
        list: false,
        expected: "`tcp` or `udp`",
        doc: "How an RTSP camera sends its packets. Not set: `tcp`, where nothing is lost.",
        set: |stream, input| {
            stream.transport = input.parse(value::transport)?;
            Ok(())
        },
    },
    Key {
        path: "snapshot_interval",
        default: "",
        list: false,
        expected: "a duration from 50ms to 1h",
        doc: "How often a camera at an http:// address that gives single pictures is asked for one. Not set: 500ms.",
        set: |stream, input| {
            let parse = |text: &str| value::duration(text, MIN_SNAPSHOT_INTERVAL, MAX_SNAPSHOT_INTERVAL);
            stream.snapshot_interval = own(input, parse)?;
            Ok(())
        },
    },
    Key {
        path: "h264.bitrate",
        default: "",
        list: false,
        expected: "`auto`, or 50k to 50M bit/s such as 1500k or 2M",
        doc: "As the global `h264.bitrate`, for this stream.",
        set: |stream, input| {
            stream.h264.bitrate = Some(own(input, value::bitrate)?);
            Ok(())
        },
    },
    Key {
        path: "h264.idr_period",
        default: "",
        list: false,
        expected: "a duration from 100ms to 60s",
        doc: "As the global `h264.idr_period`, for this stream.",
        set: |stream, input| {
            stream.h264.idr_period = Some(own(input, idr_period)?);
            Ok(())
        },
    },
    Key {
        path: "h264.size",
        default: "",
        list: false,
        expected: "WIDTHxHEIGHT, both even, from 16x16 to 3840x2160 (or upright), such as 640x480",
        doc: "Scale to this size for H.264. Not set: the camera's size.",
        set: |stream, input| {
            stream.h264.size = Some(own(input, value::size)?);
            Ok(())
        },
    },
];

/// The parsed value. Beside a camera's URL, a URL in the wrong place is a likely slip: it is not repeated.
fn own<V>(input: &Input, parse: impl Fn(&str) -> Result<V, Problem>) -> Result<V, Invalid> {
    input.parse(|text| match parse(text) {
        Err(_) if looks_like_url(text) => Err("it looks like a URL, which belongs to `source`".into()),
        parsed => parsed,
    })
}
