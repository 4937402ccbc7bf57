//! Those who publish, and those who subscribe.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::super::failure::{Failure, NO_ANSWER, UNAVAILABLE};
use super::super::output::plain;
use super::super::pace::Pace;
use super::super::publish::{self, Turn, UNANSWERED};
use super::super::wire;
use super::books::Books;
use super::{Level, Plan};
use crate::client::{Arrival, Connection, Message, NewEvent, Published, Request};
use crate::protocol::reply::Status;
use crate::protocol::{Priority, PublishOptions, Receipt, Subscription};

/// How long the router may be silent before what is missing counts as lost.
const SILENCE: Duration = Duration::from_secs(5);

/// What the runtime's timer may be late by itself: an event that is sent within it was sent when it was due.
const TIMER: Duration = Duration::from_millis(2);

/// When a publisher has sent enough.
#[derive(Clone, Copy)]
pub(super) enum Until {
    Count(u64),
    Time(Duration),
}

/// A connection that publishes.
pub(super) struct Publisher {
    connection: Connection,
    plan: Rc<Plan>,
    books: Rc<RefCell<Books>>,
    until: Until,
    rate: Option<f64>,
    event: NewEvent,
    options: PublishOptions,
    sent: u64,
    answered: u64,
}

impl Publisher {
    pub fn new(
        connection: Connection,
        plan: Rc<Plan>,
        books: Rc<RefCell<Books>>,
        until: Until,
        rate: Option<f64>,
    ) -> Self {
        // An event counts as published when it is matched: nothing can be lost any more that no gap tells of.
        let receipt = if connection.has("receipt") { Receipt::Dispatched } else { Receipt::Queued };
        let options = PublishOptions { receipt, ..PublishOptions::default() };
        let event = NewEvent::new(plan.topic.as_str());
        Self { connection, plan, books, until, rate, event, options, sent: 0, answered: 0 }
    }

    /// Sends everything, and waits for all answers.
    pub async fn run(mut self, begun: Instant) -> Result<(), Failure> {
        // Who falls behind makes up for all of it; otherwise a slow router would be asked for less than was said.
        let mut pace = Pace::new(self.rate, Duration::MAX);
        loop {
            let enough = match self.until {
                Until::Count(count) => self.sent >= count,
                Until::Time(time) => begun.elapsed() >= time,
            };
            let unanswered = self.sent - self.answered;
            if enough && unanswered == 0 {
                self.connection.close().await;
                return Ok(());
            }
            let may_send = !enough && unanswered < UNANSWERED;
            match publish::turn(&mut self.connection, may_send, pace.wait()).await.map_err(wire::failed)? {
                Turn::Next(()) => self.publish(pace.next()).await?,
                Turn::Heard(message) => self.hear(message)?,
                Turn::OutOfTime => return Err(publish::out_of_time(unanswered, self.sent)),
            }
        }
    }

    async fn publish(&mut self, due: Instant) -> Result<(), Failure> {
        let now = Instant::now();
        let due = if now.saturating_duration_since(due) < TIMER { now } else { due };
        self.event.priority = match self.plan.level {
            Level::One(priority) => priority,
            Level::Mixed => Priority::new(self.sent % Priority::LEVELS as u64 + 1).unwrap_or_default(),
        };
        self.event.payload = Some(self.plan.payload(due)?);
        self.sent += 1;
        let request = Request::Publish { event: &self.event, options: self.options, request_id: None };
        self.connection.feed(&request).await.map_err(wire::failed)
    }

    fn hear(&mut self, message: Message) -> Result<(), Failure> {
        let reason = match message {
            Message::Published(Published { status: Status::Queued, .. }) => None,
            Message::Published(published) => Some(published.reason.unwrap_or_default()),
            Message::Error(refusal) => Some(refusal.code.unwrap_or(refusal.error)),
            _ => return Ok(()),
        };
        self.answered += 1;
        let mut books = self.books.borrow_mut();
        match reason {
            None => books.accepted += 1,
            Some(reason) => *books.not_taken.entry(reason).or_default() += 1,
        }
        Ok(())
    }
}

/// What an event says. The rest of it makes up its size.
#[derive(Deserialize)]
struct Payload {
    /// When it was due, in nanoseconds.
    t: u64,
}

impl Plan {
    fn payload(&self, due: Instant) -> Result<Box<RawValue>, Failure> {
        let head = format!(r#"{{"t":{},"pad":""#, due.duration_since(self.origin).as_nanos());
        let pad = self.size.saturating_sub(head.len() + 2);
        RawValue::from_string(head + &"x".repeat(pad) + r#""}"#)
            .map_err(|error| Failure::output(error.into()))
    }
}

/// A connection that subscribes.
pub(super) struct Subscriber {
    connection: Connection,
    plan: Rc<Plan>,
    books: Rc<RefCell<Books>>,
    /// How many events there were, when all are published.
    ended: watch::Receiver<Option<u64>>,
    seen: u64,
}

impl Subscriber {
    /// Subscribes.
    pub async fn new(
        mut connection: Connection,
        plan: Rc<Plan>,
        books: Rc<RefCell<Books>>,
        ended: watch::Receiver<Option<u64>>,
    ) -> Result<Self, Failure> {
        let subscription = Subscription { topics: vec![plan.topic.clone()], ..Subscription::default() };
        connection.send(&Request::Subscribe(&subscription)).await.map_err(wire::failed)?;
        loop {
            match timeout(SILENCE, connection.receive()).await {
                Ok(Ok(Message::Subscribed(_))) => break,
                Ok(Ok(Message::Error(refusal))) => {
                    let text = format!("the router refuses: {}", plain(&refusal.error));
                    return Err(Failure::new(UNAVAILABLE, "refused", text));
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(wire::failed(error)),
                Err(_) => {
                    let text = "the router does not answer a subscription; look at its log";
                    return Err(Failure::new(NO_ANSWER, "no_answer", text));
                }
            }
        }
        Ok(Self { connection, plan, books, ended, seen: 0 })
    }

    /// Until all events have come or are accounted for, or nothing comes any more.
    pub async fn run(mut self) -> Result<(), Failure> {
        loop {
            let ended = *self.ended.borrow_and_update();
            let message = match ended {
                Some(all) if self.seen >= all => break,
                Some(_) => match timeout(SILENCE, self.connection.receive()).await {
                    Ok(message) => message,
                    Err(_) => break,
                },
                None => tokio::select! {
                    message = self.connection.receive() => message,
                    changed = self.ended.changed() => match changed {
                        Ok(()) => continue,
                        // Nobody publishes any more, and why is told elsewhere.
                        Err(_) => break,
                    },
                },
            };
            match message.map_err(wire::failed)? {
                Message::Event(delivery) => self.take(&delivery),
                Message::Gap(gap) => {
                    self.seen += gap.total();
                    self.books.borrow_mut().shed += gap.total();
                }
                _ => {}
            }
        }
        self.connection.close().await;
        Ok(())
    }

    fn take(&mut self, delivery: &Arrival) {
        // Somebody else's, on a topic that was named.
        let Ok(Payload { t }) = serde_json::from_str(delivery.event.payload.get()) else { return };
        self.seen += 1;
        let latency = self.plan.origin.elapsed().saturating_sub(Duration::from_nanos(t));
        self.books.borrow_mut().deliver(delivery.event.priority, latency);
    }
}
