//! One connection of a camera that may be a device.

use super::demand::Demand;
use super::{Connection, Devices, limit};
use crate::sources::telemetry::Telemetry;
use camherd_hub::{Stream, Want};
use camherd_media::wire::device::{self, Command, FromDevice, Progress, ToDevice};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// How often the viewers of a watched stream are counted. That somebody watches, and what is wanted, is known at once.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// A device's side of a camera's connection.
pub struct Session<'a> {
    devices: &'a Devices,
    telemetry: &'a Telemetry,
    stream: Stream,
    connection: Connection,
    /// Once it has said hello.
    open: Option<Open>,
}

struct Open {
    /// What the API wants it told; `None` once the stream is forgotten.
    commands: Option<mpsc::Receiver<ToDevice>>,
    greeted: bool,
    /// What serves all who read; `None` is nobody.
    wanted: Option<Want>,
    count_at: Instant,
    demand: Demand,
}

impl<'a> Session<'a> {
    /// A camera has connected.
    pub fn new(devices: &'a Devices, telemetry: &'a Telemetry, stream: Stream) -> Session<'a> {
        let connection = devices.connect(stream.name());
        Session { devices, telemetry, stream, connection, open: None }
    }

    /// Takes a text message of the camera.
    pub fn text(&mut self, text: &[u8]) {
        let name = self.stream.name().clone();
        match FromDevice::read(text) {
            Ok(Some(FromDevice::Hello(hello))) => {
                let (model, firmware) = (hello.model.clone(), hello.firmware.clone());
                if let Some(commands) = self.devices.hello(&name, self.connection, *hello) {
                    tracing::info!(stream = %name, model, firmware, "the camera speaks the device channel");
                    self.open = Some(Open::new(commands));
                }
            }
            Ok(Some(FromDevice::Telemetry(report))) => {
                let report = (report, Instant::now());
                self.devices.said(&name, self.connection, |device| device.telemetry = Some(report));
                self.telemetry.note(&name, text);
            }
            Ok(Some(FromDevice::Ack(ack))) => {
                self.devices.said(&name, self.connection, |device| device.answered(ack.id, ack.result));
            }
            Ok(Some(FromDevice::Update(progress))) => {
                let progress = (progress, Instant::now());
                self.devices.said(&name, self.connection, |device| device.update = Some(progress));
            }
            // What is none of the protocol may be a report of other firmware.
            Ok(None) => self.telemetry.note(&name, text),
            Err(bad) => {
                tracing::debug!(stream = %name, "a message of the device channel is wrong: {bad}");
                self.telemetry.note(&name, text);
            }
        }
    }

    /// Waits for what the device is to be told next; for ever while the camera is no device. Cancel-safe: a message
    /// is taken only when it is returned, and then has to be sent.
    pub async fn next(&mut self) -> String {
        loop {
            let Some(open) = &mut self.open else { return std::future::pending().await };
            if !std::mem::replace(&mut open.greeted, true) {
                return ToDevice { id: None, command: Command::Hello }.to_text();
            }
            let due = open.demand.due();
            let wake_at = due.unwrap_or(open.count_at).min(open.count_at);
            tokio::select! {
                command = next_command(&mut open.commands) => match command {
                    Some(command) => return command.to_text(),
                    None => open.commands = None,
                },
                wanted = self.stream.want_changed(open.wanted) => {
                    open.wanted = wanted;
                    self.count();
                }
                () = sleep_until(wake_at), if open.wanted.is_some() || due.is_some() => {
                    if due.is_some_and(|due| due <= Instant::now()) {
                        return self.tell_demand();
                    }
                    self.count();
                }
            }
        }
    }

    /// Whether the device was told that nobody watches, so that it may send little or nothing.
    #[must_use]
    pub fn is_resting(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.demand.is_idle())
    }

    /// Why there is no picture, where the device has said so.
    #[must_use]
    pub fn silence(&self) -> Option<String> {
        let update = self.devices.with(self.stream.name(), self.connection, |device| device.update.clone());
        match update.flatten()?.0 {
            Progress::Loading(percent) => Some(format!("the device loads an update ({percent} %)")),
            Progress::Restarting => Some("the device restarts into an update".to_owned()),
            Progress::Failed(_) => None,
        }
    }

    /// Takes note of who watches and what they make use of.
    fn count(&mut self) {
        let Some(open) = &mut self.open else { return };
        let now = Instant::now();
        open.count_at = now + COUNT_EVERY;
        let Some(want) = open.wanted else { return open.demand.see(device::Demand::default(), now) };
        // A snapshot, a recorder or an encoder reads and is no viewer.
        let viewers = u32::try_from(self.stream.stats().viewers.max(1)).unwrap_or(u32::MAX);
        let limits = self.devices.with(self.stream.name(), self.connection, |device| {
            (limit::fps(want, device.settings), limit::size(want, device.settings, &device.hello.sizes))
        });
        let (fps, size) = limits.unwrap_or_default();
        open.demand.see(device::Demand { viewers, fps, size }, now);
    }

    fn tell_demand(&mut self) -> String {
        let demand = self.open.as_mut().map(|open| open.demand.tell()).unwrap_or_default();
        self.devices.with(self.stream.name(), self.connection, |device| device.demand = Some(demand));
        ToDevice { id: None, command: Command::Demand(demand) }.to_text()
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.devices.disconnect(self.stream.name(), self.connection);
    }
}

impl Open {
    fn new(commands: mpsc::Receiver<ToDevice>) -> Open {
        let (now, mut demand) = (Instant::now(), Demand::default());
        demand.see(device::Demand::default(), now);
        Open { commands: Some(commands), greeted: false, wanted: None, count_at: now + COUNT_EVERY, demand }
    }
}

async fn next_command(commands: &mut Option<mpsc::Receiver<ToDevice>>) -> Option<ToDevice> {
    match commands {
        Some(commands) => commands.recv().await,
        None => std::future::pending().await,
    }
}
