//! Lets connections in and gives each a task, on one thread or several.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use uuid::Uuid;

use super::connection::{Connection, LINGER_TIMEOUT};
use super::dialogue::{Dialogue, send};
use super::frame::write_close;
use super::handshake::{self, Handshake};
use super::hub::{Hub, wall_clock};
use super::listen::AcceptError;
use super::rate::Rate;
use crate::protocol::Priority;
use crate::protocol::reply::Reply;
use crate::router::{Close, Refusal};

/// Handshakes under way at a time. While there are more, newcomers wait in the kernel's backlog.
const MAX_HANDSHAKES: usize = 1_024;
/// Pause after `accept` found no descriptors or memory.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(200);
/// What the kernel may hold of unsent bytes for a connection: what is there can no longer be overtaken. Twice the
/// smallest batch keeps a fast reader's pipe filled.
const NOTSENT_LOWAT: u32 = 32 * 1024;
/// When the router ends: how long subscribers may take for what is queued, and then how long connections may take
/// to be told. A client that reads needs neither.
const DRAIN: Duration = Duration::from_secs(1);
const FAREWELL: Duration = Duration::from_secs(2);
/// How often those two are looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Why serving ended before it should have.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A listener broke.
    #[error("cannot accept connections any more: {0}")]
    Accept(io::Error),
    /// An I/O thread could not be started.
    #[error("cannot start an I/O thread: {0}")]
    Thread(io::Error),
}

/// The running server.
pub struct Server {
    hub: Arc<Hub>,
    handshakes: Arc<Semaphore>,
    threads: usize,
}

/// What was not delivered when the server ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Left {
    /// Deliveries, and events that were never matched, by priority, lowest first.
    pub by_priority: [u64; Priority::LEVELS],
    /// Subscribers that missed some.
    pub subscribers: usize,
}

/// A socket on its way to the thread that serves it.
type Newcomer = (std::net::TcpStream, SocketAddr, OwnedSemaphorePermit);

impl Server {
    /// `threads` I/O threads, the caller's included.
    pub fn new(hub: Arc<Hub>, threads: usize) -> Self {
        Self { hub, handshakes: Arc::new(Semaphore::new(MAX_HANDSHAKES)), threads: threads.max(1) }
    }

    /// Serves until `shutdown` is over; then lets subscribers have what is queued, tells every client, and waits a
    /// little for them to hear it. Returns what was not delivered.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn serve(
        &self,
        listeners: Vec<TcpListener>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Left, ServeError> {
        let mut others = Vec::new();
        for number in 1..self.threads {
            others.push(self.start_thread(number)?);
        }
        let mut housekeeping = JoinSet::new();
        let hub = Arc::clone(&self.hub);
        housekeeping.spawn(async move { hub.dispatch_backlog().await });
        let hub = Arc::clone(&self.hub);
        housekeeping.spawn(async move { hub.expire_regularly().await });
        let accepting = async {
            let mut accepting: Vec<_> = Vec::new();
            for listener in &listeners {
                accepting.push(Box::pin(self.accept_all(listener, &others)));
            }
            futures_util::future::select_all(accepting).await.0
        };
        tokio::select! {
            error = accepting => return Err(ServeError::Accept(error)),
            () = shutdown => {}
        }
        drop(listeners);
        Ok(self.farewell().await)
    }

    /// Returns only when the listener is broken.
    async fn accept_all(&self, listener: &TcpListener, others: &[mpsc::Sender<Newcomer>]) -> io::Error {
        let mut turn = 0;
        loop {
            let Ok(permit) = Arc::clone(&self.handshakes).acquire_owned().await else {
                return io::Error::other("the bound on handshakes was closed");
            };
            match listener.accept().await {
                Ok((socket, peer)) => {
                    turn = (turn + 1) % (others.len() + 1);
                    match others.get(turn.wrapping_sub(1)) {
                        None => drop(tokio::spawn(admit(Arc::clone(&self.hub), socket, peer, permit))),
                        Some(other) => {
                            // An error means that the thread is gone, and the connection with it.
                            let handed =
                                socket.into_std().map(|socket| other.try_send((socket, peer, permit)));
                            if !matches!(handed, Ok(Ok(()))) {
                                tracing::error!(remote = %peer, "an I/O thread is gone: connection lost");
                            }
                        }
                    }
                }
                Err(error) => match AcceptError::classify(&error) {
                    AcceptError::Aborted => {
                        tracing::debug!(%error, "a connection was gone before it was accepted")
                    }
                    AcceptError::Exhausted => {
                        tracing::warn!(%error, "cannot accept connections for now");
                        tokio::time::sleep(EXHAUSTED_PAUSE).await;
                    }
                    AcceptError::Fatal => return error,
                },
            }
        }
    }

    /// A thread with a runtime of its own, that serves what it is handed until the sender is gone.
    fn start_thread(&self, number: usize) -> Result<mpsc::Sender<Newcomer>, ServeError> {
        // Never full: every newcomer holds a permit.
        let (sender, mut newcomers) = mpsc::channel::<Newcomer>(MAX_HANDSHAKES);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(ServeError::Thread)?;
        let hub = Arc::clone(&self.hub);
        let serve = move || {
            runtime.block_on(async {
                while let Some((socket, peer, permit)) = newcomers.recv().await {
                    match TcpStream::from_std(socket) {
                        Ok(socket) => drop(tokio::spawn(admit(Arc::clone(&hub), socket, peer, permit))),
                        Err(error) => tracing::warn!(remote = %peer, %error, "connection lost"),
                    }
                }
                // The farewell is still going on.
                tokio::time::sleep(DRAIN + FAREWELL).await;
            });
        };
        std::thread::Builder::new().name(format!("io-{number}")).spawn(serve).map_err(ServeError::Thread)?;
        Ok(sender)
    }

    /// Takes nothing more in, lets subscribers have what is queued for a moment, gives up the rest, and closes.
    async fn farewell(&self) -> Left {
        let hub = &self.hub;
        hub.with(|router| router.drain());
        // The service's drain, with a deadline of the operator's, will take the place of this moment.
        self.wait_until(DRAIN, || hub.with(|router| router.is_drained())).await;
        let now = hub.now();
        let (by_priority, subscribers) = hub.with(|router| router.abandon(now));
        hub.with(|router| router.close_all(Close::GoingAway));
        if !self.wait_until(FAREWELL, || hub.connections() == 0).await {
            tracing::info!(
                clients = hub.connections(),
                "some clients did not close their connection in time"
            );
        }
        Left { by_priority, subscribers }
    }

    /// False: it was not so within the time.
    async fn wait_until(&self, time: Duration, condition: impl Fn() -> bool) -> bool {
        let wait = async {
            while !condition() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(time, wait).await.is_ok()
    }
}

/// From an accepted connection to its end.
async fn admit(hub: Arc<Hub>, socket: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
    // In a box: what the handshake needs must not stay with the connection for the rest of its life.
    let Some(connection) = Box::pin(let_in(hub, socket, peer, permit)).await else { return };
    let client = connection.client_id();
    tracing::debug!(client_id = %client, remote = %peer, "connected");
    match connection.serve().await {
        Ok(why) => tracing::debug!(client_id = %client, reason = why, "disconnected"),
        Err(error) => tracing::debug!(client_id = %client, %error, "connection lost"),
    }
}

/// The handshake, and the engine's leave.
async fn let_in(
    hub: Arc<Hub>,
    mut socket: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
) -> Option<Connection> {
    let settings = hub.settings();
    let shaking = handshake::accept(&mut socket, &settings.allowed_origins);
    let shaken = tokio::time::timeout(settings.handshake_timeout, shaking).await;
    let early = match shaken {
        Ok(Ok(Handshake::Done { early })) => early,
        Ok(Ok(Handshake::Answered { response, why })) => {
            tracing::debug!(remote = %peer, reason = why, "no WebSocket connection");
            dismiss(socket, response, permit).await;
            return None;
        }
        Ok(Err(error)) => {
            tracing::debug!(remote = %peer, %error, "the handshake failed");
            return None;
        }
        Err(_) => {
            tracing::debug!(remote = %peer, "the handshake took too long");
            return None;
        }
    };
    if let Err(error) = tune(&socket) {
        tracing::debug!(remote = %peer, %error, "socket options could not be set");
    }
    let connected = hub.with(|router| {
        let key = router.connect()?;
        if router.is_draining() {
            // It came in while the others were told to go.
            router.close(key, Close::GoingAway);
        }
        Ok(key)
    });
    match connected {
        Ok(key) => {
            let rate = Rate::new(settings.publish_rate, settings.publish_burst, hub.now());
            Some(Connection::new(hub, socket, Dialogue::new(key, Uuid::new_v4(), rate), early))
        }
        Err(refusal) => {
            tracing::warn!(name: "gadugi.client_refused", remote = %peer, reason = ?refusal, "a client was refused");
            dismiss(socket, refusal_words(refusal), permit).await;
            None
        }
    }
}

/// Tells a peer something and closes. It counts as a handshake until then, so that there is a bound on them.
async fn dismiss(mut socket: TcpStream, last_words: Vec<u8>, _permit: OwnedSemaphorePermit) {
    let goodbye = async {
        socket.write_all(&last_words).await?;
        socket.shutdown().await?;
        let mut ignored = [0; 1024];
        while socket.read(&mut ignored).await? > 0 {}
        io::Result::Ok(())
    };
    // It is no longer of interest whether the peer heard it.
    drop(tokio::time::timeout(LINGER_TIMEOUT, goodbye).await);
}

/// No delay for small messages, and little in the kernel where it cannot be overtaken.
fn tune(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    socket2::SockRef::from(socket).set_tcp_notsent_lowat(NOTSENT_LOWAT)
}

fn refusal_words(refusal: Refusal) -> Vec<u8> {
    let limit = match refusal {
        Refusal::MaxClients(limit) | Refusal::MaxSubscriptions(limit) => limit,
        Refusal::NotFound | Refusal::NotOwner => 0,
    };
    let mut words = Vec::new();
    send(&Reply::MaxClientsReached { limit, timestamp: wall_clock() }, None, &mut words);
    // 1013, "try again later", of the IANA registry of close codes.
    write_close(CloseCode::Again, "the router has as many clients as it may have", &mut words);
    words
}
