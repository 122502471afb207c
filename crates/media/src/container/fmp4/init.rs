//! The initialisation segment: `ftyp` and `moov` of one video track without samples.

use super::super::MuxError;
use super::super::relabel::Video;
use super::super::timeline::TIMESCALE;
use super::{TRACK_ID, put_full_box};
use crate::codec::h264::avcc;
use crate::codec::h265::hvcc;
use crate::unit::Format;
use bytes::{BufMut, Bytes, BytesMut};

/// Identity matrix of `mvhd` and `tkhd` (14496-12, 8.2.2.2).
const MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
/// 72 dots per inch as 16.16 fixed point, the value that every video sample entry has (12.1.3.2).
const RESOLUTION: u32 = 0x48_0000;
/// Room for everything: the parameter sets have 30 to 100 bytes, the rest comes to about 620.
const CAPACITY: usize = 768;

/// `ftyp` and `moov` for a stream. All durations are 0, unknown: browsers then treat it as live.
pub(super) fn segment(format: &Format, parameters: Video<'_>) -> Result<Bytes, MuxError> {
    let size = MuxError::PictureSize { width: format.width, height: format.height };
    let (Ok(width @ 1..), Ok(height @ 1..)) = (u16::try_from(format.width), u16::try_from(format.height))
    else {
        return Err(size);
    };
    let mut entry = BytesMut::new();
    put_sample_entry(&mut entry, width, height, parameters)?;
    let mut out = BytesMut::with_capacity(CAPACITY);
    nest(&mut out, b"ftyp", |out| {
        // iso5 is the first brand with default-base-is-moof (14496-12, annex E.7).
        out.put_slice(b"iso5\0\0\0\0iso5iso6mp41");
    });
    nest(&mut out, b"moov", |out| {
        put_movie_header(out);
        nest(out, b"trak", |out| {
            put_track_header(out, width, height);
            nest(out, b"mdia", |out| put_media(out, &entry));
        });
        nest(out, b"mvex", |out| {
            put_full_box(out, 32, b"trex", 0, 0);
            // Default sample description 1; each fragment states its sample's duration, size and flags.
            put_u32s(out, &[TRACK_ID, 1, 0, 0, 0]);
        });
    });
    Ok(out.freeze())
}

/// MovieHeaderBox, 14496-12, 8.2.2.
fn put_movie_header(out: &mut BytesMut) {
    put_full_box(out, 108, b"mvhd", 0, 0);
    // Creation and modification time unknown, duration unknown, rate 1.0, volume 1.0.
    put_u32s(out, &[0, 0, TIMESCALE, 0, 0x1_0000, 0x0100_0000, 0, 0]);
    put_u32s(out, &MATRIX);
    out.put_bytes(0, 24);
    out.put_u32(TRACK_ID + 1);
}

/// TrackHeaderBox, 14496-12, 8.3.2.
fn put_track_header(out: &mut BytesMut, width: u16, height: u16) {
    // Flags: enabled, in movie.
    put_full_box(out, 92, b"tkhd", 0, 3);
    // Times, track number, reserved, duration, then reserved, layer, group, volume 0.
    put_u32s(out, &[0, 0, TRACK_ID, 0, 0, 0, 0, 0, 0]);
    put_u32s(out, &MATRIX);
    put_u32s(out, &[u32::from(width) << 16, u32::from(height) << 16]);
}

/// The contents of the MediaBox, 14496-12, 8.4 to 8.7.
fn put_media(out: &mut BytesMut, sample_entry: &[u8]) {
    put_full_box(out, 32, b"mdhd", 0, 0);
    // Duration unknown, language "und".
    put_u32s(out, &[0, 0, TIMESCALE, 0, 0x55c4_0000]);
    nest(out, b"hdlr", |out| {
        out.put_slice(b"\0\0\0\0\0\0\0\0vide\0\0\0\0\0\0\0\0\0\0\0\0\0");
    });
    nest(out, b"minf", |out| {
        put_full_box(out, 20, b"vmhd", 0, 1);
        out.put_bytes(0, 8);
        nest(out, b"dinf", |out| {
            put_full_box(out, 28, b"dref", 0, 0);
            out.put_u32(1);
            // The media is in this file.
            put_full_box(out, 12, b"url ", 0, 1);
        });
        nest(out, b"stbl", |out| {
            nest(out, b"stsd", |out| {
                put_u32s(out, &[0, 1]);
                out.put_slice(sample_entry);
            });
            // Empty tables: the samples are in the fragments.
            for kind in [b"stts", b"stsc", b"stco"] {
                put_full_box(out, 16, kind, 0, 0);
                out.put_u32(0);
            }
            put_full_box(out, 20, b"stsz", 0, 0);
            out.put_bytes(0, 8);
        });
    });
}

/// AVCSampleEntry and HEVCSampleEntry, 14496-15, 5.4.2 and 8.4.1.
fn put_sample_entry(
    out: &mut BytesMut,
    width: u16,
    height: u16,
    parameters: Video<'_>,
) -> Result<(), MuxError> {
    let (entry, config, record) = match parameters {
        Video::H264(sets) => (b"avc1", b"avcC", avcc::decoder_configuration(sets)?),
        Video::H265(sets) => (b"hvc1", b"hvcC", hvcc::decoder_configuration(sets)?),
    };
    nest(out, entry, |out| {
        out.put_bytes(0, 6);
        out.put_u16(1); // data_reference_index
        out.put_bytes(0, 16);
        out.put_u16(width);
        out.put_u16(height);
        put_u32s(out, &[RESOLUTION, RESOLUTION, 0]);
        out.put_u16(1); // frame_count
        out.put_bytes(0, 32); // no compressor name
        out.put_u16(24); // depth: colour, no alpha
        out.put_i16(-1);
        nest(out, config, |out| out.put_slice(&record));
    });
    Ok(())
}

/// A box: header, then what `body` appends. The boxes here are far below 4 GiB.
fn nest(out: &mut BytesMut, kind: &[u8; 4], body: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_u32(0);
    out.put_slice(kind);
    body(out);
    let size = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

fn put_u32s(out: &mut BytesMut, words: &[u32]) {
    for word in words {
        out.put_u32(*word);
    }
}
