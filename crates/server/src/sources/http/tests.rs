//! Cameras with their oddities, against the whole way from a URL to the units of a stream.

mod camera;

use crate::sources::pull::testing::{NEVER, Pulled};
use crate::testing::eventually;
use camera::{Answer, Camera, Then, chunked, part, picture, response};
use camherd_hub::StreamState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

const MULTIPART: &str = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n\r\n";

/// Waits for so many units, the last of which is the picture with this number.
async fn shows(pulled: &Pulled, count: u64, last: u16) {
    let seen = || (pulled.stream.stats().units, pulled.newest() == picture(last));
    eventually(|| seen() == (count, true), || format!("{:?} {:?}", seen(), pulled.stream.stats())).await;
}

/// A camera that gives the same answer to everybody.
async fn always(bytes: impl AsRef<[u8]>, then: Then) -> Camera {
    let bytes = bytes.as_ref().to_vec();
    Camera::start(move |_, _| (bytes.clone(), then)).await
}

/// The error of a camera that gives this answer, from an address with a password in it.
async fn refusal(answer: impl AsRef<[u8]>) -> String {
    let camera = always(answer, Then::Close).await;
    let url = camera.url().replace("http://", "http://admin:s3cret@");
    let pulled = Pulled::start(&format!("{url}?token=s3cret"), NEVER);
    let reason = pulled.offline("camera").await;
    let told = format!("{reason} {:?}", pulled.stream.stats().last_error);
    assert!(!told.contains("s3cret"), "{told}");
    reason
}

/// The pictures 1, 2 and 3 as cameras send them.
fn streams() -> Vec<(&'static str, Vec<u8>)> {
    let (one, two, three) = (&picture(1)[..], &picture(2)[..], &picture(3)[..]);
    let parts = |boundary: &str| [1, 2, 3].map(|number| part(boundary, &picture(number))).concat();
    let with_length = |off: isize| {
        let part = |number| {
            let picture = picture(number);
            let length = picture.len().checked_add_signed(off).unwrap();
            [format!("--b\r\nContent-Length: {length}\r\n\r\n").as_bytes(), &picture, b"\r\n"].concat()
        };
        [MULTIPART.as_bytes(), &[1, 2, 3].map(part).concat()].concat()
    };
    let no_head = parts("b");
    vec![
        ("esp32_camera_web_server", {
            let boundary = "123456789000000000000987654321";
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary={boundary}\r\n\
                 Transfer-Encoding: chunked\r\nAccess-Control-Allow-Origin: *\r\nX-Framerate: 60\r\n\r\n"
            );
            let part = |picture: &[u8]| {
                let begin = format!("\r\n--{boundary}\r\n");
                let length = picture.len();
                let header = format!(
                    "Content-Type: image/jpeg\r\nContent-Length: {length}\r\nX-Timestamp: 12.000034\r\n\r\n"
                );
                chunked(&[begin.as_bytes(), header.as_bytes(), picture])
            };
            [head.as_bytes(), &part(one), &part(two), &part(three)].concat()
        }),
        ("esphome_dashes_in_the_header", {
            let head = "HTTP/1.0 200 OK\r\nConnection: close\r\n\
                        Content-Type: multipart/x-mixed-replace;boundary=--frame\r\n\r\n";
            [head.as_bytes(), &parts("frame")].concat()
        }),
        ("mjpg_streamer", {
            let head = "HTTP/1.0 200 OK\r\nConnection: close\r\nServer: MJPG-Streamer/0.2\r\nContent-Type: \
                        multipart/x-mixed-replace;boundary=boundarydonotcross\r\n\r\n--boundarydonotcross\r\n";
            let part = |picture: &[u8]| {
                let length = picture.len();
                let header = format!(
                    "Content-Type: image/jpeg\r\nContent-Length: {length}\r\nX-Timestamp: 0.000000\r\n\r\n"
                );
                [header.as_bytes(), picture, b"\r\n--boundarydonotcross \r\n"].concat()
            };
            [head.as_bytes(), &part(one), &part(two), &part(three)].concat()
        }),
        ("no_status_line", [&MULTIPART.as_bytes()["HTTP/1.1 200 OK\r\n".len()..], &parts("b")].concat()),
        ("no_head", no_head[2..].to_vec()),
        ("no_head_and_no_parts", [one, two, three].concat()),
        ("no_boundary_in_the_header", {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace\r\n\r\n";
            [head.as_bytes(), &parts("x-1")].concat()
        }),
        ("no_type", [b"HTTP/1.1 200 OK\r\n\r\n", &no_head[..]].concat()),
        ("called_html", [b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", one, two, three].concat()),
        ("lf_only", {
            let part = |picture: &[u8]| [b"--b\nContent-Type: image/jpeg\n\n", picture, b"\n"].concat();
            [MULTIPART.replace('\r', "").as_bytes(), &part(one), &part(two), &part(three)].concat()
        }),
        ("length_too_small", with_length(-7)),
        ("length_too_large", with_length(9)),
    ]
}

#[tokio::test]
async fn streams_give_their_pictures_as_soon_as_they_are_complete() {
    for (name, answer) in streams() {
        let camera = always(&answer, Then::Hold).await;
        let pulled = Pulled::start(&camera.url(), NEVER);
        shows(&pulled, 3, 3).await;
        assert_eq!(pulled.stream.state(), StreamState::Live, "{name}");
        let (drops, requests) = (pulled.stream.stats().drops, camera.seen().requests);
        assert!(drops.is_empty(), "{name}: {drops:?}");
        assert_eq!(requests.len(), 1, "{name}");
        let host = format!("GET /stream HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n", camera.port);
        assert!(requests[0].starts_with(&host) && !requests[0].contains("Authorization"), "{}", requests[0]);
    }
}

#[tokio::test]
async fn a_broken_picture_is_counted_and_the_stream_goes_on() {
    let cut = &picture(2)[..300];
    let parts =
        [part("b", &picture(1)), part("b", cut), part("b", b"Hello World"), part("b", &picture(3))].concat();
    let camera = always([MULTIPART.as_bytes(), &parts].concat(), Then::Hold).await;
    let pulled = Pulled::start(&camera.url(), NEVER);
    shows(&pulled, 2, 3).await;
    assert_eq!((pulled.drops("truncated"), pulled.drops("not_jpeg"), pulled.drops("connection")), (1, 1, 0));
}

#[tokio::test]
async fn a_camera_that_stops_in_the_middle_of_a_picture_is_asked_again() {
    let camera = Camera::start(|number, _| match number {
        0 => (
            [MULTIPART.as_bytes(), &part("b", &picture(1)), &part("b", &picture(2))[..500]].concat(),
            Then::Close,
        ),
        _ => ([MULTIPART.as_bytes(), &part("b", &picture(3))].concat(), Then::Hold),
    });
    let camera = camera.await;
    let pulled = Pulled::start(&camera.url(), NEVER);
    pulled.offline("the camera ended the stream").await;
    shows(&pulled, 2, 3).await;
    assert_eq!(pulled.stream.state(), StreamState::Live);
    assert_eq!((pulled.drops("connection"), camera.seen().connections), (1, 2));
}

#[tokio::test]
async fn a_camera_that_falls_silent_in_the_middle_of_a_picture_is_asked_again() {
    let camera = Camera::start(|number, _| match number {
        0 => (
            [MULTIPART.as_bytes(), &part("b", &picture(1)), &part("b", &picture(2))[..500]].concat(),
            Then::Hold,
        ),
        _ => ([MULTIPART.as_bytes(), &part("b", &picture(3))].concat(), Then::Hold),
    });
    let camera = camera.await;
    let pulled = Pulled::start(&camera.url(), Duration::from_millis(300));
    pulled.offline("no picture for").await;
    eventually(|| pulled.newest() == picture(3), || format!("{:?}", pulled.stream.stats())).await;
}

#[tokio::test]
async fn chunks_that_break_off_are_a_broken_connection() {
    let head = MULTIPART.replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n");
    let body = chunked(&[&part("b", &picture(1))]);
    let answer = [head.as_bytes(), &body, b"ffff\r\nabc"].concat();
    assert!(refusal(answer).await.contains("broke: the camera hung up in the middle of its answer"));
    assert!(refusal([head.as_bytes(), &body, b"zz\r\n"].concat()).await.contains("the size of a chunk"));
}

#[tokio::test]
async fn a_snapshot_is_asked_for_again_and_again_on_one_connection() {
    let camera =
        Camera::start(|number, _| (response("image/jpeg", &picture(number as u16)), Then::Listen)).await;
    let pulled = Pulled::start(&camera.url(), NEVER);
    eventually(|| pulled.stream.stats().units >= 5, || format!("{:?}", pulled.stream.stats())).await;
    assert_eq!(camera.seen().connections, 1);
    assert!(pulled.stream.stats().drops.is_empty());
}

#[tokio::test]
async fn a_snapshot_camera_that_hangs_up_after_each_is_connected_to_again() {
    let body = |number: usize| picture(number as u16);
    let heads = [
        "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n",
        "HTTP/1.0 200 OK\r\nConnection: close\r\n",
        "HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: LENGTH\r\n",
    ];
    for head in heads {
        let camera = Camera::start(move |number, _| {
            let head = head.replace("LENGTH", &body(number).len().to_string());
            ([head.as_bytes(), b"\r\n", &body(number)].concat(), Then::Close)
        });
        let camera = camera.await;
        let pulled = Pulled::start(&camera.url(), NEVER);
        eventually(|| pulled.stream.stats().units >= 4, || format!("{head} {:?}", pulled.stream.stats()))
            .await;
        assert!(pulled.stream.stats().drops.is_empty(), "{head}");
        assert_eq!(camera.seen().connections, camera.seen().requests.len(), "{head}");
    }
}

#[tokio::test]
async fn a_camera_that_gives_the_same_snapshot_for_ever_goes_offline_and_stays_so() {
    let view = Arc::new(AtomicU16::new(0));
    let shown = view.clone();
    let answer =
        move |_, _: &str| (response("image/jpeg", &picture(shown.load(Ordering::Relaxed))), Then::Listen);
    let camera = Camera::start(answer).await;
    let pulled = Pulled::start(&camera.url(), Duration::from_millis(400));
    shows(&pulled, 1, 0).await;
    pulled.offline("no picture for").await;
    // The next connections do not bring it back; a new picture does.
    eventually(|| camera.seen().connections >= 3, || format!("{:?}", pulled.stream.stats())).await;
    assert_eq!(pulled.stream.stats().units, 1);
    view.store(1, Ordering::Relaxed);
    shows(&pulled, 2, 1).await;
}

#[tokio::test]
async fn passwords_are_sent_when_they_are_asked_for() {
    let camera = Camera::start(|_, request| match request.contains("Authorization: Basic dTpwQHNz\r\n") {
        true => ([MULTIPART.as_bytes(), &part("b", &picture(1))].concat(), Then::Hold),
        false => (
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n".to_vec(),
            Then::Close,
        ),
    });
    let camera = camera.await;
    let url = |user: &str| camera.url().replace("http://", &format!("http://{user}"));
    shows(&Pulled::start(&url("u:p%40ss@"), NEVER), 1, 1).await;
    assert!(!camera.seen().requests[0].contains("Authorization"));
    let wrong = Pulled::start(&url("u:wrong@"), NEVER).offline("refuses").await;
    assert_eq!(wrong, "the camera refuses user name and password: 401 Unauthorized");
    let none = Pulled::start(&url(""), NEVER).offline("refuses").await;
    assert!(none.contains("its address holds none"), "{none}");
}

#[tokio::test]
async fn snapshots_send_the_password_with_every_request_and_follow_a_new_nonce() {
    let camera = Camera::start(|number, request| {
        // The nonce changes after a few pictures; the one that was taken first is stale then.
        let nonce = if number < 4 { "first" } else { "second" };
        match request.contains(&format!("nonce=\"{nonce}\"")) {
            true => (response("image/jpeg", &picture(number as u16)), Then::Listen),
            false => {
                let challenge = format!("Digest realm=\"x\", nonce=\"{nonce}\", qop=\"auth\"");
                let head = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nWWW-Authenticate: ";
                (format!("{head}{challenge}\r\n\r\n").into_bytes(), Then::Close)
            }
        }
    });
    let camera = camera.await;
    let pulled = Pulled::start(&camera.url().replace("http://", "http://u:p@"), NEVER);
    eventually(|| pulled.stream.stats().units >= 6, || format!("{:?}", pulled.stream.stats())).await;
    assert_eq!(pulled.drops("connection"), 0);
    let requests = camera.seen().requests;
    let refused = requests.iter().enumerate().filter(|(number, request)| {
        let nonce = if *number < 4 { "first" } else { "second" };
        !request.contains(&format!("nonce=\"{nonce}\""))
    });
    assert_eq!(refused.count(), 2, "{requests:?}");
}

fn redirect(to: &str) -> Answer {
    (format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\n\r\n").into_bytes(), Then::Close)
}

#[tokio::test]
async fn redirects_are_followed_with_the_password_only_to_the_same_host() {
    let target = Camera::start(|_, request| match request.contains("Authorization") {
        true => ([MULTIPART.as_bytes(), &part("b", &picture(1))].concat(), Then::Hold),
        false => (
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n".to_vec(),
            Then::Close,
        ),
    });
    let target = target.await;
    let port = target.port;
    let camera = Camera::start(move |_, request| match request {
        _ if request.starts_with("GET /stream ") => redirect("/relative?x=1"),
        _ if request.starts_with("GET /relative?x=1 ") => redirect(&format!("http://127.0.0.1:{port}/live")),
        _ => redirect(&format!("http://localhost:{port}/elsewhere")),
    });
    let camera = camera.await;
    let url = camera.url().replace("http://", "http://u:p@");
    shows(&Pulled::start(&url, NEVER), 1, 1).await;
    let refused = Pulled::start(&url.replace("/stream", "/foreign"), NEVER).offline("refuses").await;
    assert!(refused.contains("its address holds none"), "{refused}");
    let requests = target.seen().requests;
    let elsewhere = requests.iter().find(|request| request.starts_with("GET /elsewhere ")).unwrap();
    assert!(elsewhere.contains(&format!("Host: localhost:{port}\r\n")), "{elsewhere}");
    assert!(!elsewhere.contains("Authorization"), "{elsewhere}");
}

#[tokio::test]
async fn redirects_are_bounded_and_stay_with_http() {
    let redirected = |to| async move { refusal(redirect(to).0).await };
    assert!(redirected("/round").await.contains("redirects more than 5 times"));
    assert!(redirected("https://u:s3cret@127.0.0.1/").await.contains("https://, only http:// is supported"));
    assert!(redirected("http://").await.contains("redirects nowhere"));
    assert!(refusal("HTTP/1.1 301 Moved\r\n\r\n").await.contains("without saying where to"));
}

#[tokio::test]
async fn what_is_no_camera_is_told_without_the_password() {
    for (answer, reason) in [
        (&b"HTTP/1.1 404 s3cret\r\n\r\n"[..], "nothing to show: it answers 404 Not Found"),
        (b"HTTP/1.1 503 \r\n\r\n", "nothing to show: it answers 503 Service Unavailable"),
        (b"HTTP/1.1 799 \r\n\r\n", "nothing to show: it answers status 799"),
        (b"HTTP/1.1 403 \r\n\r\n", "refuses user name and password: 403 Forbidden"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", "it sends text/html, which is no JPEG"),
        (b"HTTP/1.1 200 OK\r\n\r\nabc", "it sends something without a type"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "its answer is empty"),
        (b"HTTP/1.1 OK\r\n\r\n", "has no status code"),
        (b"HTTP/1.1 200 OK\r\nContent-", "hung up in the middle of its answer"),
        (b"", "hung up without an answer"),
    ] {
        let told = refusal(answer).await;
        assert!(told.contains(reason), "{told:?} for {reason:?}");
    }
}

#[tokio::test]
async fn a_camera_that_is_not_there_is_unreachable() {
    let camera = always("", Then::Close).await;
    let (url, port) = (camera.url().replace("http://", "http://u:s3cret@"), camera.port);
    drop(camera);
    let reason = Pulled::start(&url, NEVER).offline("cannot be reached").await;
    assert!(reason.starts_with(&format!("the camera cannot be reached: 127.0.0.1:{port}: ")), "{reason}");
    let nameless = Pulled::start("http://u:s3cret@camera.invalid/", NEVER).offline("cannot be reached").await;
    assert!(nameless.contains("camera.invalid:80") && !nameless.contains("s3cret"), "{nameless}");
}

#[tokio::test]
async fn a_snapshot_that_is_too_large_is_counted_and_not_held() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 99999999999\r\n\r\n";
    let camera = Camera::start(move |number, _| match number {
        0 => ([head.as_bytes(), &vec![0xff; 11 * 1024 * 1024]].concat(), Then::Hold),
        _ => (response("image/jpeg", &picture(7)), Then::Listen),
    });
    let camera = camera.await;
    let pulled = Pulled::start(&camera.url(), NEVER);
    shows(&pulled, 1, 7).await;
    assert_eq!((pulled.drops("too_large"), pulled.drops("connection")), (1, 0));
}
