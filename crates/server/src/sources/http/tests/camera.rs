//! A camera on a port of its own that answers as it is told.

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a camera does after an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Hangs up.
    Close,
    /// Waits for another request.
    Listen,
    /// Keeps the connection and says nothing more.
    Hold,
}

/// An answer, and what follows it.
pub(super) type Answer = (Vec<u8>, Then);

/// What came in.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// The requests, in order.
    pub(super) requests: Vec<String>,
    pub(super) connections: usize,
}

pub(super) struct Camera {
    pub(super) port: u16,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Camera {
    /// `answer` gets the number of the request, from 0, and the request.
    pub(super) async fn start(answer: impl Fn(usize, &str) -> Answer + Send + Sync + 'static) -> Camera {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (answer, shared) = (Arc::new(answer), seen.clone());
        let task = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                shared.lock().unwrap().connections += 1;
                tokio::spawn(serve(socket, answer.clone(), shared.clone()));
            }
        });
        Camera { port, seen, task }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/stream", self.port)
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<F: Fn(usize, &str) -> Answer>(mut socket: TcpStream, answer: Arc<F>, seen: Arc<Mutex<Seen>>) {
    loop {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            match socket.read_u8().await {
                Ok(byte) => request.push(byte),
                Err(_) => return,
            }
        }
        let request = String::from_utf8(request).unwrap();
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.requests.push(request.clone());
            seen.requests.len() - 1
        };
        let (bytes, then) = answer(number, &request);
        if socket.write_all(&bytes).await.is_err() {
            return;
        }
        match then {
            Then::Close => return,
            Then::Listen => {}
            // Until the server hangs up.
            Then::Hold => return drop(socket.read_u8().await),
        }
    }
}

/// A picture of 64x48 that says its number in a comment, so that no two are the same.
pub(super) fn picture(number: u16) -> Vec<u8> {
    let whole = include_bytes!("../../../../../../testdata/jpeg/baseline_422.jpg");
    let [high, low] = number.to_be_bytes();
    [&whole[..2], &[0xff, 0xfe, 0, 4, high, low], &whole[2..]].concat()
}

/// A response with a length, as a snapshot has it.
pub(super) fn response(content_type: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A part with a boundary line in front.
pub(super) fn part(boundary: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("\r\n--{boundary}\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A body in chunks of the transfer coding, without the last one.
pub(super) fn chunked(pieces: &[&[u8]]) -> Vec<u8> {
    pieces
        .iter()
        .flat_map(|piece| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat())
        .collect()
}
