//! Lets connections in and gives each a task, on one thread or several.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use uuid::Uuid;

use super::connection::{Connection, LINGER_TIMEOUT};
use super::dialogue::{Dialogue, send};
use super::frame::write_close;
use super::handshake::{self, Handshake};
use super::hub::{Hub, wall_clock};
use super::listen::AcceptError;
use super::rate::Rate;
use super::serve::Server;
use super::socket::{Detached, Listening, Peer, Socket};
use crate::protocol::reply::Reply;
use crate::router::{ClientName, Close, Refusal};

/// Handshakes under way at a time. While there are more, newcomers wait in the kernel's backlog.
pub(super) const MAX_HANDSHAKES: usize = 1_024;
/// Pause after `accept` found no descriptors or memory.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(200);

/// Why serving ended before it should have.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A listener broke.
    #[error("cannot accept connections any more: {0}")]
    Accept(io::Error),
    /// The dispatcher, or what else runs beside the connections, has panicked.
    #[error("the dispatcher has ended: {0}")]
    Dispatcher(String),
    /// An I/O thread could not be started.
    #[error("cannot start an I/O thread: {0}")]
    Thread(io::Error),
}

/// A socket on its way to the thread that serves it.
pub(super) type Newcomer = (Detached, Peer, OwnedSemaphorePermit);

impl Server {
    /// Returns only when the listener is broken.
    pub(super) async fn accept_all(&self, listener: &Listening) -> io::Error {
        let others = &self.others;
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
                            let handed = socket.detach().map(|socket| other.try_send((socket, peer, permit)));
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

    /// A thread with a runtime of its own, that serves what it is handed until the server has ended.
    pub(super) fn start_thread(
        &self,
        number: usize,
    ) -> Result<(mpsc::Sender<Newcomer>, JoinHandle<()>), ServeError> {
        // Never full: every newcomer holds a permit.
        let (sender, mut newcomers) = mpsc::channel::<Newcomer>(MAX_HANDSHAKES);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(ServeError::Thread)?;
        let hub = Arc::clone(&self.hub);
        let mut ended = self.ended.subscribe();
        let serve = move || {
            runtime.block_on(async {
                while let Some((socket, peer, permit)) = newcomers.recv().await {
                    match Socket::attach(socket) {
                        Ok(socket) => drop(tokio::spawn(admit(Arc::clone(&hub), socket, peer, permit))),
                        Err(error) => tracing::warn!(remote = %peer, %error, "connection lost"),
                    }
                }
                // The farewell is still going on. An error means that the server is gone, too.
                drop(ended.wait_for(|ended| *ended).await);
            });
        };
        let thread = std::thread::Builder::new().name(format!("io-{number}")).spawn(serve);
        Ok((sender, thread.map_err(ServeError::Thread)?))
    }
}

/// From an accepted connection to its end.
async fn admit(hub: Arc<Hub>, socket: Socket, peer: Peer, permit: OwnedSemaphorePermit) {
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
    mut socket: Socket,
    peer: Peer,
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
    if let Err(error) = socket.tune() {
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
            let id = Uuid::new_v4();
            let name = ClientName { id, remote: peer.to_string().into() };
            hub.with(|router| router.name(key, name, hub.now()));
            Some(Connection::new(hub, socket, Dialogue::new(key, id, rate), early))
        }
        Err(refusal) => {
            tracing::warn!(name: "gadugi.client_refused", remote = %peer, reason = %refusal, "a client was refused");
            dismiss(socket, refusal_words(refusal), permit).await;
            None
        }
    }
}

/// Tells a peer something and closes. It counts as a handshake until then, so that there is a bound on them.
async fn dismiss(mut socket: Socket, last_words: Vec<u8>, _permit: OwnedSemaphorePermit) {
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

fn refusal_words(refusal: Refusal) -> Vec<u8> {
    let limit = match refusal {
        Refusal::MaxClients(limit) | Refusal::MaxSubscriptions(limit) => limit,
        Refusal::NotFound | Refusal::NotOwner | Refusal::DurableTaken => 0,
    };
    let mut words = Vec::new();
    send(&Reply::MaxClientsReached { limit, timestamp: wall_clock() }, None, &mut words);
    // 1013, "try again later", of the IANA registry of close codes.
    write_close(CloseCode::Again, "the router has as many clients as it may have", &mut words);
    words
}
