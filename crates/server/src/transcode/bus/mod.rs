//! Raw pictures in shared memory, for programs on the same machine: one writes, any number read, nobody waits.
//!
//! Here: the rendition, whose units are the lines that tell readers which frame is complete. The file itself
//! is in `ring`, its layout in `camherd_media::wire::frame_bus`.

#[cfg(unix)]
mod ring;

use super::convert::{Form, Wanted};
use super::demand::{Demand, Passed, Wish};
use super::room::Place;
use super::{pictures_of, shared, worker};
use crate::config;
use bytes::Bytes;
use camherd_hub::{Event, Start, Stream, Subscription, Writer};
use camherd_media::unit::{Codec, Format, Packaging, PixelFormat, Unit};
use ring::{Ring, Shape};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where rings may be, and how much of it.
pub(super) struct Bus {
    directory: Option<PathBuf>,
    budget: Budget,
    files: Files,
}

/// The files of all rings that there are now. Clones are the same.
#[derive(Clone, Default)]
struct Files(Arc<Mutex<BTreeSet<PathBuf>>>);

impl Files {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What all rings together may take. Clones are the same budget.
#[derive(Clone)]
struct Budget {
    limit: u64,
    used: Arc<AtomicU64>,
}

/// A part of the budget, until it is dropped.
struct Share {
    bytes: u64,
    budget: Budget,
}

impl Budget {
    fn take(&self, bytes: u64) -> Result<Share, String> {
        let fits = |used: u64| used.checked_add(bytes).filter(|used| *used <= self.limit);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(_) => Ok(Share { bytes, budget: self.clone() }),
            Err(used) => Err(format!(
                "a ring of {bytes} bytes does not fit: {used} of {} bytes are in use (bus.max_bytes)",
                self.limit
            )),
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Removes what a server that was killed has left behind.
pub fn clean_up(directory: &Path) {
    #[cfg(unix)]
    ring::clean_up(directory);
}

impl Bus {
    pub(super) fn new(config: &config::Bus) -> Bus {
        let directory = (config.enabled && cfg!(unix)).then(|| config.directory.clone());
        let budget = Budget { limit: config.max_bytes, used: Arc::default() };
        Bus { directory, budget, files: Files::default() }
    }

    /// Removes the files of all rings: at the end of the server its threads end without tidying up.
    pub(super) fn remove_files(&self) {
        for path in std::mem::take(&mut *self.files.lock()) {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Starts the thread that converts the decoder's pictures into a ring. It does not take them from the rendition of
    /// the same form: that would be one thread more to wake, and a picture more through the caches.
    pub(super) fn start(
        &self,
        stream: &Stream,
        (form, size): (Form, Option<(u32, u32)>),
        writer: Writer,
        place: Place,
    ) -> Result<(), String> {
        let directory = self.directory.clone().ok_or("shared memory is switched off (bus.enabled)")?;
        let passed = Passed::of(&writer, size);
        let input = stream.subscribe_for(&pictures_of(stream), Start::Newest, passed.want());
        let input = input.map_err(|error| error.reason)?;
        let name = format!("{:?} {}", shared(form, size), stream.name());
        let (budget, files, stream) = (self.budget.clone(), self.files.clone(), stream.clone());
        let wanted = Wanted::new(form, size, &stream);
        let mut job = Job { form, wanted, directory, budget, files, stream, open: None, next: None };
        worker::start(name, place, writer, move || {
            Ok(async move |writer: &Writer| job.run(input, passed, writer).await)
        })
    }
}

struct Job {
    form: Form,
    wanted: Wanted,
    directory: PathBuf,
    budget: Budget,
    files: Files,
    stream: Stream,
    open: Option<Open>,
    /// Number of the next frame. It starts with the decoder's, which goes on when this thread ends and another one
    /// begins.
    next: Option<u64>,
}

/// A ring for pictures of one format.
struct Open {
    ring: Ring,
    /// Size and pixels of the pictures that it is for.
    of: (u32, u32, PixelFormat),
    /// The format of the lines about it.
    format: Arc<Format>,
    files: Files,
    _share: Share,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.files.lock().remove(self.ring.path());
    }
}

impl Job {
    /// Converts until nobody reads.
    async fn run(
        &mut self,
        mut input: Subscription,
        mut passed: Passed,
        writer: &Writer,
    ) -> Result<(), String> {
        let mut demand = Demand::default();
        loop {
            let event = tokio::select! {
                event = input.next() => event,
                wish = demand.next(writer) => match wish {
                    Wish::Keyframe => continue,
                    Wish::End => return Ok(()),
                },
                want = passed.changed(writer) => {
                    input.set_want(want);
                    continue;
                }
            };
            match event {
                Event::Unit(delivery) => {
                    self.next.get_or_insert(delivery.seq);
                    for unit in self.wanted.of(delivery.unit, &mut input, &self.stream) {
                        if writer.push(self.line(&unit)?).is_err() {
                            return Ok(());
                        }
                    }
                }
                Event::State(_) => {}
                Event::Ended(reason) => return Err(reason.to_string()),
            }
        }
    }

    fn line(&mut self, unit: &Unit) -> Result<Unit, String> {
        let Job { form, wanted, directory, budget, files, stream, open, next } = self;
        let view = wanted.view(unit)?;
        let pixels = form.pixels(view.colour()).ok_or("there is no JPEG in shared memory")?;
        let of = (view.width(), view.height(), pixels);
        if open.as_ref().is_none_or(|open| open.of != of) {
            // The old one goes first: two would need twice the memory.
            *open = None;
            *open = Some(Open::new(directory, (budget, files), stream, of)?);
        }
        let Some(open) = open else { return Err("no ring".to_owned()) };
        let number = next.unwrap_or_default();
        *next = Some(number + 1);
        open.ring.write(number, &view, unit, &stream.clock()).map_err(|error| error.to_string())?;
        let mut stamps = unit.stamps;
        stamps.packaged = Some(stream.clock().now());
        let payload = Bytes::from(format!("{number}\n"));
        let (pts, dts) = (unit.pts, unit.dts);
        Ok(Unit { payload, pts, dts, keyframe: true, format: open.format.clone(), stamps })
    }
}

impl Open {
    fn new(
        directory: &Path,
        (budget, files): (&Budget, &Files),
        stream: &Stream,
        of: (u32, u32, PixelFormat),
    ) -> Result<Open, String> {
        let (width, height, pixels) = of;
        let shape = Shape::new(stream.name(), pixels, (width, height)).map_err(|error| error.to_string())?;
        let share = budget.take(shape.file_bytes())?;
        let ring = Ring::create(directory, shape, &stream.clock()).map_err(|error| error.to_string())?;
        files.lock().insert(ring.path().to_owned());
        let packaging = Packaging::SharedMemory { descriptor: ring.descriptor() };
        let format = Format { codec: Codec::Raw(pixels), width, height, packaging };
        Ok(Open { ring, of, format: Arc::new(format), files: files.clone(), _share: share })
    }
}
