//! Backlog notices: who acknowledges, and asked for it, is told now and then what waits for it. A subscriber that has
//! missed a push, or has gone to sleep over what it has, wakes up by that.

use super::consumers::Consumer;
use super::{Backlog, Millis, Moment, Notice, Router};

impl Consumer {
    /// How often its members are told of what waits.
    fn interval(&self) -> Option<Millis> {
        self.wanted.ack.and_then(|acks| acks.backlog_ms)
    }

    /// When its members are to be told; [`Millis::MAX`] = nothing waits, or nobody wants to know.
    pub(super) fn tells_at(&self) -> Millis {
        match self.interval() {
            Some(_) if self.ledger.has_backlog() => self.told,
            _ => Millis::MAX,
        }
    }
}

impl Router {
    /// Tells all who are to be told now.
    pub(super) fn tell_backlogs(&mut self, now: Millis) {
        let mut notices = Vec::new();
        for (_, consumer) in &mut self.consumers {
            if consumer.tells_at() > now {
                continue;
            }
            let (Some(interval), Some(found)) =
                (consumer.interval(), consumer.ledger.backlog(Moment::from(now)))
            else {
                continue;
            };
            consumer.told = now.saturating_add(interval);
            let (waiting, oldest, highest) = found;
            let more = consumer.durable.as_ref().is_some_and(|durable| durable.is_behind());
            let backlog = Backlog { waiting, more, oldest, highest };
            notices.extend(consumer.members.iter().map(|&place| (place, backlog)));
        }
        for (place, backlog) in notices {
            let Some(subscription) = self.subscriptions.get(place.0 as usize) else { continue };
            let (client, subscription) = (subscription.client, subscription.id);
            self.notify(client, Notice::Backlog { subscription, backlog });
        }
    }
}
