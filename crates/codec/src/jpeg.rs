//! JPEG (ITU-T T.81) to and from planar 4:2:0.

use crate::backend::{self, JpegDecoder, JpegEncoder};
use crate::picture::{JPEG_COLOUR, Picture, SizeError};
use crate::recolour;
use crate::view::I420View;
use bytes::Bytes;

/// Why a JPEG cannot be decoded or encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No library for JPEG could be set up.
    #[error("the JPEG library does not start: {0}")]
    Library(String),
    /// The bytes are not a JPEG, or its header is broken.
    #[error("not a readable JPEG header: {0}")]
    Header(String),
    /// The header states a size that is not decoded.
    #[error(transparent)]
    Size(#[from] SizeError),
    /// A kind of JPEG that no camera sends.
    #[error("JPEG with {0} is not supported")]
    Unsupported(&'static str),
    /// The picture data is damaged or incomplete. What was decoded before the fault is not given out.
    #[error("JPEG data is corrupt: {0}")]
    Corrupt(String),
    /// The quality for an encoder is outside 1 to 100.
    #[error("JPEG quality {0}: must be 1 to 100")]
    Quality(u8),
    /// The library refused to encode.
    #[error("cannot encode JPEG: {0}")]
    Encode(String),
}

/// Decodes JPEG files to planar 4:2:0. One per stream; its buffers are reused from picture to picture.
pub struct Decoder {
    backend: Box<dyn JpegDecoder>,
}

impl Decoder {
    /// A decoder for pictures of any size.
    ///
    /// # Errors
    /// [`Error::Library`] when no JPEG library works.
    pub fn new() -> Result<Decoder, Error> {
        let none = Error::Library("no backend is built in".to_owned());
        let (backend, _) = backend::first_working(backend::JPEG_DECODERS, |open| open(), none)?;
        Ok(Decoder { backend })
    }

    /// Decodes one whole JPEG file, baseline or progressive, gray or YCbCr of any subsampling, into `out`,
    /// which takes its size and is full range. Chroma of 4:2:0 is taken as it is; denser chroma is
    /// averaged. Bytes between the picture data and the end marker are tolerated, as cameras pad there.
    ///
    /// # Errors
    /// What is wrong with `jpeg`; any warning of the decoder counts as [`Error::Corrupt`], because the
    /// rest of such a picture is gray or green. The samples of `out` are unspecified then.
    pub fn decode(&mut self, jpeg: &[u8], out: &mut Picture) -> Result<(), Error> {
        self.backend.decode(jpeg, out)
    }
}

/// Encodes pictures to 4:2:0 baseline JPEG files with JFIF header.
pub struct Encoder {
    backend: Box<dyn JpegEncoder>,
    /// A picture in the colours of JPEG, where the one to encode has others.
    recoloured: Picture,
}

impl Encoder {
    /// An encoder at `quality`, 1 (small) to 100 (good), on the scale of the Independent JPEG Group.
    ///
    /// # Errors
    /// [`Error::Quality`] outside that range; [`Error::Library`] when no JPEG library works.
    pub fn new(quality: u8) -> Result<Encoder, Error> {
        if !(1..=100).contains(&quality) {
            return Err(Error::Quality(quality));
        }
        let none = Error::Library("no backend is built in".to_owned());
        let (backend, _) = backend::first_working(backend::JPEG_ENCODERS, |open| open(quality), none)?;
        Ok(Encoder { backend, recoloured: Picture::default() })
    }

    /// Encodes one picture to a whole JPEG file. A picture in other colours than those of JPEG (full range,
    /// BT.601) is brought to them first.
    ///
    /// # Errors
    /// [`Error::Encode`] when the library fails.
    pub fn encode(&mut self, picture: &Picture) -> Result<Bytes, Error> {
        self.encode_view(&I420View::from(picture))
    }

    /// [`Encoder::encode`] of a picture that lies anywhere.
    ///
    /// # Errors
    /// [`Error::Encode`] when the library fails.
    pub fn encode_view(&mut self, picture: &I420View<'_>) -> Result<Bytes, Error> {
        if picture.colour() == JPEG_COLOUR {
            return self.backend.encode(picture);
        }
        recolour::to_jpeg(picture, &mut self.recoloured)?;
        self.backend.encode(&I420View::from(&self.recoloured))
    }
}

#[cfg(test)]
mod tests;
