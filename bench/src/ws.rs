//! The client's half of WebSocket (RFC 6455), as much as the measuring needs: handshake, masked messages out,
//! messages in. Blocking, so that a thread per connection sees bytes the moment they come.

use crate::clock;
use crate::error::{Doing, Error, protocol};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a connection may be silent: a stream at 5 frames a second or more is never silent for that long.
const SILENCE: Duration = Duration::from_secs(10);
/// Longest answer to a handshake.
const MAX_HEAD: usize = 16 * 1024;
/// Longest message taken from the server; a picture of 1280x720 is a hundredth of it.
const MAX_MESSAGE: u64 = 16 << 20;

/// A frame's opcode (RFC 6455, 5.2).
pub const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// A connected WebSocket.
pub struct WebSocket {
    stream: TcpStream,
    decoder: Decoder,
    buffer: Vec<u8>,
}

impl WebSocket {
    /// Connects and upgrades.
    ///
    /// # Errors
    /// When the server does not answer 101 or goes silent.
    pub fn connect(addr: SocketAddr, path: &str) -> Result<WebSocket, Error> {
        let mut stream = TcpStream::connect(addr).doing(|| format!("connect to {addr}"))?;
        stream.set_nodelay(true).doing(|| "set TCP_NODELAY".into())?;
        stream.set_read_timeout(Some(SILENCE)).doing(|| "set the read timeout".into())?;
        // The key proves nothing here: the server must only echo its hash, which is not what is measured.
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).doing(|| format!("send to {addr}"))?;
        let rest = read_head(&mut stream, path)?;
        let mut decoder = Decoder::default();
        decoder.push(&rest);
        Ok(WebSocket { stream, decoder, buffer: vec![0; 128 * 1024] })
    }

    /// The socket, for its owner's other half (shut it down to stop a reader).
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends bytes that [`Framed`] has prepared.
    pub fn send_raw(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.stream.write_all(bytes).doing(|| "send to the server".into())
    }

    /// Waits for the next binary message; gives it with the time at which its last byte was read. Answers pings.
    /// `None` when the server has closed.
    pub fn next(&mut self) -> Result<Option<(Vec<u8>, u64)>, Error> {
        let mut read_at = clock::now();
        loop {
            while let Some((opcode, payload)) = self.decoder.next()? {
                match opcode {
                    BINARY => return Ok(Some((payload, read_at))),
                    CLOSE => return Ok(None),
                    PING => self.send_raw(&Framed::new(PONG, &payload).bytes)?,
                    _ => {}
                }
            }
            let n = match self.stream.read(&mut self.buffer) {
                Ok(0) => return Ok(None),
                Ok(n) => n,
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return Ok(None),
                Err(e) => return Err(e).doing(|| "read from the server".into()),
            };
            read_at = clock::now();
            self.decoder.push(&self.buffer[..n]);
        }
    }

    /// Takes what has arrived without waiting, and answers pings: what a camera does between two frames.
    /// `false` when the server has closed.
    pub fn poll(&mut self) -> Result<bool, Error> {
        loop {
            match rustix::net::recv(&self.stream, &mut self.buffer[..], rustix::net::RecvFlags::DONTWAIT) {
                Ok((_, 0)) => return Ok(false),
                Ok((_, n)) => self.decoder.push(&self.buffer[..n]),
                Err(rustix::io::Errno::AGAIN) => return Ok(true),
                Err(e) => return Err(e).doing(|| "read from the server".into()),
            }
            while let Some((opcode, payload)) = self.decoder.next()? {
                match opcode {
                    CLOSE => return Ok(false),
                    PING => self.send_raw(&Framed::new(PONG, &payload).bytes)?,
                    _ => {}
                }
            }
        }
    }
}

/// Reads to the end of the answer's head; gives what was read beyond it.
fn read_head(stream: &mut TcpStream, path: &str) -> Result<Vec<u8>, Error> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let n = stream.read(&mut buffer).doing(|| format!("read the answer to the upgrade of {path}"))?;
        head.extend_from_slice(&buffer[..n]);
        if let Some(end) = head.windows(4).position(|w| w == b"\r\n\r\n") {
            if !head.starts_with(b"HTTP/1.1 101") {
                let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
                return Err(protocol("server", format!("answered the upgrade of {path} with {line:?}")));
            }
            return Ok(head.split_off(end + 4));
        }
        if n == 0 || head.len() > MAX_HEAD {
            return Err(protocol("server", format!("no end of the answer to the upgrade of {path}")));
        }
    }
}

/// A masked frame, ready to send, whose payload can be patched in place.
pub struct Framed {
    /// The bytes on the wire.
    pub bytes: Vec<u8>,
    payload_at: usize,
}

/// The mask. Constant, since no proxy is to be protected here, but not zero: the server must do its work.
const MASK: [u8; 4] = [0x5A, 0xC3, 0x96, 0x0F];

impl Framed {
    /// One unfragmented message.
    pub fn new(opcode: u8, payload: &[u8]) -> Framed {
        let mut bytes = vec![0x80 | opcode];
        match payload.len() {
            n @ 0..=125 => bytes.push(0x80 | n as u8),
            n @ 126..=0xFFFF => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&(n as u16).to_be_bytes());
            }
            n => {
                bytes.push(0x80 | 127);
                bytes.extend_from_slice(&(n as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&MASK);
        let payload_at = bytes.len();
        bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(b, m)| b ^ m));
        Framed { bytes, payload_at }
    }

    /// Replaces the payload's bytes from `at` on. What would lie beyond the payload is left out.
    pub fn patch(&mut self, at: usize, new: &[u8]) {
        let places = self.bytes.iter_mut().skip(self.payload_at + at);
        for ((place, b), m) in places.zip(new).zip(MASK.iter().cycle().skip(at % 4)) {
            *place = b ^ m;
        }
    }
}

/// Frames from the server, cut anywhere, to messages.
#[derive(Default)]
pub struct Decoder {
    pending: Vec<u8>,
    message: Vec<u8>,
    opcode: u8,
}

impl Decoder {
    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// The next whole message or control frame with its opcode; `None` when more bytes are needed.
    pub fn next(&mut self) -> Result<Option<(u8, Vec<u8>)>, Error> {
        while let Some((first, at, len)) = frame_head(&self.pending)? {
            if self.pending.len() < at + len {
                return Ok(None);
            }
            let (opcode, last) = (first & 15, first & 0x80 != 0);
            let body = self.pending[at..at + len].to_vec();
            self.pending.drain(..at + len);
            if opcode >= CLOSE {
                return Ok(Some((opcode, body)));
            }
            if opcode != 0 {
                self.opcode = opcode;
                self.message.clear();
            }
            if (self.message.len() + len) as u64 > MAX_MESSAGE {
                return Err(protocol("server", "a message of more than 16 MiB"));
            }
            self.message.extend_from_slice(&body);
            if last {
                return Ok(Some((self.opcode, std::mem::take(&mut self.message))));
            }
        }
        Ok(None)
    }
}

/// First byte, where the payload begins and how long it is; `None` when the head is not whole yet.
fn frame_head(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>, Error> {
    let [first, second, ..] = bytes else { return Ok(None) };
    if second & 0x80 != 0 {
        return Err(protocol("server", "a masked frame, which only clients send (RFC 6455 5.1)"));
    }
    let (at, len) = match second & 127 {
        126 => match bytes.get(2..4) {
            Some(b) => (4, b.iter().fold(0, |n, b| n << 8 | u64::from(*b))),
            None => return Ok(None),
        },
        127 => match bytes.get(2..10) {
            Some(b) => (10, b.iter().fold(0, |n, b| n << 8 | u64::from(*b))),
            None => return Ok(None),
        },
        n => (2, u64::from(n)),
    };
    if len > MAX_MESSAGE {
        return Err(protocol("server", format!("a frame of {len} bytes")));
    }
    Ok(Some((*first, at, len as usize)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmasked(opcode: u8, fin: bool, payload: &[u8]) -> Vec<u8> {
        let mut framed = Framed::new(opcode, payload).bytes;
        framed[0] = opcode | if fin { 0x80 } else { 0 };
        framed[1] &= 0x7F;
        let head = framed.len() - payload.len() - 4;
        framed.truncate(head);
        framed.extend_from_slice(payload);
        framed
    }

    #[test]
    fn frames_of_every_length_form_survive_every_split() {
        for len in [0, 1, 125, 126, 300, 65_536] {
            let payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let wire = unmasked(BINARY, true, &payload);
            for cut in (0..wire.len().min(20)).chain([wire.len() / 2, wire.len() - 1]) {
                let mut decoder = Decoder::default();
                decoder.push(&wire[..cut]);
                assert_eq!(decoder.next().unwrap(), None, "{len} cut at {cut}");
                decoder.push(&wire[cut..]);
                assert_eq!(decoder.next().unwrap(), Some((BINARY, payload.clone())));
            }
        }
    }

    #[test]
    fn fragments_are_joined_around_a_ping() {
        let mut decoder = Decoder::default();
        decoder.push(&unmasked(BINARY, false, b"ab"));
        decoder.push(&unmasked(PING, true, b"p"));
        decoder.push(&unmasked(0, true, b"cd"));
        assert_eq!(decoder.next().unwrap(), Some((PING, b"p".to_vec())));
        assert_eq!(decoder.next().unwrap(), Some((BINARY, b"abcd".to_vec())));
    }

    #[test]
    fn a_patch_lands_under_the_mask() {
        let mut framed = Framed::new(BINARY, &[7; 200]);
        framed.patch(13, b"hello");
        let at = framed.payload_at;
        let plain: Vec<u8> = framed.bytes[at..].iter().zip(MASK.iter().cycle()).map(|(b, m)| b ^ m).collect();
        assert_eq!(&plain[13..18], b"hello");
        assert_eq!((plain[12], plain[18], plain.len()), (7, 7, 200));
    }

    #[test]
    fn refuses_what_a_server_must_not_send() {
        let mut decoder = Decoder::default();
        decoder.push(&Framed::new(BINARY, b"x").bytes);
        assert!(decoder.next().is_err());
        let mut decoder = Decoder::default();
        decoder.push(&[0x82, 127, 0xFF, 0, 0, 0, 0, 0, 0, 0]);
        assert!(decoder.next().is_err());
    }
}
