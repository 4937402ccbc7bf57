//! `replay --to-url`: what was stored here is published there.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::{Map, Value};

use super::super::failure::{Failure, UNAVAILABLE, USAGE};
use super::super::output::{Output, count, plain};
use crate::client::{Address, Arrival, Client, Error, Event, NewEvent, Overflow, Pending};
use crate::protocol::Time;

/// Events that are published and not answered; one answer after the other would make each wait for the way there and back.
const UNDER_WAY: usize = 256;
/// For the last words on the wire.
const FAREWELL: Duration = Duration::from_secs(5);

/// Another router, and what it was given.
pub(super) struct Forward {
    client: Client,
    url: String,
    pending: VecDeque<(Pending, Option<u64>)>,
    copied: u64,
    /// The number, here, of the last one that the other router has.
    last: Option<u64>,
}

impl Forward {
    /// Connects to the router at this address, which is not the one that is read.
    pub async fn to(url: &str, from: &Address) -> Result<Self, Failure> {
        let address: Address = url.parse().map_err(|error| failed(USAGE, &error))?;
        if address.to_string() == from.to_string() {
            let text = format!("{url} is the router that is replayed: a copy of everything would never end");
            return Err(Failure::new(USAGE, "usage", text));
        }
        let builder = Client::builder(url).software("gadugi-routerctl").overflow(Overflow::Wait);
        let client = builder.connect().await.map_err(|error| failed(UNAVAILABLE, &error))?;
        Ok(Self { client, url: url.to_owned(), pending: VecDeque::new(), copied: 0, last: None })
    }

    /// Publishes an event as it is: with its id, its source and its time.
    pub async fn take(&mut self, arrival: &Arrival) -> Result<(), Failure> {
        while self.pending.len() >= UNDER_WAY {
            self.settle().await?;
        }
        let pending =
            self.client.enqueue(as_it_is(&arrival.event)).map_err(|error| self.not_taken(&error))?;
        self.pending.push_back((pending, arrival.sequence));
        Ok(())
    }

    /// Waits for all answers, and says what was copied.
    pub async fn finish(mut self, out: &mut Output) -> Result<(), Failure> {
        while !self.pending.is_empty() {
            self.settle().await?;
        }
        self.client.close(FAREWELL).await;
        if out.json {
            let told = BTreeMap::from([
                ("copied", Value::from(self.copied)),
                ("last_sequence", self.last.into()),
                ("to", self.url.into()),
            ]);
            return out.json_line(&told);
        }
        out.line(format_args!("{} copied to {}", count(self.copied, "event"), plain(&self.url)))
    }

    async fn settle(&mut self) -> Result<(), Failure> {
        let Some((pending, sequence)) = self.pending.pop_front() else { return Ok(()) };
        pending.await.map_err(|error| self.not_taken(&error))?;
        self.copied += 1;
        self.last = sequence.or(self.last);
        Ok(())
    }

    fn not_taken(&self, error: &Error) -> Failure {
        let copied = count(self.copied, "event");
        let next = match self.last {
            Some(last) => format!("{copied} copied before it; go on with --from-sequence {}", last + 1),
            None => "nothing was copied before it".to_owned(),
        };
        let text = format!("{} does not take all: {}; {next}", plain(&self.url), plain(&error.to_string()));
        Failure::new(UNAVAILABLE, "not_taken", text)
    }
}

fn failed(code: u8, error: &Error) -> Failure {
    let kind = if code == USAGE { "usage" } else { "unavailable" };
    Failure::new(code, kind, plain(&error.to_string()))
}

fn as_it_is(event: &Event) -> NewEvent {
    let mut metadata = match serde_json::to_value(&event.metadata) {
        Ok(Value::Object(fields)) => fields,
        // A struct of texts is an object.
        _ => Map::new(),
    };
    metadata.retain(|_, value| !value.is_null());
    NewEvent {
        id: Some(event.id.clone()),
        topic: event.topic.clone(),
        kind: event.kind,
        priority: event.priority,
        source: Some(event.source.clone()),
        target: event.target.clone(),
        payload: Some(event.payload.clone()),
        metadata,
        timestamp: Time::parse(&event.timestamp),
    }
}
