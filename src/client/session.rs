//! One connection as the client's task sees it: what it has, what was asked on it, and which answer belongs to what.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use super::clock::in_future;
use super::features::Features;
use super::message::Unsubscribed;
use super::request::{self, Greeting};
use super::{Connection, Error, Options, Refusal, Subscribed, Token};
use crate::protocol::{Credit, Health, Subscription};

/// What a router of part 1 says about a subscription that it does not take.
const NO_SUBSCRIPTION: &str = "Failed to subscribe:";

/// Whoever waits to hear that a subscription was made.
pub(super) type Confirmation = oneshot::Sender<Result<(), Error>>;
/// Whoever waits to hear that a durable subscription has ended.
pub(super) type Forgotten = oneshot::Sender<Result<(), Error>>;
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
    token: Option<Token>,
    /// What the router was told anew that it may send, and has not answered to.
    anew: Option<Credit>,
    delivered: (u64, u64),
    subscribing: VecDeque<Subscribing>,
    forgetting: Vec<(String, Forgotten)>,
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
    pub fn new(connection: Connection, token: Option<Token>, answer_timeout: Duration) -> Self {
        Self {
            features: Features::of(&connection),
            connection,
            complete_since: None,
            complete_by: in_future(answer_timeout),
            token,
            anew: None,
            delivered: (0, 0),
            subscribing: VecDeque::new(),
            forgetting: Vec::new(),
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
        self.is_subscribing()
            || !self.forgetting.is_empty()
            || self.health.iter().any(|answer| !answer.is_closed())
    }

    /// Asks for events.
    pub fn subscribe(
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
        self.say(text)
    }

    /// Wants no more events. How the router answers makes no difference.
    pub fn unsubscribe(&mut self, name: Uuid) -> Result<(), Error> {
        self.connection.forget(name);
        self.say(request::unsubscribe(name))
    }

    /// A durable subscription is to end itself.
    pub fn forget(&mut self, name: Uuid, answer: Forgotten) -> Result<(), Error> {
        self.numbers += 1;
        let request_id = format!("f{}", self.numbers);
        let text = request::forget(name, &request_id);
        self.forgetting.push((request_id, answer));
        self.say(text)
    }

    /// It has ended.
    pub fn unsubscribed(&mut self, unsubscribed: &Unsubscribed) {
        if let Some(answer) = self.forgetting_as(unsubscribed.request_id.as_deref()) {
            drop(answer.send(Ok(())));
        }
    }

    /// Whether it was about one that was to end, which does not.
    pub fn not_forgotten(&mut self, refusal: &Refusal) -> bool {
        let answer = self.forgetting_as(refusal.request_id.as_deref());
        let Some(answer) = answer else { return false };
        let Refusal { code, error: text, .. } = refusal.clone();
        drop(answer.send(Err(Error::Answered { code, text })));
        true
    }

    fn forgetting_as(&mut self, request_id: Option<&str>) -> Option<Forgotten> {
        let at = self.forgetting.iter().position(|(name, _)| Some(&**name) == request_id)?;
        Some(self.forgetting.remove(at).1)
    }

    /// Asks how the router is.
    pub fn ask_health(&mut self, answer: HealthAnswer) -> Result<(), Error> {
        self.health.push_back(answer);
        self.say(super::Request::GetHealth.text())
    }

    /// Has room for more events.
    pub fn grant(&mut self, credit: Credit) -> Result<(), Error> {
        self.say(request::credit(credit))
    }

    /// Has less room than was granted. That is what `hello` is for, whose answer is behind all that was sent before it.
    pub fn begin_anew(&mut self, options: &Options, credit: Credit) -> Result<(), Error> {
        self.anew = Some(credit);
        let greeting = Greeting { token: self.token.as_ref(), credit: Some(credit) };
        self.say(request::hello(options, greeting))
    }

    pub fn is_beginning_anew(&self) -> bool {
        self.anew.is_some()
    }

    /// It was answered.
    pub fn begun_anew(&mut self) -> Option<Credit> {
        self.anew.take()
    }

    fn say(&mut self, text: serde_json::Result<String>) -> Result<(), Error> {
        self.connection.put(text.map_err(|error| Error::Invalid(error.to_string()))?);
        Ok(())
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
        // Who asked may have gone, and their question may have had no answer.
        while let Some(answer) = self.health.pop_front() {
            if !answer.is_closed() {
                drop(answer.send(Ok(health)));
                return;
            }
        }
    }

    /// How many deliveries have come since the last time, and how many bytes they were.
    pub fn spent(&mut self) -> (u64, u64) {
        let (events, bytes) = self.connection.delivered();
        let before = std::mem::replace(&mut self.delivered, (events, bytes));
        (events - before.0, bytes - before.1)
    }

    /// The connection has ended. Whoever waits is answered: subscriptions are made on the next one.
    pub fn end(self) -> Connection {
        for confirm in self.subscribing.into_iter().filter_map(|subscribing| subscribing.confirm) {
            drop(confirm.send(Ok(())));
        }
        for (_, answer) in self.forgetting {
            drop(answer.send(Err(Error::NotConnected)));
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
