//! Request and reply, over events.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::super::outgoing::Outgoing;
use super::super::owner::Ask;
use super::super::table::Taker;
use super::super::{Error, Event, NewEvent, Published, Subscription, replies};
use super::Client;
use crate::protocol::{PublishOptions, Receipt};

impl Client {
    /// Publishes an event that wants a reply, and waits for the first one.
    ///
    /// ```no_run
    /// # async fn example(client: gadugi_router::client::Client) -> Result<(), gadugi_router::client::Error> {
    /// use gadugi_router::client::NewEvent;
    ///
    /// let question = NewEvent::new("math.add").payload(&[1, 2])?;
    /// let sum: i64 = client.request(question, std::time::Duration::from_secs(5)).await?.read()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If nobody subscribes to its topic, as far as the router can tell ([`Error::NoResponders`]), nobody replies in time,
    /// or whoever does says that it failed.
    pub async fn request(&self, request: NewEvent, within: Duration) -> Result<Event, Error> {
        let topic = request.topic.clone();
        match timeout(within, self.exchange(request, within)).await {
            Ok(reply) => reply,
            Err(_) => Err(Error::NoReply { topic, after: within }),
        }
    }

    /// Replies to a request. An event that wants no reply gets none.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub async fn reply(
        &self,
        request: &Event,
        payload: &(impl Serialize + Sync + ?Sized),
    ) -> Result<Option<Published>, Error> {
        self.send_reply(request, payload, false).await
    }

    /// Replies to a request that what it asks for has failed.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub async fn reply_failure(&self, request: &Event, why: &str) -> Result<Option<Published>, Error> {
        self.send_reply(request, &replies::failure(why), true).await
    }

    async fn send_reply(
        &self,
        request: &Event,
        payload: &(impl Serialize + ?Sized),
        failed: bool,
    ) -> Result<Option<Published>, Error> {
        let Some(reply) = replies::reply_to(request, failed) else { return Ok(None) };
        let reply = reply.payload(payload)?;
        self.publish(reply).await.map(Some)
    }

    async fn exchange(&self, mut request: NewEvent, within: Duration) -> Result<Event, Error> {
        self.0.takes_replies.get_or_try_init(|| self.take_replies()).await?;
        let topic = request.topic.clone();
        let mut waiting = self.0.replies.expect(&mut request, &self.0.intake.changed)?;
        // Nobody should work on a request that is not waited for any more.
        let ttl_ms = Some(within.as_millis().clamp(1, u128::from(u64::MAX)) as u64);
        let options = PublishOptions { ttl_ms, receipt: Receipt::Dispatched, mandatory: false };
        let (mut outgoing, pending) = Outgoing::new(request, options, &self.0.shape)?;
        outgoing.is_modest = true;
        let published = self.0.queue.add_when_room((outgoing, pending)).await?.await?;
        if published.matched == Some(0) && !waiting.is_over() {
            return Err(Error::NoResponders { topic });
        }
        waiting.reply().await
    }

    /// Subscribes to the topic where replies come to this client.
    async fn take_replies(&self) -> Result<(), Error> {
        let wanted = Box::new(Subscription::new([&self.0.replies.topic]).checked(false)?);
        let taker = Taker::Replies(Arc::clone(&self.0.replies));
        let (confirm, confirmed) = oneshot::channel();
        let id = self.0.replies.subscription;
        self.0.ask(Ask::Subscribe { id, wanted, taker, confirm }, confirmed).await
    }
}
