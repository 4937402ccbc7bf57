//! Deliveries as they come for one subscription that acknowledges.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::{Stream, StreamExt};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::client::Handle;
use super::inbox::Inbox;
use super::owner::Ask;
use super::{Delivery, Error, Event, Nack};

/// The deliveries of one subscription, the most urgent first. It ends when the client is closed. Dropping it unsubscribes,
/// and gives back what has come and is not acknowledged.
///
/// It stays the same over all reconnections, and it is a handle of the client: the connection is kept while it lives.
#[derive(Debug)]
pub struct Deliveries {
    inbox: Arc<Inbox>,
    handle: Arc<Handle>,
}

impl Deliveries {
    pub(super) fn new(inbox: Arc<Inbox>, handle: Arc<Handle>) -> Self {
        Self { inbox, handle }
    }

    /// The subscription's name, which stays the same whatever the router calls it on each connection.
    pub fn id(&self) -> Uuid {
        self.inbox.id
    }

    /// The next delivery; none when the client is closed. Nothing is lost if this is cancelled.
    pub async fn recv(&mut self) -> Option<Delivery> {
        self.next().await
    }

    /// Calls a function with each event, until the client is closed. An event is done when the function returns Ok; when it
    /// returns an error, the event is delivered again. As many calls run at a time as may be in flight.
    ///
    /// All calls are part of this future: dropped with it, they are given back, and so is the event of a call that panics.
    /// The function spawns what is to use several threads.
    ///
    /// ```no_run
    /// # async fn work(event: &gadugi_router::client::Event) -> std::io::Result<()> { Ok(()) }
    /// # async fn example(client: gadugi_router::client::Client) -> Result<(), gadugi_router::client::Error> {
    /// use gadugi_router::client::Subscription;
    ///
    /// let tasks = Subscription::new(["task.*"]).group("workers").max_in_flight(4);
    /// client.deliveries(tasks).await?.handle(async |event| work(&event).await).await;
    /// # Ok(()) }
    /// ```
    pub async fn handle<F, T, E>(self, function: F)
    where
        F: Fn(Event) -> T,
        T: Future<Output = Result<(), E>>,
        E: Into<Nack>,
    {
        self.for_each_concurrent(None, |Delivery { event, hold, .. }| {
            let work = function(event);
            async move {
                // What is said after a lost connection, the router does not wait for.
                match work.await {
                    Ok(()) => hold.ack(),
                    Err(error) => hold.nack(&error.into()),
                };
            }
        })
        .await;
    }

    /// Ends a durable subscription itself: the router forgets its name, and what has not been delivered.
    ///
    /// # Errors
    /// If there is no connection now or no answer in time, or others are subscribed by that name: then it is only left.
    pub async fn forget(self) -> Result<(), Error> {
        let (sender, forgotten) = oneshot::channel();
        self.handle.ask(Ask::Forget { id: self.inbox.id, answer: sender }, forgotten).await
    }
}

impl Stream for Deliveries {
    type Item = Delivery;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        loop {
            let Some(waiting) = ready!(self.inbox.poll_pop(cx)) else { return Poll::Ready(None) };
            // Without a name nobody could acknowledge it.
            if let Some(hold) = waiting.hold {
                let (event, sequence) = (waiting.arrival.event, waiting.arrival.sequence);
                return Poll::Ready(Some(Delivery { event, sequence, hold }));
            }
        }
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        self.inbox.abandon();
    }
}
