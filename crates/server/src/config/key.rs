//! The one table of keys: it drives the file, the environment variables, the flags, their help, and the check
//! of the reference.

use super::input::{Input, Invalid, Key};
use super::value::{self, Problem};
use super::{Config, push_streams, streams};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// Shortest time between IDR pictures: ten a second is a stream of stills already.
const MIN_IDR_PERIOD: Duration = Duration::from_millis(100);
/// Longest time between IDR pictures: a viewer that lost one waits so long for the next.
const MAX_IDR_PERIOD: Duration = Duration::from_secs(60);
/// Longest time to remember a stream that is gone: a month.
const MAX_FORGET_AFTER: Duration = Duration::from_secs(31 * 24 * 3600);
/// Most encoders, decoders: threads that one machine can start.
const MAX_ENCODERS: usize = 4096;
/// Least shared memory: a few small pictures.
const MIN_BUS_BYTES: u64 = 1 << 20;
/// Most shared memory: that of a large machine.
const MAX_BUS_BYTES: u64 = 64 << 30;
/// Most connections, viewers: the file descriptors and ports of one machine.
const MAX_PEERS: usize = 65_536;
/// Most streams: beyond what one machine's network carries.
const MAX_STREAMS: usize = 16_384;
/// Most addresses to listen on; each is a socket and a task.
const MAX_LISTENERS: usize = 64;
/// Most clients of the TCPCam server: what such a camera's clients are, a household, and some.
const MAX_TCPCAM_CLIENTS: usize = 1024;

/// Every key of the configuration.
pub static KEYS: &[Key<Config>] = &[
    Key {
        path: "http.listen",
        default: "127.0.0.1:8080, 127.0.0.1:8091",
        list: true,
        expected: "IP:PORT such as 127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080, or a list of them",
        doc: "Addresses for HTTP and WebSocket. Anything but loopback switches authentication on. In the default, the variable `PORT` replaces 8091.",
        set: set_listen,
    },
    Key {
        path: "http.allowed_origins",
        default: "[]",
        list: true,
        expected: "origins such as https://cams.example.org, or `*` for every page",
        doc: "Web pages of other origins that may use this server. While it listens on loopback and asks for no token, pages of this machine may in any case.",
        set: |config, input| {
            let entries: Vec<_> = input.entries().collect();
            config.http.allowed_origins =
                value::origins(&entries).map_err(|(source, problem)| Invalid { source, problem })?;
            Ok(())
        },
    },
    Key {
        path: "http.max_connections",
        default: "2048",
        list: false,
        expected: "a whole number from 1 to 65536",
        doc: "Most connections at a time.",
        set: |config, input| {
            config.http.max_connections = input.parse(|text| value::count(text, 1, MAX_PEERS))?;
            Ok(())
        },
    },
    Key {
        path: "auth",
        default: "token",
        list: false,
        expected: "`token`, `always` or `none`",
        doc: "Who must sign in: `token` everybody once `http.listen` is not only loopback, `always` everybody, `none` nobody.",
        set: |config, input| {
            config.auth = input.parse(value::auth_mode)?;
            Ok(())
        },
    },
    Key {
        path: "ingest",
        default: "loopback",
        list: true,
        expected: "`loopback`, `open`, or networks such as 192.168.1.0/24",
        doc: "Cameras that may push pictures without a token: only this machine, everybody, or a list of networks.",
        set: |config, input| {
            let entries: Vec<_> = input.entries().collect();
            config.ingest =
                value::ingest(&entries).map_err(|(source, problem)| Invalid { source, problem })?;
            Ok(())
        },
    },
    Key {
        path: "announce",
        default: "true",
        list: false,
        expected: "`true` or `false`",
        doc: "Whether devices that were told no host find this server by themselves, by multicast DNS (`_camherd._tcp`). Only where `http.listen` is not only loopback.",
        set: |config, input| {
            config.announce = input.parse(value::truth)?;
            Ok(())
        },
    },
    Key {
        path: "default_stream",
        default: "",
        list: false,
        expected: "a stream name",
        doc: "The stream of addresses that name none, such as `/ws/viewer`. Not set: the server chooses.",
        set: |config, input| {
            config.default_stream = Some(input.parse(streams::name)?);
            Ok(())
        },
    },
    Key {
        path: "state",
        default: "camherd.db",
        list: false,
        expected: "a path",
        doc: "The SQLite file for what the server must remember. In the file, relative to the file.",
        set: |config, input| {
            config.state = input.parse(path)?;
            Ok(())
        },
    },
    Key {
        path: "h264.bitrate",
        default: "auto",
        list: false,
        expected: "`auto`, or 50k to 50M bit/s such as 1500k or 2M",
        doc: "Bitrate of H.264 that camherd encodes. `auto` is 1 Mbit/s at 640x480 and grows with the pixels.",
        set: |config, input| {
            config.h264.bitrate = input.parse(value::bitrate)?;
            Ok(())
        },
    },
    Key {
        path: "h264.idr_period",
        default: "2s",
        list: false,
        expected: "a duration from 100ms to 60s",
        doc: "Longest time between two IDR pictures of H.264 that camherd encodes.",
        set: |config, input| {
            config.h264.idr_period = input.parse(idr_period)?;
            Ok(())
        },
    },
    Key {
        path: "quality.adapt",
        default: "true",
        list: false,
        expected: "`true` or `false`",
        doc: "Whether a viewer whose link is too slow is served a lower quality by itself, and the better one again once the link keeps up.",
        set: |config, input| {
            config.quality.adapt = input.parse(value::truth)?;
            Ok(())
        },
    },
    Key {
        path: "quality.medium.height",
        default: "480",
        list: false,
        expected: "a whole number from 16 to 8192, or `off`",
        doc: "Height in pixels of the quality below the camera's own. Made only while somebody watches it, and only of larger pictures.",
        set: |config, input| {
            config.quality.medium.height = input.parse(value::height)?;
            Ok(())
        },
    },
    Key {
        path: "quality.medium.fps",
        default: "camera",
        list: false,
        expected: "a number from 1 to 120, or `camera`",
        doc: "Most frames per second of the medium quality.",
        set: |config, input| {
            config.quality.medium.fps = input.parse(value::frame_rate)?;
            Ok(())
        },
    },
    Key {
        path: "quality.medium.bitrate",
        default: "auto",
        list: false,
        expected: "`auto`, or 50k to 50M bit/s such as 1500k or 2M",
        doc: "Bitrate of H.264 in the medium quality.",
        set: |config, input| {
            config.quality.medium.bitrate = input.parse(value::bitrate)?;
            Ok(())
        },
    },
    Key {
        path: "quality.low.height",
        default: "240",
        list: false,
        expected: "a whole number from 16 to 8192, or `off`",
        doc: "Height in pixels of the lowest quality.",
        set: |config, input| {
            config.quality.low.height = input.parse(value::height)?;
            Ok(())
        },
    },
    Key {
        path: "quality.low.fps",
        default: "15",
        list: false,
        expected: "a number from 1 to 120, or `camera`",
        doc: "Most frames per second of the lowest quality.",
        set: |config, input| {
            config.quality.low.fps = input.parse(value::frame_rate)?;
            Ok(())
        },
    },
    Key {
        path: "quality.low.bitrate",
        default: "auto",
        list: false,
        expected: "`auto`, or 50k to 50M bit/s such as 1500k or 2M",
        doc: "Bitrate of H.264 in the lowest quality.",
        set: |config, input| {
            config.quality.low.bitrate = input.parse(value::bitrate)?;
            Ok(())
        },
    },
    Key {
        path: "limits.streams",
        default: "256",
        list: false,
        expected: "a whole number from 1 to 16384",
        doc: "Most streams at a time.",
        set: |config, input| {
            config.limits.streams = input.parse(|text| value::count(text, 1, MAX_STREAMS))?;
            Ok(())
        },
    },
    Key {
        path: "limits.viewers",
        default: "1024",
        list: false,
        expected: "a whole number from 1 to 65536",
        doc: "Most viewers at a time, over all streams.",
        set: |config, input| {
            config.limits.viewers = input.parse(|text| value::count(text, 1, MAX_PEERS))?;
            Ok(())
        },
    },
    Key {
        path: "limits.encoders",
        default: "64",
        list: false,
        expected: "a whole number from 1 to 4096",
        doc: "Most H.264 encoders at a time, over all streams; each is a thread.",
        set: |config, input| {
            config.limits.encoders = input.parse(|text| value::count(text, 1, MAX_ENCODERS))?;
            Ok(())
        },
    },
    Key {
        path: "limits.decoders",
        default: "64",
        list: false,
        expected: "a whole number from 1 to 4096",
        doc: "Most video decoders at a time, over all streams; each is a thread.",
        set: |config, input| {
            config.limits.decoders = input.parse(|text| value::count(text, 1, MAX_ENCODERS))?;
            Ok(())
        },
    },
    Key {
        path: "bus.enabled",
        default: if cfg!(target_os = "linux") { "true" } else { "false" },
        list: false,
        expected: "`true` or `false`",
        doc: "Whether programs on this machine get raw pictures through shared memory.",
        set: |config, input| {
            config.bus.enabled = input.parse(value::truth)?;
            Ok(())
        },
    },
    Key {
        path: "bus.directory",
        default: "/dev/shm",
        list: false,
        expected: "a path",
        doc: "Where the files of the shared memory are; it should be in memory, not on a disk.",
        set: |config, input| {
            config.bus.directory = input.parse(path)?;
            Ok(())
        },
    },
    Key {
        path: "bus.max_bytes",
        default: "512M",
        list: false,
        expected: "a size from 1M to 64G",
        doc: "Most shared memory, over all streams.",
        set: |config, input| {
            config.bus.max_bytes = input.parse(|text| value::bytes(text, MIN_BUS_BYTES, MAX_BUS_BYTES))?;
            Ok(())
        },
    },
    Key {
        path: "tcp_push.listen",
        default: "127.0.0.1:12345",
        list: true,
        expected: "IP:PORT such as 127.0.0.1:12345 or 0.0.0.0:12345, a list of them, or `off`",
        doc: "Addresses for cameras that push over plain TCP. `ingest` says who may: this protocol has no token.",
        set: |config, input| {
            config.tcp_push.listen = addresses_or_off(input)?;
            Ok(())
        },
    },
    Key {
        path: "tcp_push.max_streams",
        default: "256",
        list: false,
        expected: "a whole number from 1 to 16384",
        doc: "Most stream numbers that are pushed at a time; each may have two connections, one a quality.",
        set: |config, input| {
            config.tcp_push.max_streams = input.parse(|text| value::count(text, 1, MAX_STREAMS))?;
            Ok(())
        },
    },
    Key {
        path: push_streams::PATH,
        default: "{}",
        list: true,
        expected: "in the file a table of names by number; elsewhere NUMBER=NAME, separated by commas",
        doc: "The streams of the numbers that cameras push. Number 7 is `stream7` unless it has a name here.",
        set: push_streams::set,
    },
    Key {
        path: "tcpcam_server.listen",
        default: "off",
        list: true,
        expected: "IP:PORT such as 127.0.0.1:3333 or 0.0.0.0:3333, a list of them, or `off`",
        doc: "Addresses where clients of a TCPCam get a stream. Needs `tcpcam_server.pin` and `tcpcam_server.stream`.",
        set: |config, input| {
            config.tcpcam_server.listen = addresses_or_off(input)?;
            Ok(())
        },
    },
    Key {
        path: "tcpcam_server.pin",
        default: "",
        list: false,
        expected: "4 to 16 digits",
        doc: "What clients of the TCPCam server must send. It goes over the network as it is. Other users of this machine see \
              the flag in the list of processes: use the variable or the configuration file.",
        set: |config, input| {
            config.tcpcam_server.pin = Some(input.parse(value::pin)?);
            Ok(())
        },
    },
    Key {
        path: "tcpcam_server.stream",
        default: "",
        list: false,
        expected: "a stream name",
        doc: "The stream that clients of the TCPCam server get.",
        set: |config, input| {
            config.tcpcam_server.stream = Some(input.parse(streams::name)?);
            Ok(())
        },
    },
    Key {
        path: "tcpcam_server.max_clients",
        default: "8",
        list: false,
        expected: "a whole number from 1 to 1024",
        doc: "Most clients of the TCPCam server at a time.",
        set: |config, input| {
            config.tcpcam_server.max_clients =
                input.parse(|text| value::count(text, 1, MAX_TCPCAM_CLIENTS))?;
            Ok(())
        },
    },
    Key {
        path: "stall_timeout",
        default: "10s",
        list: false,
        expected: "a duration from 1s to 1h such as 10s or 2m",
        doc: "A camera that sends no picture for so long is offline.",
        set: |config, input| {
            config.stall_timeout = input.parse(|text| value::duration(text, SECOND, HOUR))?;
            Ok(())
        },
    },
    Key {
        path: "forget_after",
        default: "1h",
        list: false,
        expected: "a duration from 1s to 744h such as 10m or 1h",
        doc: "An offline stream that is not in `streams` and that nobody watches is forgotten after so long.",
        set: |config, input| {
            config.forget_after = input.parse(|text| value::duration(text, SECOND, MAX_FORGET_AFTER))?;
            Ok(())
        },
    },
    Key {
        path: streams::PATH,
        default: "{}",
        list: true,
        expected: "in the file a table by stream name; elsewhere NAME, NAME=URL or NAME.KEY=VALUE, separated by commas",
        doc: "Cameras to fetch streams from, streams to keep, and settings of their own.",
        set: streams::set,
    },
];

fn path(text: &str) -> Result<PathBuf, Problem> {
    if text.is_empty() { Err("it is empty".into()) } else { Ok(text.into()) }
}

pub(super) fn idr_period(text: &str) -> Result<Duration, Problem> {
    value::duration(text, MIN_IDR_PERIOD, MAX_IDR_PERIOD)
}

fn set_listen(config: &mut Config, input: &Input) -> Result<(), Invalid> {
    config.http.listen = addresses(input)?;
    Ok(())
}

/// Addresses, or `off` for none.
fn addresses_or_off(input: &Input) -> Result<Vec<SocketAddr>, Invalid> {
    if input.entries().map(|(text, _)| text).eq(["off"]) {
        return Ok(Vec::new());
    }
    addresses(input)
}

fn addresses(input: &Input) -> Result<Vec<SocketAddr>, Invalid> {
    let listen = input.parse_all(value::address)?;
    if listen.is_empty() {
        return Err(input.invalid("it is empty"));
    }
    if listen.len() > MAX_LISTENERS {
        return Err(input.invalid(format!("it has more than {MAX_LISTENERS} addresses")));
    }
    for (index, address) in listen.iter().enumerate() {
        // Port 0 asks for any free port, each time another.
        if address.port() != 0 && listen.iter().take(index).any(|earlier| earlier == address) {
            return Err(input.invalid(format!("{address} is there twice")));
        }
    }
    Ok(listen)
}
