//! The engine as a whole, case by case. [`World`] is an engine with a clock that stands still unless it is moved.

mod acks;
mod clients;
mod durables;
mod explaining;
mod groups;
mod inspecting;
mod latency;
mod leftovers;
mod lifecycle;
mod matching;
mod pace;
mod receipts;
mod replays;
mod shedding;
mod shelf;
mod waking;
mod watching;

use std::sync::Arc;
use std::task::Waker;

use uuid::Uuid;

use super::*;
use crate::protocol::Event;
use crate::testing::{event, numbered, padded, wanted};

const ALL: Budget = Budget::new(usize::MAX, usize::MAX);

struct World {
    router: Router,
    now: Millis,
    subscriptions: u128,
}

impl World {
    fn new(settings: Settings) -> Self {
        Self { router: Router::new(settings), now: 0, subscriptions: 0 }
    }

    fn client(&mut self) -> ClientKey {
        self.router.connect().unwrap()
    }

    fn hello_client(&mut self) -> ClientKey {
        let key = self.client();
        self.router.hello(key);
        key
    }

    fn try_subscribe(&mut self, key: ClientKey, json: &str) -> Result<Uuid, Refusal> {
        self.subscriptions += 1;
        let id = Uuid::from_u128(self.subscriptions);
        self.router.subscribe(key, id, wanted(json)).map(|_| id)
    }

    fn subscribe(&mut self, key: ClientKey, json: &str) -> Uuid {
        self.try_subscribe(key, json).unwrap()
    }

    /// A new client with one subscription.
    fn subscriber(&mut self, json: &str) -> ClientKey {
        let key = self.client();
        self.subscribe(key, json);
        key
    }

    fn offer(&mut self, event: Arc<Event>, ttl: Option<Millis>) -> Published {
        self.router.publish(event, ttl, None, self.now)
    }

    /// Publishes and matches.
    fn publish(&mut self, event: Arc<Event>) {
        assert_eq!(self.offer(event, None), Published::Queued);
        self.dispatch();
    }

    fn publish_all(&mut self, levels: impl IntoIterator<Item = u8>) {
        for (number, priority) in levels.into_iter().enumerate() {
            self.publish(numbered(number, priority));
        }
    }

    fn dispatch(&mut self) {
        assert!(!self.router.dispatch(usize::MAX, self.now));
    }

    fn turn(&mut self, key: ClientKey, budget: Budget) -> Turn {
        let mut turn = Turn::default();
        self.router.take(key, budget, &mut turn, Waker::noop(), self.now);
        turn
    }

    /// The ids of all events that wait for a client; they count as written with the next turn.
    fn take(&mut self, key: ClientKey) -> Vec<String> {
        self.turn(key, ALL).deliveries.iter().map(|delivery| delivery.event.id().to_owned()).collect()
    }

    /// What is lost, delivered, waiting or being written is what was matched; what is lost, processed or queued
    /// was accepted.
    fn assert_balanced(&self, clients: &[ClientKey]) {
        let stats = self.router.stats();
        let waiting: usize =
            clients.iter().filter_map(|&key| self.router.view(key)).map(|view| view.outbox_events).sum();
        let lost = self.router.dead_letters().total() - stats.lost_queued;
        assert_eq!(stats.matched, stats.delivered + lost + waiting as u64, "{stats:?}");
        let queued: usize = self.router.queue_depth().iter().sum();
        assert_eq!(stats.accepted.iter().sum::<u64>(), stats.processed + stats.lost_queued + queued as u64);
    }
}

fn small(outbox_events: usize) -> Settings {
    Settings { outbox_events, ..Settings::default() }
}

fn lost(world: &World, reason: Reason) -> u64 {
    world.router.dead_letters().count(reason).iter().sum()
}
