//! Requests that wait for their replies. Both are events: a correlation id says what belongs together, and a header of
//! the request names the topic that its sender alone subscribes to.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use super::{Error, Event, NewEvent};

/// The header where a request says where its reply is to go.
const REPLY_TO: &str = "reply-to";
/// The header where a reply says how it went.
const STATUS: &str = "reply-status";
const FAILED: &str = "error";

/// The requests of one client that wait.
#[derive(Debug)]
pub(super) struct Replies {
    /// Where they go.
    pub topic: String,
    waiting: Mutex<HashMap<String, oneshot::Sender<Event>>>,
}

/// One of them; dropping it ends the waiting.
#[derive(Debug)]
pub(super) struct Waiting<'r> {
    replies: &'r Replies,
    correlation_id: String,
    reply: oneshot::Receiver<Event>,
}

impl Replies {
    pub fn new() -> Self {
        Self { topic: format!("reply.{}", Uuid::new_v4()), waiting: Mutex::default() }
    }

    /// Makes a request of an event, and waits from now on.
    pub fn expect(&self, request: &mut NewEvent, changed: &Notify) -> Waiting<'_> {
        let correlation_id = Uuid::new_v4().to_string();
        let (sender, reply) = oneshot::channel();
        self.lock().insert(correlation_id.clone(), sender);
        // The reply may be behind what is not read now.
        changed.notify_one();
        request.metadata.insert("correlation_id".to_owned(), json!(correlation_id));
        let headers = request.metadata.entry("headers").or_insert_with(|| json!({}));
        if let Some(headers) = headers.as_object_mut() {
            headers.insert(REPLY_TO.to_owned(), json!(self.topic));
        }
        Waiting { replies: self, correlation_id, reply }
    }

    /// Whether somebody waits.
    pub fn are_awaited(&self) -> bool {
        !self.lock().is_empty()
    }

    /// Something came to the topic of replies. What nobody waits for any more is nobody's.
    pub fn came(&self, reply: Event) {
        let waiting = reply.metadata.correlation_id.as_ref().and_then(|id| self.lock().remove(id));
        if let Some(waiting) = waiting {
            // Who asked may have gone this moment.
            drop(waiting.send(reply));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Event>>> {
        // Nothing that could panic happens under the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting<'_> {
    /// The reply, or what the responder has to say about its failure.
    pub async fn reply(&mut self) -> Result<Event, Error> {
        let reply = (&mut self.reply).await.map_err(|_| Error::Ended)?;
        if reply.metadata.headers.get(STATUS).is_some_and(|status| status == FAILED) {
            let said = reply
                .read::<Failure>()
                .map_or_else(|_| reply.payload.get().to_owned(), |failure| failure.error);
            return Err(Error::ResponderFailed(said));
        }
        Ok(reply)
    }

    /// Whether it is there already.
    pub fn is_over(&self) -> bool {
        !self.replies.lock().contains_key(&self.correlation_id)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.replies.lock().remove(&self.correlation_id);
    }
}

#[derive(serde::Deserialize)]
struct Failure {
    error: String,
}

/// The event that replies to a request, without what it says; none if the request wants no reply.
pub(super) fn reply_to(request: &Event, failed: bool) -> Option<NewEvent> {
    let topic = request.metadata.headers.get(REPLY_TO)?;
    let status = if failed { FAILED } else { "ok" };
    Some(
        NewEvent::new(topic)
            .priority(request.priority)
            .metadata("correlation_id", request.metadata.correlation_id.clone())
            .metadata("causation_id", request.id.clone())
            .metadata("headers", json!({ STATUS: status })),
    )
}

/// What a responder's failure says.
pub(super) fn failure(text: &str) -> serde_json::Value {
    json!({ "error": text })
}
