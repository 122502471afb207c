//! Decoding with libavcodec through its C interface: H.264 of all profiles with 8 bits in 4:2:0, and H.265.
//!
//! The library conceals faults and flags the pictures where it did; those are not given out. (With concealment
//! off it does not notice them.) It says nothing of a lost H.264 reference picture, which [`Continuity`] notices
//! instead, and nothing of what is missing in H.265 (FFmpeg 5.1).

use super::VideoDecoder;
use super::continuity::Continuity;
use crate::decode::{Codec, Decoded, Error, MAX_MACROBLOCKS, Order};
use crate::picture::Plane;
use crate::view::I420View;
use camherd_media::codec::h264::START_CODE;
use camherd_media::codec::h264::nal::nal_units;
use camherd_media::time::MediaTime;
use camherd_media::unit::{Colour, Matrix};
use ffmpeg_sys_next as sys;
use std::ffi::{CStr, c_char, c_int};
use std::ptr;

/// Samples of the largest picture.
const MAX_PIXELS: i64 = MAX_MACROBLOCKS as i64 * 256;

/// What makes the library report a fault instead of going on.
const STRICT: c_int = sys::AV_EF_BITSTREAM | sys::AV_EF_BUFFER | sys::AV_EF_EXPLODE | sys::AV_EF_CAREFUL;

/// An open decoder of the library with a packet and a frame to reuse. The pointers are never null.
struct Library {
    context: *mut sys::AVCodecContext,
    packet: *mut sys::AVPacket,
    frame: *mut sys::AVFrame,
}

// SAFETY: none of the three has ties to the thread that made it, and every use that changes them takes
// `&mut self`. The decoder itself has one thread, the caller's.
unsafe impl Send for Library {}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: each pointer came from the function that belongs to it, and is freed once; null is allowed.
        unsafe {
            sys::av_frame_free(&raw mut self.frame);
            sys::av_packet_free(&raw mut self.packet);
            sys::avcodec_free_context(&raw mut self.context);
        }
    }
}

impl Library {
    fn new(codec: Codec, order: Order) -> Result<Library, Error> {
        let broken = |reason: &str| Error::Library { codec: codec.name(), reason: reason.to_owned() };
        let id = match codec {
            Codec::H264 => sys::AVCodecID::AV_CODEC_ID_H264,
            Codec::H265 => sys::AVCodecID::AV_CODEC_ID_HEVC,
        };
        // SAFETY: sets one number; the library writes what it thinks of every stream to standard error.
        unsafe { sys::av_log_set_level(sys::AV_LOG_QUIET) };
        // SAFETY: takes no pointers and gives a static description, or null.
        let decoder = unsafe { sys::avcodec_find_decoder(id) };
        if decoder.is_null() {
            return Err(broken("libavcodec is built without it"));
        }
        // SAFETY: the description is not null; each call gives a pointer or null.
        let library = unsafe {
            Library {
                context: sys::avcodec_alloc_context3(decoder),
                packet: sys::av_packet_alloc(),
                frame: sys::av_frame_alloc(),
            }
        };
        if library.context.is_null() || library.packet.is_null() || library.frame.is_null() {
            return Err(broken("libavcodec cannot allocate a decoder"));
        }
        // SAFETY: the context is live and not open yet, and nobody else has it.
        let context = unsafe { &mut *library.context };
        // Threads decode several pictures at a time, and each waits for the next.
        context.thread_count = 1;
        context.err_recognition = STRICT;
        context.max_pixels = MAX_PIXELS;
        if order == Order::Decode {
            context.flags |= sys::AV_CODEC_FLAG_LOW_DELAY as c_int;
        }
        // SAFETY: the context is live, and the description is the one that it was made with.
        let code = unsafe { sys::avcodec_open2(library.context, decoder, ptr::null_mut()) };
        if code < 0 {
            return Err(broken(&message(code)));
        }
        Ok(library)
    }

    /// Feeds one access unit, or with `None` the end of the stream.
    fn send(&mut self, access_unit: Option<&[u8]>, pts: MediaTime) -> c_int {
        let Some(access_unit) = access_unit else {
            // SAFETY: the context is open, and a null packet means the end.
            return unsafe { sys::avcodec_send_packet(self.context, ptr::null()) };
        };
        let Ok(length) = c_int::try_from(access_unit.len()) else { return sys::AVERROR_INVALIDDATA };
        // SAFETY: the packet is live and empty; the library allocates `length` bytes and zeroed padding. They are
        // filled before anything reads them, and the packet is emptied again.
        unsafe {
            let code = sys::av_new_packet(self.packet, length);
            if code < 0 {
                return code;
            }
            ptr::copy_nonoverlapping(access_unit.as_ptr(), (*self.packet).data, access_unit.len());
            (*self.packet).pts = pts.0;
            let code = sys::avcodec_send_packet(self.context, self.packet);
            sys::av_packet_unref(self.packet);
            code
        }
    }

    /// The next picture into `frame`; gives the code of the library.
    fn receive(&mut self) -> c_int {
        // SAFETY: the context is open and the frame is live.
        unsafe { sys::avcodec_receive_frame(self.context, self.frame) }
    }

    fn frame(&self) -> &sys::AVFrame {
        // SAFETY: the frame is live, and only calls with `&mut self` change it.
        unsafe { &*self.frame }
    }
}

/// What a code of the library means.
fn message(code: c_int) -> String {
    let mut text = [0 as c_char; sys::AV_ERROR_MAX_STRING_SIZE];
    // SAFETY: the buffer is as long as stated, and gets a NUL-terminated string.
    let text = unsafe {
        sys::av_strerror(code, text.as_mut_ptr(), text.len());
        CStr::from_ptr(text.as_ptr())
    };
    text.to_string_lossy().into_owned()
}

/// A started decoder.
struct Decoder {
    library: Library,
    codec: Codec,
    order: Order,
    continuity: Continuity,
    /// What the library is to see of the access unit.
    input: Vec<u8>,
    /// Whether `frame` holds a picture to give out.
    ready: bool,
    /// Whether the end of the stream has been told.
    draining: bool,
}

/// Starts a decoder.
pub(super) fn open_decoder(codec: Codec, order: Order) -> Result<Box<dyn VideoDecoder>, Error> {
    let library = Library::new(codec, order)?;
    let (continuity, input) = (Continuity::default(), Vec::new());
    Ok(Box::new(Decoder { library, codec, order, continuity, input, ready: false, draining: false }))
}

impl VideoDecoder for Decoder {
    fn decode(&mut self, access_unit: &[u8], pts: MediaTime) -> Result<bool, Error> {
        self.ready = false;
        if self.draining {
            self.reset()?;
        }
        if self.codec == Codec::H264 && !self.continuity.follows(access_unit) {
            return Err(self.corrupt("a reference picture is missing"));
        }
        self.input.clear();
        for nal in nal_units(access_unit).filter(|nal| is_needed(self.codec, nal)) {
            self.input.extend_from_slice(&START_CODE);
            self.input.extend_from_slice(nal);
        }
        let code = self.library.send(Some(&self.input), pts);
        if code < 0 {
            return Err(self.corrupt(&message(code)));
        }
        self.receive()
    }

    fn flush(&mut self) -> Result<bool, Error> {
        self.ready = false;
        if !self.draining {
            self.draining = true;
            self.library.send(None, MediaTime::default());
        }
        self.receive()
    }

    fn reset(&mut self) -> Result<(), Error> {
        (self.ready, self.draining) = (false, false);
        self.continuity = Continuity::default();
        self.library = Library::new(self.codec, self.order)?;
        Ok(())
    }

    fn picture(&self) -> Option<Decoded<'_>> {
        let frame = self.library.frame();
        let number = |n: c_int| usize::try_from(n).unwrap_or(0);
        let (width, height) = (number(frame.width), number(frame.height));
        let plane = |at: usize| {
            let (width, height) =
                if at == 0 { (width, height) } else { (width.div_ceil(2), height.div_ceil(2)) };
            let stride = number(frame.linesize[at]);
            if !self.ready || stride < width || available(frame, at) < stride * height {
                return Plane { data: &[], stride, width, height };
            }
            // SAFETY: the frame owns that many bytes from there on, which the library zeroed when it allocated
            // them. They stay as they are until the next call with `&mut self`.
            let data = unsafe { std::slice::from_raw_parts(frame.data[at], stride * height) };
            Plane { data, stride, width, height }
        };
        let picture = I420View::new([plane(0), plane(1), plane(2)], colour(frame)).ok()?;
        Some(Decoded { picture, pts: MediaTime(frame.pts) })
    }
}

impl Decoder {
    /// Takes the next picture, if there is one; gives whether.
    fn receive(&mut self) -> Result<bool, Error> {
        let code = self.library.receive();
        if code == sys::AVERROR(sys::EAGAIN) || code == sys::AVERROR_EOF {
            return Ok(false);
        }
        if code < 0 {
            return Err(self.corrupt(&message(code)));
        }
        let frame = self.library.frame();
        if frame.decode_error_flags != 0 || frame.flags & sys::AV_FRAME_FLAG_CORRUPT != 0 {
            return Err(self.corrupt("the picture is incomplete"));
        }
        if !is_planar_420(frame.format) {
            let what = format!("{} other than 4:2:0 with 8 bits cannot be decoded", self.codec.name());
            return Err(Error::Unsupported(what));
        }
        self.ready = true;
        Ok(true)
    }

    fn corrupt(&self, reason: &str) -> Error {
        Error::Corrupt(format!("{} access unit cannot be decoded: {reason}", self.codec.name()))
    }
}

/// Whether a NAL unit is a slice or a parameter set. The library is strict about all others too, where cameras are
/// careless: a SEI message that is too short would cost the picture.
fn is_needed(codec: Codec, nal: &[u8]) -> bool {
    nal.first().is_some_and(|header| match codec {
        Codec::H264 => matches!(header & 0x1f, 1..=5 | 7 | 8),
        Codec::H265 => (header >> 1 & 0x3f) <= 34,
    })
}

/// Bytes of the frame's buffers from the first sample of a plane on; 0 where it lies in none of them.
fn available(frame: &sys::AVFrame, plane: usize) -> usize {
    let start = frame.data[plane].addr();
    // SAFETY: the buffers of a frame are live as long as the frame, or null.
    let buffers = frame.buf.iter().filter_map(|buffer| unsafe { buffer.as_ref() });
    let mut rest = buffers.map(|buffer| buffer.data.addr()..buffer.data.addr() + buffer.size);
    rest.find(|bytes| bytes.contains(&start)).map_or(0, |bytes| bytes.end - start)
}

fn is_planar_420(format: c_int) -> bool {
    let formats = [sys::AVPixelFormat::AV_PIX_FMT_YUV420P, sys::AVPixelFormat::AV_PIX_FMT_YUVJ420P];
    formats.iter().any(|known| *known as c_int == format)
}

fn colour(frame: &sys::AVFrame) -> Colour {
    let full_range = frame.color_range == sys::AVColorRange::AVCOL_RANGE_JPEG
        || frame.format == sys::AVPixelFormat::AV_PIX_FMT_YUVJ420P as c_int;
    let bt709 = frame.colorspace == sys::AVColorSpace::AVCOL_SPC_BT709;
    Colour { full_range, matrix: if bt709 { Matrix::Bt709 } else { Matrix::Bt601 } }
}
