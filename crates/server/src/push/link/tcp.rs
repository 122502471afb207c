//! The push protocol: header, chunks, size 0.

use super::SEND_TIMEOUT;
use crate::client::ws::{Lost, connect};
use bytes::{Buf, Bytes};
use camherd_media::wire::tcp_push::{DONE, Header, size};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a server may take to accept. Its name has to be found as well, and a SYN may be lost twice.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a server may take to read to the end, before the sender goes anyway.
const FINISH_TIMEOUT: Duration = Duration::from_secs(2);

/// Read at a time, and thrown away: a server sends nothing.
const READ: usize = 256;

/// A connection.
pub(in crate::push) struct TcpLink {
    stream: TcpStream,
}

impl TcpLink {
    /// Connects and sends the header.
    pub(super) async fn open(host: &str, port: u16, header: Header) -> Result<TcpLink, Lost> {
        let connected = timeout(CONNECT_TIMEOUT, connect(host, port, None)).await;
        let stream = connected.unwrap_or(Err(Lost::ConnectTimeout(CONNECT_TIMEOUT)))?;
        let mut link = TcpLink { stream };
        link.write(&header.encode()[..]).await?;
        Ok(link)
    }

    /// Sends a chunk.
    pub(super) async fn send(&mut self, payload: Bytes) -> Result<(), Lost> {
        // Pictures of all sources are within what a message holds; an empty one is none.
        let Some(size) = size(payload.len()) else { return Ok(()) };
        self.write(Buf::chain(&size[..], payload)).await
    }

    /// Writes all of it, for as long as the server takes something.
    async fn write(&mut self, mut bytes: impl Buf) -> Result<(), Lost> {
        while bytes.has_remaining() {
            match timeout(SEND_TIMEOUT, self.stream.write_buf(&mut bytes)).await {
                Ok(Ok(0)) => return Err(Lost::Ended),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(Lost::Io(error)),
                Err(_) => return Err(Lost::SendTimeout(SEND_TIMEOUT)),
            }
        }
        Ok(())
    }

    /// Reads until the server ends the connection.
    pub(super) async fn lost(&mut self) -> Lost {
        let mut scratch = [0; READ];
        loop {
            match self.stream.read(&mut scratch).await {
                Ok(0) => return Lost::Ended,
                Ok(_) => {}
                Err(error) => return Lost::Io(error),
            }
        }
    }

    /// Sends size 0 and waits until the server has closed: a connection that is closed too early may be reset
    /// before it has read all.
    pub(super) async fn finish(mut self) {
        let said = async {
            self.write(Bytes::from_static(&DONE)).await?;
            self.stream.shutdown().await.map_err(Lost::Io)?;
            Err::<(), Lost>(self.lost().await)
        };
        let _ = timeout(FINISH_TIMEOUT, said).await;
    }
}
