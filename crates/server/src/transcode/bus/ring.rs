//! The file of a ring and the one who writes it.
//!
//! It is written with `pwrite` and not through a mapping: a program that shortens the file makes a write fail,
//! where a mapping would end the server; and no unsafe code is needed. On tmpfs both are one copy.

use bytes::Bytes;
use camherd_codec::{I420View, convert};
use camherd_hub::Clock;
use camherd_media::ids::StreamName;
use camherd_media::time::Monotonic;
use camherd_media::unit::{PixelFormat, Unit};
use camherd_media::wire::frame_bus::{
    FrameFormat, Header, HeaderError, MAGIC, SLOT_HEADER_BYTES, SlotHeader, lock_complete, lock_writing,
    offset,
};
use rustix::time::{ClockId, clock_gettime};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What a ring is to take, in bytes: at 640x480 in BGR 27 frames, close to a second at 30 a second, before a
/// reader that looks at a frame in place is overtaken.
const RING_BYTES: u64 = 24 << 20;

/// Fewest and most slots, whatever the size of a frame.
const SLOTS: (u32, u32) = (6, 64);

/// What is converted before it is copied into the file: about half of a small second-level cache with what it is made of.
const BAND_BYTES: usize = 64 << 10;

/// How the files' names begin.
const PREFIX: &str = "camherd-";

/// Attempts to make a file: a name that exists and a [`clean_up`] that comes in between are both rare.
const ATTEMPTS: u32 = 5;

/// Why a ring cannot be made or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The file cannot be made.
    #[error("cannot create a ring of {bytes} bytes in {}: {source} (bus.directory)", directory.display())]
    Create {
        /// Its directory.
        directory: PathBuf,
        /// Its size.
        bytes: u64,
        /// What the system says.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write the ring {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no picture to write.
    #[error(transparent)]
    Convert(#[from] convert::Error),
}

/// What a ring is to hold.
pub(super) struct Shape {
    header: Header,
    pixels: PixelFormat,
}

impl Shape {
    /// For pictures of that size, as many as [`RING_BYTES`] hold.
    pub(super) fn new(
        stream: &StreamName,
        pixels: PixelFormat,
        size: (u32, u32),
    ) -> Result<Shape, HeaderError> {
        let frame = pixels.frame_bytes(size.0, size.1).max(1) as u64;
        let slots = u32::try_from(RING_BYTES / frame).unwrap_or(u32::MAX).clamp(SLOTS.0, SLOTS.1);
        // Filled in when the file is made.
        let ring = [0; 16];
        let header = Header::new(ring, stream.clone(), FrameFormat::from(pixels), size, slots)?;
        Ok(Shape { header, pixels })
    }

    /// Size of the file.
    pub(super) fn file_bytes(&self) -> u64 {
        self.header.file_bytes()
    }
}

/// A ring and the right to write it. Dropped, it is marked as closed and its name is gone; who has it open
/// may go on reading what is there.
pub(super) struct Ring {
    file: File,
    path: PathBuf,
    header: Header,
    pixels: PixelFormat,
    /// What to add to the hub's clock, in nanoseconds, for CLOCK_MONOTONIC.
    monotonic: i128,
    /// Used again for each band of each picture.
    band: Vec<u8>,
}

impl Ring {
    /// Makes a file for it, which nobody else may read, with all its memory: a lack of it shows here and not
    /// as a signal in its readers.
    pub(super) fn create(directory: &Path, shape: Shape, clock: &Clock) -> Result<Ring, Error> {
        let bytes = shape.file_bytes();
        let mut header = shape.header;
        let failed = |source| Error::Create { directory: directory.to_owned(), bytes, source };
        let mut attempt = 0;
        let (file, path) = loop {
            attempt += 1;
            getrandom::fill(&mut header.ring).map_err(|error| failed(io::Error::other(error)))?;
            let path = directory.join(format!("{PREFIX}{}-{}", header.stream, &header.ring_hex()[..16]));
            match claim(&path) {
                Ok(file) => break (file, path),
                Err(error) if attempt == ATTEMPTS => return Err(failed(error)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(failed(error)),
            }
        };
        // The name goes with the value, also when what follows fails.
        let (monotonic, pixels) = (monotonic_offset(clock), shape.pixels);
        let ring = Ring { file, path, header, pixels, monotonic, band: Vec::new() };
        reserve(&ring.file, bytes).map_err(failed)?;
        ring.file.write_all_at(&ring.header.to_bytes(), 0).map_err(failed)?;
        Ok(ring)
    }

    /// Its file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The line that tells a reader where the ring is.
    pub(super) fn descriptor(&self) -> Bytes {
        let header = &self.header;
        let line = serde_json::json!({
            "type": "ring",
            "version": camherd_media::wire::frame_bus::VERSION,
            "path": self.path.to_string_lossy(),
            "ring": header.ring_hex(),
            "stream": header.stream.as_str(),
            "format": header.format.name(),
            "width": header.width,
            "height": header.height,
            "slots": header.slots(),
            "slot_bytes": header.slot_bytes(),
            "frame_bytes": header.frame_bytes(),
        });
        Bytes::from(format!("{line}\n"))
    }

    /// Writes `view` as frame `number`, with the times of the `unit` that it is from. Readers that are still at the
    /// frame which it replaces notice.
    pub(super) fn write(
        &mut self,
        number: u64,
        view: &I420View<'_>,
        unit: &Unit,
        clock: &Clock,
    ) -> Result<(), Error> {
        let failed = |source| Error::Write { path: self.path.clone(), source };
        if (view.width(), view.height()) != (self.header.width, self.header.height) {
            return Err(failed(io::Error::other("the picture has another size than the ring")));
        }
        let slot = self.header.slot_offset(number);
        let put = |bytes: &[u8], at: usize| self.file.write_all_at(bytes, slot + at as u64).map_err(failed);
        // Each write is a system call, which the processor does not reorder with the next. The lock alone
        // first: from here on the old frame is known to be gone.
        put(&lock_writing(number).to_le_bytes(), offset::LOCK)?;
        let mut at = SLOT_HEADER_BYTES;
        bands(view, self.pixels, &mut self.band, |band| {
            put(band, at)?;
            at += band.len();
            Ok(())
        })?;
        put(&self.slot_header(number, unit, clock).to_bytes()[offset::NUMBER..], offset::NUMBER)?;
        let complete = lock_complete(number).to_le_bytes();
        put(&complete, offset::CHECK)?;
        put(&complete, offset::LOCK)?;
        let next = (number + 1).to_le_bytes();
        self.file.write_all_at(&next, offset::NEXT as u64).map_err(failed)
    }

    /// What is known of a frame that is being written.
    fn slot_header(&self, number: u64, unit: &Unit, clock: &Clock) -> SlotHeader {
        let taken = unit.stamps.taken();
        SlotHeader {
            lock: lock_writing(number),
            number,
            pts: unit.pts.0,
            captured_unix: clock.unix_micros(taken).saturating_mul(1000),
            captured: self.nanos(taken),
            received: self.nanos(unit.stamps.received),
            decoded: unit.stamps.decoded.map_or(0, |at| self.nanos(at)),
            published: self.nanos(clock.now()),
            check: 0,
        }
    }

    fn nanos(&self, at: Monotonic) -> u64 {
        u64::try_from(i128::from(at.0) * 1000 + self.monotonic).unwrap_or(0)
    }
}

/// Converts a picture band by band, from the top, and gives each to `put`. A band is still in the cache when it is
/// copied into the file, which a whole picture would not be.
fn bands(
    view: &I420View<'_>,
    pixels: PixelFormat,
    band: &mut Vec<u8>,
    mut put: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let rows = match pixels {
        // Its planes are one after the other.
        PixelFormat::I420(_) => view.height(),
        PixelFormat::Bgr24 | PixelFormat::Gray8 => {
            let row = pixels.frame_bytes(view.width(), 1).max(1);
            // Even, as two rows have their chroma in common. A picture has few bytes in a row.
            (BAND_BYTES / row).next_multiple_of(2).max(2) as u32
        }
    };
    let mut first = 0;
    while let Some(part) = view.band(first, rows) {
        let length = pixels.frame_bytes(part.width(), part.height());
        // At most a picture of a size that is checked.
        band.resize(length, 0);
        convert::convert(&part, pixels, band)?;
        put(band)?;
        first += part.height();
    }
    Ok(())
}

impl Drop for Ring {
    fn drop(&mut self) {
        let _ = self.file.write_all_at(&1u32.to_le_bytes(), offset::CLOSED as u64);
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A new file that is locked for as long as it is open, so that [`clean_up`] knows it to be in use.
fn claim(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
        Err(std::fs::TryLockError::Error(error)) => return Err(error),
    }
    // Somebody who cleaned up may have had it before.
    if file.metadata()?.nlink() == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(file) }
}

#[cfg(target_os = "linux")]
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        // A directory on a file system that cannot reserve.
        Err(rustix::io::Errno::OPNOTSUPP) => file.set_len(bytes),
        done => Ok(done?),
    }
}

#[cfg(not(target_os = "linux"))]
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    file.set_len(bytes)
}

fn monotonic_offset(clock: &Clock) -> i128 {
    let now = clock_gettime(ClockId::Monotonic);
    let nanos = i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec);
    nanos - i128::from(clock.now().0) * 1000
}

/// Removes the rings of servers that do not run any more: files of ours that nobody has locked.
pub(super) fn clean_up(directory: &Path) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let named = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        if !named || !path.symlink_metadata().is_ok_and(|file| file.is_file()) {
            continue;
        }
        let Ok(file) = File::open(&path) else { continue };
        let mut magic = [0; MAGIC.len()];
        // One that was never filled is a ring too: its server ended in between.
        let ours = match file.read_exact_at(&mut magic, 0) {
            Ok(()) => magic == MAGIC || magic == [0; MAGIC.len()],
            Err(_) => file.metadata().is_ok_and(|file| file.len() == 0),
        };
        if ours && file.try_lock().is_ok() && std::fs::remove_file(&path).is_ok() {
            tracing::info!(path = %path.display(), "removed what an earlier server left behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camherd_codec::Picture;
    use camherd_media::time::MediaTime;
    use camherd_media::unit::{Codec, Format, Packaging, Stamps};
    use camherd_media::wire::frame_bus::HEADER_BYTES;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Directory {
            let path = std::env::temp_dir().join(format!("camherd-ring-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Directory(path)
        }

        fn files(&self) -> Vec<PathBuf> {
            std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path()).collect()
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn unit(clock: &Clock) -> Unit {
        let codec = Codec::Raw(PixelFormat::Gray8);
        let format = Arc::new(Format { codec, width: 16, height: 16, packaging: Packaging::Bare });
        let stamps = Stamps::received(clock.now());
        let pts = MediaTime(7);
        Unit { payload: Bytes::new(), pts, dts: pts, keyframe: true, format, stamps }
    }

    /// A picture of one grey, in full range.
    fn grey(fill: u8, width: u32, height: u32) -> Picture {
        let mut picture = Picture::new(width, height).unwrap();
        picture.fill(fill, 128, 128);
        picture
    }

    fn ring(directory: &Directory, clock: &Clock) -> Ring {
        let shape = Shape::new(&"door".parse().unwrap(), PixelFormat::Gray8, (16, 16)).unwrap();
        Ring::create(&directory.0, shape, clock).unwrap()
    }

    #[test]
    fn a_reader_finds_each_frame_until_it_is_overtaken() {
        let (directory, clock) = (Directory::new("frames"), Clock::start());
        let mut ring = ring(&directory, &clock);
        let line: serde_json::Value = serde_json::from_slice(&ring.descriptor()).unwrap();
        let path = line["path"].as_str().unwrap();
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        let slots = u64::from(ring.header.slots());
        for number in 0..slots + 2 {
            let picture = grey(number as u8, 16, 16);
            ring.write(number, &I420View::from(&picture), &unit(&clock), &clock).unwrap();
        }
        let file = std::fs::read(path).unwrap();
        let header = Header::parse(&file, file.len() as u64).unwrap();
        assert_eq!((header.next, header.ring_hex().as_str()), (slots + 2, line["ring"].as_str().unwrap()));
        let slot = |number| {
            let at = usize::try_from(header.slot_offset(number)).unwrap();
            (SlotHeader::from_bytes(file[at..].first_chunk().unwrap()), file[at + SLOT_HEADER_BYTES])
        };
        let (newest, pixel) = slot(slots + 1);
        assert!(newest.holds(slots + 1) && pixel == (slots + 1) as u8);
        assert!(newest.received > 0 && newest.published >= newest.received && newest.pts == 7);
        assert!(!slot(1).0.holds(1), "the reader was overtaken");
        assert!(slot(2).0.holds(2));
    }

    #[test]
    fn a_ring_that_ends_says_so_and_its_name_is_gone() {
        let (directory, clock) = (Directory::new("end"), Clock::start());
        let ring = ring(&directory, &clock);
        let reader = File::open(&ring.path).unwrap();
        drop(ring);
        assert_eq!(directory.files(), Vec::<PathBuf>::new());
        let mut header = [0; HEADER_BYTES];
        reader.read_exact_at(&mut header, 0).unwrap();
        assert!(Header::parse(&header, reader.metadata().unwrap().len()).unwrap().closed);
    }

    #[test]
    fn cleaning_up_takes_what_is_left_over_and_nothing_else() {
        let (directory, clock) = (Directory::new("clean"), Clock::start());
        let live = ring(&directory, &clock);
        let abandoned = directory.0.join("camherd-old-0011");
        std::fs::copy(&live.path, &abandoned).unwrap();
        let foreign = directory.0.join("camherd-notes");
        std::fs::write(&foreign, "not a ring at all").unwrap();
        clean_up(&directory.0);
        let mut left = directory.files();
        left.sort();
        let mut expected = vec![live.path.clone(), foreign];
        expected.sort();
        assert_eq!(left, expected);
    }

    #[test]
    fn a_picture_of_another_size_is_refused_and_a_shortened_file_is_an_error() {
        let (directory, clock) = (Directory::new("size"), Clock::start());
        let mut ring = ring(&directory, &clock);
        let (small, right) = (grey(0, 16, 15), grey(0, 16, 16));
        assert!(ring.write(0, &I420View::from(&small), &unit(&clock), &clock).is_err());
        ring.file.set_len(0).unwrap();
        let written = ring.write(0, &I420View::from(&right), &unit(&clock), &clock);
        assert!(written.is_ok(), "it grows again and kills nobody");
    }

    #[test]
    fn a_picture_in_bands_is_the_picture() {
        // Several bands with a rest of an odd number of rows.
        let mut picture = Picture::new(641, 115).unwrap();
        for (number, mut plane) in picture.planes_mut().into_iter().enumerate() {
            let rows = plane.rows_mut().enumerate();
            rows.for_each(|(y, row)| {
                row.iter_mut().enumerate().for_each(|(x, s)| *s = (x * (number + 1) + 3 * y) as u8);
            });
        }
        let view = I420View::from(&picture);
        for pixels in [PixelFormat::Bgr24, PixelFormat::Gray8, PixelFormat::I420(view.colour())] {
            let mut whole = vec![0; pixels.frame_bytes(641, 115)];
            convert::convert(&view, pixels, &mut whole).unwrap();
            let (mut joined, mut band, mut count) = (Vec::new(), Vec::new(), 0);
            let put = |part: &[u8]| {
                joined.extend_from_slice(part);
                count += 1;
                Ok(())
            };
            bands(&view, pixels, &mut band, put).unwrap();
            assert!(joined == whole, "{}", pixels.name());
            assert!(count > 2 || pixels != PixelFormat::Bgr24, "{count} bands");
        }
    }
}
