//! What the model knows of events, clients and subscriptions.

use std::collections::BTreeMap;
use std::sync::Arc;

use gadugi_router::protocol::{Event, Priority, Subscription as Wanted};
use gadugi_router::router::{ClientKey, Close, Gap, Millis, Notice, Reason, Receipt, Settings};
use uuid::Uuid;

pub type ByPriority = [u64; Priority::LEVELS];

/// An accepted event that was not yet matched.
#[derive(Clone)]
pub struct Queued {
    pub event: Arc<Event>,
    pub deadline: Millis,
    pub receipt: Option<Receipt>,
}

/// A delivery that waits or is being written.
#[derive(Clone)]
pub struct Waiting {
    pub event: Arc<Event>,
    pub subscription: Uuid,
    pub deadline: Millis,
}

/// A lost event.
#[derive(Clone)]
pub struct Letter {
    pub event: Arc<Event>,
    pub reason: Reason,
    pub at: Millis,
    pub subscription: Option<Uuid>,
}

#[derive(Clone)]
pub struct Client {
    pub key: ClientKey,
    pub hello: bool,
    /// In the order in which they will be taken.
    pub waiting: Vec<Waiting>,
    /// In the order in which they were taken.
    pub taken: Vec<Waiting>,
    pub gaps: BTreeMap<Uuid, Gap>,
    pub notices: Vec<Notice>,
    pub close: Option<Close>,
    /// The last turn left nothing.
    pub idle: bool,
    /// The last turn had no room for events, and left some.
    pub starved: bool,
    /// Events that it said it still has to do.
    pub held: usize,
    /// Its connection must have been woken since its last turn.
    pub due: bool,
    /// Its connection may be woken in this step.
    pub wakeable: bool,
    pub next_number: u32,
}

#[derive(Clone)]
pub struct Subscription {
    pub id: Uuid,
    pub number: u32,
    pub client: ClientKey,
    pub wanted: Wanted,
    /// The event that its group last gave it.
    pub chosen: u64,
}

/// What matched a subscription, for clients that are told of all that they do not get.
#[derive(Clone)]
pub struct Account {
    pub client: ClientKey,
    pub matched: ByPriority,
}

/// What a turn gives.
pub struct Taken {
    pub deliveries: Vec<Waiting>,
    pub notices: Vec<Notice>,
    pub close: Option<Close>,
}

impl Client {
    pub fn new(key: ClientKey) -> Self {
        Self {
            key,
            hello: false,
            waiting: Vec::new(),
            taken: Vec::new(),
            gaps: BTreeMap::new(),
            notices: Vec::new(),
            close: None,
            idle: false,
            starved: false,
            held: 0,
            due: false,
            wakeable: false,
            next_number: 1,
        }
    }

    pub fn len(&self) -> usize {
        self.waiting.len() + self.taken.len()
    }

    pub fn bytes(&self) -> usize {
        self.waiting.iter().chain(&self.taken).map(|waiting| waiting.event.size()).sum()
    }

    pub fn has_room(&self, bytes: usize, settings: &Settings) -> bool {
        self.len() < settings.outbox_events && self.bytes() + bytes <= settings.outbox_size
    }

    /// Behind all that is at least as important.
    pub fn push(&mut self, waiting: Waiting) {
        let priority = waiting.event.priority();
        let place = self.waiting.iter().take_while(|other| other.event.priority() >= priority).count();
        self.waiting.insert(place, waiting);
    }

    /// Behind only what is more important.
    pub fn push_front(&mut self, waiting: Waiting) {
        let priority = waiting.event.priority();
        let place = self.waiting.iter().take_while(|other| other.event.priority() > priority).count();
        self.waiting.insert(place, waiting);
    }

    /// Something is there that its connection should fetch.
    pub fn has_work(&self) -> bool {
        !self.waiting.is_empty() || !self.gaps.is_empty() || !self.notices.is_empty() || self.close.is_some()
    }

    /// Something concerns it.
    pub fn touch(&mut self) {
        self.wakeable |= self.idle;
        self.due |= self.idle && self.has_work();
    }

    /// It is to be told something, which also one that wants no events now must fetch.
    pub fn tell(&mut self) {
        self.touch();
        self.wakeable |= self.starved;
        self.due |= self.starved;
    }
}
