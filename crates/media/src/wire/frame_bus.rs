//! The frame bus, version 1: a ring of raw pictures in shared memory that programs on the same machine read.
//!
//! A file is a [`Header`] and then `slots` slots of `slot_bytes` each; a slot is a [`SlotHeader`] and then the
//! pixels. Frame `n` is in slot `n % slots`. All numbers are little-endian.
//!
//! One writes and any number read, without locks. The writer sets a slot's lock to [`lock_writing`], writes the
//! slot and sets it to [`lock_complete`]; a reader takes the lock before and after it looks at the pixels, and
//! when the two differ, the writer has overtaken it. Here is the layout only: memory is mapped and the atomic
//! accesses to [`offset::NEXT`], [`offset::CLOSED`] and [`offset::LOCK`] are made elsewhere.

use crate::codec::jpeg::MAX_DIMENSION;
use crate::ids::{MAX_STREAM_NAME, NameError, StreamName};
use crate::unit::{Colour, PixelFormat};

/// First bytes of the file. The last of them is the version.
pub const MAGIC: [u8; 8] = *b"CAMHERD\x01";
/// Version of the layout.
pub const VERSION: u32 = 1;
/// Size of the header in bytes: a page, so that the first slot begins on one.
pub const HEADER_BYTES: usize = 4096;
/// Bytes of a slot before its pixels: two cache lines, so that the pixels begin on one.
pub const SLOT_HEADER_BYTES: usize = 128;
/// A slot's size is a multiple of this, so that every slot begins on a page.
pub const SLOT_ALIGN: u64 = 4096;
/// Fewest slots of a ring: with one alone, a reader would be overtaken by every frame.
pub const MIN_SLOTS: u32 = 2;

/// Offsets in bytes: of the header's fields in the file, and of a slot's fields in the slot.
pub mod offset {
    /// Header, 8 bytes: [`MAGIC`](super::MAGIC).
    pub const MAGIC: usize = 0;
    /// Header, u32: [`VERSION`](super::VERSION).
    pub const VERSION: usize = 8;
    /// Header, u32: [`HEADER_BYTES`](super::HEADER_BYTES).
    pub const HEADER_BYTES: usize = 12;
    /// Header, 16 bytes: what tells this ring from an earlier one of the same name.
    pub const RING: usize = 16;
    /// Header, u32: pixels per line.
    pub const WIDTH: usize = 32;
    /// Header, u32: lines.
    pub const HEIGHT: usize = 36;
    /// Header, u32: [`FrameFormat`](super::FrameFormat).
    pub const FORMAT: usize = 40;
    /// Header, u32: number of slots.
    pub const SLOTS: usize = 44;
    /// Header, u64: size of a slot in bytes.
    pub const SLOT_BYTES: usize = 48;
    /// Header, u64: size of a picture in bytes.
    pub const FRAME_BYTES: usize = 56;
    /// Header, u64, atomic: number of the newest complete frame plus one; 0 when there is none yet.
    pub const NEXT: usize = 64;
    /// Header, u32, atomic: 1 when the writer has ended.
    pub const CLOSED: usize = 72;
    /// Header, 64 bytes: the stream's name, padded with NUL.
    pub const STREAM: usize = 128;

    /// Slot, u64, atomic: [`lock_writing`](super::lock_writing) or [`lock_complete`](super::lock_complete); 0 for
    /// a slot that was never written.
    pub const LOCK: usize = 0;
    /// Slot, u64: the frame's number.
    pub const NUMBER: usize = 8;
    /// Slot, i64: presentation time in microseconds on the stream's own time line.
    pub const PTS: usize = 16;
    /// Slot, i64: capture time, nanoseconds since 1970-01-01 00:00 UTC.
    pub const CAPTURED_UNIX: usize = 24;
    /// Slot, u64: capture time, nanoseconds of CLOCK_MONOTONIC; 0 when unknown, as are the three that follow.
    pub const CAPTURED: usize = 32;
    /// Slot, u64: when the last byte of the access unit arrived.
    pub const RECEIVED: usize = 40;
    /// Slot, u64: when the decoder gave the picture.
    pub const DECODED: usize = 48;
    /// Slot, u64: when the frame was complete in the slot.
    pub const PUBLISHED: usize = 56;
    /// Slot, u64: the same as the lock of a complete frame.
    pub const CHECK: usize = 120;
}

/// The lock of a slot while frame `number` is being written: odd.
///
/// Numbers wrap after 2^63 frames, which no stream lives to see.
#[must_use]
pub const fn lock_writing(number: u64) -> u64 {
    number.wrapping_mul(2).wrapping_add(1)
}

/// The lock of a slot that holds frame `number`: even and not 0.
#[must_use]
pub const fn lock_complete(number: u64) -> u64 {
    number.wrapping_mul(2).wrapping_add(2)
}

/// The samples of the pictures in a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameFormat {
    /// Blue, green, red.
    Bgr24 = 1,
    /// Luma alone.
    Gray = 2,
    /// Planes Y, Cb, Cr with chroma of half the width and height.
    I420 = 3,
}

impl FrameFormat {
    /// The name in the API: `bgr24`, `gray` or `i420`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.pixel_format().name()
    }

    /// The bytes of a picture of `width` by `height` pixels.
    #[must_use]
    pub fn frame_bytes(self, width: u32, height: u32) -> usize {
        self.pixel_format().frame_bytes(width, height)
    }

    fn from_code(code: u32) -> Option<FrameFormat> {
        [FrameFormat::Bgr24, FrameFormat::Gray, FrameFormat::I420].into_iter().find(|one| *one as u32 == code)
    }

    /// The layout of the samples; what colours they mean is not in the header.
    fn pixel_format(self) -> PixelFormat {
        match self {
            FrameFormat::Bgr24 => PixelFormat::Bgr24,
            FrameFormat::Gray => PixelFormat::Gray8,
            FrameFormat::I420 => PixelFormat::I420(Colour::default()),
        }
    }
}

impl From<PixelFormat> for FrameFormat {
    fn from(pixels: PixelFormat) -> FrameFormat {
        match pixels {
            PixelFormat::Bgr24 => FrameFormat::Bgr24,
            PixelFormat::Gray8 => FrameFormat::Gray,
            PixelFormat::I420(_) => FrameFormat::I420,
        }
    }
}

/// Why bytes are not the header of a ring that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Fewer bytes than a header has.
    #[error("{len} bytes are too few for the header of a frame bus, which has {HEADER_BYTES}")]
    Truncated {
        /// How many there are.
        len: usize,
    },
    /// The file does not begin with [`MAGIC`].
    #[error("the file is not a frame bus of version {VERSION}: it begins with {begins:02x?}")]
    NotABus {
        /// Its first bytes.
        begins: [u8; 8],
    },
    /// A field has a value that the layout does not allow.
    #[error("the header of the frame bus has {field} = {value}, which is out of range")]
    OutOfRange {
        /// The field, as in [`offset`] but in lower case.
        field: &'static str,
        /// What it is.
        value: u64,
    },
    /// The field `stream` is not a stream's name padded with NUL.
    #[error("the header of the frame bus has no usable stream name")]
    Name(#[from] NameError),
    /// The slots do not fit into the file.
    #[error("the frame bus has {slots} slots of {slot_bytes} bytes, but its file only {file_bytes} bytes")]
    FileTooShort {
        /// Number of slots.
        slots: u32,
        /// Size of a slot in bytes.
        slot_bytes: u64,
        /// Size of the file in bytes.
        file_bytes: u64,
    },
}

/// What the header of a ring says.
///
/// Made by [`Header::new`] or [`Header::parse`], the sizes are consistent: a picture fits into a slot, and
/// [`Header::file_bytes`] does not overflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Tells this ring from an earlier one in a file of the same name: chosen at random.
    pub ring: [u8; 16],
    /// The stream whose pictures these are.
    pub stream: StreamName,
    /// The samples.
    pub format: FrameFormat,
    /// Pixels per line, 1 to 8192.
    pub width: u32,
    /// Lines, 1 to 8192.
    pub height: u32,
    /// Number of the newest complete frame plus one; 0 when there is none yet.
    pub next: u64,
    /// Whether the writer has ended.
    pub closed: bool,
    slots: u32,
    slot_bytes: u64,
}

impl Header {
    /// The header of a new ring: no frame yet, slots as small as they can be.
    ///
    /// # Errors
    /// [`HeaderError::OutOfRange`] for a side outside 1 to 8192 or fewer than [`MIN_SLOTS`] slots.
    pub fn new(
        ring: [u8; 16],
        stream: StreamName,
        format: FrameFormat,
        (width, height): (u32, u32),
        slots: u32,
    ) -> Result<Header, HeaderError> {
        let header =
            Header { ring, stream, format, width, height, next: 0, closed: false, slots, slot_bytes: 0 };
        header.check_shape()?;
        // At most 8192 * 8192 * 3 and a header: far from the end of u64.
        let slot_bytes = (SLOT_HEADER_BYTES as u64 + header.frame_bytes()).next_multiple_of(SLOT_ALIGN);
        Ok(Header { slot_bytes, ..header })
    }

    /// Reads the first [`HEADER_BYTES`] of a file that has `file_bytes` in all; what follows them in `bytes` is
    /// not looked at, and neither are the reserved bytes.
    ///
    /// # Errors
    /// [`HeaderError`] says which field is wrong. After success every slot is within `file_bytes`.
    pub fn parse(bytes: &[u8], file_bytes: u64) -> Result<Header, HeaderError> {
        let bytes = bytes.first_chunk::<HEADER_BYTES>().ok_or(HeaderError::Truncated { len: bytes.len() })?;
        let begins: [u8; 8] = array(bytes, offset::MAGIC);
        if begins != MAGIC {
            return Err(HeaderError::NotABus { begins });
        }
        expect("version", u32_at(bytes, offset::VERSION).into(), VERSION.into())?;
        expect("header_bytes", u32_at(bytes, offset::HEADER_BYTES).into(), HEADER_BYTES as u64)?;
        let code = u32_at(bytes, offset::FORMAT);
        let out_of_range = |field, value| HeaderError::OutOfRange { field, value };
        let closed = u32_at(bytes, offset::CLOSED);
        let header = Header {
            ring: array(bytes, offset::RING),
            stream: stream_name(&bytes[offset::STREAM..][..MAX_STREAM_NAME])?,
            format: FrameFormat::from_code(code).ok_or_else(|| out_of_range("format", code.into()))?,
            width: u32_at(bytes, offset::WIDTH),
            height: u32_at(bytes, offset::HEIGHT),
            next: u64_at(bytes, offset::NEXT),
            closed: match closed {
                0 | 1 => closed == 1,
                _ => return Err(out_of_range("closed", closed.into())),
            },
            slots: u32_at(bytes, offset::SLOTS),
            slot_bytes: u64_at(bytes, offset::SLOT_BYTES),
        };
        header.check_shape()?;
        expect("frame_bytes", u64_at(bytes, offset::FRAME_BYTES), header.frame_bytes())?;
        header.check_room(file_bytes)?;
        Ok(header)
    }

    fn check_shape(&self) -> Result<(), HeaderError> {
        for (field, side) in [("width", self.width), ("height", self.height)] {
            if !(1..=MAX_DIMENSION).contains(&side) {
                return Err(HeaderError::OutOfRange { field, value: side.into() });
            }
        }
        if self.slots < MIN_SLOTS {
            return Err(HeaderError::OutOfRange { field: "slots", value: self.slots.into() });
        }
        Ok(())
    }

    fn check_room(&self, file_bytes: u64) -> Result<(), HeaderError> {
        let (slots, slot_bytes) = (self.slots, self.slot_bytes);
        if !slot_bytes.is_multiple_of(SLOT_ALIGN)
            || slot_bytes < SLOT_HEADER_BYTES as u64 + self.frame_bytes()
        {
            return Err(HeaderError::OutOfRange { field: "slot_bytes", value: slot_bytes });
        }
        let need = slot_bytes.checked_mul(slots.into()).and_then(|all| all.checked_add(HEADER_BYTES as u64));
        match need {
            Some(need) if need <= file_bytes => Ok(()),
            _ => Err(HeaderError::FileTooShort { slots, slot_bytes, file_bytes }),
        }
    }

    /// The header as it stands in the file.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(offset::MAGIC, &MAGIC);
        put(offset::VERSION, &VERSION.to_le_bytes());
        put(offset::HEADER_BYTES, &(HEADER_BYTES as u32).to_le_bytes());
        put(offset::RING, &self.ring);
        put(offset::WIDTH, &self.width.to_le_bytes());
        put(offset::HEIGHT, &self.height.to_le_bytes());
        put(offset::FORMAT, &(self.format as u32).to_le_bytes());
        put(offset::SLOTS, &self.slots.to_le_bytes());
        put(offset::SLOT_BYTES, &self.slot_bytes.to_le_bytes());
        put(offset::FRAME_BYTES, &self.frame_bytes().to_le_bytes());
        put(offset::NEXT, &self.next.to_le_bytes());
        put(offset::CLOSED, &u32::from(self.closed).to_le_bytes());
        // A name has at most MAX_STREAM_NAME bytes, the length of the field.
        put(offset::STREAM, self.stream.as_str().as_bytes());
        bytes
    }

    /// How many slots the ring has, at least [`MIN_SLOTS`].
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.slots
    }

    /// Size of a slot in bytes, a multiple of [`SLOT_ALIGN`].
    #[must_use]
    pub fn slot_bytes(&self) -> u64 {
        self.slot_bytes
    }

    /// Size of a picture in bytes.
    #[must_use]
    pub fn frame_bytes(&self) -> u64 {
        self.format.frame_bytes(self.width, self.height) as u64
    }

    /// Size of the whole file in bytes.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.slots) * self.slot_bytes
    }

    /// The offset in the file of the slot of frame `number`.
    #[must_use]
    pub fn slot_offset(&self, number: u64) -> u64 {
        HEADER_BYTES as u64 + number % u64::from(self.slots) * self.slot_bytes
    }

    /// The ring's identity as 32 hexadecimal digits.
    #[must_use]
    pub fn ring_hex(&self) -> String {
        self.ring.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What stands before the pixels of a slot.
///
/// Times are nanoseconds of CLOCK_MONOTONIC, 0 where unknown, unless a field says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotHeader {
    /// [`lock_writing`] or [`lock_complete`] of a frame, or 0.
    pub lock: u64,
    /// The frame's number.
    pub number: u64,
    /// Presentation time in microseconds.
    pub pts: i64,
    /// Capture time, nanoseconds since 1970-01-01 00:00 UTC.
    pub captured_unix: i64,
    /// Capture time.
    pub captured: u64,
    /// When the last byte of the access unit arrived.
    pub received: u64,
    /// When the decoder gave the picture.
    pub decoded: u64,
    /// When the frame was complete in the slot.
    pub published: u64,
    /// [`lock_complete`] of the frame, written after everything else of it.
    pub check: u64,
}

impl SlotHeader {
    /// Reads a slot header as it stands in memory. Any bytes are one: whether it describes a frame is told by
    /// [`SlotHeader::holds`].
    #[must_use]
    pub fn from_bytes(bytes: &[u8; SLOT_HEADER_BYTES]) -> SlotHeader {
        let signed = |at| i64::from_le_bytes(array(bytes, at));
        SlotHeader {
            lock: u64_at(bytes, offset::LOCK),
            number: u64_at(bytes, offset::NUMBER),
            pts: signed(offset::PTS),
            captured_unix: signed(offset::CAPTURED_UNIX),
            captured: u64_at(bytes, offset::CAPTURED),
            received: u64_at(bytes, offset::RECEIVED),
            decoded: u64_at(bytes, offset::DECODED),
            published: u64_at(bytes, offset::PUBLISHED),
            check: u64_at(bytes, offset::CHECK),
        }
    }

    /// The header as it stands in memory.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; SLOT_HEADER_BYTES] {
        let mut bytes = [0; SLOT_HEADER_BYTES];
        let mut put = |at: usize, value: [u8; 8]| bytes[at..at + 8].copy_from_slice(&value);
        put(offset::LOCK, self.lock.to_le_bytes());
        put(offset::NUMBER, self.number.to_le_bytes());
        put(offset::PTS, self.pts.to_le_bytes());
        put(offset::CAPTURED_UNIX, self.captured_unix.to_le_bytes());
        put(offset::CAPTURED, self.captured.to_le_bytes());
        put(offset::RECEIVED, self.received.to_le_bytes());
        put(offset::DECODED, self.decoded.to_le_bytes());
        put(offset::PUBLISHED, self.published.to_le_bytes());
        put(offset::CHECK, self.check.to_le_bytes());
        bytes
    }

    /// Whether this is the header of the complete frame `number`. A reader looks at the lock once more after the
    /// pixels; if it is not the same then, it was overtaken.
    #[must_use]
    pub fn holds(&self, number: u64) -> bool {
        let lock = lock_complete(number);
        self.lock == lock && self.check == lock && self.number == number
    }
}

fn expect(field: &'static str, value: u64, wanted: u64) -> Result<(), HeaderError> {
    if value == wanted { Ok(()) } else { Err(HeaderError::OutOfRange { field, value }) }
}

/// The name in a field that is padded with NUL.
fn stream_name(field: &[u8]) -> Result<StreamName, NameError> {
    let end = field.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    // What is not ASCII becomes a character that no name has.
    let text: String = field[..end].iter().map(|byte| char::from(*byte)).collect();
    text.parse()
}

/// `N` bytes at `at`. The callers' offsets are constants within the fixed sizes of the two headers.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}

#[doc(hidden)]
pub mod fuzzing;

#[cfg(test)]
mod tests;
