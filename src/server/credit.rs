//! Flow control by credit: a client that asks for it in `hello` is sent no more than it says it has room for. What has
//! no credit waits in its outbox, in order of priority, where urgent events pass it.

use crate::protocol::{Credit, delivery};
use crate::router::Budget;

/// What one client may still be sent.
#[derive(Default)]
pub(super) struct Account(Option<Balance>);

struct Balance {
    /// Messages. `None`: no bound.
    events: Option<i64>,
    /// Bytes of messages; the last one may take it below 0. `None`: no bound.
    bytes: Option<i64>,
    /// Messages it was sent and has not given back as credit.
    held: usize,
}

impl Account {
    /// As `hello` asks for it.
    pub fn open(credit: Option<Credit>) -> Self {
        Self(credit.map(|Credit { events, bytes }| Balance {
            events: events.map(whole),
            bytes: bytes.map(whole),
            held: 0,
        }))
    }

    /// More may be sent. False if the client did not ask for flow control.
    pub fn grant(&mut self, credit: Credit) -> bool {
        let Some(balance) = &mut self.0 else { return false };
        let (events, bytes) = (credit.events.unwrap_or(0), credit.bytes.unwrap_or(0));
        balance.events = balance.events.map(|left| left.saturating_add(whole(events)));
        balance.bytes = balance.bytes.map(|left| left.saturating_add(whole(bytes)));
        balance.held = balance.held.saturating_sub(usize::try_from(events).unwrap_or(usize::MAX));
        true
    }

    /// What of this budget may be taken for the client.
    pub fn limit(&self, budget: Budget) -> Budget {
        let Some(balance) = &self.0 else { return budget };
        let within = |left: Option<i64>, most: usize| match left {
            Some(left) => most.min(usize::try_from(left).unwrap_or(0)),
            None => most,
        };
        Budget {
            events: within(balance.events, budget.events),
            bytes: within(balance.bytes, budget.bytes),
            // A lean message is shorter: then there is a second turn.
            overhead: delivery::HEAD.len() + delivery::FULL_TAIL,
            held: balance.held,
        }
    }

    /// Whether somebody counts what is sent.
    pub fn counts(&self) -> bool {
        self.0.is_some()
    }

    /// So many messages, of so many bytes together, were sent.
    pub fn spend(&mut self, events: usize, bytes: usize) {
        let Some(balance) = &mut self.0 else { return };
        balance.events = balance.events.map(|left| left.saturating_sub(whole(events as u64)));
        balance.bytes = balance.bytes.map(|left| left.saturating_sub(whole(bytes as u64)));
        if balance.events.is_some() {
            balance.held = balance.held.saturating_add(events);
        }
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credit(events: impl Into<Option<u64>>, bytes: impl Into<Option<u64>>) -> Credit {
        Credit { events: events.into(), bytes: bytes.into() }
    }

    /// Events and bytes that may be taken, and events that are held.
    fn seen(account: &Account) -> (usize, usize, usize) {
        let Budget { events, bytes, held, .. } = account.limit(Budget::new(512, 1_000));
        (events, bytes, held)
    }

    #[test]
    fn without_it_nothing_is_bounded_and_nothing_can_be_granted() {
        let mut account = Account::open(None);
        account.spend(10_000, 10_000);
        assert_eq!(seen(&account), (512, 1_000, 0));
        assert!(!account.grant(credit(1, 1)) && !account.counts());
    }

    #[test]
    fn what_is_spent_comes_back_with_a_grant() {
        let mut account = Account::open(Some(credit(3, 900)));
        assert_eq!(seen(&account), (3, 900, 0));
        account.spend(3, 1_200);
        assert_eq!(seen(&account), (0, 0, 3));
        assert!(account.grant(credit(2, None)));
        assert_eq!(seen(&account), (2, 0, 1), "the last message went 300 bytes beyond");
        assert!(account.grant(credit(None, 301)));
        assert_eq!(seen(&account), (2, 1, 1));
    }

    #[test]
    fn one_bound_may_stand_alone_and_no_number_is_too_large() {
        let mut account = Account::open(Some(credit(None, 10)));
        account.spend(7, 10);
        assert_eq!(seen(&account), (512, 0, 0));
        let mut account = Account::open(Some(credit(u64::MAX, None)));
        account.spend(usize::MAX, usize::MAX);
        assert!(account.grant(credit(u64::MAX, u64::MAX)) && account.grant(credit(u64::MAX, u64::MAX)));
        assert_eq!(seen(&account), (512, 1_000, 0));
    }
}
