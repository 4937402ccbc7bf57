//! Who is connected to the admin socket: not too many, and never for long without a reason.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener as StdListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::messages::LoggedError;
use super::orders::{Life, Order};
use super::talk::{self, Talk};
use crate::server::Hub;

/// Connections at a time.
const MOST: usize = 16;
/// Pause after `accept` found no descriptors or memory.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(200);
/// How long the end waits for those who want to know how it went.
const FAREWELL: Duration = Duration::from_millis(500);

/// What the answers are made of.
pub struct Office {
    /// The engine.
    pub hub: Arc<Hub>,
    /// All addresses that the router listens on.
    pub listeners: Vec<String>,
    /// The first of them as a client would write it.
    pub url: String,
    /// The file that the settings are from.
    pub config_file: Option<PathBuf>,
    /// The last warnings and errors of the log, the newest last.
    pub recent_errors: Box<dyn Fn() -> Vec<LoggedError> + Send + Sync>,
    /// Where the log goes: journald, stderr, or a file.
    pub log: String,
    /// The router's user, who may do all. So may root.
    pub user: u32,
    /// Who else may.
    pub admins: Admins,
    /// Where to put orders.
    pub orders: mpsc::Sender<Order>,
    /// Where the router is in its life.
    pub life: watch::Receiver<Life>,
}

/// Who may change something, besides root and the router's user.
#[derive(Clone, Debug)]
pub struct Admins {
    /// Users.
    pub users: Vec<u32>,
    /// Groups.
    pub groups: Vec<u32>,
    /// Tells the supplementary groups of a peer.
    pub peer_groups: fn(BorrowedFd<'_>) -> io::Result<Vec<u32>>,
}

impl Office {
    /// Whether this peer may change something.
    ///
    /// # Errors
    /// The operating system does not tell who it is.
    pub(super) fn trusts(&self, stream: &UnixStream) -> io::Result<(u32, bool)> {
        let peer = stream.peer_cred()?;
        let (user, admins) = (peer.uid(), &self.admins);
        let by_user = user == 0 || user == self.user || admins.users.contains(&user);
        let is_admin = |group| admins.groups.contains(&group);
        let trusted = by_user
            || is_admin(peer.gid())
            || (!admins.groups.is_empty() && (admins.peer_groups)(stream.as_fd())?.into_iter().any(is_admin));
        Ok((user, trusted))
    }
}

/// The socket's service, until it is dropped.
pub struct Guests {
    accepting: JoinSet<()>,
    coming: watch::Sender<()>,
}

/// One connection.
struct Guest {
    task: JoinHandle<()>,
    /// It waits for something that the router does for it.
    is_served: Arc<AtomicBool>,
}

impl Guests {
    /// Begins to answer. To be called inside of a runtime.
    ///
    /// # Errors
    /// A listener cannot be used.
    pub fn invite(listeners: Vec<StdListener>, office: &Arc<Office>) -> io::Result<Self> {
        let mut accepting = JoinSet::new();
        // Each connection holds a receiver, so that the end of all of them can be seen.
        let coming = watch::Sender::new(());
        for listener in listeners {
            listener.set_nonblocking(true)?;
            let listener = UnixListener::from_std(listener)?;
            accepting.spawn(accept_all(listener, Arc::clone(office), coming.subscribe()));
        }
        Ok(Self { accepting, coming })
    }

    /// Lets nobody in any more, and waits a little for those who want to know how it ended.
    pub async fn farewell(mut self) {
        self.accepting.shutdown().await;
        // Time is over, or all are gone.
        drop(tokio::time::timeout(FAREWELL, self.coming.closed()).await);
    }
}

async fn accept_all(listener: UnixListener, office: Arc<Office>, coming: watch::Receiver<()>) {
    let mut guests: VecDeque<Guest> = VecDeque::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection of gadugi-routerctl");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
                continue;
            }
        };
        guests.retain(|guest| !guest.task.is_finished());
        if guests.len() >= MOST {
            // Whoever does not get on with it makes room.
            match guests.iter().position(|guest| !guest.is_served.load(Relaxed)) {
                Some(idle) => drop(guests.remove(idle).map(|guest| guest.task.abort())),
                None => {
                    tokio::spawn(talk::turn_away(stream));
                    continue;
                }
            }
        }
        let is_served = Arc::new(AtomicBool::new(false));
        let talk = Talk { office: Arc::clone(&office), is_served: Arc::clone(&is_served) };
        let coming = coming.clone();
        let task = tokio::spawn(async move {
            let _coming = coming;
            if let Err(error) = talk.with(stream).await {
                tracing::debug!(%error, "a connection of gadugi-routerctl ended");
            }
        });
        guests.push_back(Guest { task, is_served });
    }
}
