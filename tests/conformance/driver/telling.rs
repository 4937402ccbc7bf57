//! What happens, as lines of JSON.

use std::io::{self, Write};
use std::sync::Arc;

use gadugi_router::client::{Error, Event, Notice, Published, State};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::sync::{broadcast, watch};

use super::Done;

#[derive(Serialize)]
struct Answer<'a> {
    id: u64,
    ok: &'a RawValue,
}

#[derive(Serialize)]
struct Came<'a> {
    client: &'a str,
    sub: &'a str,
    event: &'a Event,
}

/// One line. Whoever reads them may be gone, at the end of a test.
pub fn say(line: &impl Serialize) {
    let Ok(text) = serde_json::to_string(line) else { return };
    let mut stdout = io::stdout().lock();
    if writeln!(stdout, "{text}").and_then(|()| stdout.flush()).is_err() {
        std::process::exit(0);
    }
}

/// What a command came to.
pub fn answer(id: u64, done: Done) {
    match done {
        Ok(ok) => say(&Answer { id, ok: &ok }),
        Err(error) => say(&json!({"id": id, "error": self::error(&error)})),
    }
}

/// An event, as it was handed out.
pub fn event(client: &str, sub: &str, event: &Event) {
    say(&Came { client, sub, event });
}

/// An error, with the word that both SDKs' drivers have for it.
pub fn error(error: &Error) -> Value {
    json!({"kind": kind(error), "code": code(error), "text": error.to_string()})
}

fn code(error: &Error) -> Option<&str> {
    match error {
        Error::Answered { code, .. } => code.as_deref(),
        _ => None,
    }
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::TooManyClients { .. } => "max_clients",
        Error::Unauthorized { .. } => "unauthorized",
        Error::Answered { .. } | Error::Invalid(_) | Error::Json(_) => "refused",
        Error::Unsupported(_) => "unsupported",
        Error::BufferFull { .. } => "buffer_full",
        Error::NoResponders { .. } => "no_responders",
        Error::NoReply { .. } | Error::Late(_) => "timeout",
        Error::ResponderFailed(_) => "request_failed",
        Error::NotConnected => "not_connected",
        Error::Ended => "closed",
        _ => "unreachable",
    }
}

/// What became of an event. What is wrong with the event itself stays an error.
pub fn outcome(event_id: &str, result: Result<Published, Error>) -> Result<Value, Error> {
    let (status, reason) = match result {
        Ok(published) => return Ok(json!(published)),
        Err(Error::NotAccepted { status, reason, .. }) => (status.as_str(), reason),
        Err(Error::BufferFull { .. }) => ("dropped", "buffer_full".to_owned()),
        Err(Error::Expired { .. }) => ("dropped", "expired".to_owned()),
        Err(Error::Ended) => ("dropped", "closed".to_owned()),
        Err(error) => return Err(error),
    };
    Ok(json!({"event_id": event_id, "status": status, "reason": reason}))
}

/// The same for one of many: an error too is an outcome.
pub fn outcome_of_one(event_id: &str, result: Result<Published, Error>) -> Value {
    outcome(event_id, result).unwrap_or_else(|error| {
        json!({"event_id": event_id, "status": "rejected", "reason": code(&error).unwrap_or_else(|| kind(&error))})
    })
}

/// Tells of each state. Those that follow one another at once may be passed over.
pub async fn states(client: String, mut states: watch::Receiver<State>) {
    loop {
        let state = states.borrow_and_update().clone();
        let (name, because) = match state {
            State::Connecting => ("connecting", None),
            State::Connected { .. } => ("connected", None),
            State::Draining => ("draining", None),
            State::Reconnecting { because, .. } => ("reconnecting", Some(because)),
            State::Closed { because } => ("closed", because),
            _ => ("unknown", None),
        };
        let because = because.map(|because| error(&because));
        say(&json!({"client": client, "state": name, "because": because}));
        if name == "closed" || states.changed().await.is_err() {
            return;
        }
    }
}

/// Tells what the client tells its user beside what was asked for.
pub async fn notices(client: String, mut notices: broadcast::Receiver<Notice>) {
    while let Ok(notice) = notices.recv().await {
        match notice {
            Notice::Gap { gap, local } => {
                let told = json!({"subscription": gap.subscription_id.to_string(), "evicted": counts(&gap.evicted),
                    "expired": counts(&gap.expired), "lost": counts(&gap.lost), "local": local});
                say(&json!({"client": client, "gap": told}));
            }
            Notice::Replayed { subscription, .. } => {
                say(&json!({"client": client, "replayed": subscription.to_string()}));
            }
            Notice::NotPublished { event_id, because } => {
                let failed = match Arc::try_unwrap(because) {
                    Ok(error) => outcome_of_one(&event_id, Err(error)),
                    Err(shared) => {
                        json!({"event_id": &*event_id, "status": "rejected", "reason": kind(&shared)})
                    }
                };
                say(&json!({"client": client, "failed": failed}));
            }
            Notice::NotSubscribed { because, .. } => {
                say(&json!({"client": client, "problem": error(&because)}));
            }
            _ => {}
        }
    }
}

/// By priority, without those that are nought.
fn counts(all: &[u64]) -> Map<String, Value> {
    let numbered = (1_u8..).zip(all).filter(|(_, count)| **count > 0);
    numbered.map(|(priority, count)| (priority.to_string(), json!(count))).collect()
}
