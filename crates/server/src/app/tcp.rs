//! The listeners of plain TCP: cameras that push, and clients of a TCPCam.

use super::{Bound, StartError};
use crate::config::Config;
use crate::net::shutdown::Shutdown;
use crate::outputs::tcpcam::TcpCam;
use crate::outputs::viewer::Viewers;
use crate::sources::connected::Cameras;
use crate::sources::refusals::Refusals;
use crate::sources::tcp_push::TcpPush;
use camherd_hub::Hub;
use std::sync::Arc;

/// Where a person changes the address of cameras that push.
const PUSH_SETTING: &str = "tcp_push.listen (--tcp-push-listen, CAMHERD_TCP_PUSH_LISTEN)";

/// Where a person changes the address of the TCPCam server.
const TCPCAM_SETTING: &str = "tcpcam_server.listen (--tcpcam-server-listen, CAMHERD_TCPCAM_SERVER_LISTEN)";

/// The sockets.
pub(super) struct Sockets {
    pub(super) push: Bound,
    pub(super) tcpcam: Bound,
}

/// What serves them.
pub(super) struct Servers {
    pub(super) push: TcpPush,
    /// Not there where no PIN and stream are configured, and no address either.
    pub(super) tcpcam: Option<TcpCam>,
}

impl Sockets {
    /// Listens where the configuration says.
    pub(super) fn bind(config: &Config) -> Result<Sockets, StartError> {
        Ok(Sockets {
            push: Bound::bind(&config.tcp_push.listen, PUSH_SETTING)?,
            tcpcam: Bound::bind(&config.tcpcam_server.listen, TCPCAM_SETTING)?,
        })
    }
}

impl Servers {
    pub(super) fn new(
        config: &Config,
        hub: &Hub,
        refusals: &Arc<Refusals>,
        cameras: &Arc<Cameras>,
        viewers: &Arc<Viewers>,
        shutdown: &Shutdown,
    ) -> Servers {
        Servers {
            push: TcpPush::new(config, hub.clone(), refusals.clone(), cameras.clone(), shutdown.clone()),
            tcpcam: TcpCam::new(&config.tcpcam_server, hub.clone(), viewers.clone(), shutdown.clone()),
        }
    }

    /// Serves until the word to stop, then drains.
    pub(super) async fn run(self, sockets: Sockets) {
        let clients = async {
            if let Some(tcpcam) = self.tcpcam {
                tcpcam.run(sockets.tcpcam.listeners).await;
            }
        };
        tokio::join!(self.push.run(sockets.push.listeners), clients);
    }
}
