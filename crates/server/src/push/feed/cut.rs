//! Bytes of a pipe or a file, cut anywhere, become pictures.

use super::Coding;
use crate::client::video_units::{Dropped, VideoUnits};
use crate::sources::h264_pause::PausingSplitter;
use crate::sources::jpeg_units::JpegUnits;
use bytes::Bytes;
use camherd_hub::Clock;
use camherd_media::codec::h264::split::AccessUnit;
use camherd_media::codec::jpeg;
use camherd_media::time::Monotonic;
use camherd_media::unit::{Stamps, Unit};
use camherd_media::wire::multipart_reader::Reader;

/// Bytes from which the coding is told: a start code of four bytes and a NAL unit header of two.
const ENOUGH: usize = 6;

/// What the first bytes say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Detected {
    /// Too few.
    More,
    /// This.
    Coding(Coding),
    /// Nothing that can be sent, and why.
    Nothing(String),
}

/// Tells the coding from the first bytes; `all` says that there are no more.
pub(super) fn detect(first: &[u8], all: bool) -> Detected {
    if first.len() < ENOUGH && !all {
        return Detected::More;
    }
    let blank = first.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let begin = &first[blank..];
    // A JPEG begins with SOI and a marker; what ffmpeg's `mpjpeg` writes, with a boundary.
    if begin.starts_with(&[0xff, 0xd8]) || begin.starts_with(b"--") {
        return Detected::Coding(Coding::Mjpeg);
    }
    let zeros = first.iter().take_while(|byte| **byte == 0).count();
    if zeros >= 2 && first.get(zeros) == Some(&1) {
        // VPS or access unit delimiter of H.265 (ITU-T H.265, 7.3.1.2): types that H.264 has no such use for.
        return match first.get(zeros + 1..zeros + 3) {
            Some([0x40 | 0x46, 0x01]) => {
                Detected::Nothing("it is H.265, which the push protocol does not know".to_owned())
            }
            _ => Detected::Coding(Coding::H264),
        };
    }
    let shown: Vec<String> = first.iter().take(ENOUGH).map(|byte| format!("{byte:02x}")).collect();
    let shown = if shown.is_empty() {
        "it is empty".to_owned()
    } else {
        format!("it begins with {}", shown.join(" "))
    };
    Detected::Nothing(format!("it is neither MJPEG nor H.264 in Annex B: {shown}"))
}

/// One picture as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Jpeg(Bytes),
    AccessUnit(AccessUnit),
    /// Bytes that are no picture.
    Dropped(&'static str, String),
}

/// Cuts the bytes and makes units of the pictures.
pub(super) enum Cutter {
    Mjpeg { reader: Reader, units: JpegUnits },
    H264 { splitter: PausingSplitter, units: Box<VideoUnits> },
}

impl Cutter {
    pub(super) fn new(coding: Coding) -> Cutter {
        match coding {
            Coding::Mjpeg => Cutter::Mjpeg { reader: Reader::new(None), units: JpegUnits::default() },
            Coding::H264 => {
                Cutter::H264 { splitter: PausingSplitter::new(), units: Box::new(VideoUnits::h264()) }
            }
        }
    }

    /// The pictures that the next bytes complete.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Vec<Piece> {
        match self {
            Cutter::Mjpeg { reader, .. } => {
                reader.push(chunk);
                let next = || {
                    reader.next().map(|part| match part {
                        Ok(picture) => Piece::Jpeg(picture),
                        Err(problem) => Piece::Dropped(problem.label(), problem.to_string()),
                    })
                };
                std::iter::from_fn(next).collect()
            }
            Cutter::H264 { splitter, units } => {
                let pushed = splitter.push(chunk);
                let mut pieces = Vec::with_capacity(pushed.units.len() + 1);
                if pushed.cut {
                    units.lost();
                    pieces.push(Piece::Dropped("cut", "a pause in the middle of a picture".to_owned()));
                }
                pieces.extend(pushed.units.into_iter().map(Piece::AccessUnit));
                pieces
            }
        }
    }

    /// Whether a picture waits that [`paused`](Self::paused) would give.
    pub(super) fn waits(&self) -> bool {
        match self {
            Cutter::Mjpeg { .. } => false,
            Cutter::H264 { splitter, .. } => splitter.waits(),
        }
    }

    /// What is taken to be complete when nothing has come for a pause.
    pub(super) fn paused(&mut self) -> Option<Piece> {
        match self {
            Cutter::Mjpeg { .. } => None,
            Cutter::H264 { splitter, .. } => splitter.paused().map(Piece::AccessUnit),
        }
    }

    /// What is complete now that no more bytes come. What comes then, comes as from the beginning of a file.
    pub(super) fn end(&mut self) -> Option<Piece> {
        match self {
            Cutter::Mjpeg { reader, .. } => {
                *reader = Reader::new(None);
                None
            }
            Cutter::H264 { splitter, .. } => splitter.finish().map(Piece::AccessUnit),
        }
    }

    /// Pictures per second, where the bytes have said so.
    pub(super) fn frame_rate(&self) -> Option<f64> {
        match self {
            Cutter::Mjpeg { .. } => None,
            Cutter::H264 { units, .. } => units.frame_rate(),
        }
    }

    /// The unit of a picture that came at `at`; `None` for one that nothing can begin with.
    pub(super) fn unit(
        &mut self,
        piece: Piece,
        clock: &Clock,
        at: Monotonic,
    ) -> Result<Option<Unit>, Dropped> {
        match (self, piece) {
            (Cutter::Mjpeg { units, .. }, Piece::Jpeg(picture)) => {
                let picture = jpeg::normalise(&picture).map_err(|e| (e.kind().label(), e.to_string()))?;
                Ok(Some(units.unit(clock, picture, at)))
            }
            (Cutter::H264 { units, .. }, Piece::AccessUnit(unit)) => {
                if unit.after_loss {
                    units.lost();
                }
                let time = clock.media_time(at);
                units.unit(&unit.data, time, time, Stamps::received(at))
            }
            (_, Piece::Dropped(label, error)) => Err((label, error)),
            // A cutter gives pieces of its own kind only.
            (_, Piece::Jpeg(_) | Piece::AccessUnit(_)) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camherd_media::codec::h264::split::AccessUnitSplitter;

    const H264: &[u8] = include_bytes!("../../../../../testdata/h264/baseline_4slices_64x64.h264");
    const H265: &[u8] = include_bytes!("../../../../../testdata/h265/main_bframes_70x50.h265");
    const SMALL: &[u8] = include_bytes!("../../../../../testdata/jpeg/optimised_38x30.jpg");
    const OTHER: &[u8] = include_bytes!("../../../../../testdata/jpeg/baseline_422.jpg");

    fn payloads(coding: Coding, chunks: &[&[u8]]) -> Vec<Bytes> {
        let (clock, mut cutter) = (Clock::start(), Cutter::new(coding));
        let mut pieces: Vec<Piece> = chunks.iter().flat_map(|chunk| cutter.push(chunk)).collect();
        pieces.extend(cutter.end());
        let unit = |piece| cutter.unit(piece, &clock, Monotonic(1)).unwrap().map(|unit| unit.payload);
        pieces.into_iter().filter_map(unit).collect()
    }

    #[test]
    fn pictures_are_the_same_wherever_the_bytes_are_cut() {
        let mjpeg = [SMALL, OTHER, SMALL].concat();
        assert_eq!(payloads(Coding::Mjpeg, &[&mjpeg]), [SMALL, OTHER, SMALL]);
        let pictures = payloads(Coding::H264, &[H264]);
        assert_eq!(pictures.len(), 10);
        for (coding, stream, whole) in
            [(Coding::Mjpeg, &mjpeg[..], payloads(Coding::Mjpeg, &[&mjpeg])), (Coding::H264, H264, pictures)]
        {
            for cut in 0..stream.len() {
                assert_eq!(
                    payloads(coding, &[&stream[..cut], &stream[cut..]]),
                    whole,
                    "{coding:?} cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn a_program_that_writes_whole_pictures_has_them_out_after_a_pause() {
        let (clock, mut cutter) = (Clock::start(), Cutter::new(Coding::H264));
        let pictures = AccessUnitSplitter::new().push_complete(H264);
        for (index, picture) in pictures.iter().take(6).enumerate() {
            // Until the program is trusted, the next picture ends the last one.
            assert_eq!(cutter.push(&picture.data).len(), usize::from((1..=3).contains(&index)));
            assert_eq!(cutter.waits(), index >= 3, "picture {index}");
            let paused = cutter.paused().map(|piece| cutter.unit(piece, &clock, Monotonic(1)).is_ok());
            assert_eq!(paused, (index >= 3).then_some(true));
        }
        // A pause within a picture is said, and the program not trusted again.
        let (begin, end) = pictures[6].data.split_at(pictures[6].data.len() / 2);
        cutter.push(begin);
        assert!(cutter.paused().is_some());
        assert!(matches!(cutter.push(end)[..], [Piece::Dropped("cut", _)]));
        assert!(cutter.push(&pictures[7].data).is_empty(), "the rest of that picture is none");
        assert_eq!(cutter.push(&pictures[8].data), [Piece::AccessUnit(pictures[7].clone())]);
        assert!(!cutter.waits());
    }

    #[test]
    fn the_coding_shows_in_the_first_bytes() {
        assert_eq!(detect(SMALL, false), Detected::Coding(Coding::Mjpeg));
        assert_eq!(detect(b"\r\n--ffmpeg\r\n", false), Detected::Coding(Coding::Mjpeg));
        assert_eq!(detect(H264, false), Detected::Coding(Coding::H264));
        assert_eq!(detect(&H264[1..], false), Detected::Coding(Coding::H264));
        assert!(matches!(detect(H265, false), Detected::Nothing(why) if why.contains("H.265")));
        assert!(
            matches!(detect(b"RIFF\x10\0\0\0", false), Detected::Nothing(why) if why.contains("52 49 46 46"))
        );
        for end in 0..ENOUGH {
            assert_eq!(detect(&SMALL[..end], false), Detected::More);
        }
        assert!(matches!(detect(b"", true), Detected::Nothing(why) if why.contains("empty")));
        assert_eq!(detect(&SMALL[..4], true), Detected::Coding(Coding::Mjpeg));
    }

    #[test]
    fn what_is_no_picture_is_said_and_the_next_one_found() {
        let (clock, mut cutter) = (Clock::start(), Cutter::new(Coding::Mjpeg));
        let cut = &OTHER[..OTHER.len() / 2];
        let pieces = cutter.push(&[cut, SMALL, SMALL].concat());
        let made: Vec<_> = pieces.into_iter().map(|piece| cutter.unit(piece, &clock, Monotonic(1))).collect();
        assert!(made[0].is_err());
        assert!(
            made[1..].iter().all(|unit| unit.as_ref().is_ok_and(|unit| unit.is_some())) && made.len() == 3
        );
    }
}
