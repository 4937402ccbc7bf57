//! What the store tells of what was handed to it, passed on to the engine and to who waits.

use std::sync::{Arc, Weak};

use super::super::hub::Hub;
use super::{Asked, NOBODY, Pending, Storing, UnderWay, lock};
use crate::router::{DeadLetter, Entry, Moment};
use crate::store::{Kind, MOST_DURABLES, NO_ROOM, OnCommit, Outcome, StoreError};

/// What became of something.
type Ended = Result<u64, Box<StoreError>>;

/// What has an end now.
#[derive(Default)]
struct Settled {
    /// In the order in which they were stored.
    events: Vec<(Entry, Ended)>,
    asked: Vec<(Box<Asked>, Ended)>,
    /// Dead letters that could not be stored again.
    lost: Vec<DeadLetter>,
}

impl UnderWay {
    fn settle(&self, outcomes: Vec<Outcome>, now: Moment) -> Settled {
        let mut settled = Settled { events: Vec::with_capacity(outcomes.len()), ..Settled::default() };
        let mut pending = lock(&self.pending);
        for (mark, outcome) in outcomes {
            match pending.try_remove(mark as usize) {
                Some(Pending::Event(entry)) => settled.events.push((entry, outcome)),
                Some(Pending::Again(letter)) if outcome.is_ok() => {
                    settled.events.push((Entry::of_nobody(letter.event, now), outcome));
                }
                Some(Pending::Again(letter)) => settled.lost.push(*letter),
                Some(Pending::Durable(asked)) => settled.asked.push((asked, outcome)),
                None => {}
            }
        }
        settled
    }
}

impl Storing {
    /// Tells the engine what became of what was handed over.
    pub fn pass_on(&self, hub: &Hub) {
        let outcomes = std::mem::take(&mut *lock(&self.under_way.outcomes));
        if outcomes.is_empty() {
            return;
        }
        let Settled { events, asked, lost } = self.under_way.settle(outcomes, hub.moment());
        if !events.is_empty() {
            publish(hub, events);
        }
        for letter in lost {
            hub.with(|router| router.not_stored_again(letter));
        }
        for (asked, outcome) in asked {
            self.answered(*asked, outcome);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::{Millis, Reason};
    use crate::testing::numbered;

    fn letter(number: usize) -> Pending {
        let event = numbered(number, 5);
        let (reason, subscription, attempts) = (Reason::Expired, None, Vec::new());
        Pending::Again(Box::new(DeadLetter { event, reason, at: 0, subscription, attempts }))
    }

    #[test]
    fn what_is_stored_together_keeps_its_order_whatever_it_was() {
        let (under_way, now) = (UnderWay::default(), Moment::from(7 as Millis));
        let event = |number| Pending::Event(Entry::of_nobody(numbered(number, 5), now));
        let marks = [event(0), letter(1), event(2), letter(3), event(4)]
            .map(|pending| lock(&under_way.pending).insert(pending) as u64);
        let failed = || Err(Box::new(StoreError::ended()));
        let outcomes =
            marks.into_iter().zip([Ok(10), Ok(11), Ok(12), failed(), failed()]).chain([(99, Ok(9))]);
        let Settled { events, lost, .. } = under_way.settle(outcomes.collect(), now);
        let told: Vec<_> =
            events.iter().map(|(entry, outcome)| (entry.event.id(), outcome.clone())).collect();
        assert_eq!(told, [("0", Ok(10)), ("1", Ok(11)), ("2", Ok(12)), ("4", failed())]);
        assert_eq!(lost.iter().map(|letter| letter.event.id()).collect::<Vec<_>>(), ["3"]);
        assert!(lock(&under_way.pending).is_empty());
    }
}
