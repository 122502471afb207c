//! HTTP/1 from the side of a client that asks a camera for pictures: the head of the response ([`parse_head`])
//! and the bytes of its body ([`BodyDecoder`]). Requests, redirects and authentication are not here.
//!
//! Cameras are lenient servers, so this is a lenient reader: lines may end with LF alone, lines that are no
//! header are passed over, and a camera that sends its headers or its pictures without a status line is taken at
//! its word.

mod chunked;
mod head;

pub use chunked::{ChunkError, ChunkedDecoder};
pub use head::{HeadError, MAX_HEAD, MAX_HEADERS, ResponseHead, parse_head};

/// Where the body of a response ends (RFC 9112, 6.3).
#[derive(Clone, Debug)]
pub enum BodyDecoder {
    /// After so many more bytes.
    Length(u64),
    /// Where its last chunk says.
    Chunked(ChunkedDecoder),
    /// With the connection.
    UntilClose,
}

impl BodyDecoder {
    /// The body that follows `head`, which answers a GET request.
    ///
    /// The length of a multipart stream is ignored: cameras that state one mean a single part, or nothing.
    #[must_use]
    pub fn new(head: &ResponseHead) -> BodyDecoder {
        let multipart = head.content_type().is_some_and(|kind| {
            kind.as_bytes()
                .first_chunk()
                .is_some_and(|start: &[u8; 10]| start.eq_ignore_ascii_case(b"multipart/"))
        });
        if matches!(head.status, Some(204 | 304)) {
            BodyDecoder::Length(0)
        } else if head.is_chunked() {
            BodyDecoder::Chunked(ChunkedDecoder::default())
        } else if multipart {
            BodyDecoder::UntilClose
        } else {
            head.content_length().map_or(BodyDecoder::UntilClose, BodyDecoder::Length)
        }
    }

    /// Takes the next bytes of the connection and gives those of the body to `sink`, in pieces.
    ///
    /// Returns how many bytes of `input` belong to the response: all of them until it has ended.
    ///
    /// # Errors
    /// [`ChunkError`] where the chunks are not as they must be; the connection is of no use after that.
    pub fn decode(&mut self, input: &[u8], mut sink: impl FnMut(&[u8])) -> Result<usize, ChunkError> {
        match self {
            BodyDecoder::Length(remaining) => {
                let take = usize::try_from(*remaining).unwrap_or(usize::MAX).min(input.len());
                *remaining -= take as u64;
                if take > 0 {
                    sink(&input[..take]);
                }
                Ok(take)
            }
            BodyDecoder::Chunked(decoder) => decoder.decode(input, sink),
            BodyDecoder::UntilClose => {
                if !input.is_empty() {
                    sink(input);
                }
                Ok(input.len())
            }
        }
    }

    /// Whether the body is complete. One that ends with the connection never says so.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match self {
            BodyDecoder::Length(remaining) => *remaining == 0,
            BodyDecoder::Chunked(decoder) => decoder.is_done(),
            BodyDecoder::UntilClose => false,
        }
    }
}

#[doc(hidden)]
pub mod fuzzing;

#[cfg(test)]
mod tests;
