//! From frame number and time to JPEG.

use super::Error;
use super::code::Code;
use super::picture::Painter;
use bytes::Bytes;
use camherd_codec::jpeg;
use camherd_codec::picture::{Picture, PlaneMut};

/// What the pictures look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Width in pixels: even, 160 to 8192.
    pub width: u32,
    /// Height in pixels: even, 120 to 8192.
    pub height: u32,
    /// JPEG quality on libjpeg's scale, 1 to 100.
    pub quality: u8,
    /// Roughness of the texture, 0 to 100; [`DEFAULT_DETAIL`] gives JPEGs as large as a camera's.
    pub detail: u8,
    /// The name that the picture shows.
    pub name: String,
    /// Left and right changed.
    pub mirrored: bool,
    /// Upside down.
    pub flipped: bool,
}

/// Detail at which a VGA picture of quality 80 is a JPEG of about 25 KB and a 720p one of about 60 KB.
pub const DEFAULT_DETAIL: u8 = 22;

/// Draws and encodes one frame after the other, in buffers that it keeps. For one thread; a call takes about as long
/// as the JPEG encoder does.
pub struct Generator {
    painter: Painter,
    picture: Picture,
    encoder: jpeg::Encoder,
    sequence: u32,
    look: Look,
}

impl Generator {
    /// A generator whose first frame has the number 0.
    ///
    /// # Errors
    /// A value of `look` outside its range, or the codec library fails to start.
    pub fn new(look: &Look) -> Result<Generator, Error> {
        Generator::from(look, 0)
    }

    /// Goes on with another look; numbers go on as well.
    ///
    /// # Errors
    /// As [`Generator::new`]; the old look stays.
    pub fn set_look(&mut self, look: &Look) -> Result<(), Error> {
        if *look != self.look {
            *self = Generator::from(look, self.sequence)?;
        }
        Ok(())
    }

    fn from(look: &Look, sequence: u32) -> Result<Generator, Error> {
        look.check()?;
        let painter = Painter::new(look.width, look.height, &look.name, look.detail)?;
        let picture = Picture::new(look.width, look.height)?;
        let encoder = jpeg::Encoder::new(look.quality)?;
        Ok(Generator { painter, picture, encoder, sequence, look: look.clone() })
    }

    /// The next frame as a JPEG, taken at `now_unix_ms` (milliseconds since 1970-01-01 UTC).
    ///
    /// # Errors
    /// The encoder failed; the frame number is used up all the same.
    pub fn next(&mut self, now_unix_ms: u64) -> Result<Bytes, Error> {
        let code = Code { sequence: self.sequence, captured_ms: now_unix_ms };
        self.sequence = self.sequence.wrapping_add(1);
        self.painter.draw(code, self.picture.planes_mut());
        if self.look.mirrored || self.look.flipped {
            for plane in self.picture.planes_mut() {
                turn(plane, self.look.mirrored, self.look.flipped);
            }
        }
        Ok(self.encoder.encode(&self.picture)?)
    }
}

/// Changes left and right, or top and bottom.
fn turn(mut plane: PlaneMut<'_>, mirrored: bool, flipped: bool) {
    if mirrored {
        plane.rows_mut().for_each(<[u8]>::reverse);
    }
    if flipped {
        let mut rows: Vec<&mut [u8]> = plane.rows_mut().collect();
        let half = rows.len() / 2;
        let (top, bottom) = rows.split_at_mut(half);
        for (above, below) in top.iter_mut().zip(bottom.iter_mut().rev()) {
            above.swap_with_slice(below);
        }
    }
}

impl Look {
    /// Checks every value against its range.
    ///
    /// # Errors
    /// Names the first value that is outside.
    pub fn check(&self) -> Result<(), Error> {
        super::picture::check_size(self.width, self.height)?;
        if !(1..=100).contains(&self.quality) {
            return Err(Error::Quality(self.quality));
        }
        if self.detail > 100 {
            return Err(Error::Detail(self.detail));
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::code::{Luma, ReadError, read};
    use super::*;
    use camherd_codec::picture::Plane;

    /// What a picture of this many frames and this look decodes to.
    pub(in super::super) fn read_jpeg(jpeg: &[u8]) -> Result<Code, ReadError> {
        let mut picture = Picture::default();
        jpeg::Decoder::new().expect("decoder").decode(jpeg, &mut picture).expect("a whole JPEG");
        let Plane { data, stride, width, height } = picture.y();
        read(Luma { data, width, height, stride })
    }

    pub(in super::super) fn look(width: u32, height: u32, quality: u8) -> Look {
        let (detail, name) = (DEFAULT_DETAIL, "test".to_owned());
        Look { width, height, quality, detail, name, mirrored: false, flipped: false }
    }

    #[test]
    fn the_code_survives_jpeg_of_any_quality() {
        for (width, height) in [(160, 120), (320, 240), (640, 480)] {
            for quality in [5, 10, 80, 100] {
                let mut generator = Generator::new(&look(width, height, quality)).expect("generator");
                for frame in 0..5 {
                    let captured_ms = 1_700_000_000_123 + 33 * u64::from(frame);
                    let jpeg = generator.next(captured_ms).expect("JPEG");
                    let expected = Code { sequence: frame, captured_ms };
                    assert_eq!(read_jpeg(&jpeg), Ok(expected), "{width}x{height} q{quality}");
                }
            }
        }
    }

    #[test]
    fn jpegs_are_as_large_as_a_cameras() {
        for (width, height, smallest, largest) in [(640, 480, 20_000, 30_000), (1280, 720, 50_000, 72_000)] {
            let mut generator = Generator::new(&look(width, height, 80)).expect("generator");
            for ms in [0, 777, 5_000, 12_345] {
                let size = generator.next(1_700_000_000_000 + ms).expect("JPEG").len();
                assert!((smallest..largest).contains(&size), "{width}x{height}: {size} bytes");
            }
        }
    }

    #[test]
    fn another_look_goes_on_with_the_numbers() {
        let mut generator = Generator::new(&look(320, 240, 80)).expect("generator");
        generator.next(1).expect("JPEG");
        generator.set_look(&look(160, 120, 80)).expect("look");
        let code = read_jpeg(&generator.next(2).expect("JPEG"));
        assert_eq!(code.map(|code| code.sequence), Ok(1));
        assert!(generator.set_look(&look(100, 120, 80)).is_err());
        let code = read_jpeg(&generator.next(3).expect("JPEG"));
        assert_eq!(code.map(|code| code.sequence), Ok(2), "the old look stays");
    }

    #[test]
    fn a_turned_picture_has_its_corners_elsewhere() {
        let corners = |mirrored, flipped| {
            let mut data: Vec<u8> = (0..12).collect();
            turn(PlaneMut { data: &mut data, stride: 4, width: 3, height: 3 }, mirrored, flipped);
            [data[0], data[2], data[8], data[10]]
        };
        assert_eq!(corners(true, false), [2, 0, 10, 8]);
        assert_eq!(corners(false, true), [8, 10, 0, 2]);
        assert_eq!(corners(true, true), [10, 8, 2, 0]);
    }

    #[test]
    fn each_value_out_of_range_is_named() {
        let error = |look: Look| Generator::new(&look).err().expect("an error").to_string();
        assert!(error(look(100, 480, 80)).contains("not 100x480"));
        assert!(error(look(641, 480, 80)).contains("641x480"));
        assert!(error(look(640, 480, 0)).contains("quality 0"));
        assert!(error(look(640, 480, 101)).contains("quality 101"));
        assert!(error(Look { detail: 101, ..look(640, 480, 80) }).contains("detail 101"));
    }
}
