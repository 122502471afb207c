//! Against a camera that says what it is told to say.

use super::*;
use crate::net::shutdown;
use crate::sources::pull::{Pulls, SNAPSHOT_INTERVAL};
use camherd_hub::{Event, RenditionKey, Start, Stream, StreamState, Subscription};
use camherd_media::codec::h264::nal::{NalKind, nal_units};
use camherd_media::unit::{Codec, Unit};
use std::time::SystemTime;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Pictures of four slices, an IDR picture each five.
const VIDEO: &[u8] = include_bytes!("../../../../../testdata/h264/baseline_4slices_64x64.h264");

const SSRC: u32 = 0x1234_5678;
/// Longest wait for what takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

const H264: &str = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n";

/// The access units of [`VIDEO`], by NAL unit.
fn pictures() -> Vec<Vec<&'static [u8]>> {
    let mut pictures: Vec<Vec<&[u8]>> = Vec::new();
    for nal in nal_units(VIDEO) {
        let is_vcl = |nal: &[u8]| NalKind::of(nal).is_some_and(NalKind::is_vcl);
        let begins = match pictures.last().and_then(|picture| picture.last()) {
            None => true,
            Some(last) => is_vcl(last) && (!is_vcl(nal) || nal[1] & 0x80 != 0),
        };
        if begins {
            pictures.push(Vec::new());
        }
        pictures.last_mut().unwrap().push(nal);
    }
    pictures
}

fn interleaved(channel: u8, packet: &[u8]) -> Vec<u8> {
    [&[b'$', channel], &(packet.len() as u16).to_be_bytes()[..], packet].concat()
}

/// Writes RTP.
struct Sender {
    sequence: u16,
    /// Everything that was written.
    bytes: Vec<u8>,
}

impl Sender {
    fn new() -> Sender {
        Sender { sequence: 65_530, bytes: Vec::new() }
    }

    fn packet(&mut self, timestamp: u32, mark: bool, payload: &[u8]) {
        self.packet_of(SSRC, timestamp, mark, payload);
        self.sequence = self.sequence.wrapping_add(1);
    }

    fn packet_of(&mut self, ssrc: u32, timestamp: u32, mark: bool, payload: &[u8]) {
        let mut packet = vec![0x80, if mark { 0x80 } else { 0 } | 96];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend_from_slice(payload);
        self.bytes.extend(interleaved(0, &packet));
    }

    fn picture(&mut self, timestamp: u32, nals: &[&[u8]]) {
        for (index, nal) in nals.iter().enumerate() {
            self.packet(timestamp, index + 1 == nals.len(), nal);
        }
    }

    /// A sender report: `timestamp` was so long ago.
    fn report(&mut self, timestamp: u32, ago: Duration) {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() - ago;
        let mut packet = vec![0x80, 200, 0, 6];
        packet.extend(SSRC.to_be_bytes());
        packet.extend((unix.as_secs() as u32).wrapping_add(2_208_988_800).to_be_bytes());
        packet.extend((((u64::from(unix.subsec_nanos())) << 32) / 1_000_000_000).to_be_bytes()[4..].iter());
        packet.extend(timestamp.to_be_bytes());
        packet.extend([0; 8]);
        self.bytes.extend(interleaved(1, &packet));
    }
}

/// What a camera says.
#[derive(Clone)]
struct Script {
    describe: Result<&'static str, &'static str>,
    /// What it sends after PLAY.
    data: Vec<u8>,
    /// Whether it closes the connection then.
    close: bool,
}

impl Script {
    fn plays(media: &'static str, data: Vec<u8>) -> Script {
        Script { describe: Ok(media), data, close: false }
    }

    fn refuses(status: &'static str) -> Script {
        Script { describe: Err(status), data: Vec::new(), close: false }
    }
}

/// Starts a camera; gives its host and port.
async fn camera(script: Script) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let script = script.clone();
            // A connection that the other side gives up is over.
            tokio::spawn(async move { converse(connection, &script).await.ok() });
        }
    });
    address
}

async fn converse(connection: TcpStream, script: &Script) -> std::io::Result<()> {
    let (reader, mut writer) = connection.into_split();
    let mut lines = BufReader::new(reader).lines();
    let (mut method, mut sequence) = (String::new(), String::new());
    while let Some(line) = lines.next_line().await? {
        if let Some(number) = line.strip_prefix("CSeq: ") {
            sequence = number.to_owned();
        } else if line.ends_with(" RTSP/1.0") {
            method = line.split(' ').next().unwrap_or_default().to_owned();
        } else if line.is_empty() {
            let answer = answer_to(&method, &sequence, script);
            writer.write_all(answer.as_bytes()).await?;
            if method == "PLAY" {
                writer.write_all(&script.data).await?;
                if script.close {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

fn answer_to(method: &str, sequence: &str, script: &Script) -> String {
    let ok = format!("RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\nSession: 7;timeout=60\r\n");
    match (method, script.describe) {
        ("DESCRIBE", Err(status)) => format!("RTSP/1.0 {status}\r\nCSeq: {sequence}\r\n\r\n"),
        ("DESCRIBE", Ok(media)) => {
            let sdp = format!("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=tool:a test\r\n{media}");
            format!("{ok}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len())
        }
        ("SETUP", _) => format!("{ok}Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"),
        _ => format!("{ok}\r\n"),
    }
}

/// A stream that is pulled, for as long as this lives.
struct Pulled {
    stream: Stream,
    subscription: Subscription,
    _pulls: Pulls,
    _trigger: shutdown::Trigger,
}

fn pull_from(url: &str) -> Pulled {
    let (trigger, shutdown) = shutdown::channel();
    let pulls = Pulls::new(crate::testing::hub(1), PATIENCE, shutdown);
    let spec = Spec {
        name: "door".parse().unwrap(),
        source: url.parse().unwrap(),
        transport: Transport::Tcp,
        snapshot_interval: SNAPSHOT_INTERVAL,
        size: None,
        on_demand: false,
    };
    let stream = pulls.add(spec).unwrap();
    let subscription = stream.subscribe(&RenditionKey::SOURCE, Start::Newest).unwrap();
    Pulled { stream, subscription, _pulls: pulls, _trigger: trigger }
}

impl Pulled {
    async fn units(&mut self, count: usize) -> Vec<Unit> {
        let mut units = Vec::new();
        let collect = async {
            while units.len() < count {
                if let Event::Unit(delivery) = self.subscription.next().await {
                    units.push(delivery.unit);
                }
            }
        };
        timeout(PATIENCE, collect).await.unwrap_or_else(|_| panic!("{:?}", self.stream.stats()));
        units
    }

    /// Why it goes offline.
    async fn reason(&mut self) -> String {
        let wait = async {
            loop {
                if let Event::State(StreamState::Offline(reason)) = self.subscription.next().await {
                    return reason.to_string();
                }
            }
        };
        timeout(PATIENCE, wait).await.unwrap()
    }
}

#[tokio::test]
async fn every_picture_is_published_with_its_last_packet() {
    let pictures = pictures();
    let mut sender = Sender::new();
    for (index, nals) in pictures.iter().enumerate() {
        sender.picture((u32::MAX - 5_000).wrapping_add(index as u32 * 3000), nals);
    }
    // After this nothing comes, and the connection stays open.
    let address = camera(Script::plays(H264, sender.bytes)).await;
    let mut pulled = pull_from(&format!("rtsp://{address}/x"));
    let units = pulled.units(pictures.len()).await;
    for (index, (unit, nals)) in units.iter().zip(&pictures).enumerate() {
        assert_eq!(nal_units(&unit.payload).collect::<Vec<_>>(), *nals, "picture {index}");
        assert_eq!(unit.keyframe, index % 5 == 0);
        assert_eq!((unit.format.width, unit.format.height), (64, 64));
        assert!(matches!(unit.format.codec, Codec::H264(_)));
        assert_eq!((unit.dts, unit.stamps.captured), (unit.pts, None));
        // The RTP clock wraps on the way.
        assert_eq!(unit.pts.0 - units[0].pts.0, index as i64 * 100_000 / 3);
    }
    assert_eq!(pulled.stream.stats().drops.len(), 0);
}

#[tokio::test]
async fn reports_say_when_pictures_were_taken() {
    let pictures = pictures();
    let mut sender = Sender::new();
    sender.report(90_000, Duration::from_secs(3));
    sender.picture(90_000 * 3, &pictures[0]);
    let address = camera(Script::plays(H264, sender.bytes)).await;
    let unit = pull_from(&format!("rtsp://{address}/x")).units(1).await.remove(0);
    // Two seconds after what was three seconds ago.
    let age = unit.stamps.received.since(unit.stamps.captured.unwrap());
    assert!((Duration::from_secs(1)..Duration::from_secs(1) + PATIENCE).contains(&age), "{age:?}");
}

#[tokio::test]
async fn what_is_lost_or_foreign_stops_pictures_up_to_the_next_keyframe() {
    let pictures = pictures();
    let mut sender = Sender::new();
    sender.picture(0, &pictures[0]);
    // Of another connection, no RTP, and nobody's channel.
    sender.packet_of(1, 0, true, pictures[1][0]);
    sender.bytes.extend(interleaved(0, &[1, 2, 3]));
    sender.bytes.extend(interleaved(9, &[1, 2, 3]));
    sender.picture(3000, &pictures[1]);
    sender.sequence = sender.sequence.wrapping_add(2);
    sender.picture(6000, &pictures[2]);
    sender.picture(15_000, &pictures[5]);
    let address = camera(Script::plays(H264, sender.bytes)).await;
    let mut pulled = pull_from(&format!("rtsp://{address}/x"));
    let got: Vec<_> = pulled.units(3).await.iter().map(|unit| unit.payload.len()).collect();
    let sizes = [0, 1, 5].map(|index: usize| pictures[index].iter().map(|nal| nal.len() + 4).sum::<usize>());
    assert_eq!(got, sizes);
    let drops = pulled.stream.stats().drops;
    assert_eq!((drops["lost_packets"], drops["refused_packets"]), (1, 1), "{drops:?}");
}

#[tokio::test]
async fn why_there_is_no_picture_is_told_without_the_password() {
    for (script, reason) in [
        (Script::refuses("401 Unauthorized"), "the camera refuses user name and password: status 401"),
        (
            Script::refuses("404 Not Found"),
            "the camera has nothing to show: it has no stream at this path (status 404)",
        ),
        (
            Script::plays("m=audio 0 RTP/AVP 0\r\na=control:a\r\n", Vec::new()),
            "the camera has nothing to show: no H.264, H.265 or JPEG video: it offers audio/pcmu",
        ),
        (Script { close: true, ..Script::plays(H264, Vec::new()) }, "the camera ended the stream"),
    ] {
        let address = camera(script).await;
        let mut pulled = pull_from(&format!("rtsp://admin:hunter2@{address}/x?key=hunter2"));
        assert_eq!(pulled.reason().await, reason);
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut pulled = pull_from(&format!("rtsp://{nobody}/x"));
    assert_eq!(pulled.reason().await, "the camera cannot be reached: connection refused");
}

#[tokio::test]
async fn a_camera_that_sends_rubbish_is_given_up() {
    let mut garbage = Sender::new();
    for index in 0..200u8 {
        garbage.bytes.extend(interleaved(0, &[index; 20]));
    }
    let address = camera(Script::plays(H264, garbage.bytes)).await;
    let reason = pull_from(&format!("rtsp://{address}/x")).reason().await;
    assert!(reason.starts_with("the connection to the camera broke: corrupt RTP header"), "{reason}");
    let address = camera(Script::plays(H264, b"rubbish\r\n\r\n".repeat(100))).await;
    let reason = pull_from(&format!("rtsp://{address}/x")).reason().await;
    assert!(reason.starts_with("the connection to the camera broke: "), "{reason}");
}
