//! An event on its way to the router, and whoever waits for what becomes of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;
use uuid::Uuid;

use super::{Error, NewEvent, Published};
use crate::protocol::{Priority, PublishOptions, Time};

/// What became of an event; dropping it changes nothing about that.
#[derive(Debug)]
pub struct Pending {
    pub(super) event_id: Arc<str>,
    answer: oneshot::Receiver<Result<Published, Error>>,
}

impl Pending {
    /// Which event.
    pub fn event_id(&self) -> &str {
        &self.event_id
    }
}

impl Future for Pending {
    type Output = Result<Published, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Whoever could have answered is gone with the last handle.
        Pin::new(&mut self.answer).poll(cx).map(|answer| answer.unwrap_or(Err(Error::Ended)))
    }
}

/// An event that is to be sent, or was and is not answered.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub event_id: Arc<str>,
    pub event: Box<RawValue>,
    pub priority: Priority,
    pub options: PublishOptions,
    /// Do without the wishes if the router does not have them.
    pub is_modest: bool,
    /// When its time is over.
    pub deadline: Option<Instant>,
    /// It is sent also when nobody waits for the answer any more.
    pub is_detached: bool,
    /// Its room where events wait, which is somebody else's when it is sent.
    pub room: Option<[OwnedSemaphorePermit; 2]>,
    answer: oneshot::Sender<Result<Published, Error>>,
}

impl Outgoing {
    /// Names the event, and writes it.
    ///
    /// # Errors
    /// If it is no JSON.
    pub fn new(
        mut event: NewEvent,
        options: PublishOptions,
        source: Option<&str>,
    ) -> Result<(Self, Pending), Error> {
        let event_id: Arc<str> = event.id.get_or_insert_with(|| Uuid::new_v4().to_string()).as_str().into();
        event.timestamp.get_or_insert_with(now);
        if event.source.is_none() {
            event.source = source.map(str::to_owned);
        }
        let (sender, answer) = oneshot::channel();
        let outgoing = Self {
            event_id: Arc::clone(&event_id),
            event: to_raw_value(&event).map_err(Error::Json)?,
            priority: event.priority,
            options,
            is_modest: false,
            deadline: options.ttl_ms.map(|ttl| Instant::now() + Duration::from_millis(ttl)),
            is_detached: false,
            room: None,
            answer: sender,
        };
        Ok((outgoing, Pending { event_id, answer }))
    }

    /// How long it is.
    pub fn size(&self) -> usize {
        self.event.get().len()
    }

    /// Whether somebody wants it published.
    pub fn is_wanted(&self) -> bool {
        self.is_detached || !self.answer.is_closed()
    }

    /// Tells whoever waits what became of it. What nobody heard comes back, if it is worth telling.
    pub fn settle(self, outcome: Result<Published, Error>) -> Option<(Arc<str>, Error)> {
        match self.answer.send(outcome) {
            Err(Err(error)) if self.is_detached => Some((self.event_id, error)),
            _ => None,
        }
    }

    /// What its publisher calls it, in errors.
    pub fn name(&self) -> String {
        self.event_id.as_ref().to_owned()
    }
}

fn now() -> Time {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time::from_micros(since_epoch.as_micros() as i64)
}
