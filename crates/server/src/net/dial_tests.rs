//! A silent address is stood for by a future that is never ready: no SYN that gets no answer can be had on loopback
//! alone, but for a listener whose queue is full, which there is one of as well.

use super::*;
use std::future::{pending, ready};
use std::io::ErrorKind;
use std::sync::Mutex;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// Longer than any test takes.
const NEVER: Duration = Duration::from_secs(3600);

/// A race that is not over by then never is.
const LIMIT: Duration = Duration::from_secs(30);

fn addresses(count: u8) -> Vec<SocketAddr> {
    (1..=count).map(|last| SocketAddr::from(([192, 0, 2, last], 80))).collect()
}

/// The last number of an address.
fn number(address: SocketAddr) -> u8 {
    match address {
        SocketAddr::V4(address) => address.ip().octets()[3],
        SocketAddr::V6(_) => 0,
    }
}

#[tokio::test]
async fn an_address_behind_a_silent_one_is_reached() {
    let open = async |address| match number(address) {
        3 => Ok(3),
        _ => pending().await,
    };
    let won = timeout(LIMIT, race(addresses(4), Duration::from_millis(1), open)).await;
    assert_eq!(won.expect("a winner").expect("connected"), 3);
}

#[tokio::test]
async fn a_slow_address_goes_on_while_the_next_one_is_tried() {
    let tried = Notify::new();
    let open = async |address| match number(address) {
        1 => {
            tried.notified().await;
            Ok(1)
        }
        _ => {
            tried.notify_one();
            pending().await
        }
    };
    let won = timeout(LIMIT, race(addresses(2), Duration::from_millis(1), open)).await;
    assert_eq!(won.expect("a winner").expect("connected"), 1);
}

#[tokio::test]
async fn an_address_that_refuses_makes_room_at_once_and_the_last_word_is_told() {
    let kinds = [ErrorKind::ConnectionRefused, ErrorKind::NetworkUnreachable, ErrorKind::HostUnreachable];
    let refuse = |address| ready(Err::<(), _>(io::Error::from(kinds[usize::from(number(address)) - 1])));
    let lost = timeout(LIMIT, race(addresses(3), NEVER, refuse)).await.expect("an end");
    let (address, error) = lost.expect_err("nobody").expect("an address was tried");
    assert_eq!((number(address), error.kind()), (3, ErrorKind::HostUnreachable));
    let nobody = timeout(LIMIT, race(addresses(0), NEVER, refuse)).await.expect("an end");
    assert!(nobody.expect_err("nobody").is_none());
}

#[tokio::test]
async fn the_first_address_is_alone_while_it_has_time() {
    let tried = Mutex::new(Vec::new());
    let open = async |address| {
        tried.lock().unwrap().push(number(address));
        // As a connection that takes a while: others had their turn if they were to have one.
        tokio::task::yield_now().await;
        Ok(())
    };
    timeout(LIMIT, race(addresses(3), NEVER, open)).await.expect("an end").expect("connected");
    assert_eq!(*tried.lock().unwrap(), [1]);
}

/// A listener on loopback that answers no SYN more, with the connections that fill its queue.
#[cfg(target_os = "linux")]
fn full() -> (SocketAddr, Vec<socket2::Socket>) {
    use socket2::{Domain, Socket, Type};
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut sockets = vec![listener];
    // The queue of such a listener holds one; more are begun than the few that a system may add.
    for _ in 0..8 {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        // What is under way is no connection yet.
        let _ = socket.connect(&address);
        sockets.push(socket);
    }
    (address.as_socket().unwrap(), sockets)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_listener_that_answers_no_more_holds_up_nobody() {
    let (full, _sockets) = full();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let works = listener.local_addr().unwrap();
    let won = timeout(LIMIT, race([full, works], NEXT_AFTER, TcpStream::connect)).await;
    assert_eq!(won.expect("a winner").expect("connected").peer_addr().unwrap(), works);
}

#[tokio::test]
async fn urls_with_a_name_and_with_an_address_are_dialled() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for url in [format!("http://127.0.0.1:{port}/a"), format!("tcpcam://localhost:{port}")] {
        let stream = dial(&url.parse().unwrap(), 1).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(stream.peer_addr().unwrap().port(), port);
    }
}

#[tokio::test]
async fn an_error_names_host_and_port_and_no_secret() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("http://user:secret@127.0.0.1:{port}/a?b=secret").parse().unwrap();
    let error = dial(&url, 80).await.expect_err("nobody listens").to_string();
    assert!(error.starts_with(&format!("127.0.0.1:{port}: Connection refused")), "{error}");
    assert!(!error.contains("secret"), "{error}");
}
