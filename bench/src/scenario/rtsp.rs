//! RTSP cameras, read by Python programs: through camherd, and as people read them without it.

pub mod decode;
pub mod first;
pub mod idle;
pub mod latency;
pub mod readers;

use crate::args::Args;
use crate::clips::{self, Profile};
use crate::clock;
use crate::error::{Error, protocol};
use crate::frames::Kind;
use crate::http;
use crate::reader::{Reader, Way};
use crate::rtsp_camera::{Config, RtspCameras};
use crate::server::Server;
use serde_json::{Value, json};
use std::time::Duration;

/// How long a camera may take to become live; one that sends a keyframe each second takes little more than that.
const LIVE: Duration = Duration::from_secs(15);
/// How often the server is asked whether something has come to be.
const ASK: Duration = Duration::from_millis(20);
/// From a reader's first frame to the measuring: who begins in the middle of a GOP has caught up by then.
const WARM_UP: Duration = Duration::from_secs(2);
/// Frames a second of all cameras but the idle ones.
const FPS: u32 = 30;

/// Cameras of that size: main profile, [`FPS`], a keyframe each second. Their names are in their URLs.
fn cameras(args: &Args, kind: Kind, names: &[String]) -> Result<RtspCameras, Error> {
    let clip = clips::load(&args.cache, kind, Profile::Main, 1)?;
    let config = |name: &String| Config { name: name.clone(), clip: &clip, fps: FPS };
    RtspCameras::start(&args.gst_python, &names.iter().map(config).collect::<Vec<_>>())
}

/// Lets the server fetch the camera, as a reader's `VideoCapture(url)` does; its id.
fn add(server: &Server, url: &str) -> Result<String, Error> {
    let body = json!({ "rtsp_url": url });
    let answer = http::request(server.addr(), "POST", "/api/streams/start-with-url", Some(&body))?;
    let id = answer["stream_id"].as_str().map(str::to_owned);
    id.ok_or_else(|| protocol("server", format!("started a stream without saying its id: {answer}")))
}

/// Lets the server forget a camera.
fn remove(server: &Server, id: &str) -> Result<(), Error> {
    http::request(server.addr(), "DELETE", &format!("/api/streams/{id}/force"), None).map(drop)
}

/// All streams, as the API tells them.
fn streams(server: &Server) -> Result<Vec<Value>, Error> {
    let mut answer = http::request(server.addr(), "GET", "/api/streams", None)?;
    match answer["streams"].take() {
        Value::Array(streams) => Ok(streams),
        other => Err(protocol("server", format!("has as streams: {other}"))),
    }
}

/// Waits until that many streams are live.
fn wait_live(server: &Server, count: usize) -> Result<(), Error> {
    let end = clock::after(LIVE);
    loop {
        let streams = streams(server)?;
        let live = streams.iter().filter(|stream| stream["state"] == "live").count();
        if live >= count {
            return Ok(());
        }
        if clock::now() > end {
            let waiting = streams.iter().find(|stream| stream["state"] != "live");
            let reason = waiting.and_then(|stream| stream["reason"].as_str()).unwrap_or_default();
            return Err(protocol("server", format!("{live} of {count} streams are live ({reason})")));
        }
        std::thread::sleep(ASK);
    }
}

/// Forms of a stream that something is working to make; what the camera sends is none.
fn made(stream: &Value) -> Vec<&str> {
    let renditions = stream["renditions"].as_array().map_or(&[][..], Vec::as_slice);
    let made = renditions.iter().filter(|rendition| rendition["active"] == true);
    made.filter_map(|rendition| rendition["name"].as_str()).filter(|name| *name != "source").collect()
}

/// Readers that all have had a frame, and are past their beginning.
fn readers(args: &Args, way: Way, url: &str, kind: Kind, count: usize) -> Result<Vec<Reader>, Error> {
    let mut readers = Vec::with_capacity(count);
    for _ in 0..count {
        readers.push(Reader::start(&args.python, way, kind)?);
    }
    for reader in &mut readers {
        reader.open(url)?;
    }
    for reader in &readers {
        reader.opened()?;
    }
    std::thread::sleep(WARM_UP);
    Ok(readers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_camera_sends_is_not_made() {
        let rendition = |name: &str, active: bool| json!({ "name": name, "active": active });
        let stream =
            json!({ "renditions": [rendition("source", true), rendition("a", true), rendition("b", false)] });
        assert_eq!(made(&stream), ["a"]);
        assert!(made(&json!({})).is_empty());
    }
}
