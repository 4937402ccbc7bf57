//! How far a replay has come, so that it goes on there on another connection.
//!
//! A replay is in the order of the numbers; what is live afterwards is in that order at each level, and what is more urgent
//! passes the rest. So the last number alone does not say what is still missing.

use crate::protocol::Priority;

/// A live event waits in the router while at most so many later ones pass it. More is not asked for again.
const PASSING: u64 = 10_000;

/// By priority: everything up to here has come.
#[derive(Clone, Default, Debug)]
pub(super) struct Reached([u64; Priority::LEVELS]);

impl Reached {
    /// Whether an event was not here before. It was, from now on.
    pub fn is_new(&mut self, priority: Priority, sequence: u64, is_replaying: bool) -> bool {
        if sequence <= self.0[priority.index()] {
            return false;
        }
        // What is more urgent was sent before it.
        let lowest = if is_replaying { 0 } else { priority.index() };
        self.0[lowest..].iter_mut().for_each(|level| *level = sequence.max(*level));
        true
    }

    /// Everything up to here was looked at.
    pub fn all(&mut self, sequence: u64) {
        self.0.iter_mut().for_each(|level| *level = sequence.max(*level));
    }

    /// Where to go on; none if nothing has come yet.
    pub fn next(&self, lowest: Priority) -> Option<u64> {
        let wanted = &self.0[lowest.index()..];
        let (first, last) = (wanted.iter().min()?, wanted.iter().max()?);
        (*last > 0).then(|| 1 + (*first).max(last.saturating_sub(PASSING)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_where_something_may_be_missing() {
        let mut reached = Reached::default();
        assert_eq!(reached.next(Priority::LOWEST), None);
        assert!(reached.is_new(Priority::LOW, 3, true) && !reached.is_new(Priority::LOW, 3, true));
        assert_eq!(reached.next(Priority::LOWEST), Some(4));
        reached.all(5);
        // A live one that is urgent may have passed others; one that is not has passed nothing.
        assert!(reached.is_new(Priority::HIGH, 9, false));
        assert_eq!((reached.next(Priority::LOWEST), reached.next(Priority::HIGH)), (Some(6), Some(10)));
        assert!(reached.is_new(Priority::LOW, 7, false) && !reached.is_new(Priority::HIGH, 9, true));
        assert!(reached.is_new(Priority::LOWEST, 10, false));
        assert_eq!(reached.next(Priority::LOWEST), Some(11));
        assert!(reached.is_new(Priority::HIGH, 50_000, false));
        assert_eq!(reached.next(Priority::LOWEST), Some(40_001));
    }
}
