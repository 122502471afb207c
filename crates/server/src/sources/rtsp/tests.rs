//! Against a camera that says what it is told to say.

use super::*;
use crate::sources::pull::testing;
use camherd_hub::{Event, RenditionKey, Start, Stream, StreamState, Subscription};
use camherd_media::codec::h264::nal::{NalKind, nal_units};
use camherd_media::unit::{Codec, Unit};
use std::time::SystemTime;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

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

/// A camera for one connection after another.
struct Camera {
    /// Its host and port.
    address: String,
    /// What it sends after PLAY. Dropped, it ends the connection.
    data: mpsc::UnboundedSender<Vec<u8>>,
}

impl Camera {
    /// Answers DESCRIBE with a media section, or with a status.
    async fn new(describe: Result<&'static str, &'static str>) -> Camera {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (data, mut sent) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                // A connection that the other side gives up is over.
                converse(connection, describe, &mut sent).await.ok();
            }
        });
        Camera { address, data }
    }

    fn url(&self) -> String {
        format!("rtsp://{}/x", self.address)
    }

    fn send(&self, sender: &mut Sender) {
        self.data.send(std::mem::take(&mut sender.bytes)).unwrap();
    }
}

async fn converse(
    connection: TcpStream,
    describe: Result<&str, &str>,
    sent: &mut mpsc::UnboundedReceiver<Vec<u8>>,
) -> std::io::Result<()> {
    let (reader, mut writer) = connection.into_split();
    let mut lines = BufReader::new(reader).lines();
    let (mut method, mut sequence, mut playing) = (String::new(), String::new(), false);
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line?,
            data = sent.recv(), if playing => match data {
                Some(data) => {
                    writer.write_all(&data).await?;
                    continue;
                }
                None => return Ok(()),
            },
        };
        let Some(line) = line else { return Ok(()) };
        if let Some(number) = line.strip_prefix("CSeq: ") {
            sequence = number.to_owned();
        } else if line.ends_with(" RTSP/1.0") {
            method = line.split(' ').next().unwrap_or_default().to_owned();
        } else if line.is_empty() {
            writer.write_all(answer_to(&method, &sequence, describe).as_bytes()).await?;
            playing |= method == "PLAY";
        }
    }
}

fn answer_to(method: &str, sequence: &str, describe: Result<&str, &str>) -> String {
    let ok = format!("RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\nSession: 7;timeout=60\r\n");
    match (method, describe) {
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
    _pulled: testing::Pulled,
}

fn pull_from(url: &str) -> Pulled {
    let pulled = testing::Pulled::start(url, PATIENCE);
    let stream = pulled.stream.clone();
    let subscription = stream.subscribe(&RenditionKey::SOURCE, Start::Newest).unwrap();
    Pulled { stream, subscription, _pulled: pulled }
}

impl Pulled {
    async fn unit(&mut self) -> Unit {
        let wait = async {
            loop {
                if let Event::Unit(delivery) = self.subscription.next().await {
                    return delivery.unit;
                }
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{:?}", self.stream.stats()))
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
    let camera = Camera::new(Ok(H264)).await;
    let mut pulled = pull_from(&camera.url());
    let mut sender = Sender::new();
    let mut first = None;
    for (index, nals) in pictures().iter().enumerate() {
        sender.picture((u32::MAX - 200).wrapping_add(index as u32 * 90), nals);
        camera.send(&mut sender);
        // The next one is not there yet.
        let unit = pulled.unit().await;
        assert_eq!(nal_units(&unit.payload).collect::<Vec<_>>(), *nals, "picture {index}");
        assert_eq!(unit.keyframe, index % 5 == 0);
        assert_eq!((unit.format.width, unit.format.height), (64, 64));
        assert!(matches!(unit.format.codec, Codec::H264(_)));
        assert_eq!((unit.dts, unit.stamps.captured), (unit.pts, None));
        // The RTP clock wraps on the way.
        let first = first.get_or_insert(unit.pts);
        assert_eq!(unit.pts.0 - first.0, index as i64 * 1000);
    }
    assert_eq!(pulled.stream.stats().drops.len(), 0);
}

#[tokio::test]
async fn reports_say_when_pictures_were_taken() {
    let camera = Camera::new(Ok(H264)).await;
    let mut pulled = pull_from(&camera.url());
    let clock = pulled.stream.clock();
    let mut sender = Sender::new();
    let before = clock.now();
    // The picture is of two seconds after what was two seconds ago.
    sender.report(90_000, Duration::from_secs(2));
    sender.picture(90_000 * 3, &pictures()[0]);
    let after = clock.now();
    camera.send(&mut sender);
    let stamps = pulled.unit().await.stamps;
    // The clocks are read to the millisecond, not at one instant.
    let tolerance = Duration::from_millis(50);
    let captured = stamps.captured.unwrap();
    assert!(
        captured + tolerance >= before && captured <= after + tolerance,
        "{before:?} {stamps:?} {after:?}"
    );
    assert!(captured <= stamps.received);
}

#[tokio::test]
async fn what_is_lost_or_foreign_stops_pictures_up_to_the_next_keyframe() {
    let camera = Camera::new(Ok(H264)).await;
    let mut pulled = pull_from(&camera.url());
    let pictures = pictures();
    let size = |index: usize| pictures[index].iter().map(|nal| nal.len() + 4).sum::<usize>();
    let mut sender = Sender::new();
    sender.picture(0, &pictures[0]);
    camera.send(&mut sender);
    assert_eq!(pulled.unit().await.payload.len(), size(0));
    // Of another connection, no RTP, and nobody's channel.
    sender.packet_of(1, 0, true, pictures[1][0]);
    sender.bytes.extend(interleaved(0, &[1, 2, 3]));
    sender.bytes.extend(interleaved(9, &[1, 2, 3]));
    sender.picture(3000, &pictures[1]);
    camera.send(&mut sender);
    assert_eq!(pulled.unit().await.payload.len(), size(1));
    sender.sequence = sender.sequence.wrapping_add(2);
    sender.picture(6000, &pictures[2]);
    sender.picture(9000, &pictures[3]);
    sender.picture(15_000, &pictures[5]);
    camera.send(&mut sender);
    assert_eq!(pulled.unit().await.payload.len(), size(5));
    let stats = pulled.stream.stats();
    assert_eq!((stats.units, stats.drops["lost_packets"], stats.drops["refused_packets"]), (3, 1, 1));
}

#[tokio::test]
async fn why_there_is_no_picture_is_told_without_the_password() {
    let audio = "m=audio 0 RTP/AVP 0\r\na=control:a\r\n";
    for (describe, reason) in [
        (Err("401 Unauthorized"), "the camera refuses user name and password: status 401"),
        (Err("404 Not Found"), "the camera has nothing to show: it has no stream at this path (status 404)"),
        (Ok(audio), "the camera has nothing to show: no H.264, H.265 or JPEG video: it offers audio/pcmu"),
    ] {
        let camera = Camera::new(describe).await;
        let mut pulled = pull_from(&format!("rtsp://admin:hunter2@{}/x?key=hunter2", camera.address));
        assert_eq!(pulled.reason().await, reason);
    }
    let camera = Camera::new(Ok(H264)).await;
    let url = camera.url();
    drop(camera);
    assert_eq!(pull_from(&url).reason().await, "the camera ended the stream");
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut pulled = pull_from(&format!("rtsp://{nobody}/x"));
    assert_eq!(pulled.reason().await, "the camera cannot be reached: connection refused");
}

#[tokio::test]
async fn a_camera_that_sends_rubbish_is_given_up() {
    let packets: Vec<u8> = (0..200).flat_map(|index| interleaved(0, &[index; 20])).collect();
    for (rubbish, reason) in [
        (packets, "the connection to the camera broke: corrupt RTP header"),
        (b"rubbish\r\n\r\n".repeat(100), "the connection to the camera broke: RTSP framing error"),
    ] {
        let camera = Camera::new(Ok(H264)).await;
        camera.data.send(rubbish).unwrap();
        let told = pull_from(&camera.url()).reason().await;
        assert!(told.starts_with(reason), "{told}");
    }
}
