//! The file of a ring and the one who writes it.
//!
//! It is written with `pwrite` and not through a mapping: a program that shortens the file makes a write fail,
//! where a mapping would end the server; and no unsafe code is needed. On tmpfs both are one copy.

use bytes::Bytes;
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
}

/// What a ring is to hold.
pub(super) struct Shape(Header);

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
        Header::new(ring, stream.clone(), FrameFormat::from(pixels), size, slots).map(Shape)
    }

    /// Size of the file.
    pub(super) fn file_bytes(&self) -> u64 {
        self.0.file_bytes()
    }
}

/// A ring and the right to write it. Dropped, it is marked as closed and its name is gone; who has it open
/// may go on reading what is there.
pub(super) struct Ring {
    file: File,
    path: PathBuf,
    header: Header,
    /// What to add to the hub's clock, in nanoseconds, for CLOCK_MONOTONIC.
    monotonic: i128,
}

impl Ring {
    /// Makes a file for it, which nobody else may read, with all its memory: a lack of it shows here and not
    /// as a signal in its readers.
    pub(super) fn create(directory: &Path, shape: Shape, clock: &Clock) -> Result<Ring, Error> {
        let bytes = shape.file_bytes();
        let mut header = shape.0;
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
        let ring = Ring { file, path, header, monotonic: monotonic_offset(clock) };
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

    /// Writes frame `number`. Readers that are still at the frame which it replaces notice.
    pub(super) fn write(&mut self, number: u64, unit: &Unit, clock: &Clock) -> Result<(), Error> {
        if unit.payload.len() as u64 != self.header.frame_bytes() {
            let source = io::Error::other("the picture has another size than the ring");
            return Err(Error::Write { path: self.path.clone(), source });
        }
        self.write_slot(number, unit, clock)
            .map_err(|source| Error::Write { path: self.path.clone(), source })
    }

    fn write_slot(&mut self, number: u64, unit: &Unit, clock: &Clock) -> io::Result<()> {
        let slot = self.header.slot_offset(number);
        let taken = unit.stamps.taken();
        let header = SlotHeader {
            lock: lock_writing(number),
            number,
            pts: unit.pts.0,
            captured_unix: clock.unix_micros(taken).saturating_mul(1000),
            captured: self.nanos(taken),
            received: self.nanos(unit.stamps.received),
            decoded: unit.stamps.decoded.map_or(0, |at| self.nanos(at)),
            published: self.nanos(clock.now()),
            check: 0,
        };
        let complete = lock_complete(number).to_le_bytes();
        let put = |bytes: &[u8], at: usize| self.file.write_all_at(bytes, slot + at as u64);
        // Each write is a system call, which the processor does not reorder with the next. The lock alone
        // first: from here on the old frame is known to be gone.
        put(&header.lock.to_le_bytes(), offset::LOCK)?;
        put(&header.to_bytes()[offset::NUMBER..], offset::NUMBER)?;
        put(&unit.payload, SLOT_HEADER_BYTES)?;
        put(&complete, offset::CHECK)?;
        put(&complete, offset::LOCK)?;
        self.file.write_all_at(&(number + 1).to_le_bytes(), offset::NEXT as u64)
    }

    fn nanos(&self, at: Monotonic) -> u64 {
        u64::try_from(i128::from(at.0) * 1000 + self.monotonic).unwrap_or(0)
    }
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

    fn unit(fill: u8, clock: &Clock) -> Unit {
        let codec = Codec::Raw(PixelFormat::Gray8);
        let format = Arc::new(Format { codec, width: 16, height: 16, packaging: Packaging::Bare });
        let stamps = Stamps::received(clock.now());
        let pts = MediaTime(7);
        Unit { payload: vec![fill; 256].into(), pts, dts: pts, keyframe: true, format, stamps }
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
            ring.write(number, &unit(number as u8, &clock), &clock).unwrap();
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
        let small = Unit { payload: vec![0; 255].into(), ..unit(0, &clock) };
        assert!(ring.write(0, &small, &clock).is_err());
        ring.file.set_len(0).unwrap();
        assert!(ring.write(0, &unit(0, &clock), &clock).is_ok(), "it grows again and kills nobody");
    }
}
