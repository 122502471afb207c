//! Just enough HTTP for camherd's REST API: a request, and a JSON answer.

use crate::error::{Doing, Error, protocol};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for any byte of an answer.
const SILENCE: Duration = Duration::from_secs(10);
/// Longest answer: a list of many streams has some kilobytes each.
const MAX_ANSWER: u64 = 4 << 20;

/// Sends a request, with a JSON body if there is one; the JSON of the answer.
///
/// # Errors
/// When the status is not 200, with the answer's text.
pub fn request(addr: SocketAddr, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Error> {
    let doing = || format!("{method} {path} at {addr}");
    let mut stream = TcpStream::connect(addr).doing(doing)?;
    stream.set_read_timeout(Some(SILENCE)).doing(doing)?;
    let body = body.map_or_else(String::new, Value::to_string);
    // HTTP/1.0: the end of the connection is the end of the answer.
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {addr}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).doing(doing)?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer).doing(doing)?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).unwrap_or("nothing");
    if status != "200" {
        return Err(protocol("server", format!("answered {method} {path} with {status}: {body}")));
    }
    serde_json::from_str(body)
        .map_err(|error| protocol("server", format!("answered {method} {path} with no JSON: {error}")))
}
