//! RTSP cameras (RFC 2326), through `retina`: its types stop here.
//!
//! retina connects, authenticates, keeps the session alive and checks RTP headers. From there on packets go
//! their own way: `depacketize` puts access units together and gives each out with its last packet,
//! `ingest` makes units of them, `timeline` and `capture_time` give them their times. What is not here:
//! when to connect again, and when a silent camera is given up (`sources::pull`).

mod capture_time;
mod depacketize;
mod failure;
mod ingest;
mod parameter_sets;
mod timeline;

use crate::sources::pull::{Feed, PullError, Spec, Transport};
use depacketize::Packet;
use failure::{Failures, Step};
use futures_util::StreamExt;
use ingest::{Coding, Ingest};
use retina::client::{self, PacketItem, Session};
use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;
use tokio::time::timeout;

/// Longest wait for an answer. Battery cameras take 5 s to wake up; one that has not answered after this is
/// asked again, on a new connection.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// So many packets in a row that retina refuses end the connection. A camera may send a few (other SSRCs,
/// wrong lengths); one that sends nothing else, or whose connection is closed, never gets better.
const MAX_REFUSED: u32 = 64;

/// How the server calls itself.
const USER_AGENT: &str = concat!("camherd/", env!("CARGO_PKG_VERSION"));

/// Pulls until the connection ends.
///
/// # Errors
/// [`PullError`] says why it has ended, without any secret of the source.
pub async fn pull(spec: &Spec, feed: &mut Feed<'_>) -> Result<Infallible, PullError> {
    let failures = Failures::of(&spec.source);
    let camera = open(spec, &failures).await?;
    let ingest = Ingest::new(camera.coding, camera.rate, &camera.sets, feed);
    stream(camera, ingest, feed, &failures).await
}

/// A camera that sends.
struct Camera {
    session: Session<client::Playing>,
    /// Index of the video stream.
    index: usize,
    coding: Coding,
    /// Ticks per second of the RTP clock.
    rate: u32,
    /// Parameter sets from the description.
    sets: Vec<Vec<u8>>,
}

async fn open(spec: &Spec, failures: &Failures) -> Result<Camera, PullError> {
    let describe = Session::describe(spec.source.bare(), session_options(spec));
    let mut session = answer(Step::Describe, describe, failures).await?;
    let (index, coding) = choose(session.streams())?;
    let rate = session.streams()[index].clock_rate_hz();
    let sets = parameter_sets::of_media(session.sdp(), index);
    let transport = match spec.transport {
        Transport::Tcp => client::Transport::Tcp(client::TcpTransportOptions::default()),
        Transport::Udp => client::Transport::Udp(client::UdpTransportOptions::default()),
    };
    let setup = session.setup(index, client::SetupOptions::default().transport(transport));
    answer(Step::Setup, setup, failures).await?;
    let session = answer(Step::Play, session.play(play_options()), failures).await?;
    Ok(Camera { session, index, coding, rate, sets })
}

fn session_options(spec: &Spec) -> client::SessionOptions {
    let credentials = spec.source.credentials();
    client::SessionOptions::default()
        .creds(credentials.map(|(username, password)| client::Credentials { username, password }))
        .user_agent(USER_AGENT.to_owned())
        // One attempt where the connection carries the pictures; with UDP, which would go on coming, until
        // the camera answers or the session expires.
        .teardown(client::TeardownPolicy::Auto)
        // Cameras send on channels that nobody asked for; it is not read.
        .unassigned_channel_data(client::UnassignedChannelDataPolicy::Ignore)
        // There is one SETUP; an id that changes later changes nothing.
        .session_id(client::SessionIdPolicy::UseFirst)
}

fn play_options() -> client::PlayOptions {
    client::PlayOptions::default()
        // There is nothing to be in time with: the first packet is the origin.
        .initial_timestamp(client::InitialTimestampPolicy::Ignore)
        // Some cameras say a sequence number and begin with another: that is no loss.
        .initial_seq(client::InitialSequenceNumberPolicy::Ignore)
        // Some cameras' reports have an SSRC of their own, and come first. Whether a report can be right is
        // decided by what it says.
        .unknown_rtcp_ssrc(client::UnknownRtcpSsrcPolicy::ProcessPackets)
}

/// Waits for the answer to a request.
async fn answer<T>(
    step: Step,
    request: impl Future<Output = Result<T, retina::Error>>,
    failures: &Failures,
) -> Result<T, PullError> {
    match timeout(ANSWER_TIMEOUT, request).await {
        Ok(answer) => answer.map_err(|error| failures.explain(step, &error)),
        Err(_) => Err(failures.timed_out(step, ANSWER_TIMEOUT.as_secs())),
    }
}

/// The stream to take: the first of the best codec.
fn choose(streams: &[client::Stream]) -> Result<(usize, Coding), PullError> {
    let usable = |stream: &client::Stream| {
        let coding = Coding::from_encoding_name(stream.encoding_name());
        coding.filter(|_| stream.media() == "video" && stream.clock_rate_hz() > 0)
    };
    let offered = streams.iter().enumerate();
    let usable = offered.filter_map(|(index, stream)| usable(stream).map(|coding| (coding, index)));
    usable.min().map(|(coding, index)| (index, coding)).ok_or_else(|| {
        let offered: Vec<_> =
            streams.iter().map(|s| format!("{}/{}", s.media(), s.encoding_name())).collect();
        let offered = if offered.is_empty() { "nothing".to_owned() } else { offered.join(", ") };
        PullError::Unusable(format!("no H.264, H.265 or JPEG video: it offers {}", offered.escape_default()))
    })
}

async fn stream(
    mut camera: Camera,
    mut ingest: Ingest,
    feed: &mut Feed<'_>,
    failures: &Failures,
) -> Result<Infallible, PullError> {
    let mut refused = 0;
    let mut announced = false;
    loop {
        match camera.session.next().await.ok_or(PullError::Ended)? {
            Ok(PacketItem::Rtp(packet)) if packet.stream_id() == camera.index => {
                refused = 0;
                let packet = Packet {
                    payload: packet.payload(),
                    timestamp: packet.timestamp().timestamp(),
                    mark: packet.mark(),
                    lost: packet.loss(),
                };
                ingest.packet(&packet, feed)?;
            }
            Ok(PacketItem::Rtcp(reports)) => {
                refused = 0;
                let first = reports.pkts().next().and_then(|report| report.as_sender_report().ok().flatten());
                if let (Some(report), Some(time)) = (first, reports.rtp_timestamp()) {
                    ingest.report(time.timestamp(), report.ntp_timestamp().0);
                }
            }
            Ok(_) => {}
            Err(error) => {
                refused += 1;
                let explained = failures.explain(Step::Stream, &error);
                if refused == MAX_REFUSED {
                    return Err(explained);
                }
                if refused == 1 {
                    feed.count_drop("refused_packets", explained.to_string());
                }
            }
        }
        if !announced && let Some(format) = ingest.format() {
            announced = true;
            tracing::info!(
                stream = %feed.stream().name(),
                codec = format.codec.name(),
                size = %format_args!("{}x{}", format.width, format.height),
                tool = camera.session.tool().map_or("", |tool| &**tool).escape_default().to_string(),
                "connected"
            );
        }
    }
}

#[cfg(test)]
mod tests;
