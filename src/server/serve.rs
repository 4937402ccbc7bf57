//! The server as a whole: its threads, what runs beside the connections, and its end. When that comes is the
//! service's affair.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::accept::{MAX_HANDSHAKES, Newcomer, ServeError};
use super::hub::Hub;
use super::socket::{Listener, Listening};
use crate::router::Close;

/// How long connections may take at the end to be told and to close their side. One that reads needs much less.
const FAREWELL: Duration = Duration::from_secs(2);
/// How often the end looks whether all are gone.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// Where no spread is set: this long for each client, which the machine that they all come back to can bear …
const SPREAD_OF_ONE: Duration = Duration::from_millis(10);
/// … and not longer than this.
const LONGEST_SPREAD: Duration = Duration::from_secs(2);

/// The running server.
pub struct Server {
    pub(super) hub: Arc<Hub>,
    pub(super) handshakes: Arc<Semaphore>,
    pub(super) others: Vec<mpsc::Sender<Newcomer>>,
    pub(super) ended: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    housekeeping: JoinSet<()>,
}

impl Server {
    /// Starts `threads` I/O threads, the caller's included, and the dispatcher. To be called inside of a runtime.
    ///
    /// # Errors
    /// [`ServeError::Thread`].
    pub fn start(hub: Arc<Hub>, threads: usize) -> Result<Self, ServeError> {
        let mut housekeeping = JoinSet::new();
        let dispatcher = Arc::clone(&hub);
        housekeeping.spawn(async move { dispatcher.dispatch_backlog().await });
        let expiry = Arc::clone(&hub);
        housekeeping.spawn(async move { expiry.expire_regularly().await });
        let mut server = Self {
            hub,
            handshakes: Arc::new(Semaphore::new(MAX_HANDSHAKES)),
            others: Vec::new(),
            ended: watch::Sender::new(false),
            threads: Vec::new(),
            housekeeping,
        };
        for number in 1..threads {
            let (sender, thread) = server.start_thread(number)?;
            server.others.push(sender);
            server.threads.push(thread);
        }
        Ok(server)
    }

    /// Lets clients in until `stop` is over, and closes the listeners.
    ///
    /// # Errors
    /// [`ServeError::Accept`] when a listener is broken, [`ServeError::Dispatcher`] when what runs beside the
    /// connections has ended, which only a panic can bring about.
    pub async fn accept(
        &mut self,
        listeners: Vec<Listener>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let listeners = listeners.into_iter().map(Listening::new).collect::<io::Result<Vec<_>>>();
        let listeners = listeners.map_err(ServeError::Accept)?;
        let mut housekeeping = std::mem::take(&mut self.housekeeping);
        let accepting = listeners.iter().map(|listener| Box::pin(self.accept_all(listener)));
        let accepting = futures_util::future::select_all(accepting);
        let ended = tokio::select! {
            (error, ..) = accepting => Err(ServeError::Accept(error)),
            why = broken(&mut housekeeping) => Err(ServeError::Dispatcher(why)),
            () = stop => Ok(()),
        };
        self.housekeeping = housekeeping;
        ended
    }

    /// Tells every client that the router goes away and closes, one after the other within `spread`, so that they do
    /// not all come back in one instant. Then waits a little for them to hear it.
    pub async fn close_all(&self, spread: Option<Duration>) {
        let clients = self.hub.with(|router| router.client_keys());
        let each = self.spread(spread) / clients.len().max(1) as u32;
        let mut next = Instant::now();
        for key in clients {
            tokio::time::sleep_until(next).await;
            next += each;
            self.hub.with(|router| router.close(key, Close::GoingAway));
        }
        let all_gone = async {
            while self.hub.connections() > 0 {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        if tokio::time::timeout(FAREWELL, all_gone).await.is_err() {
            let clients = self.hub.connections();
            tracing::info!(clients, "some clients did not close their connection in time");
        }
    }

    /// Over how long [`Server::close_all`] will spread the closing of the clients that there are now.
    pub fn spread(&self, wanted: Option<Duration>) -> Duration {
        let clients = self.hub.with(|router| router.connected_clients()) as u32;
        wanted.unwrap_or_else(|| (SPREAD_OF_ONE * clients).min(LONGEST_SPREAD))
    }

    /// Ends the other threads, with what connections they still have. The caller's end with its runtime.
    pub fn finish(self) {
        let Self { others, ended, threads, .. } = self;
        drop(others);
        ended.send_replace(true);
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("an I/O thread has panicked");
            }
        }
    }
}

/// Returns when one of the tasks has ended, with the reason.
async fn broken(tasks: &mut JoinSet<()>) -> String {
    match tasks.join_next().await {
        Some(Err(error)) => error.to_string(),
        _ => "it returned".to_owned(),
    }
}
