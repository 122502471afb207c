//! A slow link: a network namespace of its own, in which what goes to one port waits in a queue that is emptied no faster
//! than the link's rate. Neither end of the connection sees that queue, as it is with a router's.
//! Needs root, `ip` and `tc`. The queue is a token bucket (`tbf`), which is in every kernel; `netem` is not, and with
//! nothing but a rate it does the same.

use crate::error::{Doing, Error};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

/// What the link passes at once, in tc's words.
const BURST: &str = "10kb";
/// Room of the queue, bytes: a thousand full packets, as netem has and many a router. At 2 Mbit/s it takes six seconds
/// to pass, if somebody fills it.
const QUEUE: &str = "1500000";
/// Bytes in a packet, as on Ethernet and Wi-Fi. Loopback's own 64 KiB would pass a frame in one packet.
const MTU: &str = "1500";
/// The device through which the slow packets go.
const DEVICE: &str = "slow";

/// A namespace with such a link. It is removed with this value; who is in it may stay.
pub struct Link {
    name: String,
}

impl Link {
    /// Makes it, with a rate in tc's words. So far nothing goes over it.
    ///
    /// # Errors
    /// [`Error::NotHere`] when the machine or the user cannot.
    pub fn create(rate: &str) -> Result<Link, Error> {
        let name = format!("camherd-bench-{}", std::process::id());
        tool("ip", &["netns", "add", &name])?;
        let link = Link { name };
        link.ip(&["link", "set", "lo", "mtu", MTU, "up"])?;
        link.ip(&["link", "add", DEVICE, "type", "ifb"])?;
        link.ip(&["link", "set", DEVICE, "mtu", MTU, "up"])?;
        let queue = ["tbf", "rate", rate, "burst", BURST, "limit", QUEUE];
        link.tc(&[&["qdisc", "add", "dev", DEVICE, "root"][..], &queue].concat())?;
        link.tc(&["qdisc", "add", "dev", "lo", "ingress"])?;
        Ok(link)
    }

    /// Takes the calling thread there, and with it the threads and programs that it starts from now on.
    pub fn enter(&self) -> Result<(), Error> {
        let path = format!("/run/netns/{}", self.name);
        let file = File::open(&path).doing(|| format!("open {path}"))?;
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .doing(|| format!("enter {path}"))
    }

    /// From now on, what goes to `port` goes over the link. It is redirected where it arrives: the sender's socket no
    /// longer counts what waits there, as with a packet that has left its machine.
    pub fn route(&self, port: u16) -> Result<(), Error> {
        let port = port.to_string();
        let filter = ["filter", "add", "dev", "lo", "parent", "ffff:", "protocol", "ip", "u32"];
        let matching = ["match", "ip", "dport", &port, "0xffff"];
        let action = ["action", "mirred", "egress", "redirect", "dev", DEVICE];
        self.tc(&[&filter[..], &matching, &action].concat())
    }

    fn ip(&self, args: &[&str]) -> Result<(), Error> {
        tool("ip", &[&["-n", &self.name], args].concat())
    }

    fn tc(&self, args: &[&str]) -> Result<(), Error> {
        tool("tc", &[&["-n", &self.name], args].concat())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // What cannot be removed now is removed with the machine's next start.
        let _ = tool("ip", &["netns", "del", &self.name]);
    }
}

fn tool(program: &str, args: &[&str]) -> Result<(), Error> {
    let run = Command::new(program).args(args).stdin(Stdio::null()).output();
    let why = match run {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => format!("{error} (package iproute2)"),
    };
    Err(Error::NotHere(format!("`{program} {}`: {why}", args.join(" "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_run_is_named() {
        let error = tool("no-such-program", &["x"]).unwrap_err();
        assert!(matches!(error, Error::NotHere(_)));
        assert!(error.to_string().contains("`no-such-program x`"), "{error}");
        let error = tool("false", &[]).unwrap_err();
        assert!(matches!(error, Error::NotHere(_)), "{error}");
    }
}
