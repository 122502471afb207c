//! Decoding with OpenH264 through its C interface, with error concealment off. The safe wrapper leaves it on,
//! so that a lost packet becomes a smeared picture.
//!
//! The library deblocks some edges of B-frame blocks in direct mode wrongly: up to one sample in a hundred
//! differs from the standard by a little, in B-frames and in what refers to them. All else is exact.

use super::reorder::{Next, Reorder};
use super::{VideoDecoder, sps};
use crate::decode::{Codec, Decoded, Error, MAX_MACROBLOCKS, Order};
use crate::picture::Plane;
use crate::view::I420View;
use camherd_media::codec::h264::START_CODE;
use camherd_media::codec::h264::nal::{NalKind, nal_units};
use camherd_media::codec::h264::sps::Sps;
use camherd_media::time::MediaTime;
use camherd_media::unit::Colour;
use openh264_sys2 as sys;
use openh264_sys2::API as _;
use std::ffi::{c_int, c_void};
use std::ptr;

/// `profile_idc` that the library decodes: baseline, main, scalable baseline and scalable high by their base
/// layer, high (ITU-T H.264 A.2, F.3).
const PROFILES: [u8; 5] = [66, 77, 83, 86, 100];

/// How many pictures overtake another where the stream does not say. Two is what a pyramid of B-frames takes in
/// the encoders of cameras and in libx264; one more costs little where such streams are rare.
const UNSTATED_REORDER: usize = 3;

/// An instance of the library and its functions.
struct Library {
    api: sys::DynamicAPI,
    instance: *mut sys::ISVCDecoder,
    functions: sys::ISVCDecoderVtbl,
    initialised: bool,
}

// SAFETY: an instance has no ties to the thread that made it, and every use of it takes `&mut self`.
unsafe impl Send for Library {}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: the instance is live, is stopped if it was started, and is destroyed once.
        unsafe {
            if self.initialised
                && let Some(stop) = self.functions.Uninitialize
            {
                stop(self.instance);
            }
            self.api.WelsDestroyDecoder(self.instance);
        }
    }
}

/// A picture as the library hands it out.
#[derive(Clone, Copy)]
struct Output {
    planes: [*mut u8; 3],
    info: sys::SBufferInfo,
}

fn broken(reason: impl Into<String>) -> Error {
    Error::Library { codec: Codec::H264.name(), reason: reason.into() }
}

impl Library {
    fn new() -> Result<Library, Error> {
        let api = sys::DynamicAPI::from_source();
        let mut instance: *mut sys::ISVCDecoder = ptr::null_mut();
        // SAFETY: the library writes one pointer to where it is told to.
        let code = unsafe { api.WelsCreateDecoder(&raw mut instance) };
        if code != 0 || instance.is_null() {
            return Err(broken(format!("OpenH264 cannot create a decoder (code {code})")));
        }
        // SAFETY: a live instance points to its table of functions, which lives as long as the program.
        let functions = unsafe { **instance };
        let mut library = Library { api, instance, functions, initialised: false };
        library.start()?;
        Ok(library)
    }

    fn start(&mut self) -> Result<(), Error> {
        let missing = || broken("OpenH264 lacks a function");
        let set = self.functions.SetOption.ok_or_else(missing)?;
        let initialise = self.functions.Initialize.ok_or_else(missing)?;
        // The library writes what it thinks of every broken stream to standard error.
        let mut quiet: c_int = sys::WELS_LOG_QUIET;
        let quiet = (&raw mut quiet).cast::<c_void>();
        // SAFETY: the instance is live, and the library reads one int for this option.
        let code = unsafe { set(self.instance, sys::DECODER_OPTION_TRACE_LEVEL, quiet) };
        if code != 0 {
            return Err(broken(format!("OpenH264 refuses to be quiet (code {code})")));
        }
        let mut parameters = sys::SDecodingParam {
            uiTargetDqLayer: u8::MAX,
            eEcActiveIdc: sys::ERROR_CON_DISABLE,
            ..sys::SDecodingParam::default()
        };
        parameters.sVideoProperty.size = size_of::<sys::SVideoProperty>() as u32;
        parameters.sVideoProperty.eVideoBsType = sys::VIDEO_BITSTREAM_AVC;
        // One thread, as is the default: more decode several pictures at a time, and each waits for the next.
        // SAFETY: the instance is live, and the library copies the settings.
        let code = unsafe { initialise(self.instance, &raw const parameters) };
        if code != 0 {
            return Err(broken(format!("OpenH264 refuses its settings (code {code})")));
        }
        self.initialised = true;
        Ok(())
    }

    /// Feeds `data`, or tells with `None` that the access unit is complete. Gives the code of the library
    /// and the picture that is ready.
    fn feed(&mut self, data: Option<&[u8]>, pts: MediaTime) -> Result<(c_int, Option<Output>), Error> {
        let Some(decode) = self.functions.DecodeFrame2 else {
            return Err(broken("OpenH264 lacks a function"));
        };
        // The front bounds the access unit to far below 2^31.
        let (start, length) = data.map_or((ptr::null(), 0), |data| (data.as_ptr(), data.len() as c_int));
        let mut planes = [ptr::null_mut(); 3];
        // The time goes through the library as 64 bits without a meaning.
        let mut info = sys::SBufferInfo { uiInBsTimeStamp: pts.0 as u64, ..sys::SBufferInfo::default() };
        // SAFETY: the instance is live and started; pointer and length are those of a slice, which the library
        // copies; it writes three pointers and one structure.
        let code = unsafe { decode(self.instance, start, length, planes.as_mut_ptr(), &raw mut info) };
        Ok((code, (info.iBufferStatus == 1).then_some(Output { planes, info })))
    }
}

/// The NAL units of an access unit that the library is to see.
#[derive(Default)]
struct Input {
    /// Annex B: parameter sets and slices.
    data: Vec<u8>,
    /// The sequence parameter sets, one after the other.
    sps: Vec<u8>,
    /// What the last sequence parameter set says.
    facts: Option<Facts>,
}

impl Input {
    /// Takes `access_unit` apart. Everything but parameter sets and slices of the base layer stays out: the
    /// library takes a SEI message that some cameras put after the slices for the begin of the next picture.
    fn read(&mut self, access_unit: &[u8]) -> Result<(), Error> {
        self.data.clear();
        self.sps.clear();
        self.facts = None;
        for nal in nal_units(access_unit) {
            match NalKind::of(nal) {
                Some(NalKind::Sps) => {
                    self.facts = Some(Facts::of(nal)?);
                    let nal = sps::without_reordering(nal).ok_or_else(|| {
                        Error::Corrupt("the sequence parameter set ends too early".to_owned())
                    })?;
                    self.sps.extend_from_slice(&START_CODE);
                    self.sps.extend_from_slice(&nal);
                    self.data.extend_from_slice(&START_CODE);
                    self.data.extend_from_slice(&nal);
                    continue;
                }
                Some(NalKind::Pps | NalKind::Slice | NalKind::IdrSlice) => {}
                Some(NalKind::PartitionA | NalKind::PartitionB | NalKind::PartitionC) => {
                    return Err(unsupported("data partitioning"));
                }
                _ => continue,
            }
            self.data.extend_from_slice(&START_CODE);
            self.data.extend_from_slice(nal);
        }
        Ok(())
    }
}

/// What a sequence parameter set says about its pictures.
#[derive(Clone, Copy, Default)]
struct Facts {
    colour: Colour,
    /// How many pictures may come before another in decoding order that is shown first.
    reorder: usize,
}

impl Facts {
    /// Reads a sequence parameter set, if the library can decode its pictures.
    fn of(nal: &[u8]) -> Result<Facts, Error> {
        let sps = Sps::parse(nal).map_err(|error| Error::Corrupt(error.to_string()))?;
        if !PROFILES.contains(&sps.profile_idc) {
            return Err(unsupported(&format!("this H.264 profile ({})", profile_name(sps.profile_idc))));
        }
        if !sps.frame_mbs_only {
            return Err(unsupported("interlaced H.264"));
        }
        if sps.chroma_format_idc != 1 || (sps.bit_depth_luma, sps.bit_depth_chroma) != (8, 8) {
            return Err(unsupported("H.264 other than 4:2:0 with 8 bits"));
        }
        if sps.width.div_ceil(16) * sps.height.div_ceil(16) > MAX_MACROBLOCKS {
            return Err(unsupported(&format!("H.264 of {}x{} pixels", sps.width, sps.height)));
        }
        let reorder = sps.reorder_frames().map_or(UNSTATED_REORDER, usize::from);
        Ok(Facts { colour: sps.colour(), reorder })
    }
}

fn unsupported(what: &str) -> Error {
    Error::Unsupported(format!("{what} cannot be decoded by OpenH264; build with the feature `ffmpeg`"))
}

/// Name of a profile (ITU-T H.264 A.2).
fn profile_name(profile_idc: u8) -> String {
    match profile_idc {
        110 => "High 10".to_owned(),
        122 => "High 4:2:2".to_owned(),
        244 => "High 4:4:4 Predictive".to_owned(),
        44 => "CAVLC 4:4:4 Intra".to_owned(),
        118 => "Multiview High".to_owned(),
        128 => "Stereo High".to_owned(),
        other => format!("profile_idc {other}"),
    }
}

/// A started decoder.
struct Decoder {
    library: Library,
    input: Input,
    /// The sequence parameter sets that the library works with.
    sps: Vec<u8>,
    facts: Facts,
    /// Puts the pictures in order, if that is wanted.
    reorder: Option<Reorder>,
    current: Current,
}

/// The picture that the last call gave.
enum Current {
    None,
    /// In memory of the library; valid until the library is called again.
    Library(Output),
    /// The picture that `reorder` has taken out.
    Held,
}

// SAFETY: `current` points into the library's own buffers and is only read while no call can change them.
unsafe impl Send for Decoder {}

/// Starts a decoder.
pub(super) fn open_decoder(_: Codec, order: Order) -> Result<Box<dyn VideoDecoder>, Error> {
    Ok(Box::new(Decoder {
        library: Library::new()?,
        input: Input::default(),
        sps: Vec::new(),
        facts: Facts::default(),
        reorder: (order == Order::Display).then(Reorder::default),
        current: Current::None,
    }))
}

impl VideoDecoder for Decoder {
    fn decode(&mut self, access_unit: &[u8], pts: MediaTime) -> Result<bool, Error> {
        self.current = Current::None;
        self.input.read(access_unit)?;
        if !self.input.sps.is_empty() && self.input.sps != self.sps {
            // An instance that goes from one size to another is the least tried path of the library.
            self.library = Library::new()?;
            self.sps.clone_from(&self.input.sps);
        }
        self.facts = self.input.facts.unwrap_or(self.facts);
        let Some(output) = self.feed(pts)? else {
            return Err(Error::Corrupt("the access unit holds no whole picture".to_owned()));
        };
        let decoded = lend(&output, self.facts.colour)
            .ok_or_else(|| Error::Corrupt("OpenH264 gave planes that do not fit together".to_owned()))?;
        self.current = match &mut self.reorder {
            None => Current::Library(output),
            Some(reorder) => match reorder.push(&decoded, self.facts.reorder) {
                Next::Wait => Current::None,
                Next::Same => Current::Library(output),
                Next::Held => Current::Held,
            },
        };
        Ok(!matches!(self.current, Current::None))
    }

    fn flush(&mut self) -> Result<bool, Error> {
        let more = self.reorder.as_mut().is_some_and(Reorder::flush);
        self.current = if more { Current::Held } else { Current::None };
        Ok(more)
    }

    fn reset(&mut self) -> Result<(), Error> {
        self.current = Current::None;
        if let Some(reorder) = &mut self.reorder {
            reorder.clear();
        }
        self.sps.clear();
        self.library = Library::new()?;
        Ok(())
    }

    fn picture(&self) -> Option<Decoded<'_>> {
        match &self.current {
            Current::None => None,
            Current::Library(output) => lend(output, self.facts.colour),
            Current::Held => self.reorder.as_ref()?.taken(),
        }
    }
}

impl Decoder {
    /// Decodes what is in `input`; gives the picture, if it is whole.
    fn feed(&mut self, pts: MediaTime) -> Result<Option<Output>, Error> {
        let (first, early) = self.library.feed(Some(&self.input.data), pts)?;
        // Without this the library waits for the next access unit to know that this one is complete.
        let (second, complete) = self.library.feed(None, pts)?;
        match first | second {
            0 => Ok(complete.or(early)),
            code => Err(Error::Corrupt(reason(code))),
        }
    }
}

/// The planes of `output`, which must not outlive the next call of the library that gave it.
fn lend<'a>(output: &'a Output, colour: Colour) -> Option<Decoded<'a>> {
    let Output { planes, info } = output;
    // SAFETY: the format is planar 4:2:0, for which the library fills this part of the union.
    let layout = unsafe { info.UsrData.sSystemBuffer };
    let number = |n: c_int| usize::try_from(n).unwrap_or(0);
    let (width, height) = (number(layout.iWidth), number(layout.iHeight));
    let plane = |at: usize| {
        let (width, height, stride) = match at {
            0 => (width, height, number(layout.iStride[0])),
            _ => (width.div_ceil(2), height.div_ceil(2), number(layout.iStride[1])),
        };
        if planes[at].is_null() || stride < width {
            return Plane { data: &[], stride, width, height };
        }
        // SAFETY: the library pads each plane by at least 16 rows and samples on all sides and writes all of
        // that memory when it allocates it, so that whole rows from the first sample on are in it. It stays
        // as it is until the library is called again; the callers see to that.
        let data = unsafe { std::slice::from_raw_parts(planes[at], stride * height) };
        Plane { data, stride, width, height }
    };
    let picture = I420View::new([plane(0), plane(1), plane(2)], colour).ok()?;
    Some(Decoded { picture, pts: MediaTime(info.uiOutYuvTimeStamp as i64) })
}

/// What the bits of a return code mean.
fn reason(code: c_int) -> String {
    let known = [
        (sys::dsRefLost, "a reference picture is missing"),
        (sys::dsBitstreamError, "the bit stream is damaged"),
        (sys::dsNoParamSets, "parameter sets are missing"),
        (sys::dsDataErrorConcealed, "a reference picture is incomplete"),
        (sys::dsRefListNullPtrs, "a reference picture is missing"),
        (sys::dsOutOfMemory, "out of memory"),
    ];
    let mut reasons: Vec<&str> =
        known.iter().filter(|(bit, _)| code & bit != 0).map(|(_, reason)| *reason).collect();
    reasons.dedup();
    if reasons.is_empty() {
        return format!("H.264 access unit cannot be decoded (code {code})");
    }
    format!("H.264 access unit cannot be decoded: {}", reasons.join(", "))
}
