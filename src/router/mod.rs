//! The engine: ingress queue, subscription index, outboxes, groups, dispatch, dead letters, health.
//!
//! It knows no socket, no file, no operating system and no clock: every call that needs the time is told it,
//! and a connection is a [`std::task::Waker`]. So it is tested whole, in memory, with a time of its own.
//! What does not belong here: anything about frames, JSON or settings files.

mod attempt;
mod backlog;
mod client;
mod clients;
mod consumers;
mod dead_letters;
mod delivery;
mod drain;
mod durable;
mod durables;
mod errand;
mod explain;
mod groups;
mod health;
mod index;
mod ingress;
mod inspect;
mod lane;
mod latency;
mod ledger;
mod leftovers;
mod levels;
mod lifecycle;
mod outbox;
mod outcomes;
mod publish;
mod recent;
mod rehearsal;
mod replay;
mod settings;
mod stored;
mod subscription;
mod topics;

use std::collections::HashMap;
use std::task::Waker;

use foldhash::fast::RandomState;
use slab::Slab;
use uuid::Uuid;

pub use attempt::{Attempt, Failure, Tried};
pub use client::{Backlog, ClientKey, ClientName, Close, Notice};
pub use clients::{Refusal, Subscribed};
pub use dead_letters::{DeadLetter, DeadLetters, KEPT_BYTES, LetterNumber, Reason};
pub use delivery::{Assignment, Beside, Budget, Delivery, Turn};
pub use durable::Standing;
pub use errand::{Errand, Fed};
pub use explain::{Admission, Explained, Located, Obstacle, Place, Spot, Whom};
pub use groups::Advantage;
pub use health::{ClientView, Rates, Slow, Stats};
pub use index::Index;
pub use inspect::{Behind, ClientRow, Meant, Page, Requeued, SubscriptionRow};
pub use latency::{Histogram, Latency, Moment};
pub use leftovers::{Left, Leftover, Owed};
pub use outcomes::{Acknowledged, Outcomes};
pub use publish::{Published, Receipt, Refusals};
pub use settings::{Settings, SlowConsumer};
pub use stored::Entry;
pub use subscription::Gap;
pub use topics::Busiest;

use client::Client;
use consumers::Consumer;
use drain::Goodbye;
use durables::Absent;
use groups::Groups;
use ingress::Ingress;
use recent::Recent;
use subscription::{GroupKey, Subscription, SubscriptionKey};
use topics::TopicWatch;

/// Milliseconds since the engine's start.
pub type Millis = u64;

/// The same for what may have been before it, when it is below zero: in an earlier run of the router.
pub type Then = i64;

/// The engine. One owner; every call returns at once.
pub struct Router {
    settings: Settings,
    ingress: Ingress,
    index: Index<SubscriptionKey>,
    clients: Slab<Client>,
    subscriptions: Slab<Subscription>,
    consumers: Slab<Consumer>,
    /// Of consumers that are no more.
    outcomes: Outcomes,
    by_id: HashMap<Uuid, SubscriptionKey, RandomState>,
    groups: Groups,
    dead: DeadLetters,
    stats: Stats,
    latency: Latency,
    accepted_lately: Recent,
    delivered_lately: Recent,
    /// Somebody looks at the topics.
    topics: Option<Box<TopicWatch>>,
    draining: bool,
    /// What to tell clients of the drain: when it gives up, and after how long the next one may come back.
    goodbye: Option<Goodbye>,
    /// All that waited was taken out: what comes back from connections is kept.
    ended: bool,
    /// What an earlier run left, until it is claimed; in the end, what came back.
    held: Left,
    /// What clients that are disconnected had begun to write.
    begun: Vec<(ClientKey, Owed)>,
    /// Probes that the dispatcher has seen, and who waits for the next.
    probes: u64,
    prober: Option<Waker>,
    /// Something that may expire came since it was last asked.
    new_deadline: bool,
    /// Numbers the events as they are matched.
    sequence: u64,
    next_generation: u32,
    /// Subscriptions that want to hear of dead letters.
    mourners: usize,
    /// What is to be done with the store.
    errands: Vec<Errand>,
    /// What was tried in vain of durable subscriptions of which nobody is there.
    absent: Absent,
    /// Replays whose store could not be read, and when they try again.
    retries: Vec<(Millis, Uuid)>,
    /// Connections that have something to do, to be woken by whoever called.
    wakers: Vec<Waker>,
    /// The candidates for the event that is being matched; kept for its memory.
    found: Vec<SubscriptionKey>,
    /// Those of them that are members of a group.
    contenders: Vec<(GroupKey, SubscriptionKey)>,
}

impl Router {
    /// An engine without clients.
    pub fn new(settings: Settings) -> Self {
        Self {
            ingress: Ingress::new(&settings),
            dead: DeadLetters::new(&settings),
            settings,
            index: Index::new(),
            clients: Slab::new(),
            subscriptions: Slab::new(),
            consumers: Slab::new(),
            outcomes: Outcomes::default(),
            by_id: HashMap::default(),
            groups: Groups::default(),
            stats: Stats::default(),
            latency: Latency::default(),
            accepted_lately: Recent::default(),
            delivered_lately: Recent::default(),
            topics: None,
            draining: false,
            goodbye: None,
            ended: false,
            held: Left::default(),
            begun: Vec::new(),
            probes: 0,
            prober: None,
            new_deadline: false,
            sequence: 0,
            next_generation: 0,
            mourners: 0,
            errands: Vec::new(),
            absent: Absent::default(),
            retries: Vec::new(),
            wakers: Vec::new(),
            found: Vec::new(),
            contenders: Vec::new(),
        }
    }

    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How long events take.
    pub fn latency(&self) -> &Latency {
        &self.latency
    }

    /// What was lost.
    pub fn dead_letters(&self) -> &DeadLetters {
        &self.dead
    }

    /// Moves the wakers of connections that now have something to do into `into`. To be called after every
    /// call that may have given a connection work, and the wakers to be woken outside of any lock.
    pub fn take_wakers(&mut self, into: &mut Vec<Waker>) {
        into.append(&mut self.wakers);
    }

    fn client(&mut self, key: ClientKey) -> Option<&mut Client> {
        self.clients.get_mut(key.index as usize).filter(|client| client.generation == key.generation)
    }
}

#[cfg(test)]
mod tests;
