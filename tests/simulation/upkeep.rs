//! The model's own time, settings and end.

use std::ops::RangeInclusive;

use gadugi_router::protocol::{Priority, Time};
use gadugi_router::router::{ClientKey, Millis, Notice, Reason, Settings};

use super::model::Model;
use super::state::ByPriority;

impl Model {
    /// The levels that share a capacity with this one, and that capacity.
    pub fn class(&self, priority: Priority) -> (RangeInclusive<u8>, usize) {
        match priority.get() {
            _ if !self.settings.use_multi_queue => (1..=10, self.settings.max_queue_size),
            10 => (10..=10, 1_000),
            7..=9 => (7..=9, 5_000),
            5 | 6 => (5..=6, 10_000),
            _ => (1..=4, 5_000),
        }
    }

    pub fn expire(&mut self, now: Millis) {
        let (gone, left) =
            std::mem::take(&mut self.queue).into_iter().partition(|queued| queued.deadline <= now);
        self.queue = left;
        let gone: Vec<_> = gone;
        gone.into_iter().for_each(|queued| self.lose_queued(queued, Reason::Expired, now));
        for key in self.keys() {
            let Some(client) = self.client(key) else { continue };
            let waiting = std::mem::take(&mut client.waiting);
            let (gone, left) = waiting.into_iter().partition(|waiting| waiting.deadline <= now);
            client.waiting = left;
            self.lose_all(key, gone, Reason::Expired, now);
            if let Some(client) = self.client(key).filter(|client| !client.gaps.is_empty()) {
                client.wakeable = true;
                client.due |= client.idle;
            }
        }
    }

    pub fn reconfigure(&mut self, settings: Settings, now: Millis) {
        self.settings = settings;
        for queued in std::mem::take(&mut self.queue) {
            let (class, capacity) = self.class(queued.event.priority());
            let kept = self.queue.iter().filter(|kept| class.contains(&kept.event.priority().get())).count();
            if kept < capacity {
                self.queue.push(queued);
            } else {
                self.lose_queued(queued, Reason::Evicted, now);
            }
        }
        self.keys().into_iter().for_each(|key| self.shrink(key, now));
    }

    /// Sheds what exceeds the bounds. What is being written counts, but cannot be shed.
    pub fn shrink(&mut self, key: ClientKey, now: Millis) {
        let (events, bytes) = (self.settings.outbox_events, self.settings.outbox_size);
        let mut shed = Vec::new();
        if let Some(client) = self.client(key) {
            while client.len() > events || client.bytes() > bytes {
                let Some(last) = client.waiting.pop() else { break };
                shed.push(last);
            }
        }
        self.lose_all(key, shed, Reason::Evicted, now);
    }

    /// Whoever said hello is told, in the order of the keys, each to come back a millisecond later than the one before.
    pub fn drain(&mut self, keys: &[ClientKey], deadline: Time) {
        self.draining = true;
        let mut reconnect_after = 500;
        for &key in keys {
            let Some(client) = self.client(key).filter(|client| client.hello) else { continue };
            client.notices.push(Notice::Draining { deadline, reconnect_after });
            client.tell();
            reconnect_after += 1;
        }
    }

    pub fn abandon(&mut self, now: Millis) -> (ByPriority, usize) {
        let before = self.dead[Reason::Drain as usize];
        std::mem::take(&mut self.queue)
            .into_iter()
            .for_each(|queued| self.lose_queued(queued, Reason::Drain, now));
        let subscribers = self.clients.iter().filter(|client| !client.waiting.is_empty()).count();
        self.keys().into_iter().for_each(|key| self.clear(key, Reason::Drain, now));
        self.late = Some(ByPriority::default());
        let after = self.dead[Reason::Drain as usize];
        (std::array::from_fn(|level| after[level] - before[level]), subscribers)
    }

    pub fn keys(&self) -> Vec<ClientKey> {
        self.clients.iter().map(|client| client.key).collect()
    }
}
