//! `camherd demo`: the server and three virtual cameras in one process.

use super::{AnyError, authority, greeting, runtime, say, signals};
use crate::app::App;
use crate::config::Config;
use crate::net::shutdown::{self, Shutdown};
use crate::virtual_camera::{self, Options};
use std::net::{IpAddr, SocketAddr};

/// Name, size and frame rate of the cameras: a usual one, a wide one, and one as a busy ESP32 sends.
const CAMERAS: [(&str, u32, u32, f64, f64); 3] = [
    ("front-door", 640, 480, 30.0, 0.0),
    ("garden", 1280, 720, 25.0, 0.1),
    ("workshop", 320, 240, 12.0, 0.5),
];

/// Runs until it is told to stop.
pub(super) fn run(mut config: Config) -> Result<(), AnyError> {
    if config.default_stream.is_none() {
        config.default_stream = CAMERAS[0].0.parse().ok();
    }
    runtime()?.block_on(async {
        let (trigger, shutdown) = shutdown::channel();
        let app = App::start(config, shutdown.clone())?;
        signals::stop_on_signal(trigger)?;
        say(&greeting(&app));
        if let Some(address) = app.addresses().first() {
            let page = authority(*address);
            say(&format!("\nThree virtual cameras are running. Open http://{page}/ to see them."));
            for camera in CAMERAS {
                tokio::spawn(run_camera(camera, local(*address), shutdown.clone()));
            }
        }
        app.run().await;
        Ok(())
    })
}

/// The address under which this process reaches itself.
fn local(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

async fn run_camera(camera: (&str, u32, u32, f64, f64), server: SocketAddr, shutdown: Shutdown) {
    let (name, width, height, fps, jitter) = camera;
    let url = format!("ws://{server}/ws/camera/{name}");
    let options = Options { url, width, height, fps, jitter, name: name.to_owned(), ..Options::default() };
    let stopped = async move { shutdown.wait().await };
    if let Err(error) = virtual_camera::run(options, stopped).await {
        tracing::warn!(camera = name, "virtual camera: {error}");
    }
}
