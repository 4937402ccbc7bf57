//! Asks a router again and again, also after it was restarted.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::admin::messages::{Answer, Request, Top};
use crate::ctl::connection::Connection;
use crate::ctl::failure::Failure;
use crate::ctl::find;

/// Answers that nobody has looked at yet.
const WAITING: usize = 1;

/// What was seen.
pub(super) struct Seen {
    /// The router's version.
    pub version: String,
    /// Where clients find it.
    pub url: String,
    /// What it answered.
    pub top: Box<Top>,
}

/// The router, wherever and whenever there is one.
pub(super) struct Router {
    socket: Option<PathBuf>,
    connected: Option<(Connection, String)>,
}

impl Router {
    pub fn find(socket: Option<PathBuf>) -> Result<Self, Failure> {
        let mut router = Self { socket, connected: None };
        router.connect()?;
        Ok(router)
    }

    /// Looks once. After a failure it connects anew.
    pub fn look(&mut self) -> Result<Seen, Failure> {
        if self.connected.is_none() {
            self.connect()?;
        }
        let seen = self.ask();
        if seen.is_err() {
            self.connected = None;
        }
        seen
    }

    /// Looks on a thread of its own, so that a router that does not answer keeps nobody from leaving. The thread ends with the
    /// process, or when nobody listens any more.
    pub fn look_regularly(mut self, interval: Duration) -> Receiver<Result<Seen, Failure>> {
        let (to, from) = sync_channel(WAITING);
        thread::spawn(move || self.tell(interval, &to));
        from
    }

    fn tell(&mut self, interval: Duration, to: &SyncSender<Result<Seen, Failure>>) {
        loop {
            thread::sleep(interval);
            if to.send(self.look()).is_err() {
                return;
            }
        }
    }

    fn connect(&mut self) -> Result<(), Failure> {
        let mut router = find::socket(self.socket.clone()).and_then(Connection::open)?;
        let url = router.status()?.url;
        self.connected = Some((router, url));
        Ok(())
    }

    fn ask(&mut self) -> Result<Seen, Failure> {
        let Some((router, url)) = &mut self.connected else { return Err(find::not_running("it has gone")) };
        match router.ask(&Request::Top)? {
            Answer::Top(top) => Ok(Seen { version: router.version().to_owned(), url: url.clone(), top }),
            _ => Err(router.not_understood("it does not say what to show")),
        }
    }
}
