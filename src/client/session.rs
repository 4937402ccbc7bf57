//! One connection as the client's task sees it: what it has, what was asked on it, and which answer belongs to what.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use super::features::Features;
use super::{Connection, Error, Message, Refusal, Subscribed, request};
use crate::protocol::{Health, Subscription};

/// What a router of part 1 says about a subscription that it does not take.
const NO_SUBSCRIPTION: &str = "Failed to subscribe:";

/// Whoever waits to hear that a subscription was made.
pub(super) type Confirmation = oneshot::Sender<Result<(), Error>>;
/// Whoever waits to hear how the router is.
pub(super) type HealthAnswer = oneshot::Sender<Result<Health, Error>>;

/// A connection and the questions that are open on it.
pub(super) struct Session {
    pub connection: Connection,
    pub features: Features,
    /// When the connection was complete: everything is subscribed again.
    pub complete_since: Option<Instant>,
    /// Until when that has to be so.
    pub complete_by: Instant,
    was_reading: bool,
    subscribing: VecDeque<Subscribing>,
    health: VecDeque<HealthAnswer>,
    numbers: u64,
}

/// A subscription that the router has not answered to.
pub(super) struct Subscribing {
    pub id: Uuid,
    /// None when it is made again.
    pub confirm: Option<Confirmation>,
    name: String,
}

impl Session {
    pub fn new(connection: Connection, answer_timeout: Duration) -> Self {
        Self {
            features: Features::of(&connection),
            connection,
            complete_since: None,
            complete_by: Instant::now() + answer_timeout,
            was_reading: true,
            subscribing: VecDeque::new(),
            health: VecDeque::new(),
            numbers: 0,
        }
    }

    /// Whether subscriptions are under way.
    pub fn is_subscribing(&self) -> bool {
        !self.subscribing.is_empty()
    }

    /// Whether somebody waits for an answer to something else than a publish.
    pub fn awaits_answers(&self) -> bool {
        self.is_subscribing() || !self.health.is_empty()
    }

    /// Asks for events.
    pub async fn subscribe(
        &mut self,
        id: Uuid,
        wanted: &Subscription,
        confirm: Option<Confirmation>,
    ) -> Result<(), Error> {
        self.numbers += 1;
        // Publishes are called by numbers alone.
        let name = format!("s{}", self.numbers);
        let text = request::subscribe(wanted, self.features.request_id.then_some(&name));
        self.subscribing.push_back(Subscribing { id, confirm, name });
        self.connection.feed_text(text.map_err(|error| Error::Invalid(error.to_string()))?).await
    }

    /// Wants no more events. How the router answers makes no difference.
    pub async fn unsubscribe(&mut self, name: Uuid) -> Result<(), Error> {
        let text = request::unsubscribe(name).map_err(|error| Error::Invalid(error.to_string()))?;
        self.connection.feed_text(text).await
    }

    /// Asks how the router is.
    pub async fn ask_health(&mut self, answer: HealthAnswer) -> Result<(), Error> {
        self.health.push_back(answer);
        self.connection.feed(&super::Request::GetHealth).await
    }

    /// Whose subscription was made.
    pub fn subscribed(&mut self, subscribed: &Subscribed) -> Option<Subscribing> {
        self.answered(subscribed.request_id.as_deref())
    }

    /// Whose subscription was refused; none if the error is about something else.
    pub fn refused(&mut self, refusal: &Refusal) -> Option<Subscribing> {
        if !self.features.request_id && !refusal.error.starts_with(NO_SUBSCRIPTION) {
            return None;
        }
        self.answered(refusal.request_id.as_deref())
    }

    /// How the router is.
    pub fn health(&mut self, health: Health) {
        if let Some(answer) = self.health.pop_front() {
            // Who asked may have gone.
            drop(answer.send(Ok(health)));
        }
    }

    /// Waits for what comes; without `reading`, only to let the router know that this client is there.
    pub async fn receive(&mut self, reading: bool) -> Result<Message, Error> {
        if reading && !self.was_reading {
            self.connection.listening_again();
        }
        self.was_reading = reading;
        if reading {
            return self.connection.receive().await;
        }
        match self.connection.idle().await {
            Err(error) => Err(error),
            Ok(()) => Err(Error::NotConnected),
        }
    }

    /// The connection has ended. Whoever waits is answered: subscriptions are made on the next one.
    pub fn end(self) -> Connection {
        for confirm in self.subscribing.into_iter().filter_map(|subscribing| subscribing.confirm) {
            drop(confirm.send(Ok(())));
        }
        for answer in self.health {
            drop(answer.send(Err(Error::NotConnected)));
        }
        self.connection
    }

    /// Routers without request ids answer in order.
    fn answered(&mut self, request_id: Option<&str>) -> Option<Subscribing> {
        if !self.features.request_id {
            return self.subscribing.pop_front();
        }
        let at = self.subscribing.iter().position(|open| Some(&*open.name) == request_id)?;
        self.subscribing.remove(at)
    }
}
