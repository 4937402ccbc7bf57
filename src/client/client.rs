//! A client, as its users see it.

mod requests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OnceCell, broadcast, mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::builder::Builder;
use super::inbox::{Inbox, Intake};
use super::outgoing::{Outgoing, Pending};
use super::owner::{Ask, Owner};
use super::publisher::Publisher;
use super::queue::Queue;
use super::replies::Replies;
use super::settings::Settings;
use super::stream::Events;
use super::table::{Table, Taker};
use super::{Address, Backoff, Error, NewEvent, Notice, Published, State, Subscription};
use crate::protocol::{Health, PublishOptions};

/// Questions that wait for the task; who has more waits.
const ASKS: usize = 64;
/// Notices that are kept for whoever looks at them late.
const NOTICES: usize = 1_024;
/// What the last words on the wire may take beyond the time for closing.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A client of a router, which looks after its connection by itself: it comes back, subscribes again, and keeps what is
/// published meanwhile. It is cheap to clone; the connection is there as long as a clone of it or a stream of
/// [`Events`] lives, and not longer.
///
/// ```no_run
/// use gadugi_router::client::{Client, NewEvent, Subscription};
/// use gadugi_router::protocol::Priority;
///
/// # async fn example() -> Result<(), gadugi_router::client::Error> {
/// let client = Client::builder("ws://localhost:9090").source("example").connect().await?;
/// let mut tasks = client.subscribe(Subscription::new(["task.*"])).await?;
/// let task = NewEvent::new("task.created").priority(Priority::HIGH);
/// client.publish(task.payload(&serde_json::json!({"task_id": "123"}))?).await?;
/// while let Some(event) = tasks.recv().await {
///     println!("{}: {}", event.topic, event.payload);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Client(Arc<Handle>);

/// What all clones share. The task ends with it.
#[derive(Debug)]
pub(super) struct Handle {
    asks: mpsc::Sender<Ask>,
    queue: Arc<Queue>,
    intake: Arc<Intake>,
    replies: Arc<Replies>,
    takes_replies: OnceCell<()>,
    states: watch::Receiver<State>,
    notices: broadcast::Sender<Notice>,
    source: Option<String>,
    answer_timeout: Duration,
    task: AbortHandle,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Client {
    /// A client of the router at `ws://HOST:PORT` or `unix:/PATH`.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(url.into())
    }

    pub(super) async fn connect(address: Address, settings: Settings) -> Result<Self, Error> {
        let (first, connected) = oneshot::channel();
        let client = Self::begin(address, settings, Some(first));
        connected.await.unwrap_or(Err(Error::Ended)).map(|()| client)
    }

    pub(super) fn start(address: Address, settings: Settings) -> Self {
        Self::begin(address, settings, None)
    }

    fn begin(
        address: Address,
        settings: Settings,
        first: Option<oneshot::Sender<Result<(), Error>>>,
    ) -> Self {
        let (notices, _) = broadcast::channel(NOTICES);
        let (states, state) = watch::channel(State::Connecting);
        let (sender, asks) = mpsc::channel(ASKS);
        let queue = Arc::new(Queue::new(&settings, notices.clone()));
        let (intake, replies) = (Arc::new(Intake::new(settings.prefetch)), Arc::new(Replies::new()));
        let (source, answer_timeout) = (settings.source.clone(), settings.answer_timeout);
        let owner = Owner {
            address,
            asks,
            states,
            notices: notices.clone(),
            intake: Arc::clone(&intake),
            replies: Arc::clone(&replies),
            publisher: Publisher::new(Arc::clone(&queue), settings.in_flight),
            table: Table::new(settings.dedupe),
            backoff: Backoff::new(settings.first_wait, settings.longest_wait),
            settings,
            first,
            failures: 0,
            come_back_after: None,
            closing: None,
        };
        let task = tokio::spawn(owner.run()).abort_handle();
        let asks = sender;
        let takes_replies = OnceCell::new();
        let states = state;
        Self(Arc::new(Handle {
            asks,
            queue,
            intake,
            replies,
            takes_replies,
            states,
            notices,
            source,
            answer_timeout,
            task,
        }))
    }

    /// Publishes an event, and waits until the router has answered, however long there is no connection. Ok means that
    /// the router has taken it.
    ///
    /// If this is cancelled before the event was sent, it will not be; if it was sent, it may arrive.
    ///
    /// # Errors
    /// If the router does not take it ([`Error::NotAccepted`], [`Error::Answered`]), it had to give way to others
    /// ([`Error::BufferFull`]), or the client is closed.
    pub async fn publish(&self, event: NewEvent) -> Result<Published, Error> {
        self.publish_with(event, PublishOptions::default()).await
    }

    /// As [`publish`](Self::publish), with wishes about the delivery: a time after which it is not to be delivered, or an
    /// answer that says how many subscriptions have it.
    ///
    /// # Errors
    /// As there; also if the event's time was over before it could be sent ([`Error::Expired`]), or the router does not
    /// know such a wish ([`Error::Unsupported`]).
    pub async fn publish_with(&self, event: NewEvent, options: PublishOptions) -> Result<Published, Error> {
        let outgoing = Outgoing::new(event, options, self.0.source.as_deref())?;
        self.0.queue.add_when_room(outgoing).await?.await
    }

    /// Publishes events together, and tells of each what became of it, in their order. One that is not taken does not
    /// hinder the others. Cancelling is as with [`publish`](Self::publish).
    pub async fn publish_batch(
        &self,
        events: impl IntoIterator<Item = NewEvent>,
    ) -> Vec<Result<Published, Error>> {
        let mut pending = Vec::new();
        for event in events {
            pending.push(match Outgoing::new(event, PublishOptions::default(), self.0.source.as_deref()) {
                Ok(outgoing) => self.0.queue.add_when_room(outgoing).await,
                Err(error) => Err(error),
            });
        }
        let mut results = Vec::with_capacity(pending.len());
        for answer in pending {
            results.push(match answer {
                Ok(answer) => answer.await,
                Err(error) => Err(error),
            });
        }
        results
    }

    /// Publishes an event without waiting, neither for room nor for the answer. What comes back can be waited for, or
    /// dropped: then [`notices`](Self::notices) tells if the event was not published.
    ///
    /// # Errors
    /// If it is no JSON, or with [`Overflow::Wait`](super::Overflow::Wait) there is no room.
    pub fn enqueue(&self, event: NewEvent) -> Result<Pending, Error> {
        let options = PublishOptions::default();
        let (mut outgoing, pending) = Outgoing::new(event, options, self.0.source.as_deref())?;
        outgoing.is_detached = true;
        self.0.queue.add_now(outgoing)?;
        Ok(pending)
    }

    /// Subscribes, for as long as the stream lives. With a connection the router's answer is waited for; without one it is
    /// subscribed as soon as there is one.
    ///
    /// # Errors
    /// If the router does not take the subscription, or has not what it needs, or does not answer in time.
    pub async fn subscribe(&self, wanted: Subscription) -> Result<Events, Error> {
        let wanted = Box::new(wanted.checked()?);
        let inbox = Arc::new(Inbox::new(Arc::clone(&self.0.intake)));
        // From here on, whoever stops waiting drops the stream, and that unsubscribes.
        let events = Events::new(Arc::clone(&inbox), Arc::clone(&self.0));
        let (confirm, confirmed) = oneshot::channel();
        self.0
            .ask(Ask::Subscribe { id: inbox.id, wanted, taker: Taker::Stream(inbox), confirm }, confirmed)
            .await?;
        Ok(events)
    }

    /// How the router is.
    ///
    /// # Errors
    /// If there is no connection now, or no answer in time.
    pub async fn health(&self) -> Result<Health, Error> {
        let (sender, answer) = oneshot::channel();
        self.0.ask(Ask::Health(sender), answer).await
    }

    /// Where this client stands with its router now.
    pub fn state(&self) -> State {
        self.0.states.borrow().clone()
    }

    /// The same, to be watched. It always holds the newest state; those between may be passed over.
    pub fn states(&self) -> watch::Receiver<State> {
        self.0.states.clone()
    }

    /// What happens beside what was asked for, from now on: gaps, events and subscriptions that went wrong.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.0.notices.subscribe()
    }

    /// Publishes what waits, as far as there is a connection and time, and ends. What could not be published is answered
    /// with [`Error::Ended`], and so is everything that is asked later.
    pub async fn close(self, within: Duration) {
        let (done, closed) = oneshot::channel();
        let close = async {
            if self.0.asks.send(Ask::Close { by: Instant::now() + within, done }).await.is_ok() {
                // If it ended in another way, it has ended.
                drop(closed.await);
            }
        };
        if timeout(within + LAST_WORDS, close).await.is_err() {
            self.0.task.abort();
        }
    }
}

impl Handle {
    /// Asks the task, and waits for the answer.
    async fn ask<T>(&self, ask: Ask, answer: oneshot::Receiver<Result<T, Error>>) -> Result<T, Error> {
        let asked = async {
            self.asks.send(ask).await.map_err(|_| Error::Ended)?;
            answer.await.unwrap_or(Err(Error::Ended))
        };
        match timeout(self.answer_timeout, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::Late(self.answer_timeout)),
        }
    }
}
