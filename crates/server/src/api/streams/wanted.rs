//! What a request asks for. Errors name the field and never repeat a URL.

use super::catalogue::{fold, id_of_url};
use super::shorten;
use crate::api::error::ApiError;
use crate::config::{MAX_PICTURE_SIDE, MIN_PICTURE_SIDE};
use crate::sources::pull::{Source, SourceError, Transport};
use axum::http::StatusCode;
use camherd_media::ids::{NameError, StreamName};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Raw pictures of streams that the API creates, unless the request says otherwise: what clients of the RTSP
/// single-ingest server expect.
const SIZE: (u32, u32) = (640, 480);

/// Ids that have a meaning of their own in `/ws/ID` or `/api/streams/ID`.
const RESERVED: [&str; 6] = ["camera", "viewer", "fmp4", "jpeg", "mjpeg", "start-with-url"];

/// The body of `POST /api/streams`. Unknown fields are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `Wanted` reads")]
pub struct CreateStream {
    /// 1 to 64 of `a-z`, `0-9`, `_` and `-`; upper-case letters count as lower-case ones.
    #[schema(example = "door")]
    stream_id: String,
    /// The camera: `rtsp://`, or any other URL that the server knows. `url` is the same.
    #[schema(example = "rtsp://user:password@192.168.1.20/stream1")]
    rtsp_url: Option<String>,
    /// The camera; the same as `rtsp_url`. One of both is needed.
    url: Option<String>,
    /// Width of raw pictures for who asks for none, pixels.
    #[schema(minimum = 16, maximum = 8192, default = 640)]
    width: Option<u32>,
    /// Height of raw pictures, pixels.
    #[schema(minimum = 16, maximum = 8192, default = 480)]
    height: Option<u32>,
    /// Connect to the camera only while somebody watches.
    #[schema(default = false)]
    on_demand: Option<bool>,
    /// How an RTSP camera sends its packets: `tcp` or `udp`.
    #[schema(default = "tcp")]
    transport: Option<String>,
}

/// The body of `POST /api/streams/start-with-url`. Unknown fields are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `Wanted` reads")]
pub struct StartWithUrl {
    /// The camera: `rtsp://`, or any other URL that the server knows. `url` is the same.
    #[schema(example = "rtsp://user:password@192.168.1.20/stream1")]
    rtsp_url: Option<String>,
    /// The camera; the same as `rtsp_url`. One of both is needed.
    url: Option<String>,
    /// Width of raw pictures for who asks for none, pixels.
    #[schema(minimum = 16, maximum = 8192, default = 640)]
    width: Option<u32>,
    /// Height of raw pictures, pixels.
    #[schema(minimum = 16, maximum = 8192, default = 480)]
    height: Option<u32>,
    /// Connect to the camera only while somebody watches.
    #[schema(default = false)]
    on_demand: Option<bool>,
    /// How an RTSP camera sends its packets: `tcp` or `udp`.
    #[schema(default = "tcp")]
    transport: Option<String>,
}

/// A stream that somebody wants, checked.
pub struct Wanted {
    /// Its name.
    pub name: StreamName,
    /// The id as given.
    pub id: String,
    /// The camera's URL as given, with its password.
    pub url: String,
    /// The camera.
    pub source: Source,
    /// Size of raw pictures, in pixels.
    pub size: (u32, u32),
    /// Connect only while somebody watches.
    pub on_demand: bool,
    /// How RTP packets come.
    pub transport: Transport,
}

impl Wanted {
    /// With the id in `stream_id`.
    ///
    /// # Errors
    /// 400 with the field and what is wrong with it.
    pub fn with_id(body: &Map<String, Value>) -> Result<Wanted, ApiError> {
        let id = text(body, "stream_id")?.ok_or_else(|| bad("`stream_id` is missing"))?;
        let name = id.to_ascii_lowercase().parse().map_err(|error: NameError| {
            // Both strings of a body may be mixed up; a password must not come back.
            let shown = if id.contains(['@', ':']) { String::new() } else { format!(" {:?}", shorten(id)) };
            bad(format!("`stream_id`{shown}: {error}"))
        })?;
        Wanted::new(body, name, id.to_owned())
    }

    /// With the id that follows from the URL.
    ///
    /// # Errors
    /// 400 with the field and what is wrong with it.
    pub fn by_url(body: &Map<String, Value>) -> Result<Wanted, ApiError> {
        let id = id_of_url(camera_url(body)?);
        let name = fold(&id).ok_or_else(|| bad("the URL gives no id"))?;
        Wanted::new(body, name, id)
    }

    fn new(body: &Map<String, Value>, name: StreamName, id: String) -> Result<Wanted, ApiError> {
        if RESERVED.contains(&name.as_str()) {
            return Err(bad(format!(
                "`stream_id`: {name:?} has a meaning of its own in addresses; choose another"
            )));
        }
        let url = camera_url(body)?;
        let source = url.parse().map_err(|error: SourceError| bad(format!("`rtsp_url`: {error}")))?;
        let size = (side(body, "width", SIZE.0)?, side(body, "height", SIZE.1)?);
        let on_demand = match body.get("on_demand") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(value)) => *value,
            Some(_) => return Err(bad("`on_demand` is neither true nor false")),
        };
        let transport = text(body, "transport")?.map(str::parse).transpose();
        let transport = transport.map_err(|error: SourceError| bad(format!("`transport`: {error}")))?;
        let transport = transport.unwrap_or_default();
        Ok(Wanted { name, id, url: url.to_owned(), source, size, on_demand, transport })
    }
}

fn camera_url(body: &Map<String, Value>) -> Result<&str, ApiError> {
    match (text(body, "rtsp_url")?, text(body, "url")?) {
        (Some(one), Some(other)) if one != other => Err(bad("`rtsp_url` and `url` are not the same")),
        (Some(url), _) | (None, Some(url)) => Ok(url),
        (None, None) => Err(bad("`rtsp_url` is missing")),
    }
}

/// A text that is not empty.
fn text<'a>(body: &'a Map<String, Value>, field: &str) -> Result<Option<&'a str>, ApiError> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Err(bad(format!("`{field}` is empty"))),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(bad(format!("`{field}` is not a text"))),
    }
}

fn side(body: &Map<String, Value>, field: &str, usual: u32) -> Result<u32, ApiError> {
    let range = MIN_PICTURE_SIDE..=MAX_PICTURE_SIDE;
    let value = match body.get(field) {
        None | Some(Value::Null) => return Ok(usual),
        Some(value) => value.as_u64().and_then(|value| u32::try_from(value).ok()),
    };
    value.filter(|value| range.contains(value)).ok_or_else(|| {
        bad(format!("`{field}` is not a whole number from {MIN_PICTURE_SIDE} to {MAX_PICTURE_SIDE}"))
    })
}

fn bad(message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wanted(body: Value) -> Result<Wanted, ApiError> {
        Wanted::with_id(body.as_object().unwrap())
    }

    #[test]
    fn what_is_not_said_has_the_old_servers_default() {
        let url = "rtsp://u:hunter2@cam/x";
        let door = wanted(json!({"stream_id": "Door", "rtsp_url": url, "width": null, "more": 1})).unwrap();
        assert_eq!((door.name.as_str(), door.id.as_str(), door.size), ("door", "Door", (640, 480)));
        assert_eq!((door.url.as_str(), door.on_demand, door.transport), (url, false, Transport::Tcp));
        let all = json!({"stream_id": "a", "url": url, "width": 16, "height": 8192, "on_demand": true, "transport": "udp"});
        let all = wanted(all).unwrap();
        assert_eq!((all.size, all.on_demand, all.transport), ((16, 8192), true, Transport::Udp));
        let by_url = Wanted::by_url(json!({"rtsp_url": "rtsp://cam/x"}).as_object().unwrap()).unwrap();
        // echo -n rtsp://cam/x | md5sum
        assert_eq!(by_url.id, "stream_5a39732a2");
    }

    #[test]
    fn each_fault_names_its_field_and_shows_no_password() {
        let url = "rtsp://u:hunter2@cam/x";
        for (body, part) in [
            (json!({}), "`stream_id` is missing"),
            (json!({"stream_id": "a"}), "`rtsp_url` is missing"),
            (json!({"stream_id": "a", "rtsp_url": ""}), "`rtsp_url` is empty"),
            (json!({"stream_id": "", "rtsp_url": url}), "`stream_id` is empty"),
            (json!({"stream_id": 7, "rtsp_url": url}), "`stream_id` is not a text"),
            (json!({"stream_id": "a b", "rtsp_url": url}), "`stream_id` \"a b\": a stream name has only"),
            (json!({"stream_id": url, "rtsp_url": "a"}), "`stream_id`: a stream name has"),
            (json!({"stream_id": "x".repeat(65), "rtsp_url": url}), "at most 64"),
            (json!({"stream_id": "JPEG", "rtsp_url": url}), "a meaning of its own"),
            (json!({"stream_id": "a", "rtsp_url": "u:hunter2@cam"}), "`rtsp_url`: "),
            (json!({"stream_id": "a", "rtsp_url": "rtsps://u:hunter2@cam"}), "`rtsp_url`: rtsps://"),
            (json!({"stream_id": "a", "rtsp_url": url, "url": "rtsp://cam/"}), "not the same"),
            (json!({"stream_id": "a", "rtsp_url": [url]}), "`rtsp_url` is not a text"),
            (
                json!({"stream_id": "a", "rtsp_url": url, "width": 15}),
                "`width` is not a whole number from 16 to 8192",
            ),
            (json!({"stream_id": "a", "rtsp_url": url, "width": 0}), "`width`"),
            (json!({"stream_id": "a", "rtsp_url": url, "height": 8193}), "`height`"),
            (json!({"stream_id": "a", "rtsp_url": url, "height": 480.5}), "`height`"),
            (json!({"stream_id": "a", "rtsp_url": url, "height": "480"}), "`height`"),
            (json!({"stream_id": "a", "rtsp_url": url, "height": -480}), "`height`"),
            (json!({"stream_id": "a", "rtsp_url": url, "height": 4294967776u64}), "`height`"),
            (json!({"stream_id": "a", "rtsp_url": url, "on_demand": "yes"}), "`on_demand`"),
            (json!({"stream_id": "a", "rtsp_url": url, "transport": "quic"}), "`transport`"),
        ] {
            let error = wanted(body.clone()).err().unwrap_or_else(|| panic!("{body}"));
            assert_eq!(error.status, StatusCode::BAD_REQUEST);
            assert!(error.message.contains(part), "{body}: {}", error.message);
            assert!(!error.message.contains("hunter2"), "{}", error.message);
        }
    }
}
