//! Events as they come for one subscription.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt};
use uuid::Uuid;

use super::Event;
use super::client::Handle;
use super::inbox::Inbox;

/// The events of one subscription, the most urgent first. It ends when the client is closed; dropping it unsubscribes.
///
/// It stays the same over all reconnections, and it is a handle of the client: the connection is kept while it lives.
#[derive(Debug)]
pub struct Events {
    inbox: Arc<Inbox>,
    _handle: Arc<Handle>,
}

impl Events {
    pub(super) fn new(inbox: Arc<Inbox>, handle: Arc<Handle>) -> Self {
        Self { inbox, _handle: handle }
    }

    /// The subscription's name, which stays the same whatever the router calls it on each connection.
    pub fn id(&self) -> Uuid {
        self.inbox.id
    }

    /// The next event; none when the client is closed. Nothing is lost if this is cancelled.
    ///
    /// ```no_run
    /// # async fn example(client: gadugi_router::client::Client) -> Result<(), gadugi_router::client::Error> {
    /// use gadugi_router::client::Subscription;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Task {
    ///     task_id: String,
    /// }
    /// let mut tasks = client.subscribe(Subscription::new(["task.*"]).group("workers")).await?;
    /// while let Some(event) = tasks.recv().await {
    ///     let task: Task = event.read()?;
    ///     println!("{}: {}", event.topic, task.task_id);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn recv(&mut self) -> Option<Event> {
        self.next().await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.inbox.poll_pop(cx).map(|waiting| waiting.map(|waiting| waiting.arrival.event))
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.inbox.abandon();
    }
}
