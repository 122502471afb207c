//! A viewer's parser for `multipart/x-mixed-replace` over HTTP/1.1, chunked or plain. It is built to be cheap, since
//! its CPU time is part of what is measured: bodies are skipped by count, only heads are looked at.

use crate::error::{Error, protocol};
use crate::stamp;

/// Longest line of any head; servers' lines are below a hundred bytes.
const MAX_LINE: usize = 8 * 1024;

/// A part that has arrived whole.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    /// Sequence number and send time, when the JPEG is stamped.
    pub stamp: Option<(u64, u64)>,
    /// Frames that the server says it left out before this one.
    pub told: u64,
    /// The JPEG itself, where it is kept.
    pub body: Option<Vec<u8>>,
}

/// The parser of one connection.
#[derive(Default)]
pub struct Parser {
    http: Http,
    line: Vec<u8>,
    chunked: bool,
    parts: Parts,
}

/// Where in the HTTP message the next byte stands.
#[derive(Default)]
enum Http {
    #[default]
    StatusLine,
    Headers,
    ChunkSize,
    ChunkData(u64),
    /// The line end after a chunk's data.
    ChunkEnd,
    Plain,
    /// After the last chunk.
    Finished,
}

impl Parser {
    /// A parser that keeps the JPEGs, for who wants to look into them.
    pub fn keeping_bodies() -> Parser {
        let parts = Parts { kept: Some(Vec::new()), ..Parts::default() };
        Parser { parts, ..Parser::default() }
    }

    /// Takes bytes as they came and calls `on_part` for every part whose last byte is among them.
    ///
    /// # Errors
    /// When the answer is not 200 or the framing is broken.
    pub fn feed(&mut self, mut bytes: &[u8], mut on_part: impl FnMut(Part)) -> Result<(), Error> {
        while !bytes.is_empty() {
            match self.http {
                Http::ChunkData(left) => {
                    let n = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    self.parts.feed(&bytes[..n], &mut on_part)?;
                    bytes = &bytes[n..];
                    let left = left - n as u64;
                    self.http = if left == 0 { Http::ChunkEnd } else { Http::ChunkData(left) };
                }
                Http::Plain => {
                    self.parts.feed(bytes, &mut on_part)?;
                    bytes = &[];
                }
                Http::Finished => return Err(protocol("server", "ended the multipart stream")),
                _ => {
                    if let Some(rest) = take_line(&mut self.line, bytes)? {
                        bytes = rest;
                        self.head_line()?;
                        self.line.clear();
                    } else {
                        bytes = &[];
                    }
                }
            }
        }
        Ok(())
    }

    fn head_line(&mut self) -> Result<(), Error> {
        let line = trim(&self.line);
        self.http = match self.http {
            Http::StatusLine if line.starts_with(b"HTTP/1.1 200") => Http::Headers,
            Http::StatusLine => {
                let text = String::from_utf8_lossy(line);
                return Err(protocol("server", format!("answered {text:?} to a multipart viewer")));
            }
            Http::Headers if line.is_empty() && self.chunked => Http::ChunkSize,
            Http::Headers if line.is_empty() => Http::Plain,
            Http::Headers => {
                let value = header(line, b"transfer-encoding");
                self.chunked |= value.is_some_and(|v| v.eq_ignore_ascii_case(b"chunked"));
                Http::Headers
            }
            Http::ChunkSize => match chunk_size(line) {
                Some(0) => Http::Finished,
                Some(n) => Http::ChunkData(n),
                None => {
                    let text = String::from_utf8_lossy(line);
                    return Err(protocol("server", format!("{text:?} where a chunk's size belongs")));
                }
            },
            _ => Http::ChunkSize,
        };
        Ok(())
    }
}

/// The multipart layer: the bytes of the HTTP body, cut anywhere.
#[derive(Default)]
struct Parts {
    state: PartState,
    line: Vec<u8>,
    length: Option<u64>,
    told: u64,
    /// What has come of the JPEG, where it is kept.
    kept: Option<Vec<u8>>,
}

#[derive(Default)]
enum PartState {
    /// Before a boundary, where empty lines and a preamble may stand (RFC 2046, 5.1.1).
    #[default]
    Boundary,
    Headers,
    Body {
        left: u64,
        prefix: [u8; stamp::PREFIX],
        have: usize,
    },
}

impl Parts {
    fn feed(&mut self, mut bytes: &[u8], on_part: &mut impl FnMut(Part)) -> Result<(), Error> {
        while !bytes.is_empty() {
            if let PartState::Body { left, prefix, have } = &mut self.state {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                let kept = n.min(stamp::PREFIX - *have);
                prefix[*have..*have + kept].copy_from_slice(&bytes[..kept]);
                *have += kept;
                *left -= n as u64;
                if let Some(kept) = &mut self.kept {
                    kept.extend_from_slice(&bytes[..n]);
                }
                bytes = &bytes[n..];
                if *left == 0 {
                    let body = self.kept.as_mut().map(std::mem::take);
                    on_part(Part { stamp: stamp::parse(&prefix[..*have]), told: self.told, body });
                    self.state = PartState::Boundary;
                }
                continue;
            }
            let Some(rest) = take_line(&mut self.line, bytes)? else { return Ok(()) };
            bytes = rest;
            self.head_line()?;
            self.line.clear();
        }
        Ok(())
    }

    fn head_line(&mut self) -> Result<(), Error> {
        let line = trim(&self.line);
        match self.state {
            PartState::Boundary => {
                if line.starts_with(b"--") {
                    (self.length, self.told) = (None, 0);
                    self.state = PartState::Headers;
                }
            }
            _ if line.is_empty() => {
                let left = self.length.filter(|n| *n > 0);
                let left = left.ok_or_else(|| protocol("server", "a part without Content-Length"))?;
                self.state = PartState::Body { left, prefix: [0; stamp::PREFIX], have: 0 };
            }
            _ => {
                if let Some(n) = header(line, b"content-length") {
                    self.length = number(n);
                } else if let Some(n) = header(line, b"x-missed").or_else(|| header(line, b"x-dropped")) {
                    self.told = number(n).unwrap_or(0);
                }
            }
        }
        Ok(())
    }
}

/// Moves bytes up to and with the line feed to `line`; gives the rest, or `None` when the line goes on.
fn take_line<'a>(line: &mut Vec<u8>, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, Error> {
    let end = bytes.iter().position(|b| *b == b'\n').map(|at| at + 1);
    let (taken, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
    if line.len() + taken.len() > MAX_LINE {
        return Err(protocol("server", format!("a line of more than {MAX_LINE} bytes in a head")));
    }
    line.extend_from_slice(taken);
    Ok(end.map(|_| rest))
}

fn trim(line: &[u8]) -> &[u8] {
    line.trim_ascii_end()
}

/// The value when the line is the header of that (lower-case) name.
fn header<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (key, rest) = line.split_at_checked(name.len())?;
    (key.eq_ignore_ascii_case(name) && rest.first() == Some(&b':')).then(|| rest[1..].trim_ascii())
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A chunk's size (RFC 9112, 7.1); extensions are ignored.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|b| *b == b';').next()?.trim_ascii();
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg(seq: u64) -> Vec<u8> {
        let mut jpeg =
            stamp::insert(&[0xFF, 0xD8, b'\r', b'\n', b'-', b'-', b'b', b'\n', 0xFF, 0xD9]).unwrap();
        jpeg[stamp::FIELDS_AT].copy_from_slice(&stamp::fields(seq, seq + 1));
        jpeg
    }

    fn body(told: u64) -> Vec<u8> {
        let mut out = b"--b\r\n".to_vec();
        for seq in [1, 2] {
            let jpeg = jpeg(seq);
            out.extend(format!("Content-Type: image/jpeg\r\nContent-Length: {}\r\n", jpeg.len()).bytes());
            if told > 0 {
                out.extend(format!("X-Missed: {told}\r\n").bytes());
            }
            out.extend(b"\r\n");
            out.extend(jpeg);
            out.extend(b"\r\n--b\r\n");
        }
        out
    }

    fn chunked(body: &[u8], size: usize) -> Vec<u8> {
        let mut out = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for chunk in body.chunks(size) {
            out.extend(format!("{:x}\r\n", chunk.len()).bytes());
            out.extend(chunk);
            out.extend(b"\r\n");
        }
        out
    }

    fn expect(told: u64) -> Vec<Part> {
        [1, 2].map(|seq| Part { stamp: Some((seq, seq + 1)), told, body: None }).into()
    }

    #[test]
    fn parts_are_found_at_every_split_and_chunk_size() {
        for size in [1, 7, 100, 10_000] {
            let wire = chunked(&body(3), size);
            for cut in 0..wire.len() {
                let (mut parser, mut parts) = (Parser::default(), Vec::new());
                parser.feed(&wire[..cut], |p| parts.push(p)).unwrap();
                parser.feed(&wire[cut..], |p| parts.push(p)).unwrap();
                assert_eq!(parts, expect(3), "chunks of {size}, cut at {cut}");
            }
        }
    }

    #[test]
    fn bodies_are_kept_whole_where_they_are_wanted() {
        let wire = chunked(&body(0), 7);
        for cut in 0..wire.len() {
            let (mut parser, mut bodies) = (Parser::keeping_bodies(), Vec::new());
            parser.feed(&wire[..cut], |p| bodies.push(p.body)).unwrap();
            parser.feed(&wire[cut..], |p| bodies.push(p.body)).unwrap();
            assert_eq!(bodies, [Some(jpeg(1)), Some(jpeg(2))], "cut at {cut}");
        }
    }

    #[test]
    fn a_part_is_reported_with_its_last_byte_not_with_the_boundary() {
        let mut wire = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        let first = jpeg(1);
        wire.extend(format!("--b\r\nContent-Length: {}\r\n\r\n", first.len()).bytes());
        wire.extend(&first);
        let (mut parser, mut parts) = (Parser::default(), 0);
        parser.feed(&wire[..wire.len() - 1], |_| parts += 1).unwrap();
        assert_eq!(parts, 0);
        let mut parts = 0;
        parser.feed(&wire[wire.len() - 1..], |_| parts += 1).unwrap();
        assert_eq!(parts, 1);
    }

    #[test]
    fn says_what_is_wrong() {
        let fails = |wire: &[u8]| Parser::default().feed(wire, |_| {}).unwrap_err().to_string();
        assert!(fails(b"HTTP/1.1 404 Not Found\r\n").contains("404"));
        assert!(fails(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").contains("zz"));
        assert!(fails(b"HTTP/1.1 200 OK\r\n\r\n--b\r\n\r\n").contains("Content-Length"));
        assert!(fails(&vec![b'x'; MAX_LINE + 1]).contains("line"));
        assert!(fails(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").contains("ended"));
    }
}
