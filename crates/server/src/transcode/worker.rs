//! Threads for work that keeps a core busy: one for each codec, so that no connection waits behind one.

use super::room::Place;
use camherd_hub::Writer;
use std::time::Instant;
use tokio::runtime::Builder;

/// Starts a thread that makes a rendition with `work` until that returns. What `work` fails with is told
/// to the readers.
pub(super) fn start<W, F>(name: String, place: Place, writer: Writer, work: W) -> Result<(), String>
where
    W: FnOnce() -> Result<F, String> + Send + 'static,
    F: AsyncFnOnce(&Writer) -> Result<(), String>,
{
    // Timers of its own: those of the server's runtime panic in a thread that outlives it by a picture.
    let own = Builder::new_current_thread().enable_time().build();
    let runtime = own.map_err(|error| format!("no timers for {name}: {error}"))?;
    let title = name.clone();
    let body = move || {
        let done = work().and_then(|work| runtime.block_on(work(&writer)));
        if let Err(reason) = done {
            tracing::warn!("{title} stopped: {reason}");
            // Before the writer ends, as its viewers ask again when it does.
            place.failed(&reason, Instant::now());
            writer.fail(reason);
        } else {
            drop(writer);
        }
        drop((place, runtime));
        // What a codec leaves is worth giving back, and few other things are.
        camherd_codec::memory::give_back();
    };
    let named = std::thread::Builder::new().name(name);
    named.spawn(body).map(drop).map_err(|error| format!("no thread: {error}"))
}
