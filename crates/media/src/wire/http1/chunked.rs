//! The chunked transfer coding (RFC 9112, 7.1).

/// Most bytes of a chunk's line after its size, and of the trailer section: nobody who sends pictures has a use
/// for either.
const MAX_IGNORED: usize = 8 * 1024;

/// Why bytes are not chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// A chunk must begin with its size in hexadecimal digits.
    #[error("byte 0x{byte:02x} where the size of a chunk must be")]
    BadSize {
        /// What is there instead of a digit.
        byte: u8,
    },
    /// A size that does not fit into 64 bits.
    #[error("the size of a chunk has more than 64 bits")]
    TooLarge,
    /// The data of a chunk goes on after its size.
    #[error("byte 0x{byte:02x} where the line end after a chunk must be")]
    BadEnd {
        /// What is there instead of CR or LF.
        byte: u8,
    },
    /// Extensions or trailers do not end.
    #[error("more than {MAX_IGNORED} bytes of chunk extensions or trailers")]
    TooLong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the size, of which `digits` tells whether there was one yet.
    Size {
        value: u64,
        digits: bool,
    },
    /// After the size, up to the end of the line.
    Extension {
        size: u64,
    },
    /// In the data.
    Data {
        remaining: u64,
    },
    /// After the data, before the end of the line.
    DataEnd,
    /// In a line of the trailer section; `empty` until it has a character.
    Trailer {
        empty: bool,
    },
    Done,
}

/// Takes the chunks off a body.
#[derive(Clone, Debug)]
pub struct ChunkedDecoder {
    state: State,
    /// Bytes of extension or trailers so far.
    ignored: usize,
}

impl Default for ChunkedDecoder {
    fn default() -> ChunkedDecoder {
        ChunkedDecoder { state: State::Size { value: 0, digits: false }, ignored: 0 }
    }
}

impl ChunkedDecoder {
    /// Takes the next bytes of the connection and gives the data in them to `sink`, in pieces.
    ///
    /// Returns how many bytes of `input` belong to the body: all of them until it has ended.
    ///
    /// # Errors
    /// [`ChunkError`]; the decoder is of no use after that.
    pub fn decode(&mut self, input: &[u8], mut sink: impl FnMut(&[u8])) -> Result<usize, ChunkError> {
        let mut at = 0;
        while at < input.len() {
            match &mut self.state {
                State::Done => break,
                State::Data { remaining } => {
                    let take = usize::try_from(*remaining).unwrap_or(usize::MAX).min(input.len() - at);
                    sink(&input[at..at + take]);
                    at += take;
                    *remaining -= take as u64;
                    if *remaining == 0 {
                        self.state = State::DataEnd;
                    }
                }
                _ => {
                    self.state = self.line(input[at])?;
                    at += 1;
                }
            }
        }
        Ok(at)
    }

    /// Whether the last chunk and the trailers were seen.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The state after `byte`, which is not data.
    fn line(&mut self, byte: u8) -> Result<State, ChunkError> {
        Ok(match self.state {
            State::Size { value, digits } => match (char::from(byte).to_digit(16), byte) {
                (Some(_), _) if value >> 60 != 0 => return Err(ChunkError::TooLarge),
                (Some(digit), _) => State::Size { value: value << 4 | u64::from(digit), digits: true },
                (None, b'\n') if digits => self.after_size(value),
                (None, b';' | b' ' | b'\t' | b'\r') if digits => State::Extension { size: value },
                // Some servers put a space before the size.
                (None, b' ' | b'\t') => self.ignore(self.state)?,
                _ => return Err(ChunkError::BadSize { byte }),
            },
            State::Extension { size } if byte == b'\n' => self.after_size(size),
            State::Extension { .. } => self.ignore(self.state)?,
            State::DataEnd => match byte {
                b'\n' => State::Size { value: 0, digits: false },
                b'\r' => self.ignore(State::DataEnd)?,
                _ => return Err(ChunkError::BadEnd { byte }),
            },
            State::Trailer { empty } => match byte {
                b'\n' if empty => State::Done,
                b'\n' => self.ignore(State::Trailer { empty: true })?,
                b'\r' => self.ignore(State::Trailer { empty })?,
                _ => self.ignore(State::Trailer { empty: false })?,
            },
            state @ (State::Data { .. } | State::Done) => state,
        })
    }

    fn after_size(&mut self, size: u64) -> State {
        self.ignored = 0;
        if size == 0 { State::Trailer { empty: true } } else { State::Data { remaining: size } }
    }

    /// `state`, unless too many bytes were passed over.
    fn ignore(&mut self, state: State) -> Result<State, ChunkError> {
        self.ignored += 1;
        if self.ignored > MAX_IGNORED { Err(ChunkError::TooLong) } else { Ok(state) }
    }
}
