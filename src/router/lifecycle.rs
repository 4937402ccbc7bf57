//! What happens to the engine as a whole: time passes, settings change.

use super::delivery::lose;
use super::ingress::Ingress;
use super::{Millis, Reason, Router, Settings};

impl Router {
    /// Whether something that may expire came since this was last asked: [`Router::expire`] is to be called until
    /// [`Router::has_deadlines`] says no.
    pub fn take_new_deadline(&mut self) -> bool {
        std::mem::take(&mut self.new_deadline)
    }

    /// Whether something that may expire waits somewhere.
    pub fn has_deadlines(&self) -> bool {
        self.ingress.soonest() < Millis::MAX
            || self.consumers_due() < Millis::MAX
            || !self.retries.is_empty()
            || self.clients.iter().any(|(_, client)| client.outbox.soonest() < Millis::MAX)
    }

    /// Moves what has expired to the dead letters, wherever it waits: also behind events of higher priority and
    /// for subscribers that do not read. To be called now and then; what is delivered is checked by itself.
    pub fn expire(&mut self, now: Millis) {
        if self.ingress.soonest() <= now {
            let mut gone = Vec::new();
            self.ingress.expire(now, |queued| gone.push(queued));
            for queued in gone {
                self.lose_queued(queued, Reason::Expired, now);
            }
        }
        self.tick_consumers(now);
        self.retry_replays(now);
        let Self { clients, subscriptions, dead, wakers, .. } = self;
        for (_, client) in clients.iter_mut().filter(|(_, client)| client.outbox.soonest() <= now) {
            let mut gone = Vec::new();
            client.outbox.expire(now, |waiting| gone.push(waiting));
            for waiting in gone {
                lose(subscriptions, dead, client, waiting, Reason::Expired, Vec::new(), now);
            }
            // Whoever is told of gaps shall hear of this one even if nothing else comes.
            if !client.gaps.is_empty() {
                wakers.extend(client.waker.clone());
            }
        }
    }

    /// Puts new settings into force. No client is dropped and no order changed; what no longer fits goes to the
    /// dead letters, lowest and newest first.
    pub fn reconfigure(&mut self, settings: Settings, now: Millis) {
        // First, so that what does not fit now is kept by the new bound.
        self.dead.set_capacity(&settings);
        let mut old = std::mem::replace(&mut self.ingress, Ingress::new(&settings));
        while let Some(queued) = old.pop() {
            // Highest and oldest come first, so what finds no room is the lowest and newest.
            if let Err(queued) = self.ingress.admit(queued) {
                self.lose_queued(queued, Reason::Evicted, now);
            }
        }
        let Self { clients, subscriptions, dead, .. } = self;
        for (_, client) in clients.iter_mut() {
            let mut gone = Vec::new();
            client.outbox.shrink(&settings, |waiting| gone.push(waiting));
            for waiting in gone {
                lose(subscriptions, dead, client, waiting, Reason::Evicted, Vec::new(), now);
            }
        }
        self.settings = settings;
        self.shrink_consumers(now);
    }

    /// Every connection is to look around: something that it has not read from the engine has changed.
    pub fn wake_all(&mut self) {
        self.wakers.extend(self.clients.iter().filter_map(|(_, client)| client.waker.clone()));
    }
}
