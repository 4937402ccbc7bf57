//! What of acknowledged delivery lies with a client: assigned to one of its subscriptions, on its way to its connection.

use std::collections::VecDeque;

use slab::Slab;

use super::client::Client;
use super::consumers::Consumer;
use super::delivery::{Assignment, Beside, Delivery};
use super::ledger::Dead;
use super::subscription::{Subscription, SubscriptionKey};
use super::{DeadLetter, DeadLetters, Errand, Millis};
use crate::protocol::Priority;

/// What was assigned to the subscriptions of one client and has not been taken by its connection: the most urgent first.
#[derive(Default)]
pub(super) struct Lane {
    /// Few: at most what its subscriptions may have under way.
    pub waiting: VecDeque<Assigned>,
    /// Taken by the connection since its last turn, and not put back.
    taken: usize,
}

pub(super) struct Assigned {
    pub subscription: SubscriptionKey,
    pub task: u64,
    pub priority: Priority,
}

impl Lane {
    /// Nothing waits or is being written.
    pub fn has_ended(&self) -> bool {
        self.waiting.is_empty() && self.taken == 0
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// All that was taken is written. Returns how many.
    pub fn settle(&mut self) -> usize {
        std::mem::take(&mut self.taken)
    }

    pub fn push(&mut self, assigned: Assigned) {
        let place = self.waiting.partition_point(|other| other.priority >= assigned.priority);
        self.waiting.insert(place, assigned);
    }

    fn push_front(&mut self, assigned: Assigned) {
        let place = self.waiting.partition_point(|other| other.priority > assigned.priority);
        self.waiting.insert(place, assigned);
    }
}

/// What of a client's lane comes before what waits in its outbox, on its way to the connection.
pub(super) fn take_assigned(
    client: &mut Client,
    subscriptions: &mut Slab<Subscription>,
    consumers: &mut Slab<Consumer>,
    (letters, errands): (&mut DeadLetters, &mut Vec<Errand>),
    now: Millis,
) -> Option<Delivery> {
    let lane = client.lane.as_mut()?;
    let outranks =
        |assigned: &Assigned| client.outbox.next_priority().is_none_or(|other| other <= assigned.priority);
    while lane.waiting.front().is_some_and(outranks) {
        let Assigned { subscription: place, task: id, .. } = lane.waiting.pop_front()?;
        let Some(subscription) = subscriptions.get(place.0 as usize) else { continue };
        let consumer = subscription.consumer.and_then(|key| consumers.get_mut(key.0 as usize));
        let Some(consumer) = consumer else { continue };
        if let Some(Dead { task, reason }) = consumer.ledger.overdue(place, id, now) {
            errands.extend(consumer.finish(&task.event));
            let subscription = Some(subscription.id);
            letters.push(DeadLetter {
                event: task.event,
                reason,
                at: now.cast_signed(),
                subscription,
                attempts: task.failed,
            });
            continue;
        }
        let is_durable = consumer.durable.is_some();
        let Some(task) = consumer.ledger.sent(place, id, now) else { continue };
        lane.taken += 1;
        let assignment = Assignment {
            task: id,
            name: format!("{}-{id}", subscription.number).into(),
            number: task.failed.len() as u32 + 1,
            error: task.failed.last().map(|attempt| attempt.failure.to_string().into()),
        };
        let sequence = if is_durable { task.event.sequence() } else { 0 };
        return Some(Delivery {
            event: task.event.clone(),
            subscription: subscription.id,
            number: subscription.number,
            key: place,
            accepted: task.accepted,
            deadline: task.deadline,
            beside: Some(Box::new(Beside { assignment: Some(assignment), sequence, replayed: false })),
        });
    }
    None
}

/// A delivery was not written: it is assigned as before, unless its time was over meanwhile.
pub(super) fn put_back_assigned(
    client: &mut Client,
    subscriptions: &Slab<Subscription>,
    consumers: &mut Slab<Consumer>,
    delivery: &Delivery,
    task: u64,
) {
    let Some(lane) = client.lane.as_mut() else { return };
    lane.taken = lane.taken.saturating_sub(1);
    let place = delivery.key;
    let known = subscriptions.get(place.0 as usize).filter(|known| known.id == delivery.subscription);
    let consumer = known.and_then(|known| known.consumer).and_then(|key| consumers.get_mut(key.0 as usize));
    if consumer.is_some_and(|consumer| consumer.ledger.unsent(place, task)) {
        lane.push_front(Assigned { subscription: place, task, priority: delivery.event.priority() });
    }
}
