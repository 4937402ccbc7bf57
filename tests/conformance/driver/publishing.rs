//! Commands that publish.

use std::time::Duration;

use gadugi_router::client::{Error, NewEvent, Pending};
use gadugi_router::protocol::{Priority, PublishOptions, Receipt};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::command::{Command, Connecting, Given};
use super::{Done, Driver, done, telling};

/// One of many that are under way.
enum Publishing {
    Enqueued(Pending),
    Waiting(JoinHandle<(String, Result<gadugi_router::client::Published, Error>)>),
}

impl Driver {
    pub async fn publish(&self, command: Command) -> Done {
        let client = self.client(&command.client)?;
        let given = command.event.ok_or_else(|| Error::Invalid("no event".to_owned()))?;
        let event = made(given)?;
        let id = event.id.clone().unwrap_or_default();
        let publish = client.publish_with(event, wishes(&command.options));
        let result = match command.options.timeout_ms.map(Duration::from_millis) {
            Some(within) => timeout(within, publish).await.unwrap_or(Err(Error::Late(within))),
            None => publish.await,
        };
        done(&telling::outcome(&id, result)?)
    }

    /// All of them, and then the answers. `wait`: each waits for room; else there has to be room for it at once.
    pub async fn publish_many(&self, command: Command) -> Done {
        let client = self.client(&command.client)?;
        let mut under_way = Vec::new();
        let levels = command.priorities.iter().copied().cycle();
        for (number, level) in (0..command.count).zip(levels) {
            let payload = match command.pad {
                0 => json!({"n": number}),
                pad => json!({"n": number, "pad": "x".repeat(pad)}),
            };
            let event = NewEvent::new(&command.topic).priority(priority(level)?).payload(&payload)?;
            under_way.push(if command.wait {
                let client = client.clone();
                Publishing::Waiting(tokio::spawn(async move {
                    let result = client.publish(event).await;
                    (result.as_ref().map_or_else(|_| String::new(), |taken| taken.event_id.clone()), result)
                }))
            } else {
                Publishing::Enqueued(client.enqueue(event)?)
            });
            if command.pace_ms > 0 {
                sleep(Duration::from_millis(command.pace_ms)).await;
            }
        }
        let mut results = Vec::new();
        for each in under_way {
            let (id, result) = match each {
                Publishing::Enqueued(pending) => (pending.event_id().to_owned(), pending.await),
                Publishing::Waiting(task) => task.await.unwrap_or((String::new(), Err(Error::Ended))),
            };
            results.push(json!([id, word(&telling::outcome_of_one(&id, result))]));
        }
        done(&results)
    }

    /// Nobody looks at the answers.
    pub fn publish_detached(&self, command: &Command) -> Done {
        let client = self.client(&command.client)?;
        let mut ids = Vec::new();
        for number in 0..command.count {
            let event = NewEvent::new(&command.topic).payload(&json!({"n": number}))?;
            ids.push(client.enqueue(event)?.event_id().to_owned());
        }
        done(&ids)
    }

    pub async fn publish_batch(&self, command: Command) -> Done {
        let client = self.client(&command.client)?;
        let events = command.events.into_iter().map(made).collect::<Result<Vec<_>, _>>()?;
        let results = client.publish_batch(events).await;
        done(&results.into_iter().map(|result| telling::outcome_of_one("", result)).collect::<Vec<_>>())
    }
}

/// `queued`, or `dropped/buffer_full` and the like.
fn word(outcome: &Value) -> String {
    let text = |name: &str| outcome[name].as_str().map(str::to_owned);
    match (text("status"), text("reason")) {
        (Some(status), Some(reason)) => format!("{status}/{reason}"),
        (status, _) => status.unwrap_or_default(),
    }
}

fn wishes(options: &Connecting) -> PublishOptions {
    let receipt = match options.receipt.as_deref() {
        Some("dispatched") => Receipt::Dispatched,
        _ => Receipt::Queued,
    };
    PublishOptions { ttl_ms: options.ttl_ms, receipt, mandatory: options.mandatory }
}

fn made(given: Given) -> Result<NewEvent, Error> {
    let mut event = NewEvent::new(given.topic);
    event.id = given.id;
    event.kind = given.kind.unwrap_or_default();
    event.payload = given.payload;
    if let Some(level) = given.priority {
        event.priority = priority(level)?;
    }
    event.target = given.target;
    event.source = given.source;
    event.metadata = given.metadata;
    Ok(event)
}

pub fn priority(level: u64) -> Result<Priority, Error> {
    Priority::new(level).ok_or_else(|| Error::Invalid(format!("{level} is no priority")))
}
