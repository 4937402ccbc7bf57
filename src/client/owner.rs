//! The one task that owns the connection: attempts, what comes between them, and the end.

mod serving;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::acks::Acks;
use super::intake::Intake;
use super::publisher::Publisher;
use super::replies::Replies;
use super::request::Greeting;
use super::session::{Confirmation, HealthAnswer, Session};
use super::settings::Settings;
use super::subscribing::Wanted;
use super::table::{Table, Taker};
use super::{Address, Backoff, Connection, Error, Gap, Notice, State};
use crate::protocol::reply::Counts;

/// A connection that held so long counts as a success: what ends it afterwards is a new trouble, not the old one.
const STABLE_AFTER: Duration = Duration::from_secs(5);
/// WebSocket's codes for "going away" and "message too big".
const GOING_AWAY: u16 = 1001;
const TOO_LARGE: u16 = 1009;

/// What handles ask of the task.
pub(super) enum Ask {
    /// To get events.
    Subscribe { id: Uuid, wanted: Box<Wanted>, taker: Taker, confirm: Confirmation },
    /// A durable subscription is to end itself, and not only its stream.
    Forget { id: Uuid, answer: oneshot::Sender<Result<(), Error>> },
    /// To hear how the router is.
    Health(HealthAnswer),
    /// To end, when everything is published or at that time.
    Close { by: Instant, done: oneshot::Sender<()> },
}

/// How an attempt, or what it led to, has ended.
enum Ended {
    /// By the user's wish.
    Closed,
    /// By itself.
    Broken(Error),
}

/// The task's state.
pub(super) struct Owner {
    pub address: Address,
    pub settings: Settings,
    pub asks: mpsc::Receiver<Ask>,
    pub states: watch::Sender<State>,
    pub notices: broadcast::Sender<Notice>,
    pub intake: Arc<Intake>,
    pub acks: Arc<Acks>,
    pub replies: Arc<Replies>,
    pub publisher: Publisher,
    pub table: Table,
    pub backoff: Backoff,
    /// Whoever waits for the first attempt, and takes its failure for the end.
    pub first: Option<oneshot::Sender<Result<(), Error>>>,
    /// Failures in a row.
    pub failures: u32,
    /// When the router wants to see this client again.
    pub come_back_after: Option<Duration>,
    /// What this client shed by itself, and has not told.
    pub shed: HashMap<Uuid, Counts>,
    pub closing: Option<Closing>,
}

/// The user wants it to end.
pub(super) struct Closing {
    by: Instant,
    done: oneshot::Sender<()>,
}

impl Owner {
    /// Keeps one connection, as long as it is wanted.
    pub async fn run(mut self) {
        let because = loop {
            let error = match self.attempt().await {
                Ended::Closed => break None,
                Ended::Broken(error) => error,
            };
            if let Some(first) = self.first.take() {
                // Who waited for it may have gone, and then nobody is left.
                drop(first.send(Err(error)));
                break None;
            }
            let after = self.wait_after(&error);
            let because = Arc::new(error);
            let Some(after) = after else { break Some(because) };
            self.states.send_replace(State::Reconnecting { because, after, failures: self.failures });
            if self.meanwhile(sleep(after)).await.is_none() {
                break None;
            }
        };
        self.end(because);
    }

    /// Nothing more will come, and nothing will be sent: whoever waits is told.
    fn end(&mut self, because: Option<Arc<Error>>) {
        self.publisher.close();
        self.table.close();
        self.replies.close();
        self.states.send_if_modified(|state| {
            let is_news = !state.is_closed();
            if is_news {
                *state = State::Closed { because };
            }
            is_news
        });
        if let Some(closing) = self.closing.take() {
            // Who wanted it may not wait.
            closing.done.send(()).ok();
        }
    }

    /// Connects, and serves the connection until it ends.
    async fn attempt(&mut self) -> Ended {
        self.come_back_after = None;
        let (address, options) = (self.address.clone(), self.settings.options.clone());
        let token = self.settings.token.clone();
        // What is taken meanwhile is granted later.
        let room = self.intake.opening();
        let open = async move {
            let token = token.ask(options.connect_timeout).await?;
            let greeting = Greeting { token: token.as_ref(), credit: Some(room) };
            Connection::open_as(&address, &options, greeting).await.map(|connection| (connection, token))
        };
        let (connection, token) = match self.meanwhile(open).await {
            None => return Ended::Closed,
            Some(Err(error)) => return Ended::Broken(error),
            Some(Ok(opened)) => opened,
        };
        let mut session = Session::new(connection, token, self.settings.answer_timeout);
        self.intake.begin(session.features.credit.then_some(room));
        self.acks.begin();
        let ended = match self.serve(&mut session).await {
            Ok(()) => Ended::Closed,
            Err(error) => Ended::Broken(error),
        };
        // What was said goes out yet; what is said from now on goes nowhere.
        self.speak(&mut session);
        self.acks.end();
        self.table.ended();
        if session.complete_since.is_some_and(|since| since.elapsed() >= STABLE_AFTER) {
            self.recovered();
        }
        self.publisher.ended(matches!(ended, Ended::Broken(Error::Closed { code: TOO_LARGE, .. })));
        let connection = session.end();
        if let (Ended::Closed, Some(closing)) = (&ended, &self.closing) {
            farewell(connection, closing.by).await;
        }
        ended
    }

    /// How long to wait before the next attempt; none if there is to be no other.
    fn wait_after(&mut self, error: &Error) -> Option<Duration> {
        let is_refusal =
            matches!(error, Error::Unauthorized { .. } | Error::Refused { status: 401 | 403, .. });
        if is_refusal && !self.settings.token.is_asked_for() {
            // It would be told the same again.
            return None;
        }
        if matches!(error, Error::Closed { code: GOING_AWAY, .. }) {
            // An orderly end: nothing is wrong that would need patience.
            self.recovered();
        }
        self.failures += 1;
        if self.settings.attempts.is_some_and(|most| self.failures > most) {
            return None;
        }
        let wait = self.backoff.next_wait();
        Some(self.come_back_after.unwrap_or(wait))
    }

    fn recovered(&mut self) {
        self.failures = 0;
        self.backoff.reset();
    }

    /// Does something without a connection, and answers to what is asked meanwhile. None: it is to end.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Some(done),
                ask = self.asks.recv() => match ask? {
                    Ask::Subscribe { id, wanted, taker, confirm } => {
                        self.subscribe(id, *wanted, taker);
                        // It is subscribed as soon as there is a connection.
                        drop(confirm.send(Ok(())));
                    }
                    Ask::Forget { answer, .. } => drop(answer.send(Err(Error::NotConnected))),
                    Ask::Health(answer) => drop(answer.send(Err(Error::NotConnected))),
                    Ask::Close { by, done } => {
                        // There is nowhere to publish what waits.
                        self.closing = Some(Closing { by, done });
                        return None;
                    }
                },
                () = self.intake.changed.notified() => {
                    self.sweep();
                    self.tell_shed();
                }
            }
        }
    }

    fn subscribe(&mut self, id: Uuid, wanted: Wanted, taker: Taker) {
        self.table.add(id, wanted, taker);
        self.intake.share_work(self.table.shares_work());
    }

    /// Forgets all whose streams are gone. Returns what the router calls them.
    fn sweep(&mut self) -> Vec<Uuid> {
        let names = self.table.sweep();
        self.intake.share_work(self.table.shares_work());
        names
    }

    /// There is room again: says what was shed before.
    fn tell_shed(&mut self) {
        for (subscription_id, evicted) in std::mem::take(&mut self.shed) {
            let (expired, lost) = Default::default();
            let gap = Box::new(Gap { subscription_id, evicted, expired, lost });
            self.notice(Notice::Gap { gap, local: true });
        }
    }

    fn notice(&self, notice: Notice) {
        // Nobody needs to look.
        drop(self.notices.send(notice));
    }
}

impl Drop for Owner {
    /// However the task ends: nobody may wait for it any longer.
    fn drop(&mut self) {
        self.end(None);
    }
}

/// Waits until then; for ever, if there is no such time.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Says good-bye within the time that is left for closing.
async fn farewell(mut connection: Connection, by: Instant) {
    let words = async {
        // What was said last: that something is done, say. The connection may be gone.
        connection.flush().await.ok();
        connection.close().await;
    };
    drop(timeout(by.saturating_duration_since(Instant::now()), words).await);
}
