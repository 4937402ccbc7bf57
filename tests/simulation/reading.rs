//! The way out of the engine, as the server's connections go it: take, write, put back what was not written.

use std::cmp::Reverse;
use std::sync::Arc;

use gadugi_router::router::{Budget, Close, Notice, Turn};

use super::peer::{Peer, Phase};
use super::run::Run;

impl Run {
    /// A turn. What the socket takes of it shows later.
    pub fn take(&mut self, at: usize) {
        let events = self.rng.pick(&[0, 1, 2, 5, 512]);
        let bytes = self.rng.pick(&[0, 1, 1_500, 16 << 10, 128 << 10]);
        let overhead = self.rng.pick(&[0, 0, 70]);
        let held = self.rng.pick(&[0, 0, 1, 7, 300]);
        let turn = self.turn(at, Budget { events, bytes, overhead, held });
        let peer = &mut self.peers[at];
        if turn.close.is_some() {
            return self.put_back(at, turn, 0, Phase::Closing);
        }
        if !turn.deliveries.is_empty() {
            peer.phase = Phase::Writing(turn);
        }
    }

    /// Takes, compares with what the model would give, and hears the notices.
    fn turn(&mut self, at: usize, budget: Budget) -> Turn {
        let peer = &mut self.peers[at];
        let mut turn = Turn::default();
        self.router.take(peer.key, budget, &mut turn, &peer.waker, self.now);
        peer.rings_at_turn = peer.bell.rings();
        let name = peer.name;
        self.trace.note(|| {
            let ids: Vec<_> = turn.deliveries.iter().map(|delivery| delivery.event.id()).collect();
            format!("client {name} takes {budget:?}: {ids:?}, {:?}, {:?}", turn.notices, turn.close)
        });
        let expected = self.model.take(peer.key, budget, self.now);
        let expected = expected.unwrap_or_else(|| panic!("client {name} is unknown"));
        let same = turn.deliveries.len() == expected.deliveries.len()
            && turn.deliveries.iter().zip(&expected.deliveries).all(|(got, wanted)| {
                Arc::ptr_eq(&got.event, &wanted.event) && got.subscription == wanted.subscription
            });
        let wanted: Vec<_> = expected.deliveries.iter().map(|w| (w.event.id(), w.subscription)).collect();
        assert!(same, "client {name} took {:?}, not {wanted:?}", turn.deliveries);
        assert!(turn.deliveries.is_sorted_by_key(|delivery| Reverse(delivery.event.priority())));
        for delivery in &turn.deliveries {
            let known = self.model.subscriptions.iter().find(|known| known.id == delivery.subscription);
            assert_eq!(known.map(|known| (known.number, known.client)), Some((delivery.number, peer.key)));
        }
        assert_eq!(sorted(&turn.notices), sorted(&expected.notices), "notices to client {name}");
        turn.notices.iter().for_each(|notice| peer.hear(notice));
        assert_eq!(turn.close, expected.close, "close of client {name}");
        self.wake();
        turn
    }

    /// In the middle of an event a connection takes nothing but notices, for they add up. Gaps stay in the engine.
    pub fn take_notices(&mut self, at: usize) {
        let peer = &mut self.peers[at];
        let mut turn = Turn::default();
        self.router.take_notices(peer.key, &mut turn);
        let Some(client) = self.model.client(peer.key) else { return };
        let expected = std::mem::take(&mut client.notices);
        assert_eq!(sorted(&turn.notices), sorted(&expected), "notices to client {}", peer.name);
        assert_eq!((turn.close, turn.deliveries.len()), (client.close, 0));
        turn.notices.iter().for_each(|notice| peer.hear(notice));
    }

    /// The socket has taken something, from nothing to all, and perhaps the beginning of one more.
    pub fn finish(&mut self, at: usize) {
        let peer = &mut self.peers[at];
        match std::mem::replace(&mut peer.phase, Phase::Ready) {
            Phase::Writing(turn) => {
                let whole = self.rng.below(turn.deliveries.len() + 1);
                turn.deliveries[..whole].iter().for_each(|delivery| peer.receive(delivery));
                let begun = whole < turn.deliveries.len() && self.rng.chance(50);
                if begun {
                    let delivery = turn.deliveries[whole].clone();
                    self.put_back(at, turn, whole + 1, Phase::MidEvent(delivery));
                } else {
                    self.put_back(at, turn, whole, Phase::Ready);
                }
            }
            Phase::MidEvent(delivery) => {
                if self.router.close_wanted(peer.key).is_some() {
                    peer.phase = Phase::MidEvent(delivery);
                    return self.give_up(at);
                }
                let name = peer.name;
                self.trace.note(|| format!("client {name} ends what was begun"));
                peer.receive(&delivery);
            }
            other => peer.phase = other,
        }
    }

    fn put_back(&mut self, at: usize, mut turn: Turn, from: usize, then: Phase) {
        let Peer { key, name, .. } = self.peers[at];
        let count = turn.deliveries.len() - from;
        let begun = matches!(then, Phase::MidEvent(_));
        self.trace.note(|| format!("client {name} puts {count} back, begun: {begun}"));
        self.peers[at].phase = then;
        if count == 0 {
            return;
        }
        self.router.put_back(key, &mut turn, from, self.now);
        assert_eq!((turn.deliveries.len(), turn.written.len()), (0, from), "what is put back is drained");
        self.model.put_back(key, count, self.now);
        self.wake();
    }

    /// The connection ends in the middle of whatever it does: what was not written goes back first.
    pub fn give_up(&mut self, at: usize) {
        match std::mem::replace(&mut self.peers[at].phase, Phase::Closing) {
            Phase::Writing(turn) => self.put_back(at, turn, 0, Phase::Closing),
            Phase::MidEvent(delivery) => {
                let turn = Turn { deliveries: vec![delivery], ..Turn::default() };
                self.put_back(at, turn, 0, Phase::Closing);
            }
            Phase::Ready | Phase::Closing => {}
        }
    }

    /// Takes and writes until nothing is left, and then compares the books.
    pub fn read_all(&mut self, at: usize) {
        match std::mem::replace(&mut self.peers[at].phase, Phase::Ready) {
            Phase::Closing => return self.peers[at].phase = Phase::Closing,
            Phase::Writing(turn) => {
                turn.deliveries.iter().for_each(|delivery| self.peers[at].receive(delivery))
            }
            Phase::MidEvent(delivery) => self.peers[at].receive(&delivery),
            Phase::Ready => {}
        }
        loop {
            let turn = self.turn(at, Budget::new(512, 128 << 10));
            if turn.close.is_some() {
                return self.put_back(at, turn, 0, Phase::Closing);
            }
            if turn.deliveries.is_empty() {
                break;
            }
            turn.deliveries.iter().for_each(|delivery| self.peers[at].receive(delivery));
        }
        self.audit(at);
    }

    /// A client that said `hello` and has read all: what it received and what it was told it missed is all that
    /// matched, exactly, and by priority.
    fn audit(&self, at: usize) {
        let peer = &self.peers[at];
        for (id, account) in self.model.accounts.iter().filter(|(_, account)| account.client == peer.key) {
            assert_eq!(
                peer.accounted(*id),
                account.matched,
                "client {}: received + reported, and matched, of {id}",
                peer.name
            );
        }
    }

    pub fn disconnect(&mut self, at: usize) {
        self.give_up(at);
        let Peer { key, name, .. } = self.peers[at];
        self.trace.note(|| format!("client {name} is gone"));
        self.router.disconnect(key, self.now);
        self.model.disconnect(key, self.now);
        self.wake();
        let peer = self.peers.remove(at);
        self.logs.push((peer.name, peer.log));
        // Its key is good for nothing any more, even if its place is used again.
        let mut turn = Turn::default();
        let budget = Budget::new(1, 1);
        self.router.take(key, budget, &mut turn, &peer.waker, self.now);
        assert_eq!((turn.close, turn.deliveries.len()), (Some(Close::GoingAway), 0));
        assert_eq!(self.router.view(key), None);
    }
}

/// Receipts in the order of their marks and gaps in that of their subscriptions: within a turn no order is promised.
fn sorted(notices: &[Notice]) -> Vec<(u128, &Notice)> {
    let place = |notice: &Notice| match notice {
        Notice::Gap { subscription, .. } => subscription.as_u128(),
        Notice::Draining { reconnect_after, .. } => u128::from(*reconnect_after),
        Notice::Dispatched { token, .. } | Notice::Lost { token, .. } => u128::from(*token),
        Notice::Backlog { .. }
        | Notice::Replayed { .. }
        | Notice::Resumed { .. }
        | Notice::Stored { .. }
        | Notice::NotStored { .. } => {
            panic!("there is no store: {notice:?}")
        }
    };
    let mut sorted: Vec<_> = notices.iter().map(|notice| (place(notice), notice)).collect();
    sorted.sort_by_key(|(place, _)| *place);
    sorted
}
