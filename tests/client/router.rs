//! A router for one test.

use std::fs::OpenOptions;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use super::soon;

const PROGRAM: &str = env!("CARGO_BIN_EXE_gadugi-router");
/// The file with what a router writes to its standard error.
const SAID: &str = "stderr";

/// Its address stays the same over all its runs.
pub struct Router {
    host: Ipv4Addr,
    port: u16,
    place: TempDir,
    settings: Vec<(&'static str, &'static str)>,
    running: Option<Child>,
}

impl Router {
    /// One that does not run yet.
    pub fn new(settings: &[(&'static str, &'static str)]) -> Self {
        static ROUTERS: AtomicU8 = AtomicU8::new(1);
        let [.., high, low] = std::process::id().to_be_bytes();
        // A port that was free a moment ago stays free at an address of one's own, and all of 127.0.0.0/8 is loopback.
        let host = Ipv4Addr::new(127, 100 + high % 100, low, ROUTERS.fetch_add(1, Relaxed));
        let port = TcpListener::bind((host, 0)).unwrap().local_addr().unwrap().port();
        Self { host, port, place: tempfile::tempdir().unwrap(), settings: settings.to_vec(), running: None }
    }

    /// One that runs.
    pub async fn running() -> Self {
        Self::with(&[]).await
    }

    /// One that runs with settings, as the environment names them.
    pub async fn with(settings: &[(&'static str, &'static str)]) -> Self {
        let mut router = Self::new(settings);
        router.start().await;
        router
    }

    pub fn url(&self) -> String {
        format!("ws://{}:{}", self.host, self.port)
    }

    pub fn address(&self) -> (Ipv4Addr, u16) {
        (self.host, self.port)
    }

    /// Starts it, and waits until it answers.
    pub async fn start(&mut self) {
        let mut command = Command::new(PROGRAM);
        let configuration = self.place.path().join("config.toml");
        std::fs::write(&configuration, "").unwrap();
        command.env_clear().env("GADUGI_ROUTER_RUNTIME_DIR", self.place.path()).kill_on_drop(true);
        command.envs(self.settings.iter().copied()).arg("-c").arg(configuration);
        command.args(["--host", &self.host.to_string(), "--port", &self.port.to_string()]);
        let said = OpenOptions::new().create(true).append(true).open(self.place.path().join(SAID)).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
        self.running = Some(command.spawn().unwrap());
        soon(async {
            while TcpStream::connect(self.address()).await.is_err() {
                let ended = self.running.as_mut().unwrap().try_wait().unwrap();
                assert!(ended.is_none(), "the router ended at once: {ended:?}");
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    /// Ends it, and waits until it has.
    pub async fn stop(&mut self, signal: Signal) {
        let mut child = self.running.take().unwrap();
        kill(Pid::from_raw(child.id().unwrap().try_into().unwrap()), signal).unwrap();
        soon(child.wait()).await.unwrap();
    }
}

/// Whoever looks for the reason of a failure wants to know what the router said.
impl Drop for Router {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = std::fs::read_to_string(self.place.path().join(SAID)).unwrap_or_default();
            let ended = self.running.as_mut().map(Child::try_wait);
            eprintln!("router {}: {ended:?} (None = it runs); it said:\n{said}", self.url());
        }
    }
}
