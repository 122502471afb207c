//! OpenH264 through its C interface. The safe wrapper has no way to reach the loop filter, the frame rate of
//! a running encoder or the log level before the start.

use super::H264Encoder;
use crate::h264::{AccessUnit, Config, Error};
use crate::picture::{Picture, Range};
use openh264_sys2 as sys;
use openh264_sys2::API as _;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::time::Duration;

/// Finest quantisation (ITU-T H.264 7.4.2.2). Sensor noise of a quiet scene would use any number of bits
/// below it to no visible gain.
const MIN_QP: c_int = 16;

/// Coarsest quantisation: at the end of the scale, because dropping pictures is not an option when the
/// scene is more than the target can hold.
const MAX_QP: c_int = 51;

/// Lowest level to declare. Level 3.1 with constrained baseline is what every decoder and WebRTC peer has
/// (RFC 7742, 6.2); larger or faster streams declare what they need.
const MIN_LEVEL: sys::ELevelIdc = sys::LEVEL_3_1;
/// Highest bitrate of [`MIN_LEVEL`] in bit/s: MaxBR of 14000 times cpbBrNalFactor of 1200 (ITU-T H.264, A.3.1).
const MIN_LEVEL_BITRATE: c_int = 14_000 * 1200;

/// `colour_primaries` of sRGB, which is what JFIF cameras mean (ITU-T H.264 Table E-3).
const PRIMARIES_BT709: u8 = 1;
/// `transfer_characteristics` of sRGB (Table E-4).
const TRANSFER_SRGB: u8 = 13;
/// `matrix_coefficients` of BT.601, which is that of JFIF (Table E-5).
const MATRIX_BT601: u8 = 6;
/// `video_format`: unspecified (Table E-2).
const VIDEO_FORMAT_UNSPECIFIED: u8 = 5;

/// Start code with the leading zero byte (ITU-T H.264 B.1.1).
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// `constraint_set3_flag` in the third byte of an SPS NAL unit (ITU-T H.264 7.3.2.1.1).
const CONSTRAINT_SET3: u8 = 0x10;

/// An instance of the library and its functions.
struct Library {
    api: sys::DynamicAPI,
    instance: *mut sys::ISVCEncoder,
    functions: sys::ISVCEncoderVtbl,
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
            self.api.WelsDestroySVCEncoder(self.instance);
        }
    }
}

impl Library {
    fn new() -> Result<Library, Error> {
        let api = sys::DynamicAPI::from_source();
        let mut instance: *mut sys::ISVCEncoder = ptr::null_mut();
        // SAFETY: the library writes one pointer to where it is told to.
        let code = unsafe { api.WelsCreateSVCEncoder(&raw mut instance) };
        if code != 0 || instance.is_null() {
            return Err(Error::Library(format!("OpenH264 cannot create an encoder (code {code})")));
        }
        // SAFETY: a live instance points to its table of functions, which lives as long as the program.
        let functions = unsafe { **instance };
        Ok(Library { api, instance, functions, initialised: false })
    }

    fn start(&mut self, config: &Config) -> Result<(), Error> {
        let missing = || Error::Library("OpenH264 lacks a function".to_owned());
        let defaults = self.functions.GetDefaultParams.ok_or_else(missing)?;
        let initialise = self.functions.InitializeExt.ok_or_else(missing)?;
        // The library writes warnings about settings that are meant to standard error.
        let mut quiet: c_int = sys::WELS_LOG_QUIET;
        self.set_option(sys::ENCODER_OPTION_TRACE_LEVEL, &mut quiet)?;
        let mut parameters = sys::SEncParamExt::default();
        // SAFETY: the instance is live, and the library fills the structure it is given.
        let code = unsafe { defaults(self.instance, &raw mut parameters) };
        if code != 0 {
            return Err(Error::Library(format!("OpenH264 has no default settings (code {code})")));
        }
        configure(&mut parameters, config)?;
        // SAFETY: the instance is live, and the library copies the settings.
        let code = unsafe { initialise(self.instance, &raw const parameters) };
        if code != 0 {
            return Err(Error::Library(format!("OpenH264 refuses {config:?} (code {code})")));
        }
        self.initialised = true;
        Ok(())
    }

    /// Sets an option whose value the library reads as a `T`.
    fn set_option<T>(&mut self, option: sys::ENCODER_OPTION, value: &mut T) -> Result<(), Error> {
        let Some(set) = self.functions.SetOption else {
            return Err(Error::Library("OpenH264 lacks a function".to_owned()));
        };
        // SAFETY: the instance is live; each caller passes the type that the library reads for its option,
        // and the library copies it.
        match unsafe { set(self.instance, option, ptr::from_mut(value).cast::<c_void>()) } {
            0 => Ok(()),
            code => Err(Error::Encode(format!("OpenH264 refuses option {option} (code {code})"))),
        }
    }
}

/// Turns the library's defaults into what a live camera needs.
fn configure(to: &mut sys::SEncParamExt, config: &Config) -> Result<(), Error> {
    // The front has checked the ranges: sizes are below 4096 and the target is below 2^31.
    let number = |n: u32| c_int::try_from(n).map_err(|_| Error::Library(format!("{n} is out of range")));
    let (width, height, bitrate) = (number(config.width)?, number(config.height)?, number(config.bitrate)?);
    to.iUsageType = sys::CAMERA_VIDEO_REAL_TIME;
    (to.iPicWidth, to.iPicHeight) = (width, height);
    to.iRCMode = sys::RC_BITRATE_MODE;
    to.iTargetBitrate = bitrate;
    to.fMaxFrameRate = config.max_fps;
    to.iTemporalLayerNum = 1;
    to.iSpatialLayerNum = 1;
    to.iComplexityMode = sys::LOW_COMPLEXITY;
    // IDR pictures come by time, on demand of the front.
    to.uiIntraPeriod = 0;
    to.iNumRefFrame = 1;
    to.eSpsPpsIdStrategy = sys::CONSTANT_ID;
    to.iEntropyCodingModeFlag = 0;
    to.bEnableFrameSkip = false;
    (to.iMinQp, to.iMaxQp) = (MIN_QP, MAX_QP);
    to.bEnableLongTermReference = false;
    to.iMultipleThreadIdc = 1;
    to.iLoopFilterDisableIdc = 0;
    to.bEnableDenoise = false;
    to.bEnableBackgroundDetection = true;
    to.bEnableAdaptiveQuant = false;
    to.bEnableSceneChangeDetect = false;
    let layer = &mut to.sSpatialLayers[0];
    (layer.iVideoWidth, layer.iVideoHeight) = (width, height);
    layer.fFrameRate = config.max_fps;
    layer.iSpatialBitrate = bitrate;
    layer.uiProfileIdc = sys::PRO_BASELINE;
    layer.uiLevelIdc = MIN_LEVEL;
    if bitrate >= MIN_LEVEL_BITRATE {
        // Named, the maximum raises the level; left out, the library takes that of the level and refuses the
        // target.
        layer.iMaxSpatialBitrate = bitrate.saturating_add(bitrate / 8);
    }
    layer.sSliceArgument.uiSliceMode = sys::SM_SINGLE_SLICE;
    layer.sSliceArgument.uiSliceNum = 1;
    layer.bVideoSignalTypePresent = true;
    layer.uiVideoFormat = VIDEO_FORMAT_UNSPECIFIED;
    layer.bFullRange = config.range == Range::Full;
    layer.bColorDescriptionPresent = true;
    layer.uiColorPrimaries = PRIMARIES_BT709;
    layer.uiTransferCharacteristics = TRANSFER_SRGB;
    layer.uiColorMatrix = MATRIX_BT601;
    Ok(())
}

/// A started encoder.
struct Encoder {
    library: Library,
    output: Box<sys::SFrameBSInfo>,
    width: c_int,
    height: c_int,
    /// The library frees parts of an instance whose encoding fails; nothing may touch it after that.
    failed: bool,
}

// SAFETY: `output` points into the library's own buffers and is only read while `&mut self` is held.
unsafe impl Send for Encoder {}

/// Starts an encoder.
pub(super) fn open_encoder(config: &Config) -> Result<Box<dyn H264Encoder>, Error> {
    let mut library = Library::new()?;
    library.start(config)?;
    let size = |n| c_int::try_from(n).map_err(|_| Error::Size { width: config.width, height: config.height });
    let (width, height) = (size(config.width)?, size(config.height)?);
    Ok(Box::new(Encoder { library, output: Box::default(), width, height, failed: false }))
}

impl H264Encoder for Encoder {
    fn encode(
        &mut self,
        picture: &Picture,
        at: Duration,
        force_idr: bool,
        out: &mut AccessUnit,
    ) -> Result<(), Error> {
        out.data.clear();
        out.nals.clear();
        out.keyframe = false;
        self.check_alive()?;
        if force_idr {
            self.force_idr()?;
        }
        self.encode_picture(picture, at)?;
        if self.output.eFrameType != sys::videoFrameTypeSkip {
            self.take_output(out)?;
        }
        Ok(())
    }

    fn set_bitrate(&mut self, bitrate: u32) -> Result<(), Error> {
        self.check_alive()?;
        let bitrate = c_int::try_from(bitrate).map_err(|_| Error::Bitrate(bitrate))?;
        // The library hands the total down to the only layer.
        let mut target = sys::SBitrateInfo { iLayer: sys::SPATIAL_LAYER_ALL, iBitrate: bitrate };
        self.library.set_option(sys::ENCODER_OPTION_BITRATE, &mut target)
    }

    fn set_frame_rate(&mut self, fps: f32) -> Result<(), Error> {
        self.check_alive()?;
        let mut fps = fps;
        self.library.set_option(sys::ENCODER_OPTION_FRAME_RATE, &mut fps)
    }
}

impl Encoder {
    fn check_alive(&self) -> Result<(), Error> {
        if self.failed {
            Err(Error::Encode("an earlier picture has already failed".to_owned()))
        } else {
            Ok(())
        }
    }

    fn force_idr(&mut self) -> Result<(), Error> {
        let Some(force) = self.library.functions.ForceIntraFrame else {
            return Err(Error::Encode("OpenH264 lacks a function".to_owned()));
        };
        // SAFETY: the instance is live and started.
        match unsafe { force(self.library.instance, true) } {
            0 => Ok(()),
            code => Err(Error::Encode(format!("OpenH264 refuses an IDR picture (code {code})"))),
        }
    }

    fn encode_picture(&mut self, picture: &Picture, at: Duration) -> Result<(), Error> {
        let Some(encode) = self.library.functions.EncodeFrame else {
            return Err(Error::Encode("OpenH264 lacks a function".to_owned()));
        };
        let planes = [picture.y(), picture.u(), picture.v()];
        let (width, height) = (self.width as usize, self.height as usize);
        let fits =
            |at: usize, size: (usize, usize)| planes[at].width >= size.0 && planes[at].height >= size.1;
        if !(fits(0, (width, height)) && (1..3).all(|at| fits(at, (width / 2, height / 2)))) {
            return Err(Error::Encode("the picture is smaller than the encoder expects".to_owned()));
        }
        let mut source = sys::SSourcePicture {
            iColorFormat: sys::videoFormatI420,
            iPicWidth: self.width,
            iPicHeight: self.height,
            uiTimeStamp: at.as_millis() as i64,
            ..sys::SSourcePicture::default()
        };
        for (plane, (data, stride)) in planes.iter().zip(source.pData.iter_mut().zip(&mut source.iStride)) {
            *data = plane.data.as_ptr().cast_mut();
            // A stride is below 2 * MAX_DIMENSION.
            *stride = plane.stride as c_int;
        }
        // SAFETY: the instance is live and started; the planes hold the stated rows (checked above) and are
        // only read, since the library copies the picture and denoising, which would write, is off; the
        // output structure is written by the library.
        let code = unsafe { encode(self.library.instance, &raw const source, &raw mut *self.output) };
        if code != 0 {
            self.failed = true;
            return Err(Error::Encode(format!("OpenH264 stopped with code {code}")));
        }
        Ok(())
    }

    /// Copies the NAL units of the picture just encoded.
    fn take_output(&mut self, out: &mut AccessUnit) -> Result<(), Error> {
        let layers = usize::try_from(self.output.iLayerNum).unwrap_or(0);
        for layer in self.output.sLayerInfo.iter().take(layers) {
            let count = usize::try_from(layer.iNalCount).unwrap_or(0);
            if count == 0 || layer.pNalLengthInByte.is_null() || layer.pBsBuf.is_null() {
                continue;
            }
            // SAFETY: the library states `iNalCount` lengths at this address, valid until the next picture.
            let lengths = unsafe { std::slice::from_raw_parts(layer.pNalLengthInByte, count) };
            let mut lengths = lengths.iter().map(|length| usize::try_from(*length).unwrap_or(0));
            let total = lengths.clone().sum();
            // SAFETY: the NAL units of a layer lie one after the other at this address, as long as stated.
            let mut rest = unsafe { std::slice::from_raw_parts(layer.pBsBuf, total) };
            while let Some((nal, after)) = lengths.next().and_then(|length| rest.split_at_checked(length)) {
                append_nal(nal, out)?;
                rest = after;
            }
        }
        out.keyframe = self.output.eFrameType == sys::videoFrameTypeIDR;
        Ok(())
    }
}

/// Appends one NAL unit, which the library begins with a start code of three or four bytes.
fn append_nal(nal: &[u8], out: &mut AccessUnit) -> Result<(), Error> {
    let Some(body) = nal.strip_prefix(&START_CODE).or_else(|| nal.strip_prefix(&START_CODE[1..])) else {
        return Err(Error::Encode("OpenH264 gave a NAL unit without start code".to_owned()));
    };
    out.data.extend_from_slice(&START_CODE);
    let start = out.data.len();
    out.data.extend_from_slice(body);
    out.nals.push(start..out.data.len());
    // The library marks small slow streams as level 1b by constraint_set3_flag even where it is told a higher
    // level, with which the flag is reserved (ITU-T H.264 A.3.1).
    if let Some([header, _, constraints, ..]) = out.data.get_mut(start..)
        && *header & 0x1f == 7
    {
        *constraints &= !CONSTRAINT_SET3;
    }
    Ok(())
}

#[cfg(all(test, camherd_codec_asm))]
mod tests {
    unsafe extern "C" {
        /// One of the assembly routines of OpenH264 for x86, by the name that its sources give it.
        fn WelsSampleSad16x16_sse2(a: *const u8, a_stride: i32, b: *const u8, b_stride: i32) -> i32;
    }

    #[test]
    fn the_assembly_is_linked() {
        let (a, b) = ([3_u8; 16 * 16 + 16], [1_u8; 16 * 16 + 16]);
        let (a, b) = (&a[a.as_ptr().align_offset(16)..], &b[b.as_ptr().align_offset(16)..]);
        // SAFETY: both slices hold 16 rows of 16 bytes at an aligned address, and the routine reads those.
        let sum = unsafe { WelsSampleSad16x16_sse2(a.as_ptr(), 16, b.as_ptr(), 16) };
        assert_eq!(sum, 2 * 256);
    }
}
