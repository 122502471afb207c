//! The head of a response (RFC 9112, 4 and 5), as cameras write it.

/// Longest head in bytes. Web cameras send some 200; a head with large cookies has a few thousand.
pub const MAX_HEAD: usize = 16 * 1024;
/// Most header lines of a head.
pub const MAX_HEADERS: usize = 100;

/// What a status line begins with. Old streaming servers (SHOUTcast) say `ICY 200 OK`.
const PROTOCOLS: [&[u8]; 2] = [b"HTTP/", b"ICY "];

/// What a response says before its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHead {
    /// Status code, 100 to 999; `None` when the server sent no status line.
    pub status: Option<u16>,
    /// Names as they were sent, and values without the white space around them.
    headers: Vec<(String, String)>,
}

/// Why bytes are not the head of a response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The status line has no status of three digits.
    #[error("the status line {line:?} has no status code")]
    BadStatus {
        /// The line as far as it is text.
        line: String,
    },
    /// The head does not end.
    #[error("the head of the response has more than {MAX_HEAD} bytes")]
    TooLong,
    /// More headers than [`MAX_HEADERS`].
    #[error("the head of the response has more than {MAX_HEADERS} headers")]
    TooManyHeaders,
}

impl ResponseHead {
    /// The value of the first header of this name, in whatever case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers_named(name).next()
    }

    /// The values of all headers of this name (as `WWW-Authenticate` has them), in whatever case.
    pub fn headers_named(&self, name: &str) -> impl Iterator<Item = &str> {
        let same = move |known: &str| known.eq_ignore_ascii_case(name);
        self.headers.iter().filter(move |(known, _)| same(known)).map(|(_, value)| &value[..])
    }

    /// The value of `Content-Type`, parameters included.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.header("content-type")
    }

    /// The length of the body in bytes, where it is stated.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        let value = self.header("content-length")?;
        value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok())?
    }

    /// Whether the body comes in chunks.
    #[must_use]
    pub fn is_chunked(&self) -> bool {
        let codings = self.headers_named("transfer-encoding").flat_map(|value| value.split(','));
        codings.last().is_some_and(|coding| coding.trim().eq_ignore_ascii_case("chunked"))
    }

    fn add(&mut self, line: &[u8]) -> Result<(), HeadError> {
        if let [b' ' | b'\t', ..] = line {
            // Continued from the line before (5.2).
            if let Some((_, value)) = self.headers.last_mut() {
                value.push(' ');
                value.push_str(&text(line));
            }
            return Ok(());
        }
        let Some((name, value)) = header_line(line) else { return Ok(()) };
        if self.headers.len() == MAX_HEADERS {
            return Err(HeadError::TooManyHeaders);
        }
        self.headers.push((text(name), text(value)));
        Ok(())
    }
}

/// Reads the head that `data` begins with. `None` when more bytes are needed; else also its length in bytes.
///
/// Interim responses (status 1xx) are passed over. A response that begins with a header has no status line, and
/// one that begins with anything else has no head at all: its length is 0 and the pictures begin at once. A
/// delimiter line or a JPEG among the headers ends them, if the empty line is missing.
///
/// # Errors
/// [`HeadError`]: more bytes do not help.
pub fn parse_head(data: &[u8]) -> Result<Option<(ResponseHead, usize)>, HeadError> {
    let mut begin = 0;
    loop {
        match parse_one(&data[begin..])? {
            Some((head, length)) if matches!(head.status, Some(100..200)) => begin += length,
            Some((head, length)) => return Ok(Some((head, begin + length))),
            None if data.len() > MAX_HEAD => return Err(HeadError::TooLong),
            None => return Ok(None),
        }
        if begin > MAX_HEAD {
            return Err(HeadError::TooLong);
        }
    }
}

fn parse_one(data: &[u8]) -> Result<Option<(ResponseHead, usize)>, HeadError> {
    let mut head = ResponseHead::default();
    // An empty line before the status line is a remnant of an earlier response (2.2).
    let blank = data.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let mut at = 0;
    if PROTOCOLS.iter().any(|protocol| data[blank..].starts_with(protocol)) {
        let Some((line, next)) = line_at(data, blank) else { return Ok(None) };
        head.status = Some(status(line)?);
        at = next;
    } else if PROTOCOLS.iter().any(|protocol| protocol.starts_with(&data[blank..])) {
        return Ok(None);
    } else if !begins_with_header(data) {
        // A first line that is still open may become a header.
        return Ok(if open_header(data) { None } else { Some((head, 0)) });
    }
    loop {
        if ends_headers(&data[at..]) {
            return Ok(Some((head, at)));
        }
        match line_at(data, at) {
            None => return Ok(None),
            Some(([], next)) => return Ok(Some((head, next))),
            Some((line, next)) => {
                head.add(line)?;
                at = next;
            }
        }
    }
}

/// Whether `data` begins with what comes after the empty line that ends the headers.
fn ends_headers(data: &[u8]) -> bool {
    data.starts_with(b"--") || data.starts_with(&[0xff, 0xd8])
}

fn begins_with_header(data: &[u8]) -> bool {
    !ends_headers(data) && line_at(data, 0).is_some_and(|(line, _)| header_line(line).is_some())
}

/// Whether `data` has no line end yet, and all of it may be the beginning of a header.
fn open_header(data: &[u8]) -> bool {
    let name = data.iter().take_while(|byte| is_token(**byte)).count();
    let may_be_name = match data[name..].trim_ascii_start() {
        [] => true,
        [after, ..] => name > 0 && *after == b':',
    };
    may_be_name && !ends_headers(data) && !data.contains(&b'\n')
}

/// Name and value of a header line (5.1). White space before the colon is taken for part of neither.
fn header_line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = line[..colon].trim_ascii_end();
    (!name.is_empty() && name.iter().copied().all(is_token)).then(|| (name, &line[colon + 1..]))
}

/// The line at `at` without its end, and where the next one begins. `None` when it has no end yet.
fn line_at(data: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = &data[at..];
    let length = rest.iter().position(|byte| *byte == b'\n')?;
    let line = &rest[..length];
    Some((line.strip_suffix(b"\r").unwrap_or(line), at + length + 1))
}

/// The code in a status line (4): the second word.
fn status(line: &[u8]) -> Result<u16, HeadError> {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).skip(1);
    match words.next() {
        Some(&[a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9']) => {
            Ok([a, b, c].iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0')))
        }
        _ => Err(HeadError::BadStatus { line: text(line) }),
    }
}

/// A character of a token (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Bytes as text, each as a character of its own (ISO 8859-1, what HTTP had in mind), without white space around
/// and without control characters.
fn text(bytes: &[u8]) -> String {
    bytes.trim_ascii().iter().map(|byte| char::from(*byte)).filter(|c| !c.is_control()).collect()
}
