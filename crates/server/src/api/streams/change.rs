//! How streams come and go through the API.
//!
//! Each change runs in a task of its own, one after the other: a client that hangs up leaves none half done.

use super::catalogue::Entry;
use super::unknown;
use super::wanted::Wanted;
use crate::api::error::ApiError;
use crate::api::state::Server;
use crate::auth::Moment;
use axum::http::StatusCode;
use camherd_hub::{Full, Stream};
use camherd_media::ids::StreamName;
use std::sync::Arc;

/// What readers and cameras of a stream are told that was taken away.
const REMOVED: &str = "the stream was removed";

/// A stream that was created, or was there.
pub struct Outcome {
    /// The id as given.
    pub id: String,
    /// The name of the stream that it stands for.
    pub name: StreamName,
    /// The camera, without secrets.
    pub source: String,
    /// Size of raw pictures, in pixels; `None` is the camera's own.
    pub size: Option<(u32, u32)>,
    /// Whether it was there before.
    pub existed: bool,
}

impl Outcome {
    fn of(entry: &Entry, existed: bool) -> Outcome {
        let name = entry.shares.clone().unwrap_or_else(|| entry.spec.name.clone());
        let source = entry.spec.source.to_string();
        Outcome { id: entry.id.clone(), name, source, size: entry.spec.size, existed }
    }
}

/// Creates a stream.
///
/// # Errors
/// 409 when its name is in use, 503 when there are too many, 500 when it cannot be remembered.
pub async fn create(server: &Arc<Server>, wanted: Wanted) -> Result<Outcome, ApiError> {
    let server = server.clone();
    in_full(async move {
        let _turn = server.catalogue.turn.lock().await;
        add(&server, wanted).await
    })
    .await
}

/// Finds the stream that was asked for by the same URL, or creates it.
///
/// # Errors
/// As [`create`].
pub async fn start(server: &Arc<Server>, wanted: Wanted) -> Result<Outcome, ApiError> {
    let server = server.clone();
    in_full(async move {
        let _turn = server.catalogue.turn.lock().await;
        match server.catalogue.get(&wanted.name) {
            Some(entry) if entry.spec.source == wanted.source => {
                fetch(&server, &entry)?;
                Ok(Outcome::of(&entry, true))
            }
            _ => add(&server, wanted).await,
        }
    })
    .await
}

/// Takes a stream away; with `force` whoever watches it, and also while a camera pushes it.
///
/// # Errors
/// 404 when there is none, 409 when it must stay, 500 when the store cannot be written.
pub async fn remove(server: &Arc<Server>, name: StreamName, force: bool) -> Result<(), ApiError> {
    let server = server.clone();
    in_full(async move {
        let _turn = server.catalogue.turn.lock().await;
        take_away(&server, &name, force).await
    })
    .await
}

/// Runs to its end also when nobody waits for it any more.
async fn in_full<T: Send + 'static>(
    change: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    let internal = |_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the change could not be finished");
    tokio::spawn(change).await.map_err(internal)?
}

/// Runs what blocks on the disk where it may.
async fn on_disk<T: Send + 'static, E: Into<ApiError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, ApiError> {
    let internal = |_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the change could not be written");
    tokio::task::spawn_blocking(work).await.map_err(internal)?.map_err(Into::into)
}

async fn add(server: &Arc<Server>, wanted: Wanted) -> Result<Outcome, ApiError> {
    let name = wanted.name.clone();
    let taken = server.config.streams.contains_key(&name)
        || server.catalogue.get(&name).is_some()
        || server.hub.get(&name).is_some();
    if taken {
        return Err(conflict(format!("the stream id {name} is in use")));
    }
    let limit = server.config.limits.streams;
    if server.catalogue.count() >= limit {
        return Err(Full { limit }.into());
    }
    let mut entry = Entry::new(&wanted);
    entry.shares = server.catalogue.same_camera(&entry, &server.config);
    fetch(server, &entry)?;
    let outcome = Outcome::of(&entry, entry.shares.is_some());
    let (keeper, own) = (server.clone(), entry.shares.is_none());
    let written = on_disk(move || keeper.catalogue.insert(entry, &wanted, Moment::now().unix)).await;
    if written.is_err() && own {
        server.pulls.stop(&name);
        server.hub.remove(&name, REMOVED);
    }
    written?;
    tracing::info!(stream = %name, source = %outcome.source, "created through the API");
    Ok(outcome)
}

/// Starts to fetch an entry, unless it is fetched.
fn fetch(server: &Server, entry: &Entry) -> Result<(), ApiError> {
    if entry.shares.is_none() && server.pulls.get(&entry.spec.name).is_none() {
        server.pulls.add(entry.spec.clone())?;
    }
    Ok(())
}

async fn take_away(server: &Arc<Server>, name: &StreamName, force: bool) -> Result<(), ApiError> {
    let (entry, stream) = (server.catalogue.get(name), server.hub.get(name));
    if server.config.streams.contains_key(name) {
        let text = format!("stream {name} is in the configuration (`streams.{name}`); take it out there");
        return Err(conflict(text));
    }
    let shares = entry.as_ref().is_some_and(|entry| entry.shares.is_some());
    if entry.is_none() && stream.is_none() {
        return Err(unknown(name.as_str()));
    }
    if let Some(stream) = stream.as_ref().filter(|_| !force && !shares) {
        may_go(stream, entry.is_some())?;
    }
    let heir = match entry {
        Some(_) => {
            let (keeper, name) = (server.clone(), name.clone());
            on_disk(move || keeper.catalogue.remove(&name)).await?
        }
        None => None,
    };
    if !shares {
        server.pulls.stop(name);
        server.hub.remove(name, REMOVED);
        server.telemetry.forget(name);
        server.devices.forget(name);
    }
    tracing::info!(stream = %name, force, "removed through the API");
    if let Some(Err(error)) = heir.map(|heir| fetch(server, &heir)) {
        tracing::warn!(stream = %name, "another id shared its camera, which cannot be fetched now: {}", error.message);
    }
    Ok(())
}

/// Whether a stream may go that somebody may watch, or a camera may push.
fn may_go(stream: &Stream, is_fetched: bool) -> Result<(), ApiError> {
    let (name, viewers) = (stream.name(), stream.stats().viewers);
    if viewers > 0 {
        let text = format!("stream {name} has {viewers} clients connected; DELETE .../force ends them");
        return Err(ApiError { client_count: Some(viewers), ..conflict(text) });
    }
    match stream.publisher() {
        Some(camera) if !is_fetched => {
            let text =
                format!("the camera {camera} is connected to stream {name}; DELETE .../force cuts it off");
            Err(ApiError { client_count: Some(0), ..conflict(text) })
        }
        _ => Ok(()),
    }
}

fn conflict(message: String) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, message)
}
