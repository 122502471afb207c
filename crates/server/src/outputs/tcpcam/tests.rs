//! Clients over loopback, as existing ones are.

use super::*;
use crate::net::listener::bind;
use crate::net::shutdown::{self, Trigger};
use crate::testing::{eventually, hub};
use bytes::Bytes;
use camherd_hub::{Owner, Publisher, Stream};
use camherd_media::time::MediaTime;
use camherd_media::unit::{Codec, Format, Packaging, Stamps, Unit};
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

struct Server {
    stream: Stream,
    camera: Publisher,
    sent: i64,
    viewers: Arc<Viewers>,
    address: SocketAddr,
    tcpcam: TcpCam,
    _trigger: Trigger,
}

impl Server {
    async fn start() -> Server {
        let (trigger, shutdown) = shutdown::channel();
        let (hub, viewers) = (hub(4), Viewers::new(10));
        let stream = hub.get_or_create(&"door".parse().unwrap()).unwrap();
        let camera = stream.publish(Owner(String::new()), String::new()).unwrap();
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)), "").unwrap();
        let address = listener.local_addr().unwrap();
        let settings = TcpCamServer {
            listen: vec![address],
            pin: Some("471108".parse().unwrap()),
            stream: Some("door".parse().unwrap()),
            max_clients: 2,
        };
        let server = TcpCam::new(&settings, hub, viewers.clone(), shutdown).unwrap();
        tokio::spawn(server.clone().run(vec![listener]));
        Server { stream, camera, sent: 0, viewers, address, tcpcam: server, _trigger: trigger }
    }

    /// A picture, which is its number.
    fn picture(&mut self, payload: Bytes) {
        self.sent += 1;
        let format = Format { codec: Codec::Jpeg, width: 16, height: 16, packaging: Packaging::Bare };
        let (pts, stamps) = (MediaTime(self.sent), Stamps::received(self.stream.clock().now()));
        let unit = Unit { payload, pts, dts: pts, keyframe: true, format: Arc::new(format), stamps };
        self.camera.push(unit).unwrap();
    }

    /// A client that has sent this, piece by piece.
    async fn client(&self, pieces: &[&str]) -> TcpStream {
        let mut client = TcpStream::connect(self.address).await.unwrap();
        client.set_nodelay(true).unwrap();
        for piece in pieces {
            let _ = client.write_all(piece.as_bytes()).await;
            sleep(Duration::from_millis(1)).await;
        }
        client
    }

    async fn watched_by(&self, count: usize) {
        eventually(|| self.stream.stats().viewers == count, || format!("{:?}", self.stream.stats())).await;
    }
}

async fn frame(client: &mut TcpStream) -> Vec<u8> {
    let length = timeout(Duration::from_secs(20), client.read_u32()).await.unwrap().unwrap();
    let mut payload = vec![0; length as usize];
    client.read_exact(&mut payload).await.unwrap();
    payload
}

/// Nothing more came before the server hung up.
async fn closed(mut client: TcpStream) {
    let mut byte = [0];
    let end = timeout(Duration::from_secs(20), client.read(&mut byte)).await;
    assert!(matches!(end, Ok(Ok(0) | Err(_))), "{end:?}");
}

#[tokio::test]
async fn so_many_pictures_as_were_asked_for_however_the_request_is_cut() {
    let mut server = Server::start().await;
    for pieces in [&["4711083"][..], &["471108", "3"], &["47", "1108\r\n", "3\r\n"], &["4", "711083\0"]] {
        server.picture(Bytes::from_static(b"one"));
        let mut client = server.client(pieces).await;
        server.watched_by(1).await;
        assert_eq!(frame(&mut client).await, b"one", "{pieces:?}");
        server.picture(Bytes::from_static(b"two"));
        server.picture(Bytes::from_static(b"three"));
        assert_eq!(frame(&mut client).await, b"two");
        assert_eq!(frame(&mut client).await, b"three");
        closed(client).await;
        server.watched_by(0).await;
    }
}

#[tokio::test]
async fn clients_without_end_share_pictures_and_have_a_limit() {
    let mut server = Server::start().await;
    server.picture(Bytes::from_static(b"one"));
    let mut clients = [server.client(&["4711080"]).await, server.client(&["471108", "-1"]).await];
    server.watched_by(2).await;
    assert_eq!(server.viewers.count(), 2);
    closed(server.client(&["4711080\n"]).await).await;
    for client in &mut clients {
        assert_eq!(frame(client).await, b"one");
    }
    for number in 0..5 {
        server.picture(Bytes::from(vec![number; 9]));
        for client in &mut clients {
            assert_eq!(frame(client).await, [number; 9]);
        }
    }
    drop(clients);
    gone(&mut server).await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_skips_and_holds_nobody() {
    let mut server = Server::start().await;
    let mut slow = server.client(&["4711080\n"]).await;
    let mut quick = server.client(&["4711080\n"]).await;
    server.watched_by(2).await;
    const PICTURES: u8 = 60;
    for number in 0..PICTURES {
        server.picture(Bytes::from(vec![number; 500_000]));
        assert_eq!(frame(&mut quick).await[0], number);
    }
    let (mut seen, mut last) = (0, 0);
    while last < PICTURES - 1 {
        last = frame(&mut slow).await[0];
        seen += 1;
    }
    assert!(seen < PICTURES, "30 MB do not wait for a client");
}

#[tokio::test]
async fn a_wrong_pin_gets_nothing_and_a_few_of_them_shut_the_address_out() {
    let mut server = Server::start().await;
    server.picture(Bytes::from_static(b"one"));
    let mut client = server.client(&["4711081\n"]).await;
    assert_eq!(frame(&mut client).await, b"one");
    for request in ["4711090\n", "471108x", "4711", "GET / HTTP/1.1\r\n\r\n", "1\n"] {
        let mut client = server.client(&[request]).await;
        client.shutdown().await.ok();
        closed(client).await;
    }
    // Four of these were wrong PINs; one more is the last that counts.
    let mut client = server.client(&["4711081\n"]).await;
    assert_eq!(frame(&mut client).await, b"one");
    for _ in 4..MAX_WRONG_PINS {
        closed(server.client(&["0000000\n"]).await).await;
    }
    closed(server.client(&["4711081\n"]).await).await;
    drop(client);
    server.watched_by(0).await;
}

#[tokio::test]
async fn a_client_that_says_no_more_gets_all_its_pictures() {
    let mut server = Server::start().await;
    server.picture(Bytes::from_static(b"one"));
    let mut client = server.client(&["4711080"]).await;
    client.shutdown().await.unwrap();
    assert_eq!(frame(&mut client).await, b"one");
    for _ in 0..20 {
        server.picture(Bytes::from_static(b"more"));
        assert_eq!(frame(&mut client).await, b"more");
    }
    drop(client);
    gone(&mut server).await;
}

/// Sends pictures until nobody watches: a client's absence shows in that it takes none.
async fn gone(server: &mut Server) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.stream.stats().viewers > 0 {
        assert!(Instant::now() < deadline, "{:?}", server.stream.stats());
        server.picture(Bytes::from_static(b"another"));
        sleep(Duration::from_millis(2)).await;
    }
}

/// For the answer of the server to `request`, which is to hang up.
async fn answer_to(server: &Server, request: &str) -> Duration {
    let client = server.client(&[request]).await;
    let sent = Instant::now();
    closed(client).await;
    sent.elapsed()
}

#[tokio::test]
async fn the_length_of_the_pin_does_not_show_in_when_a_wrong_one_is_refused() {
    let server = Server::start().await;
    // Fewer digits than the PIN has, as many, and more.
    for request in ["4711", "999999", "99999990"] {
        let answered = answer_to(&server, request).await;
        assert!(answered >= QUIET_WRONG / 2, "{request}: at once");
        assert!(answered < REQUEST_TIMEOUT / 2, "{request}: not when it is quiet, after {answered:?}");
    }
    answer_to(&server, "1\n").await;
    // Who leaves before the answer has used up a try too.
    drop(server.client(&["99999990"]).await);
    let blocked = || lock(&server.tcpcam.0.throttle).blocked(server.address.ip(), Instant::now()).is_some();
    eventually(blocked, || "not blocked".to_owned()).await;
}

/// Other systems have one address of loopback only.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn connections_that_ask_for_nothing_lock_out_nobody() {
    let mut server = Server::start().await;
    server.picture(Bytes::from_static(b"one"));
    let from = async |host: u8| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, host], 0))).unwrap();
        socket.connect(server.address).await.unwrap()
    };
    let mut idle = Vec::new();
    for _ in 0..40 {
        idle.push(from(2).await);
    }
    let mut client = server.client(&["4711081\n"]).await;
    assert_eq!(frame(&mut client).await, b"one", "one address has its few places only");
    closed(idle.pop().unwrap()).await;
    for host in 3..30 {
        idle.push(from(host).await);
    }
    let mut client = server.client(&["4711081\n"]).await;
    assert_eq!(frame(&mut client).await, b"one", "the oldest that asks makes room");
    closed(idle.swap_remove(0)).await;
}

#[tokio::test]
async fn the_last_picture_of_a_camera_that_is_gone_is_not_shown_as_a_live_one() {
    let mut server = Server::start().await;
    server.picture(Bytes::from_static(b"old"));
    server.camera.stalled("the camera is gone");
    let mut client = server.client(&["4711080\n"]).await;
    server.watched_by(1).await;
    let mut frame = std::pin::pin!(frame(&mut client));
    loop {
        tokio::select! {
            frame = &mut frame => return assert_eq!(frame, b"new"),
            () = sleep(Duration::from_millis(5)) => server.picture(Bytes::from_static(b"new")),
        }
    }
}
