//! Senders over loopback, against the whole way from their bytes to the units of a stream.

use super::*;
use crate::config;
use crate::net::listener::bind;
use crate::net::shutdown::{self, Trigger};
use crate::testing::{eventually, hub};
use bytes::Bytes;
use camherd_hub::{Owner, Stream, StreamState};
use camherd_media::codec::h264::split::AccessUnitSplitter;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::sleep;

const JPEG: &[u8] = include_bytes!("../../../../../testdata/jpeg/baseline_422.jpg");
const H264: &[u8] = include_bytes!("../../../../../testdata/h264/baseline_4slices_64x64.h264");
const LOW_QUALITY: i32 = 0;
const HIGH_QUALITY: i32 = 1;

struct Server {
    hub: Hub,
    refusals: Arc<Refusals>,
    cameras: Arc<Cameras>,
    address: SocketAddr,
    _trigger: Trigger,
}

impl Server {
    async fn start(change: impl FnOnce(&mut Config)) -> Server {
        let mut config = Config::default();
        config.tcp_push.streams.insert(1, "door".parse().unwrap());
        change(&mut config);
        let (trigger, shutdown) = shutdown::channel();
        let (hub, refusals, cameras) = (hub(4), Arc::<Refusals>::default(), Arc::<Cameras>::default());
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)), "").unwrap();
        let address = listener.local_addr().unwrap();
        let push = TcpPush::new(&config, hub.clone(), refusals.clone(), cameras.clone(), shutdown);
        tokio::spawn(push.run(vec![listener]));
        Server { hub, refusals, cameras, address, _trigger: trigger }
    }

    async fn stream(&self, name: &str) -> Stream {
        let name = name.parse().unwrap();
        eventually(|| self.hub.get(&name).is_some(), || format!("no {name}")).await;
        self.hub.get(&name).unwrap()
    }

    /// Waits until somebody was refused with a reason that contains `text`.
    async fn refused(&self, text: &str) {
        let list = || self.refusals.list();
        eventually(|| list().iter().any(|entry| entry.reason.contains(text)), || format!("{:?}", list()))
            .await;
    }
}

struct Sender(TcpStream);

impl Sender {
    async fn connect(server: &Server, number: i32, kind: i32, quality: i32) -> Sender {
        Sender::from(server, 1, [number, kind, quality]).await
    }

    /// A sender at 127.0.0.`host`.
    async fn from(server: &Server, host: u8, header: [i32; 3]) -> Sender {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, host], 0))).unwrap();
        let mut sender = Sender(socket.connect(server.address).await.unwrap());
        sender.raw(&header.map(i32::to_le_bytes).concat()).await;
        sender
    }

    async fn raw(&mut self, bytes: &[u8]) {
        // Who was refused learns it while writing; what the server makes of it is what a test looks at.
        let _ = self.0.write_all(bytes).await;
    }

    async fn send(&mut self, payload: &[u8]) {
        self.raw(&[&(payload.len() as i32).to_le_bytes(), payload].concat()).await;
    }

    /// Resolves when the server has hung up.
    async fn closed(mut self) {
        let mut byte = [0];
        let end = tokio::time::timeout(Duration::from_secs(20), self.0.read(&mut byte)).await;
        assert!(matches!(end, Ok(Ok(0) | Err(_))), "{end:?}");
    }
}

async fn units(stream: &Stream, count: u64) {
    eventually(|| stream.stats().units >= count, || format!("{stream:?} {:?}", stream.stats())).await;
}

async fn state(stream: &Stream, text: &str) {
    let told = || match stream.state() {
        StreamState::Offline(reason) => reason.to_string(),
        state => state.label().to_owned(),
    };
    eventually(|| told().contains(text), || format!("{:?}, not {text}", told())).await;
}

async fn dropped(stream: &Stream, kind: &str, count: u64) {
    let drops = || stream.stats().drops;
    eventually(|| drops().get(kind) == Some(&count), || format!("{:?}", drops())).await;
}

/// A picture that says its number in a comment.
fn picture(number: u8) -> Vec<u8> {
    [&JPEG[..2], &[0xff, 0xfe, 0, 3, number], &JPEG[2..]].concat()
}

fn newest(stream: &Stream) -> Vec<u8> {
    stream.newest().map(|(unit, _)| unit.payload.to_vec()).unwrap_or_default()
}

#[tokio::test]
async fn pictures_become_the_stream_of_their_number_until_the_sender_is_done() {
    let server = Server::start(|_| {}).await;
    for (number, name) in [(7, "stream7"), (1, "door")] {
        let mut sender = Sender::connect(&server, number, 0, HIGH_QUALITY).await;
        sender.send(&picture(1)).await;
        sender.send(b"Hello World, no picture").await;
        sender.send(&picture(2)).await;
        let stream = server.stream(name).await;
        units(&stream, 2).await;
        assert_eq!((newest(&stream), server.cameras.count()), (picture(2), 1));
        dropped(&stream, "not_jpeg", 1).await;
        sender.raw(&[0; 4]).await;
        state(&stream, "the sender is done").await;
        sender.closed().await;
        eventually(|| server.cameras.count() == 0, String::new).await;
    }
}

#[tokio::test]
async fn h264_is_whole_wherever_it_is_cut() {
    let server = Server::start(|_| {}).await;
    let pictures = AccessUnitSplitter::new().push_complete(H264);
    for (number, size) in [(2, 100), (3, H264.len())] {
        let mut sender = Sender::connect(&server, number, 1, LOW_QUALITY).await;
        for chunk in H264.chunks(size) {
            sender.send(chunk).await;
        }
        sender.raw(&[0; 4]).await;
        let stream = server.stream(&format!("stream{number}")).await;
        units(&stream, 10).await;
        let (unit, _) = stream.newest().unwrap();
        assert_eq!((unit.format.codec.name(), unit.format.width), ("h264", 64));
        assert_eq!(unit.payload, pictures[9].data);
    }
}

#[tokio::test]
async fn the_last_picture_of_a_sender_that_writes_whole_ones_does_not_wait_for_the_next() {
    let server = Server::start(|_| {}).await;
    let mut sender = Sender::connect(&server, 2, 1, HIGH_QUALITY).await;
    for picture in AccessUnitSplitter::new().push_complete(H264) {
        sender.send(&picture.data).await;
    }
    units(&server.stream("stream2").await, 10).await;
}

#[tokio::test]
async fn a_sender_whose_pictures_end_with_a_pause_is_not_silent() {
    let server = Server::start(|config| config.stall_timeout = Duration::from_secs(1)).await;
    let mut sender = Sender::connect(&server, 2, 1, HIGH_QUALITY).await;
    let pictures = AccessUnitSplitter::new().push_complete(H264);
    let stream = server.stream("stream2").await;
    let (began, mut sent) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_millis(1500) {
        sender.send(&pictures[sent % 10].data).await;
        sent += 1;
        // The first few wait for what follows them.
        let published = sent.saturating_sub(usize::from(sent <= 3));
        units(&stream, published as u64).await;
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(stream.stats().drops.get("silence"), None);
    assert!(stream.state().is_live());
}

#[tokio::test]
async fn both_qualities_are_one_stream_and_its_variant() {
    let server = Server::start(|_| {}).await;
    let mut low = Sender::connect(&server, 1, 0, LOW_QUALITY).await;
    low.send(&picture(1)).await;
    let stream = server.stream("door").await;
    units(&stream, 1).await;
    let mut high = Sender::connect(&server, 1, 0, HIGH_QUALITY).await;
    high.send(&picture(2)).await;
    units(&stream, 2).await;
    low.send(&picture(3)).await;
    let variant = stream.variant(LOW);
    units(&variant, 1).await;
    assert_eq!((newest(&stream), newest(&variant)), (picture(2), picture(3)));
    high.raw(&[0; 4]).await;
    high.closed().await;
    // Until the place is given up the low quality is still the variant.
    let written = || stream.stats().units == 3;
    for number in 4..=255 {
        low.send(&picture(number)).await;
        sleep(Duration::from_millis(5)).await;
        if written() {
            break;
        }
    }
    assert!(written());
    state(&variant, "it is the only one now").await;
    assert_eq!(stream.state(), StreamState::Live);
    drop(low);
    state(&stream, "the camera disconnected").await;
}

#[tokio::test]
async fn what_is_no_header_is_refused_with_its_reason() {
    let server = Server::start(|_| {}).await;
    for (header, text) in [
        ([-1, 0, 0], "stream number -1"),
        ([65_536, 0, 0], "stream number 65536"),
        ([1, 9, 0], "type 9"),
        ([1, 0, 7], "quality 7"),
    ] {
        let sender = Sender::from(&server, 1, header).await;
        server.refused(text).await;
        sender.closed().await;
    }
    let mut sender = Sender(TcpStream::connect(server.address).await.unwrap());
    sender.raw(b"12345").await;
    drop(sender);
    server.refused("5 of the 12 bytes of the header").await;
    assert!(server.hub.streams().is_empty());
}

#[tokio::test]
async fn bad_sizes_and_half_pictures_end_the_connection_and_are_counted() {
    let server = Server::start(|_| {}).await;
    for (bytes, kind, text) in [
        (&[0xff; 4][..], "bad_size", "size -1 is negative"),
        (&[0, 0, 0, 0x7f], "too_large", "more than 10485760 bytes"),
        (&[9, 0, 0, 0, 1, 2], "cut_off", "2 of the 9 bytes"),
        (&[9, 0], "cut_off", "2 of the 4 bytes of a size"),
    ] {
        let before = server
            .hub
            .get(&"door".parse().unwrap())
            .map_or(0, |s| s.stats().drops.get(kind).copied().unwrap_or(0));
        let mut sender = Sender::connect(&server, 1, 0, HIGH_QUALITY).await;
        sender.send(&picture(1)).await;
        sender.raw(bytes).await;
        sender.0.shutdown().await.ok();
        let stream = server.stream("door").await;
        dropped(&stream, kind, before + 1).await;
        state(&stream, text).await;
        sender.closed().await;
    }
}

#[tokio::test]
async fn a_silent_sender_is_offline_until_its_next_picture() {
    let server = Server::start(|config| config.stall_timeout = Duration::from_millis(50)).await;
    let mut sender = Sender::connect(&server, 1, 0, HIGH_QUALITY).await;
    sender.send(&picture(1)).await;
    let stream = server.stream("door").await;
    state(&stream, "no picture for 0 s").await;
    dropped(&stream, "silence", 1).await;
    sender.send(&picture(2)).await;
    units(&stream, 2).await;
}

#[tokio::test]
async fn numbers_streams_and_names_run_out_with_a_reason() {
    let server = Server::start(|config| config.tcp_push.max_streams = 2).await;
    let yard = server.hub.get_or_create(&"stream5".parse().unwrap()).unwrap();
    let _camera = yard.publish(Owner("ws".to_owned()), "a camera".to_owned()).unwrap();
    Sender::connect(&server, 5, 0, HIGH_QUALITY).await.closed().await;
    server.refused("stream stream5 is in use by a camera").await;
    let _one = Sender::connect(&server, 1, 0, HIGH_QUALITY).await;
    let _two = Sender::connect(&server, 2, 0, LOW_QUALITY).await;
    eventually(|| server.cameras.count() == 2, String::new).await;
    Sender::connect(&server, 3, 0, HIGH_QUALITY).await.closed().await;
    server.refused("tcp_push.max_streams").await;
    let _other_quality = Sender::connect(&server, 2, 0, HIGH_QUALITY).await;
    eventually(|| server.cameras.count() == 3, String::new).await;
}

#[tokio::test]
async fn a_stream_that_is_removed_ends_its_sender_and_the_next_one_begins_anew() {
    let server = Server::start(|_| {}).await;
    let mut sender = Sender::connect(&server, 1, 0, HIGH_QUALITY).await;
    sender.send(&picture(1)).await;
    units(&server.stream("door").await, 1).await;
    server.hub.remove(&"door".parse().unwrap(), "removed");
    let mut next = Sender::connect(&server, 1, 0, HIGH_QUALITY).await;
    next.send(&picture(2)).await;
    units(&server.stream("door").await, 1).await;
    sender.send(&picture(3)).await;
    sender.closed().await;
    next.send(&picture(4)).await;
    units(&server.stream("door").await, 2).await;
}

/// Other systems have one address of loopback only.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_second_sender_replaces_its_own_and_nobody_else() {
    let server = Server::start(|_| {}).await;
    let mut first = Sender::connect(&server, 1, 0, HIGH_QUALITY).await;
    first.send(&picture(1)).await;
    let stream = server.stream("door").await;
    units(&stream, 1).await;
    Sender::from(&server, 2, [1, 0, HIGH_QUALITY]).await.closed().await;
    server.refused("being pushed from 127.0.0.1 already").await;
    dropped(&stream, "taken", 1).await;
    // As a device that is back while its old connection is dead: it tries until it is let in.
    let replaced = || stream.stats().drops.contains_key("replaced");
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut again = loop {
        let mut again = Sender::connect(&server, 1, 0, HIGH_QUALITY).await;
        if tokio::time::timeout(Duration::from_millis(100), again.0.read_u8()).await.is_err() {
            break again;
        }
        assert!(Instant::now() < deadline, "{:?}", stream.stats());
    };
    assert!(replaced());
    server.refused("from this very address already").await;
    again.send(&picture(2)).await;
    first.closed().await;
    units(&stream, 2).await;
    dropped(&stream, "replaced", 1).await;
    assert_eq!(stream.state(), StreamState::Live);
}

/// Other systems have one address of loopback only.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_camera_that_is_told_is_the_one_that_writes() {
    let server = Server::start(|config| config.stall_timeout = Duration::from_millis(200)).await;
    let mut first = Sender::connect(&server, 1, 0, HIGH_QUALITY).await;
    first.send(&picture(1)).await;
    let stream = server.stream("door").await;
    dropped(&stream, "silence", 1).await;
    let mut second = Sender::from(&server, 2, [1, 0, HIGH_QUALITY]).await;
    second.send(&picture(2)).await;
    first.closed().await;
    units(&stream, 2).await;
    assert_eq!(stream.publisher().as_deref(), Some("127.0.0.2 (TCP push, number 1)"));
}

#[tokio::test]
async fn the_ingest_setting_names_who_is_turned_away() {
    let network = config::Ingest::Networks(vec!["10.0.0.0/8".parse().unwrap()]);
    let mut config = Config { ingest: network, ..Config::default() };
    config.tcp_push.listen.clear();
    let refusals = Arc::<Refusals>::default();
    let (_trigger, shutdown) = shutdown::channel();
    let push = TcpPush::new(&config, hub(1), refusals.clone(), Arc::default(), shutdown);
    // The address is what counts, not where the socket leads.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (socket, _) = listener.accept().await.unwrap();
    let room = Arc::new(tokio::sync::Semaphore::new(1));
    let place = Place::of(room.try_acquire_owned().unwrap());
    push.serve(socket, "192.168.1.9:5".parse().unwrap(), place);
    let mut byte = [0];
    assert!(matches!(client.read(&mut byte).await, Ok(0) | Err(_)));
    let refused = refusals.list();
    assert!(refused[0].reason.contains("`ingest: [192.168.1.0/24]`"), "{refused:?}");
}

#[test]
fn a_picture_is_not_copied() {
    let payload = Bytes::from_static(JPEG);
    let mut ingest = ingest::Ingest::new(camherd_media::wire::tcp_push::Kind::Jpeg, hub(1).clock());
    let taken = ingest.payload(&payload, camherd_media::time::Monotonic(0));
    assert_eq!(taken[0].as_ref().unwrap().payload.as_ptr(), payload.as_ptr(), "no copy is made");
}

#[tokio::test]
async fn two_senders_of_one_host_with_the_same_number_do_not_replace_each_other() {
    let server = Server::start(|_| {}).await;
    let mut first = Sender::connect(&server, 1, 0, HIGH_QUALITY).await;
    first.send(&picture(1)).await;
    let stream = server.stream("door").await;
    units(&stream, 1).await;
    for number in 1..=5 {
        let mut second = Sender::connect(&server, 1, 0, HIGH_QUALITY).await;
        second.send(&picture(0)).await;
        second.closed().await;
        dropped(&stream, "taken", u64::from(number)).await;
        first.send(&picture(number + 1)).await;
        units(&stream, u64::from(number) + 1).await;
        assert_eq!(newest(&stream), picture(number + 1));
    }
    assert_eq!(stream.stats().drops.get("replaced"), None);
}

#[tokio::test]
async fn a_sender_that_never_gives_a_picture_does_not_keep_its_number() {
    let server = Server::start(|config| config.stall_timeout = Duration::from_millis(100)).await;
    let mut camera = Sender::connect(&server, 2, 0, HIGH_QUALITY).await;
    camera.send(&picture(1)).await;
    let mut idle = Sender::connect(&server, 1, 0, HIGH_QUALITY).await;
    idle.send(b"Hello World, no picture").await;
    let stream = server.stream("door").await;
    idle.closed().await;
    dropped(&stream, "no_picture", 1).await;
    state(&stream, "of its header").await;
    eventually(|| server.cameras.count() == 1, || "a camera that falls silent stays".to_owned()).await;
    camera.send(&picture(2)).await;
    units(&server.stream("stream2").await, 2).await;
}
