//! `multipart/x-mixed-replace` as cameras send it: the bytes of a response body in, pictures out.
//!
//! ESP32 CameraWebServer, ESPHome, mjpg-streamer and IP cameras agree on little: the boundary is quoted or not,
//! has its dashes in the header or only in the body, or is not the one that was announced; lines end with LF
//! alone; `Content-Length` is missing or wrong by some bytes; the first boundary is missing. What they agree on is
//! that the parts are JPEGs, and a JPEG says where it ends. So its EOI comes first, which also gives the picture
//! when its last byte is there and not when the next part begins. `Content-Length` and the boundary count where
//! the picture does not end by itself.
//!
//! Chunks are taken off before ([`http1`](super::http1)), and whether a part is a picture that can be shown is
//! for [`jpeg::normalise`](crate::codec::jpeg::normalise) to say: one that was cut off comes out as it is.

mod boundary;

use crate::codec::jpeg::MAX_JPEG;
use crate::codec::jpeg::extent::{Extent, ExtentFinder};
use boundary::{Boundary, find};
use bytes::{Buf, Bytes, BytesMut};

/// Largest part in bytes.
pub const MAX_PART: usize = MAX_JPEG;
/// Most bytes between two parts: boundary, headers and blank lines. Cameras send 60 to 300.
pub const MAX_PART_HEAD: usize = 8 * 1024;

/// What a picture begins with: SOI and the first byte of the next marker.
const PICTURE: [u8; 3] = [0xff, 0xd8, 0xff];

/// Why bytes were skipped. The reader goes on with the next part that it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A part does not end.
    #[error("a part of the multipart stream has more than {MAX_PART} bytes")]
    PartTooLarge,
    /// The headers of a part do not end.
    #[error("the headers of a part of the multipart stream have more than {MAX_PART_HEAD} bytes")]
    HeadTooLong,
}

impl Problem {
    /// The name of the kind of problem in metrics and in the API. It never changes.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Problem::PartTooLarge => "too_large",
            Problem::HeadTooLong => "malformed",
        }
    }
}

/// Turns the body of a response into its parts, wherever it is cut.
///
/// Memory is bounded by [`MAX_PART`] and the length of a chunk if [`next`](Reader::next) is called until it has
/// nothing more before the next chunk is pushed.
#[derive(Debug)]
pub struct Reader {
    boundary: Option<Boundary>,
    buffer: BytesMut,
    state: State,
    limit: usize,
}

#[derive(Debug)]
enum State {
    /// Between parts, in front of a line.
    Head(Head),
    /// After the headers of a part, before its first byte; with the length that they state.
    Begin(Option<usize>),
    /// In a part.
    Body(Body),
    /// After a picture, with so many bytes of its part to come.
    Rest(usize),
    /// Lost: looking for a boundary or a picture.
    Hunt,
}

/// What the lines since the last part said.
#[derive(Debug, Default)]
struct Head {
    /// Their bytes.
    bytes: usize,
    /// Whether there was a header.
    any: bool,
    /// `Content-Length`.
    length: Option<usize>,
}

#[derive(Debug)]
struct Body {
    /// `Content-Length`, as long as it is believed.
    length: Option<usize>,
    /// Follows the picture; `None` for what is no JPEG, or no longer looks like one.
    extent: Option<ExtentFinder>,
    /// How far the bytes were searched for a boundary.
    searched: usize,
}

/// What one step led to.
enum Step {
    /// Another state; go on.
    Again(State),
    /// More bytes are needed.
    Wait(State),
    /// A part.
    Part(Bytes, State),
    /// Bytes that belong to no part.
    Problem(Problem),
}

impl Reader {
    /// A reader for a response with this `Content-Type`. Without one, or without a boundary in it, the boundary is
    /// what the first line of the body says.
    #[must_use]
    pub fn new(content_type: Option<&str>) -> Reader {
        Reader::with_limit(content_type, MAX_PART)
    }

    /// A reader for parts of up to `limit` bytes in place of [`MAX_PART`].
    #[must_use]
    pub fn with_limit(content_type: Option<&str>, limit: usize) -> Reader {
        let boundary = content_type.and_then(Boundary::of_content_type);
        Reader { boundary, buffer: BytesMut::new(), state: State::Head(Head::default()), limit }
    }

    /// Takes the next bytes of the body.
    pub fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next part: a JPEG from SOI to EOI as a rule. `None` when more bytes are needed.
    #[allow(clippy::should_implement_trait, reason = "more may follow after None")]
    pub fn next(&mut self) -> Option<Result<Bytes, Problem>> {
        loop {
            let step = match std::mem::replace(&mut self.state, State::Hunt) {
                State::Head(head) => self.head(head),
                State::Begin(length) => self.begin(length),
                State::Body(body) => self.body(body),
                State::Rest(remaining) => self.rest(remaining),
                State::Hunt => self.hunt(),
            };
            match step {
                Step::Again(state) => self.state = state,
                Step::Wait(state) => {
                    self.state = state;
                    return None;
                }
                Step::Part(part, state) => {
                    self.state = state;
                    return Some(Ok(part));
                }
                Step::Problem(problem) => return Some(Err(problem)),
            }
        }
    }

    /// Reads a line before a part.
    fn head(&mut self, mut head: Head) -> Step {
        match self.buffer[..] {
            [] | [0xff] | [0xff, 0xd8] => return Step::Wait(State::Head(head)),
            [0xff, 0xd8, 0xff, ..] => return Step::Again(State::Body(Body::picture(head.length))),
            [b'\r' | b'\n' | b'\t' | b' '..=b'~', ..] => {}
            // Padding, or the rest of a picture: there are no lines in it.
            _ => return Step::Again(State::Hunt),
        }
        let Some(length) = self.buffer.iter().take(MAX_PART_HEAD).position(|byte| *byte == b'\n') else {
            if self.buffer.len() < MAX_PART_HEAD {
                return Step::Wait(State::Head(head));
            }
            self.buffer.advance(1);
            return Step::Problem(Problem::HeadTooLong);
        };
        let line = self.buffer.split_to(length + 1);
        head.bytes += line.len();
        if head.bytes > MAX_PART_HEAD {
            return Step::Problem(Problem::HeadTooLong);
        }
        let line = line.trim_ascii_end();
        if line.is_empty() {
            // Blank lines before the first header are of no meaning.
            return Step::Again(if head.any { State::Begin(head.length) } else { State::Head(head) });
        }
        if let Some(boundary) = Boundary::of_line(line, self.boundary.as_ref()) {
            // What the body says counts, whatever the header of the response said.
            self.boundary = Some(boundary);
            return Step::Again(State::Head(Head::default()));
        }
        if let Some((name, value)) = header(line) {
            head.any = true;
            if name.eq_ignore_ascii_case(b"content-length") {
                head.length = content_length(value, self.limit);
            }
        }
        Step::Again(State::Head(head))
    }

    /// Finds out whether the part is a picture.
    fn begin(&mut self, length: Option<usize>) -> Step {
        // A picture does not begin with a line end; some cameras have one line end too many.
        let blank = self.buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if blank > MAX_PART_HEAD {
            return Step::Problem(Problem::HeadTooLong);
        }
        let begin = &self.buffer[blank..];
        let picture = begin.starts_with(&PICTURE);
        if !picture && PICTURE.starts_with(begin) {
            return Step::Wait(State::Begin(length));
        }
        self.buffer.advance(blank);
        let body = Body::picture(length);
        Step::Again(State::Body(if picture { body } else { Body { extent: None, ..body } }))
    }

    /// In a part: its picture ends, or it is longer than its stated length.
    fn body(&mut self, mut body: Body) -> Step {
        // Not beyond the stated length while it is believed, and hardly beyond the limit: else the answer would
        // depend on how much is there yet.
        let seen = body.length.unwrap_or(self.limit + 1).min(self.buffer.len());
        match body.extent.as_mut().map(|finder| finder.advance(&self.buffer[..seen])) {
            Some(Extent::Complete { len }) => {
                let rest = body.length.unwrap_or(0).saturating_sub(len);
                return self.part(len, State::Rest(rest));
            }
            Some(Extent::CutOff { at }) => {
                let line = self.boundary.as_ref().and_then(|boundary| boundary.find(&self.buffer[..at], 0));
                return self.part(line.unwrap_or(at), State::Head(Head::default()));
            }
            Some(Extent::Broken { .. }) => body.extent = None,
            Some(Extent::Open) | None => {}
        }
        match body.length {
            Some(length) if length < self.buffer.len() => match self.ends_at(length) {
                Some(true) => self.part(length, State::Head(Head::default())),
                Some(false) => Step::Again(State::Body(Body { length: None, ..body })),
                None => Step::Wait(State::Body(body)),
            },
            None if body.extent.is_none() => self.search(body),
            _ if self.buffer.len() > self.limit => self.too_large(),
            _ => Step::Wait(State::Body(body)),
        }
    }

    /// In a part whose end neither the picture nor a length tells: it goes to the next boundary, or to the next
    /// picture where there are no boundaries.
    fn search(&mut self, body: Body) -> Step {
        let window = self.limit + self.overlap();
        let seen = &self.buffer[..window.min(self.buffer.len())];
        let end = match &self.boundary {
            Some(boundary) => boundary.find(seen, body.searched),
            None => find(seen, &PICTURE, body.searched.max(1)),
        };
        match end {
            Some(end) => self.part(end, State::Head(Head::default())),
            None if seen.len() == window => self.too_large(),
            None => {
                let searched = seen.len().saturating_sub(self.overlap());
                Step::Wait(State::Body(Body { searched, ..body }))
            }
        }
    }

    /// The part that is the first `length` bytes; `state` follows it.
    fn part(&mut self, length: usize, state: State) -> Step {
        match length {
            0 => Step::Again(state),
            _ if length > self.limit => self.too_large(),
            _ => Step::Part(self.buffer.split_to(length).freeze(), state),
        }
    }

    /// Gives up on a part. It is always as much that is forgotten, however much is there.
    fn too_large(&mut self) -> Step {
        self.buffer.advance(self.limit);
        Step::Problem(Problem::PartTooLarge)
    }

    /// Whether a part may end at `length`: what follows is a delimiter line or a picture, after one or two line
    /// ends or none. `None` when too little of it is there.
    fn ends_at(&self, length: usize) -> Option<bool> {
        let rest = &self.buffer[length..];
        let blank = rest.iter().take(4).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let (rest, marks) = (&rest[blank..], [&PICTURE[..], b"--"]);
        if marks.iter().any(|mark| rest.starts_with(mark)) {
            return Some(true);
        }
        if marks.iter().any(|mark| mark.starts_with(rest)) { None } else { Some(false) }
    }

    /// Passes over what a part has after its picture: padding of the camera, up to the length that was stated.
    /// A boundary ends it, if the length was too large.
    fn rest(&mut self, remaining: usize) -> Step {
        let window = self.buffer.len().min(remaining.saturating_add(self.overlap()));
        let line = self.boundary.as_ref().and_then(|boundary| boundary.find(&self.buffer[..window], 0));
        if let Some(line) = line.filter(|line| *line < remaining) {
            self.buffer.advance(line);
            return Step::Again(State::Head(Head::default()));
        }
        // No boundary begins before this.
        let safe = remaining.min(self.buffer.len().saturating_sub(self.overlap()));
        self.buffer.advance(safe);
        if safe == remaining {
            return Step::Again(State::Head(Head::default()));
        }
        Step::Wait(State::Rest(remaining - safe))
    }

    /// Looks for a boundary or a picture, whichever comes first.
    fn hunt(&mut self) -> Step {
        let picture = find(&self.buffer, &PICTURE, 0);
        let line = self.boundary.as_ref().and_then(|boundary| boundary.find(&self.buffer, 0));
        if let Some(at) = picture.into_iter().chain(line).min() {
            self.buffer.advance(at);
            return Step::Again(State::Head(Head::default()));
        }
        self.buffer.advance(self.buffer.len().saturating_sub(self.overlap()));
        Step::Wait(State::Hunt)
    }

    /// How many of the last bytes may be the beginning of a boundary or of a picture that is cut.
    fn overlap(&self) -> usize {
        self.boundary.as_ref().map_or(0, Boundary::overlap).max(PICTURE.len() - 1)
    }
}

impl Body {
    /// A part that begins like a picture.
    fn picture(length: Option<usize>) -> Body {
        Body { length, extent: Some(ExtentFinder::default()), searched: 0 }
    }
}

/// Name and value of a header.
fn header(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = line[..colon].trim_ascii();
    (!name.is_empty()).then(|| (name, line[colon + 1..].trim_ascii()))
}

/// The length that a header states. One that no part may have is not believed.
fn content_length(value: &[u8], limit: usize) -> Option<usize> {
    let digits =
        std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok().filter(|length| (1..=limit).contains(length))
}

#[doc(hidden)]
pub mod fuzzing;

#[cfg(test)]
mod tests;
