//! The camera against servers on this machine: what its bytes look like, and what it does when a server misbehaves.

use super::super::code::Code;
use super::super::generator::tests::read_jpeg;
use super::super::{Options, Reconnect, Summary, run};
use super::*;
use futures_util::{SinkExt, StreamExt};
use std::future::{pending, ready};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Time in which anything that a test waits for happens, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(30);

async fn listen() -> (TcpListener, Options) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("address");
    let short = Duration::from_millis(20);
    let options = Options {
        url: format!("ws://{address}/ws/camera/test"),
        fps: 100.0,
        plain: true,
        reconnect: Reconnect { min: short, max: short },
        ..Options::default()
    };
    (listener, options)
}

async fn within<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("in time")
}

/// Reads the request of a handshake, byte by byte so as not to read beyond it.
async fn request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.expect("request"));
    }
    String::from_utf8(request).expect("text")
}

/// Shakes hands without a library, so that the frames after it can be seen as they are.
async fn accept_raw(listener: &TcpListener) -> (TcpStream, String) {
    let (mut stream, _) = listener.accept().await.expect("accept");
    let request = request(&mut stream).await;
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("key");
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.expect("answer");
    (stream, request)
}

struct RawFrame {
    last: bool,
    opcode: u8,
    payload: Vec<u8>,
}

/// Reads one masked frame (RFC 6455, section 5.2).
async fn read_frame(stream: &mut TcpStream) -> RawFrame {
    let (first, second) = (stream.read_u8().await.expect("byte"), stream.read_u8().await.expect("byte"));
    assert_eq!(second & 0x80, 0x80, "a client masks its frames");
    let length = match second & 0x7F {
        126 => stream.read_u16().await.expect("length").into(),
        127 => stream.read_u64().await.expect("length"),
        short => u64::from(short),
    };
    let mut mask = [0; 4];
    stream.read_exact(&mut mask).await.expect("mask");
    let mut payload = vec![0; usize::try_from(length).expect("length")];
    stream.read_exact(&mut payload).await.expect("payload");
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    RawFrame { last: first & 0x80 != 0, opcode: first & 0x0F, payload }
}

/// Reads the frames of one message and checks their sizes.
async fn read_message(stream: &mut TcpStream) -> (Vec<u8>, usize) {
    let (mut message, mut fragments) = (Vec::new(), 0);
    loop {
        let frame = read_frame(stream).await;
        assert_eq!(frame.opcode, if fragments == 0 { 2 } else { 0 });
        fragments += 1;
        message.extend_from_slice(&frame.payload);
        if frame.last {
            assert!((1..=FRAGMENT).contains(&frame.payload.len()));
            return (message, fragments);
        }
        assert_eq!(frame.payload.len(), FRAGMENT);
    }
}

async fn next_code(socket: &mut WebSocketStream<TcpStream>) -> Code {
    match within(socket.next()).await.expect("open").expect("message") {
        Message::Binary(jpeg) => read_jpeg(&jpeg).expect("code"),
        other => panic!("a camera sends binary messages only, not {other:?}"),
    }
}

#[tokio::test]
async fn a_message_is_one_jpeg_in_fragments_of_the_devices_buffer() {
    let (listener, options) = listen().await;
    let camera = tokio::spawn(run(Options { frames: Some(5), fps: 20.0, ..options }, pending()));
    let (mut stream, request) = within(accept_raw(&listener)).await;
    assert!(request.starts_with("GET /ws/camera/test HTTP/1.1\r\n"), "{request}");
    for absent in ["Sec-WebSocket-Protocol", "Authorization", "Cookie", "Origin", "Sec-WebSocket-Extensions"]
    {
        assert!(!request.to_lowercase().contains(&absent.to_lowercase()), "{request}");
    }
    let (mut bytes, mut before) = (0, 0);
    for number in 0..5 {
        let (jpeg, fragments) = within(read_message(&mut stream)).await;
        assert_eq!(fragments, jpeg.len().div_ceil(FRAGMENT));
        assert!(fragments > 1, "{} bytes", jpeg.len());
        assert!(jpeg.starts_with(&[0xFF, 0xD8]) && jpeg.ends_with(&[0xFF, 0xD9]));
        let code = read_jpeg(&jpeg).expect("code");
        assert!(code.sequence >= number && code.captured_ms >= before);
        (bytes, before) = (bytes + jpeg.len() as u64, code.captured_ms);
    }
    assert_eq!(within(read_frame(&mut stream)).await.opcode, 8, "the camera says good-bye");
    drop(stream);
    let summary = within(camera).await.expect("task").expect("summary");
    assert_eq!((summary.sent, summary.bytes, summary.connections), (5, bytes, 1));
    assert_eq!(summary.captured, summary.sent + summary.dropped);
}

#[tokio::test]
async fn a_small_jpeg_is_a_single_frame() {
    let (listener, options) = listen().await;
    let options = Options { width: 160, height: 120, frames: Some(1), ..options };
    let camera = tokio::spawn(run(options, pending()));
    let (mut stream, _) = within(accept_raw(&listener)).await;
    let (jpeg, fragments) = within(read_message(&mut stream)).await;
    assert_eq!(fragments, 1);
    assert_eq!(read_jpeg(&jpeg).map(|code| code.sequence), Ok(0));
    drop(stream);
    assert_eq!(within(camera).await.expect("task").expect("summary").sent, 1);
}

#[tokio::test]
async fn pings_are_answered() {
    let (listener, options) = listen().await;
    let camera = tokio::spawn(run(options, pending()));
    let (mut stream, _) = within(accept_raw(&listener)).await;
    within(read_message(&mut stream)).await;
    stream.write_all(&[0x89, 3, b'a', b'b', b'c']).await.expect("ping");
    let pong = async {
        loop {
            let frame = read_frame(&mut stream).await;
            if frame.opcode == 10 {
                return frame.payload;
            }
        }
    };
    assert_eq!(within(pong).await, b"abc");
    camera.abort();
}

/// The next text, past the pictures before it.
async fn next_text(socket: &mut WebSocketStream<TcpStream>) -> String {
    loop {
        match within(socket.next()).await.expect("open").expect("message") {
            Message::Text(text) => return text.to_string(),
            Message::Binary(_) => {}
            other => panic!("neither a text nor a picture: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_camera_with_the_channel_says_hello_obeys_and_restarts() {
    let (listener, options) = listen().await;
    let camera = tokio::spawn(run(Options { plain: false, ..options }, pending()));
    for quality in [80, 40] {
        let (stream, _) = within(listener.accept()).await.expect("accept");
        let mut socket = within(tokio_tungstenite::accept_async(stream)).await.expect("handshake");
        let first = within(socket.next()).await.expect("open").expect("message");
        let hello = first.to_text().expect("hello comes first");
        assert!(hello.contains(r#""type":"hello""#) && hello.contains(&format!(r#""quality":{quality}"#)));
        let set = r#"{"type":"set","id":1,"size":"160x120","quality":40}"#;
        within(socket.send(Message::text(set))).await.expect("send");
        if quality != 40 {
            let hello = next_text(&mut socket).await;
            assert!(hello.contains(r#""size":"160x120""#) && hello.contains(r#""quality":40"#), "{hello}");
        }
        assert!(next_text(&mut socket).await.contains(r#""ok":true"#));
        loop {
            if let Message::Binary(jpeg) = within(socket.next()).await.expect("open").expect("message")
                && jpeg.len() < 8 * 1024
            {
                break;
            }
        }
        within(socket.send(Message::text(r#"{"type":"reboot","id":2}"#))).await.expect("send");
        assert!(next_text(&mut socket).await.contains(r#""id":2"#));
        while let Some(Ok(message)) = within(socket.next()).await {
            assert!(!message.is_text());
        }
    }
    camera.abort();
}

#[tokio::test]
async fn a_closed_camera_comes_back_and_its_numbers_go_on() {
    let (listener, options) = listen().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let camera = tokio::spawn(run(options, async {
        let _ = stopped.await;
    }));
    let mut last = None;
    for _ in 0..3 {
        let (stream, _) = within(listener.accept()).await.expect("accept");
        let mut socket = within(tokio_tungstenite::accept_async(stream)).await.expect("handshake");
        for _ in 0..2 {
            let code = next_code(&mut socket).await;
            assert!(last < Some(code.sequence), "{last:?} {code:?}");
            last = Some(code.sequence);
        }
        let again = CloseFrame { code: CloseCode::Again, reason: "restart".into() };
        within(socket.close(Some(again))).await.expect("close");
    }
    stop.send(()).expect("camera runs");
    let summary = within(camera).await.expect("task").expect("summary");
    assert!(summary.connections >= 3 && summary.sent >= 6, "{summary:?}");
    assert_eq!(summary.captured, summary.sent + summary.dropped);
}

#[tokio::test]
async fn a_server_that_does_not_read_costs_frames_and_then_the_connection() {
    const FPS: f64 = 60.0;
    let socket = TcpSocket::new_v4().expect("socket");
    socket.set_recv_buffer_size(SEND_BUFFER).expect("buffer");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("bind");
    let listener = socket.listen(8).expect("listen");
    let url = format!("ws://{}/", listener.local_addr().expect("address"));
    let (_, options) = listen().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let camera = tokio::spawn(run(Options { url, fps: FPS, ..options }, async {
        let _ = stopped.await;
    }));
    let (mut stalled, _) = within(accept_raw(&listener)).await;
    // The camera gives up on the first connection and makes a second one.
    let (stream, _) = within(listener.accept()).await.expect("accept");
    let mut socket = within(tokio_tungstenite::accept_async(stream)).await.expect("handshake");
    let fresh = next_code(&mut socket).await;
    stop.send(()).expect("camera runs");
    let closed = async { while let Some(Ok(_)) = socket.next().await {} };
    within(closed).await;
    let summary = within(camera).await.expect("task").expect("summary");

    let mut held = Vec::new();
    // The camera may have reset the connection; what the kernel held is read all the same.
    let _ = within(stalled.read_to_end(&mut held)).await;
    let second_of_video = (summary.bytes / summary.sent) as f64 * FPS;
    assert!((held.len() as f64) < second_of_video / 2.0, "{} bytes were held for the server", held.len());
    assert!(summary.dropped as f64 > FPS / 4.0, "{summary:?}");
    assert_eq!(summary.captured, summary.sent + summary.dropped);
    assert_eq!(summary.connections, 2);
    assert!(f64::from(fresh.sequence) > FPS / 4.0, "the second connection began with the old {fresh:?}");
}

#[tokio::test]
async fn the_camera_stops_whatever_the_server_does() {
    // A server that is away.
    let (listener, options) = listen().await;
    drop(listener);
    let away = run(options.clone(), tokio::time::sleep(Duration::from_millis(100)));
    assert_eq!(within(away).await.expect("summary"), Summary::default());
    // A server that accepts and is silent.
    let (listener, options) = listen().await;
    let silent = run(options.clone(), async {
        let (stream, _) = listener.accept().await.expect("accept");
        drop(stream);
    });
    assert_eq!(within(silent).await.expect("summary").sent, 0);
    // The time is over, or was over from the start.
    let limited = Options { duration: Some(Duration::from_millis(50)), ..options.clone() };
    assert_eq!(within(run(limited, pending())).await.expect("summary").sent, 0);
    assert_eq!(within(run(options, ready(()))).await.expect("summary"), Summary::default());
}

#[tokio::test]
async fn wrong_options_are_errors_at_once() {
    let wrong = [
        Options { url: "http://host/".to_owned(), ..Options::default() },
        Options { width: 641, ..Options::default() },
        Options { fps: f64::NAN, ..Options::default() },
        Options { jitter: -0.1, ..Options::default() },
        Options { quality: 101, ..Options::default() },
        Options { reconnect: Reconnect { min: Duration::ZERO, max: Duration::ZERO }, ..Options::default() },
    ];
    for options in wrong {
        assert!(within(run(options.clone(), pending())).await.is_err(), "{options:?}");
    }
}

#[tokio::test]
async fn a_refusal_tells_what_the_server_said() {
    let (listener, options) = listen().await;
    let server = async {
        let (mut stream, _) = listener.accept().await.expect("accept");
        request(&mut stream).await;
        let body = "camera refused:\r\n set `ingest`";
        let answer = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.expect("answer");
        stream.shutdown().await.expect("shutdown");
    };
    let target = Target::parse(&options.url).expect("URL");
    let ((), opened) = within(async { tokio::join!(server, Connection::open(&target)) }).await;
    let refusal = opened.err().expect("refused").to_string();
    assert!(refusal.starts_with("the server answered 403"), "{refusal}");
    assert!(refusal.contains("camera refused: set `ingest`"), "{refusal}");
}
