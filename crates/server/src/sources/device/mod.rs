//! Devices that speak the device channel: what each has said, and what it is told.
//!
//! [`Devices`] is what the server knows of them, by stream; a [`Session`] is one connection's part in it. A device
//! that has said no `hello` is none: it never gets a text.

mod demand;
mod limit;
mod session;

pub use session::Session;

use camherd_hub::Stream;
use camherd_media::ids::StreamName;
use camherd_media::wire::device::{Command, Demand, Hello, Progress, Settings, ToDevice};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Messages that a device may have to answer at a time: half of what it keeps room for.
const MAX_PENDING: usize = 4;

/// An acknowledgement that has not come within this does not come (protocol, `ack`).
const ACK_LIMIT: Duration = Duration::from_secs(10);

/// Numbers one connection of a device.
type Connection = u64;

/// What is known of the devices of all streams.
#[derive(Debug, Default)]
pub struct Devices(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    by_stream: HashMap<StreamName, Device>,
    connections: Connection,
}

#[derive(Debug)]
struct Device {
    connection: Connection,
    /// To the connection, while there is one.
    link: Option<mpsc::Sender<ToDevice>>,
    hello: Hello,
    settings: Settings,
    heard: Instant,
    telemetry: Option<(Map<String, Value>, Instant)>,
    update: Option<(Progress, Instant)>,
    demand: Option<Demand>,
    pending: Vec<Pending>,
    last_id: u32,
}

#[derive(Debug)]
struct Pending {
    id: u32,
    command: Command,
    since: Instant,
    reply: Option<oneshot::Sender<Result<(), String>>>,
}

/// What is known of one device.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Whether it is connected.
    pub connected: bool,
    /// What it said it is.
    pub hello: Hello,
    /// What is set, as far as it is known.
    pub settings: Settings,
    /// When it said something last.
    pub heard: Instant,
    /// Its newest report, and when it came.
    pub telemetry: Option<(Map<String, Value>, Instant)>,
    /// How its update goes, and since when that is known.
    pub update: Option<(Progress, Instant)>,
    /// What it was told that viewers want, on this connection.
    pub demand: Option<Demand>,
    /// What it has not answered yet: number, kind and since when.
    pub pending: Vec<(u32, &'static str, Instant)>,
}

/// Why a device cannot be told something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TellError {
    /// The stream's camera has said no `hello`.
    #[error("its camera does not speak the device channel")]
    NoDevice,
    /// It is not connected.
    #[error("its device is not connected")]
    Away,
    /// It has not answered what it was told before.
    #[error("its device has {MAX_PENDING} messages to answer already")]
    Busy,
}

impl Devices {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whole after every statement, so a panic elsewhere leaves it usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a stream's device. One that has left is forgotten once another camera has its place.
    #[must_use]
    pub fn get(&self, stream: &Stream) -> Option<Seen> {
        let taken = stream.publisher().is_some();
        let mut inner = self.lock();
        let device = inner.by_stream.get_mut(stream.name())?;
        if taken && device.link.is_none() {
            inner.by_stream.remove(stream.name());
            return None;
        }
        device.forget_unanswered();
        let pending = device.pending.iter().map(|p| (p.id, kind(&p.command), p.since)).collect();
        Some(Seen {
            connected: device.link.is_some(),
            hello: device.hello.clone(),
            settings: device.settings,
            heard: device.heard,
            telemetry: device.telemetry.clone(),
            update: device.update.clone(),
            demand: device.demand,
            pending,
        })
    }

    /// Sends a command to a stream's device. Its answer comes on the receiver; without one, the device left.
    ///
    /// # Errors
    /// [`TellError`] when it cannot be sent.
    pub fn tell(
        &self,
        stream: &StreamName,
        command: Command,
    ) -> Result<oneshot::Receiver<Result<(), String>>, TellError> {
        let mut inner = self.lock();
        let device = inner.by_stream.get_mut(stream).ok_or(TellError::NoDevice)?;
        let link = device.link.clone().ok_or(TellError::Away)?;
        device.forget_unanswered();
        if device.pending.len() >= MAX_PENDING {
            return Err(TellError::Busy);
        }
        let id = device.last_id.wrapping_add(1);
        link.try_send(ToDevice { id: Some(id), command: command.clone() }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => TellError::Busy,
            mpsc::error::TrySendError::Closed(_) => TellError::Away,
        })?;
        device.last_id = id;
        let (reply, answer) = oneshot::channel();
        device.pending.push(Pending { id, command, since: Instant::now(), reply: Some(reply) });
        Ok(answer)
    }

    /// Forgets a stream's device.
    pub fn forget(&self, stream: &StreamName) {
        self.lock().by_stream.remove(stream);
    }

    /// A camera has connected. What was known of the stream's device is of an earlier connection, perhaps of another
    /// device: it says so anew.
    fn connect(&self, stream: &StreamName) -> Connection {
        let mut inner = self.lock();
        inner.connections += 1;
        inner.by_stream.remove(stream);
        inner.connections
    }

    /// The connection is over; what is known stays until the next one.
    fn disconnect(&self, stream: &StreamName, connection: Connection) {
        self.with(stream, connection, |device| {
            device.link = None;
            device.demand = None;
            device.pending.clear();
        });
    }

    /// A device has said what it is. The first time on a connection there are commands from now on.
    fn hello(
        &self,
        stream: &StreamName,
        connection: Connection,
        hello: Hello,
    ) -> Option<mpsc::Receiver<ToDevice>> {
        let known = self.said(stream, connection, |device| {
            device.settings = hello.settings;
            device.hello = hello.clone();
        });
        if known {
            return None;
        }
        let mut inner = self.lock();
        // Of two connections of a stream the newer one counts, however late the older one's words come.
        if inner.by_stream.get(stream).is_some_and(|device| device.connection > connection) {
            return None;
        }
        let (link, commands) = mpsc::channel(MAX_PENDING);
        let device = Device {
            connection,
            link: Some(link),
            settings: hello.settings,
            hello,
            heard: Instant::now(),
            telemetry: None,
            update: None,
            demand: None,
            pending: Vec::new(),
            last_id: 0,
        };
        inner.by_stream.insert(stream.clone(), device);
        Some(commands)
    }

    /// Takes what the device of a connection said, if it has said that it is one.
    fn said(&self, stream: &StreamName, connection: Connection, act: impl FnOnce(&mut Device)) -> bool {
        let taken = self.with(stream, connection, |device| {
            device.heard = Instant::now();
            act(device);
        });
        taken.is_some()
    }

    fn with<T>(
        &self,
        stream: &StreamName,
        connection: Connection,
        act: impl FnOnce(&mut Device) -> T,
    ) -> Option<T> {
        let mut inner = self.lock();
        let device = inner.by_stream.get_mut(stream).filter(|device| device.connection == connection)?;
        Some(act(device))
    }
}

impl Device {
    fn forget_unanswered(&mut self) {
        self.pending.retain(|pending| pending.since.elapsed() < ACK_LIMIT);
    }

    /// Takes an answer.
    fn answered(&mut self, id: u32, result: Result<(), String>) {
        let Some(at) = self.pending.iter().position(|pending| pending.id == id) else { return };
        let Pending { command, reply, .. } = self.pending.swap_remove(at);
        if let (Command::Set(set), Ok(())) = (&command, &result) {
            self.settings.apply(set);
        }
        if matches!(command, Command::Update(_)) && result.is_ok() {
            self.update = Some((Progress::Loading(0), Instant::now()));
        }
        if let Some(reply) = reply {
            // Nobody may wait for it any more.
            let _ = reply.send(result);
        }
    }
}

/// The kind of a command, as the protocol names it.
fn kind(command: &Command) -> &'static str {
    match command {
        Command::Hello => "hello",
        Command::Set(_) => "set",
        Command::Demand(_) => "demand",
        Command::Reboot => "reboot",
        Command::Update(_) => "update",
    }
}
