//! libjpeg-turbo through its TurboJPEG 3 interface. Decoding uses the C functions, because the safe wrapper
//! writes to one packed buffer and hides whether a failure is fatal; encoding uses the wrapper.

use super::{JpegDecoder, JpegEncoder};
use crate::chroma;
use crate::jpeg::Error;
use crate::picture::{JPEG_COLOUR, MAX_DIMENSION, Picture, Plane, SizeError};
use crate::view::I420View;
use ::turbojpeg::raw;
use bytes::Bytes;
use std::ffi::{CStr, c_int};

/// Most scans of a progressive JPEG. Encoders use about ten; each further one costs a pass over the whole
/// picture for a few bytes of input.
const MAX_SCANS: c_int = 100;

/// Most memory for the coefficients of a progressive JPEG, in MiB: a 4:4:4 picture of 40 megapixels.
const MAX_WORKING_MEMORY_MIB: c_int = 256;

/// The one warning of libjpeg that does not mean a damaged picture (JWRN_EXTRANEOUS_DATA with EOI): cameras
/// pad the data before the end marker. The library reports only the first warning of a picture, and this one
/// can only come after the last block is decoded.
const HARMLESS_WARNING: &str = "extraneous bytes before marker 0xd9";

/// A TurboJPEG instance for decoding. Never null.
struct Handle(raw::tjhandle);

// SAFETY: an instance has no ties to the thread that made it, and `&mut self` on every use excludes two
// threads at a time.
unsafe impl Send for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle came from tj3Init and is destroyed once.
        unsafe { raw::tj3Destroy(self.0) }
    }
}

impl Handle {
    fn new() -> Result<Handle, Error> {
        // SAFETY: takes no pointers.
        let handle = unsafe { raw::tj3Init(raw::TJINIT_TJINIT_DECOMPRESS as c_int) };
        if handle.is_null() {
            return Err(Error::Library("libjpeg-turbo cannot allocate a decoder".to_owned()));
        }
        let mut handle = Handle(handle);
        handle.set(raw::TJPARAM_TJPARAM_SCANLIMIT, MAX_SCANS)?;
        handle.set(raw::TJPARAM_TJPARAM_MAXMEMORY, MAX_WORKING_MEMORY_MIB)?;
        Ok(handle)
    }

    fn set(&mut self, parameter: raw::TJPARAM, value: c_int) -> Result<(), Error> {
        // SAFETY: the handle is live; bad parameters are reported, not undefined.
        match unsafe { raw::tj3Set(self.0, parameter as c_int, value) } {
            0 => Ok(()),
            _ => Err(Error::Library(self.message())),
        }
    }

    fn get(&mut self, parameter: raw::TJPARAM) -> c_int {
        // SAFETY: the handle is live; bad parameters answer -1.
        unsafe { raw::tj3Get(self.0, parameter as c_int) }
    }

    /// What the last call complained about.
    fn message(&mut self) -> String {
        // SAFETY: the answer is a NUL-terminated string inside the live instance, copied before the next call.
        let text = unsafe { CStr::from_ptr(raw::tj3GetErrorStr(self.0)) };
        text.to_string_lossy().into_owned()
    }

    /// Whether the last failure was a warning, so that the output is complete.
    fn only_warned(&mut self) -> bool {
        // SAFETY: the handle is live.
        let code = unsafe { raw::tj3GetErrorCode(self.0) };
        code == raw::TJERR_TJERR_WARNING as c_int
    }
}

/// What the header of a JPEG says, checked against what is decoded here.
#[derive(Clone, Copy)]
struct Header {
    width: u32,
    height: u32,
    subsampling: raw::TJSAMP,
}

/// Size of the plane `component` as the library writes it.
#[derive(Clone, Copy)]
struct PlaneSize {
    width: usize,
    height: usize,
}

impl Header {
    fn plane(self, component: c_int) -> PlaneSize {
        let subsampling = self.subsampling as c_int;
        // At most 8192 each: in range of every integer type here.
        let (width, height) = (self.width as c_int, self.height as c_int);
        // SAFETY: pure functions; a bad argument answers 0.
        let width = unsafe { raw::tj3YUVPlaneWidth(component, width, subsampling) };
        // SAFETY: as above.
        let height = unsafe { raw::tj3YUVPlaneHeight(component, height, subsampling) };
        PlaneSize { width: usize::try_from(width).unwrap_or(0), height: usize::try_from(height).unwrap_or(0) }
    }
}

/// Decoder with the scratch planes for chroma that is not 4:2:0.
struct Decoder {
    handle: Handle,
    scratch: [Vec<u8>; 2],
}

/// Opens a decoder.
pub(super) fn open_decoder() -> Result<Box<dyn JpegDecoder>, Error> {
    Ok(Box::new(Decoder { handle: Handle::new()?, scratch: [Vec::new(), Vec::new()] }))
}

impl JpegDecoder for Decoder {
    fn decode(&mut self, jpeg: &[u8], out: &mut Picture) -> Result<(), Error> {
        let result = self.decode_to_420(jpeg, out);
        if result.is_err() {
            // An instance that fails inside a header goes on there with the next picture (libjpeg-turbo 3.1.0),
            // so that one broken picture would spoil the good ones after it.
            self.handle = Handle::new()?;
        }
        result
    }
}

impl Decoder {
    fn decode_to_420(&mut self, jpeg: &[u8], out: &mut Picture) -> Result<(), Error> {
        let header = self.read_header(jpeg)?;
        out.resize(header.width, header.height)?;
        out.set_colour(JPEG_COLOUR);
        match header.subsampling {
            raw::TJSAMP_TJSAMP_420 => self.decode_planes(jpeg, header, out, false),
            raw::TJSAMP_TJSAMP_GRAY => {
                self.decode_planes(jpeg, header, out, false)?;
                let [_, cb, cr] = out.planes_mut();
                cb.data.fill(128);
                cr.data.fill(128);
                Ok(())
            }
            _ => {
                self.decode_planes(jpeg, header, out, true)?;
                let [_, cb, cr] = out.planes_mut();
                for ((component, mut target), source) in (1..).zip([cb, cr]).zip(&self.scratch) {
                    let PlaneSize { width, height } = header.plane(component);
                    chroma::resample(Plane { data: source, stride: width, width, height }, &mut target);
                }
                Ok(())
            }
        }
    }

    fn read_header(&mut self, jpeg: &[u8]) -> Result<Header, Error> {
        let handle = &mut self.handle;
        // SAFETY: the handle is live, and pointer and length are those of a slice that outlives the call.
        let failed =
            unsafe { raw::tj3DecompressHeader(handle.0, jpeg.as_ptr(), jpeg.len() as raw::size_t) } != 0;
        if failed {
            return Err(Error::Header(handle.message()));
        }
        let width = u32::try_from(handle.get(raw::TJPARAM_TJPARAM_JPEGWIDTH)).unwrap_or(0);
        let height = u32::try_from(handle.get(raw::TJPARAM_TJPARAM_JPEGHEIGHT)).unwrap_or(0);
        if width == 0 || height == 0 {
            return Err(Error::Header("it has tables but no picture".to_owned()));
        }
        if width > MAX_DIMENSION || height > MAX_DIMENSION {
            return Err(SizeError { width, height }.into());
        }
        if handle.get(raw::TJPARAM_TJPARAM_LOSSLESS) == 1 {
            return Err(Error::Unsupported("lossless coding"));
        }
        if handle.get(raw::TJPARAM_TJPARAM_ARITHMETIC) == 1 {
            return Err(Error::Unsupported("arithmetic coding"));
        }
        if handle.get(raw::TJPARAM_TJPARAM_PRECISION) != 8 {
            return Err(Error::Unsupported("other than 8 bits per sample"));
        }
        match handle.get(raw::TJPARAM_TJPARAM_COLORSPACE) as raw::TJCS {
            raw::TJCS_TJCS_YCbCr | raw::TJCS_TJCS_GRAY => {}
            _ => return Err(Error::Unsupported("a colour space other than YCbCr and gray")),
        }
        let subsampling = handle.get(raw::TJPARAM_TJPARAM_SUBSAMP) as raw::TJSAMP;
        if !(raw::TJSAMP_TJSAMP_444..=raw::TJSAMP_TJSAMP_441).contains(&subsampling) {
            return Err(Error::Unsupported("this chroma subsampling"));
        }
        // A Huffman code has at least one bit (ITU-T T.81 C.2), and each 8x8 block of luma has at least one
        // code. A few bytes that claim a huge picture therefore end here, before anything is allocated.
        let least_bits = u64::from(width.div_ceil(8)) * u64::from(height.div_ceil(8));
        if (jpeg.len() as u64) < least_bits / 8 {
            return Err(Error::Corrupt(format!("{} bytes cannot hold {width}x{height} pixels", jpeg.len())));
        }
        Ok(Header { width, height, subsampling })
    }

    /// Decodes luma into `out`, and chroma into `out` or, with `to_scratch`, into the scratch planes.
    fn decode_planes(
        &mut self,
        jpeg: &[u8],
        header: Header,
        out: &mut Picture,
        to_scratch: bool,
    ) -> Result<(), Error> {
        let [y, u, v] = out.planes_mut();
        let mut targets = [(y.data, y.stride), (u.data, u.stride), (v.data, v.stride)];
        if to_scratch {
            let [cb, cr] = &mut self.scratch;
            for ((component, target), scratch) in (1..).zip(&mut targets[1..]).zip([cb, cr]) {
                let PlaneSize { width, height } = header.plane(component);
                if scratch.len() < width * height {
                    *scratch = vec![0; width * height];
                }
                *target = (scratch, width);
            }
        }
        let components = if header.subsampling == raw::TJSAMP_TJSAMP_GRAY { 1 } else { 3 };
        for ((component, (data, stride)), _) in (0..).zip(&targets).zip(0..components) {
            let PlaneSize { width, height } = header.plane(component);
            if width > *stride || stride * height > data.len() {
                return Err(Error::Library("a plane is larger than its picture".to_owned()));
            }
        }
        let mut strides = targets.each_ref().map(|(_, stride)| *stride as c_int);
        let mut planes = targets.each_mut().map(|(data, _)| data.as_mut_ptr());
        // SAFETY: the handle is live; pointer and length are those of a slice; the loop above has checked
        // that every plane the library writes for these very bytes fits into its buffer row by row, and the
        // buffers are distinct.
        let failed = unsafe {
            raw::tj3DecompressToYUVPlanes8(
                self.handle.0,
                jpeg.as_ptr(),
                jpeg.len() as raw::size_t,
                planes.as_mut_ptr(),
                strides.as_mut_ptr(),
            )
        } != 0;
        if failed {
            let message = self.handle.message();
            if !(self.handle.only_warned() && message.ends_with(HARMLESS_WARNING)) {
                return Err(Error::Corrupt(message));
            }
        }
        Ok(())
    }
}

/// Encoder at one quality.
struct Encoder(::turbojpeg::Compressor);

/// Opens an encoder at `quality`, 1 to 100.
pub(super) fn open_encoder(quality: u8) -> Result<Box<dyn JpegEncoder>, Error> {
    let library = |error: ::turbojpeg::Error| Error::Library(error.to_string());
    let mut compressor = ::turbojpeg::Compressor::new().map_err(library)?;
    compressor.set_quality(i32::from(quality)).map_err(library)?;
    Ok(Box::new(Encoder(compressor)))
}

impl JpegEncoder for Encoder {
    fn encode(&mut self, picture: &I420View<'_>) -> Result<Bytes, Error> {
        let [y, u, v] = picture.planes();
        let image = ::turbojpeg::YuvPlanesImage {
            y_plane: y.data,
            u_plane: u.data,
            v_plane: v.data,
            width: y.width,
            height: y.height,
            y_stride: y.stride,
            u_stride: u.stride,
            v_stride: v.stride,
            subsamp: ::turbojpeg::Subsamp::Sub2x2,
        };
        let jpeg =
            self.0.compress_yuv_planes_to_owned(&image).map_err(|error| Error::Encode(error.to_string()))?;
        Ok(Bytes::copy_from_slice(&jpeg))
    }
}
