//! A client, as its users see it.

mod handle;
mod requests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, oneshot, watch};
use tokio::time::timeout;

use super::builder::Builder;
use super::clock::in_future;
use super::inbox::Inbox;
use super::outgoing::{Outgoing, Pending};
use super::owner::Ask;
use super::settings::Settings;
use super::stream::Events;
use super::subscribing::Wanted;
use super::table::Taker;
use super::{Address, Deliveries, Error, NewEvent, Notice, Published, State, Subscription};
use crate::protocol::{Health, PublishOptions};
pub(super) use handle::Handle;

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

impl Client {
    /// A client of the router at `ws://HOST:PORT` or `unix:/PATH`.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(url.into())
    }

    pub(super) async fn connect(address: Address, settings: Settings) -> Result<Self, Error> {
        let (first, connected) = oneshot::channel();
        let client = Self(Handle::begin(address, settings, Some(first)));
        connected.await.unwrap_or(Err(Error::Ended)).map(|()| client)
    }

    pub(super) fn start(address: Address, settings: Settings) -> Self {
        Self(Handle::begin(address, settings, None))
    }

    /// Publishes an event, and waits until the router has answered, however long there is no connection. Ok means that
    /// the router has taken it.
    ///
    /// If this is cancelled before the event was sent, it will not be; if it was sent, it may arrive.
    ///
    /// # Errors
    /// If it is too long, the router does not take it ([`Error::NotAccepted`], [`Error::Answered`]), it had to give way to others
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
        let outgoing = Outgoing::new(event, options, &self.0.shape)?;
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
            pending.push(match Outgoing::new(event, PublishOptions::default(), &self.0.shape) {
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
        let (mut outgoing, pending) = Outgoing::new(event, options, &self.0.shape)?;
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
        let wanted = wanted.checked(false)?;
        let inbox = Arc::new(Inbox::new(Arc::clone(&self.0.intake)));
        // From here on, whoever stops waiting drops the stream, and that unsubscribes.
        let events = Events::new(Arc::clone(&inbox), Arc::clone(&self.0));
        self.fill(inbox, wanted).await.map(|()| events)
    }

    /// As [`subscribe`](Self::subscribe), and each event is delivered until it is acknowledged: by hand, or by
    /// [`Deliveries::handle`]. What waits, waits in the router, the most urgent first: here is only what is in flight
    /// ([`max_in_flight`](Subscription::max_in_flight)).
    ///
    /// ```no_run
    /// # async fn work(event: &gadugi_router::client::Event) -> std::io::Result<()> { Ok(()) }
    /// # async fn example(client: gadugi_router::client::Client) -> Result<(), gadugi_router::client::Error> {
    /// use gadugi_router::client::Subscription;
    ///
    /// let mut tasks = client.deliveries(Subscription::new(["task.*"]).durable("worker")).await?;
    /// while let Some(delivery) = tasks.recv().await {
    ///     match work(&delivery.event).await {
    ///         Ok(()) => delivery.ack(),
    ///         Err(error) => delivery.nack(error),
    ///     };
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As there.
    pub async fn deliveries(&self, wanted: Subscription) -> Result<Deliveries, Error> {
        let wanted = wanted.checked(true)?;
        let inbox = Arc::new(Inbox::new(Arc::clone(&self.0.intake)));
        let deliveries = Deliveries::new(Arc::clone(&inbox), Arc::clone(&self.0));
        self.fill(inbox, wanted).await.map(|()| deliveries)
    }

    async fn fill(&self, inbox: Arc<Inbox>, wanted: Wanted) -> Result<(), Error> {
        let (confirm, confirmed) = oneshot::channel();
        let (id, wanted, taker) = (inbox.id, Box::new(wanted), Taker::Stream(inbox));
        self.0.ask(Ask::Subscribe { id, wanted, taker, confirm }, confirmed).await
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
            if self.0.asks.send(Ask::Close { by: in_future(within), done }).await.is_ok() {
                // If it ended in another way, it has ended.
                drop(closed.await);
            }
        };
        if timeout(within.saturating_add(LAST_WORDS), close).await.is_err() {
            self.0.task.abort();
        }
    }
}
