//! Commands about subscriptions. A handler is a task that takes one event after the other.

use std::time::Duration;

use gadugi_router::client::{Deliveries, Error, Event, Events, Nack, Subscription};
use gadugi_router::protocol::Start;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use uuid::Uuid;

use super::command::{Command, Wanted};
use super::{Done, Driver, done, locked, publishing, telling};

/// A subscription and its handler.
pub struct Receiver {
    id: Uuid,
    open: watch::Sender<bool>,
    task: AbortHandle,
}

/// How a handler is to be.
struct Handling {
    client: String,
    sub: String,
    time: Duration,
    brief: bool,
    open: watch::Receiver<bool>,
}

#[derive(Deserialize)]
struct Numbered {
    n: Option<i64>,
    /// How many attempts are to fail.
    fails: Option<u64>,
}

impl Driver {
    pub async fn subscribe(&self, command: Command) -> Done {
        let client = self.client(&command.client)?;
        let wanted = command.wanted.ok_or_else(|| Error::Invalid("no subscription".to_owned()))?;
        let open = watch::Sender::new(!command.held);
        let handling = Handling {
            client: command.client.clone(),
            sub: command.sub.clone(),
            time: Duration::from_millis(command.handler_ms),
            brief: command.brief,
            open: open.subscribe(),
        };
        let (id, task) = if wanted.ack {
            let deliveries = client.deliveries(subscription(wanted)?).await?;
            (deliveries.id(), tokio::spawn(handling.acknowledge(deliveries)).abort_handle())
        } else {
            let events = client.subscribe(subscription(wanted)?).await?;
            (events.id(), tokio::spawn(handling.run(events)).abort_handle())
        };
        locked(&self.receivers).insert((command.client, command.sub), Receiver { id, open, task });
        done(&json!({"id": id.to_string()}))
    }

    pub fn release(&self, command: &Command) -> Done {
        self.with_receiver(command, |receiver| receiver.open.send_replace(true))?;
        done(&())
    }

    pub fn unsubscribe(&self, command: &Command) -> Done {
        self.with_receiver(command, |receiver| receiver.task.abort())?;
        done(&true)
    }

    pub fn subscription_id(&self, command: &Command) -> Done {
        done(&self.with_receiver(command, |receiver| receiver.id.to_string())?)
    }

    fn with_receiver<T>(&self, command: &Command, then: impl FnOnce(&Receiver) -> T) -> Result<T, Error> {
        let key = (command.client.clone(), command.sub.clone());
        let receivers = locked(&self.receivers);
        receivers
            .get(&key)
            .map(then)
            .ok_or_else(|| Error::Invalid(format!("no such subscription: {}", key.1)))
    }
}

impl Handling {
    async fn run(self, mut events: Events) {
        while let Some(event) = events.recv().await {
            self.work(&event).await;
        }
    }

    async fn acknowledge(self, deliveries: Deliveries) {
        let handle = async |event: Event| {
            self.work(&event).await;
            let fails = event.read::<Numbered>().ok().and_then(|payload| payload.fails);
            match event.delivery_attempts <= fails.unwrap_or(0) {
                true => Err(Nack::new("told to").after(Duration::ZERO)),
                false => Ok(()),
            }
        };
        deliveries.handle(handle).await;
    }

    async fn work(&self, event: &Event) {
        if self.open.clone().wait_for(|open| *open).await.is_err() {
            return;
        }
        if !self.time.is_zero() {
            sleep(self.time).await;
        }
        if self.brief {
            let number = event.read::<Numbered>().ok().and_then(|payload| payload.n);
            let brief = (number, event.priority.get());
            telling::say(&json!({"client": self.client, "sub": self.sub, "brief": brief}));
        } else {
            telling::event(&self.client, &self.sub, event);
        }
    }
}

fn subscription(wanted: Wanted) -> Result<Subscription, Error> {
    let mut made = Subscription::new(wanted.topics).types(wanted.types).sources(wanted.sources);
    if let Some(level) = wanted.min_priority {
        made = made.min_priority(publishing::priority(level)?);
    }
    if let Some(targets) = wanted.targets {
        made = made.targets(targets);
    }
    if let Some(group) = wanted.group {
        made = made.group(group);
    }
    if let Some(name) = wanted.durable {
        made = made.durable(name);
    }
    if let Some(events) = wanted.max_in_flight {
        made = made.max_in_flight(events);
    }
    if let Some(timeout) = wanted.ack_timeout_ms {
        made = made.ack_timeout(Duration::from_millis(timeout));
    }
    if let Some(retries) = wanted.max_retries {
        made = made.max_retries(retries);
    }
    let start = wanted.from_sequence.map(Start::Sequence).or(wanted.last.map(Start::Last));
    Ok(start.into_iter().fold(made, Subscription::from))
}
