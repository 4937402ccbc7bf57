//! A client's connection and the client behind it: how far its socket takes what it is given, and what it has seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use gadugi_router::router::{ClientKey, Delivery, Notice, Turn};
use uuid::Uuid;

use super::messages::origin;
use super::state::ByPriority;

/// Counts how often a connection is woken.
#[derive(Default)]
pub struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Bell {
    pub fn rings(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the connection is doing, as in the server's.
pub enum Phase {
    /// It waits for requests, or for something to write.
    Ready,
    /// It has taken deliveries, and others have their turn before it knows how much its socket takes.
    Writing(Turn),
    /// The socket has taken the beginning of a delivery, which must be ended before anything else.
    MidEvent(Delivery),
    /// The engine wants it closed.
    Closing,
}

pub struct Peer {
    /// Its place among all that ever connected.
    pub name: usize,
    pub key: ClientKey,
    pub phase: Phase,
    /// It does not read before this step.
    pub stalled_until: u64,
    pub subscriptions: Vec<Uuid>,
    /// The marks of receipts that it waits for.
    pub receipts: BTreeSet<u64>,
    pub received: BTreeMap<Uuid, ByPriority>,
    pub reported: BTreeMap<Uuid, ByPriority>,
    /// All that it got, in order.
    pub log: Vec<(String, Uuid)>,
    /// The last of each publisher's events of a level, by subscription.
    last: BTreeMap<(Uuid, usize, u8), u64>,
    pub bell: Arc<Bell>,
    pub waker: Waker,
    /// How often it had been woken at its last turn.
    pub rings_at_turn: usize,
    /// How often it had been woken before this step.
    pub rings_before: usize,
}

impl Peer {
    pub fn new(name: usize, key: ClientKey) -> Self {
        let bell = Arc::new(Bell::default());
        Self {
            name,
            key,
            phase: Phase::Ready,
            stalled_until: 0,
            subscriptions: Vec::new(),
            receipts: BTreeSet::new(),
            received: BTreeMap::new(),
            reported: BTreeMap::new(),
            log: Vec::new(),
            last: BTreeMap::new(),
            waker: Waker::from(Arc::clone(&bell)),
            bell,
            rings_at_turn: 0,
            rings_before: 0,
        }
    }

    /// Whether it reads requests: a connection that is being written to does so as well, once it is back from the write.
    pub fn listens(&self) -> bool {
        matches!(self.phase, Phase::Ready | Phase::MidEvent(_))
    }

    /// A delivery has arrived.
    pub fn receive(&mut self, delivery: &Delivery) {
        let priority = delivery.event.priority();
        self.received.entry(delivery.subscription).or_default()[priority.index()] += 1;
        self.log.push((delivery.event.id().into(), delivery.subscription));
        let (publisher, sequence) = origin(&delivery.event);
        let last = self.last.entry((delivery.subscription, publisher, priority.get())).or_default();
        assert!(
            sequence > *last,
            "client {} got {publisher}'s event {sequence} of level {} after event {last}",
            self.name,
            priority.get()
        );
        *last = sequence;
    }

    /// A notice has arrived. Replies have a lane of their own, so they do not wait for deliveries.
    pub fn hear(&mut self, notice: &Notice) {
        match notice {
            Notice::Gap { subscription, gap } => {
                let reported = self.reported.entry(*subscription).or_default();
                for (level, count) in reported.iter_mut().enumerate() {
                    *count += gap.evicted[level] + gap.expired[level];
                }
            }
            Notice::Draining { .. } => {}
            Notice::Backlog { .. }
            | Notice::Replayed { .. }
            | Notice::Resumed { .. }
            | Notice::Stored { .. }
            | Notice::NotStored { .. } => {
                panic!("client {} hears of a store that there is not: {notice:?}", self.name)
            }
            Notice::Dispatched { token, .. } | Notice::Lost { token, .. } => {
                assert!(
                    self.receipts.remove(token),
                    "client {} got a receipt that it did not wait for: {notice:?}",
                    self.name
                );
            }
        }
    }

    /// What it knows of a subscription: received and reported together, by priority.
    pub fn accounted(&self, id: Uuid) -> ByPriority {
        let of = |book: &BTreeMap<Uuid, ByPriority>| book.get(&id).copied().unwrap_or_default();
        let (received, reported) = (of(&self.received), of(&self.reported));
        std::array::from_fn(|level| received[level] + reported[level])
    }
}
