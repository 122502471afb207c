//! Cameras on loopback, against the whole way from a URL to the units of a stream.

use crate::sources::pull::testing::{NEVER, Pulled};
use crate::testing::eventually;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const JPEG: &[u8] = include_bytes!("../../../../../testdata/jpeg/baseline_422.jpg");

/// A camera as the old firmware is: what its first `recv` gives must be the PIN and nothing else.
struct Camera {
    port: u16,
    /// What was asked, request by request.
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Camera {
    /// `answer` writes what a client with the right PIN gets; afterwards the camera hangs up.
    async fn start<F>(answer: impl Fn(usize, TcpStream) -> F + Send + 'static) -> Camera
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let shared = asked.clone();
        let task = tokio::spawn(async move {
            for number in 0.. {
                let (mut socket, _) = listener.accept().await.unwrap();
                let (pin, count) = (receive(&mut socket).await, String::new());
                let right = pin == "1235";
                let count = if right { receive(&mut socket).await } else { count };
                shared.lock().unwrap().push(format!("{pin}/{count}"));
                if right {
                    tokio::spawn(answer(number, socket));
                }
            }
        });
        Camera { port, asked, task }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What one `recv` gives.
async fn receive(socket: &mut TcpStream) -> String {
    let mut buffer = [0; 100];
    let length = socket.read(&mut buffer).await.unwrap_or(0);
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

fn frame(payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u32).to_be_bytes(), payload].concat()
}

/// Keeps the connection until the client hangs up.
async fn hold(mut socket: TcpStream) {
    let _ = socket.read_u8().await;
}

#[tokio::test]
async fn pictures_come_cut_anywhere_for_pin_and_count_apart() {
    let camera = Camera::start(|_, mut socket| async move {
        socket.set_nodelay(true).unwrap();
        for piece in [frame(JPEG), frame(JPEG)].concat().chunks(97) {
            socket.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        hold(socket).await;
    })
    .await;
    let pulled = Pulled::start(&format!("tcpcam://127.0.0.1:{}", camera.port), NEVER);
    pulled.units(2).await;
    assert_eq!(camera.asked(), ["1235/0"]);
    let (unit, _) = pulled.stream.newest().unwrap();
    assert_eq!((&unit.payload[..], unit.format.width), (JPEG, 64));
    assert!(pulled.stream.state().is_live());
}

#[tokio::test]
async fn a_constant_string_is_said_and_the_connection_stays() {
    let (picture, pictures) = tokio::sync::oneshot::channel::<()>();
    let pictures = Arc::new(Mutex::new(Some(pictures)));
    let camera = Camera::start(move |_, mut socket| {
        let pictures = pictures.lock().unwrap().take();
        async move {
            socket.write_all(&frame(b"Hello World from the camera")).await.unwrap();
            if let Some(pictures) = pictures {
                pictures.await.unwrap();
                socket.write_all(&frame(JPEG)).await.unwrap();
            }
            hold(socket).await;
        }
    })
    .await;
    let pulled = Pulled::start(&format!("tcpcam://127.0.0.1:{}/?pin=1235", camera.port), NEVER);
    assert_eq!(pulled.offline("JPEG").await, "not a JPEG: 'Hello World...'");
    assert_eq!(pulled.stream.stats().drops.get("not_jpeg"), Some(&1));
    picture.send(()).unwrap();
    pulled.units(1).await;
    assert!(pulled.stream.state().is_live());
    assert_eq!(camera.asked().len(), 1);
}

#[tokio::test]
async fn what_came_in_place_of_pictures_is_still_said_after_the_watchdog() {
    let camera = Camera::start(|_, mut socket| async move {
        socket.write_all(&frame(b"Hello World from the camera")).await.unwrap();
        hold(socket).await;
    })
    .await;
    let url = format!("tcpcam://127.0.0.1:{}", camera.port);
    let pulled = Pulled::start(&url, Duration::from_millis(500));
    eventually(|| camera.asked().len() >= 2, || format!("{:?}", camera.asked())).await;
    assert_eq!(pulled.offline("").await, "not a JPEG: 'Hello World...'");
}

#[tokio::test]
async fn a_camera_that_hangs_up_at_once_may_have_another_pin() {
    let camera = Camera::start(|_, socket| async move { drop(socket) }).await;
    let pulled = Pulled::start(&format!("tcpcam://127.0.0.1:{}?pin=471108", camera.port), NEVER);
    let reason = pulled.offline("closed the connection at once: the PIN may be wrong").await;
    let told = format!("{reason} {:?} {:?}", pulled.stream.stats(), pulled.stream.publisher());
    assert!(!told.contains("471108"), "{told}");
}

#[tokio::test]
async fn connections_that_end_say_how_and_are_made_anew() {
    let camera = Camera::start(|number, mut socket| async move {
        let begin = frame(JPEG);
        let bytes = match number {
            0 => [&begin[..], &begin[..50]].concat(),
            1 => begin,
            2 => [&begin[..], &u32::MAX.to_be_bytes()].concat(),
            _ => return hold(socket).await,
        };
        socket.write_all(&bytes).await.unwrap();
    })
    .await;
    let pulled = Pulled::start(&format!("tcpcam://127.0.0.1:{}", camera.port), NEVER);
    pulled.offline("hung up in the middle of a picture").await;
    pulled.offline("the camera ended the stream").await;
    pulled.offline("it does not speak TCPCam: byte").await;
    assert_eq!(pulled.stream.stats().units, 3);
    let gone = Pulled::start("tcpcam://127.0.0.1:1", NEVER);
    gone.offline("the camera cannot be reached: 127.0.0.1:1: ").await;
}
