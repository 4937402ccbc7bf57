//! What the store tells of what was handed to it, passed on to the engine and to who waits.

use std::sync::{Arc, Weak};

use super::super::hub::Hub;
use super::{Asked, NOBODY, Pending, Storing, UnderWay, lock};
use crate::router::Entry;
use crate::store::{Kind, MOST_DURABLES, NO_ROOM, OnCommit, Outcome, StoreError};

/// What became of something.
type Ended = Result<u64, Box<StoreError>>;

impl Storing {
    /// Tells the engine what became of what was handed over.
    pub fn pass_on(&self, hub: &Hub) {
        let outcomes = std::mem::take(&mut *lock(&self.under_way.outcomes));
        if outcomes.is_empty() {
            return;
        }
        let mut others = Vec::new();
        let mut events = self.take_out(outcomes, &mut others);
        for (pending, outcome) in others {
            match (pending, outcome) {
                (Pending::Durable(asked), outcome) => self.answered(*asked, outcome),
                (Pending::Again(letter), Err(_)) => hub.with(|router| router.not_stored_again(*letter)),
                (Pending::Again(letter), outcome) => {
                    events.push((Entry::of_nobody(letter.event, hub.moment()), outcome));
                }
                (Pending::Event(entry), outcome) => events.push((entry, outcome)),
            }
        }
        if !events.is_empty() {
            publish(hub, events);
        }
    }

    /// The events of these, and what is seldom among them.
    fn take_out(&self, outcomes: Vec<Outcome>, others: &mut Vec<(Pending, Ended)>) -> Vec<(Entry, Ended)> {
        let mut events = Vec::with_capacity(outcomes.len());
        let mut pending = lock(&self.under_way.pending);
        for (mark, outcome) in outcomes {
            match pending.try_remove(mark as usize) {
                Some(Pending::Event(entry)) => events.push((entry, outcome)),
                Some(other) => others.push((other, outcome)),
                None => {}
            }
        }
        events
    }

    /// A wish for a durable subscription was noted, or not.
    fn answered(&self, asked: Asked, outcome: Ended) {
        match outcome {
            Ok(NO_ROOM) => {
                let text = format!(
                    "there are {MOST_DURABLES} durable subscriptions, the most there may be; forget some"
                );
                self.refuse(asked, &StoreError::new(Kind::Busy, text));
            }
            Ok(_) => self.enrolled(asked),
            Err(error) => self.refuse(asked, &error),
        }
    }
}

/// What the store tells of each transaction: it is kept until [`Storing::pass_on`], since whoever wakes a connection from a
/// thread that is not the connection's own makes a system call for it.
pub(in crate::server) fn on_commit(hub: Weak<Hub>, under_way: Arc<UnderWay>) -> OnCommit {
    Box::new(move |mut outcomes| {
        outcomes.retain(|(mark, _)| *mark != NOBODY);
        let Some(hub) = hub.upgrade() else { return };
        // Of what nobody waits for nobody is woken.
        if !outcomes.is_empty() {
            let mut waiting = lock(&under_way.outcomes);
            match waiting.is_empty() {
                true => *waiting = outcomes,
                false => waiting.append(&mut outcomes),
            }
            drop(waiting);
            hub.leave_backlog();
        }
    })
}

fn publish(hub: &Hub, events: Vec<(Entry, Ended)>) {
    let now = hub.now();
    // One error for all that failed together.
    let mut why: Option<Arc<str>> = None;
    hub.with(|router| {
        for (entry, outcome) in events {
            match outcome {
                Ok(sequence) => router.publish_stored(entry, sequence, now),
                Err(error) => {
                    let why = why.get_or_insert_with(|| error.to_string().into());
                    router.not_stored(entry.receipt, why);
                }
            }
        }
    });
}
